"""Programs on the bus that want a say in removals: registered, asked, told, forgotten."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from rcmd.bus.connection import BUS_NAME, BUS_PATH, Connection
from rcmd.bus.faults import Disconnected, ErrorReply
from rcmd.bus.members import CLIENT
from rcmd.bus.values import text
from rcmd.bus.wire import Flag, Kind, Message, marshal
from rcmd.errors import InvalidArgument, Veto

log = logging.getLogger(__name__)

_MAX_CLIENTS = 256
_MAX_PATTERNS = 64
_MAX_LENGTH = 255
_MAX_REASON = 1000
_BUS_TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class Registration:
    """What a client asked for."""

    sender: str
    path: str
    name: str
    patterns: tuple[str, ...]
    """Shell patterns for the resources it cares about: `eth*`, `pci:0000:03:*`."""

    def cares_about(self, resource: str) -> bool:
        return any(fnmatchcase(resource, pattern) for pattern in self.patterns)


@dataclass(frozen=True, slots=True)
class _Peer:
    registration: Registration
    connection: Connection


class ClientRegistry:
    """Implements `rcmd.rcm.coordinator.Clients`."""

    def __init__(self, timeout_s: Callable[[], float]) -> None:
        """`timeout_s` tells after how many seconds silence counts as a refusal, now."""
        self._timeout_s = timeout_s
        self._peers: dict[tuple[str, str], _Peer] = {}

    # --- who is there ---------------------------------------------------------------------------

    async def register(self, connection: Connection, registration: Registration) -> None:
        """Raises `InvalidArgument`."""
        _check(registration)
        key = (registration.sender, registration.path)
        if key in self._peers:
            raise InvalidArgument(f"{registration.path} is registered already")
        if len(self._peers) >= _MAX_CLIENTS:
            raise InvalidArgument(f"there are {_MAX_CLIENTS} clients already")
        self._peers[key] = _Peer(registration, connection)
        try:
            await _ask_bus(connection, "AddMatch", _departure(registration.sender))
            # It may have left before the bus knew that we care.
            await _ask_bus(connection, "GetNameOwner", registration.sender)
        except (ErrorReply, Disconnected, TimeoutError) as error:
            self._peers.pop(key, None)
            raise InvalidArgument(f"{registration.sender} cannot be watched: {error}") from error
        log.info("client %s (%s) registered", registration.name, registration.sender)

    async def unregister(self, connection: Connection, sender: str, path: str) -> None:
        """Raises `InvalidArgument` if there is no such registration of this sender."""
        if self._peers.pop((sender, path), None) is None:
            raise InvalidArgument(f"{path} is not registered")
        try:
            await _ask_bus(connection, "RemoveMatch", _departure(sender))
        except (ErrorReply, Disconnected, TimeoutError) as error:
            log.info("still watching %s: %s", sender, error)

    def forget(self, sender: str) -> None:
        """It left the bus."""
        gone = [key for key in self._peers if key[0] == sender]
        for key in gone:
            peer = self._peers.pop(key)
            log.info("client %s (%s) left the bus", peer.registration.name, sender)
            rule = marshal("s", [_departure(sender)])
            peer.connection.send(
                Message(
                    Kind.CALL,
                    path=BUS_PATH,
                    interface=BUS_NAME,
                    member="RemoveMatch",
                    destination=BUS_NAME,
                    signature="s",
                    flags=Flag.NO_REPLY,
                    body=rule,
                )
            )

    def forget_all(self) -> None:
        """The bus is gone, and every name on it."""
        self._peers.clear()

    def registrations(self) -> tuple[Registration, ...]:
        return tuple(peer.registration for peer in self._peers.values())

    # --- what the transactions ask (rcmd.rcm.coordinator.Clients) ---------------------------------

    async def query_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        return await self._ask_all("QueryRemove", resource, force=force)

    async def pre_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        return await self._ask_all("PreRemove", resource, force=force)

    async def post_remove(self, resource: str) -> None:
        self._tell_all("PostRemove", resource)

    async def undo_remove(self, resource: str) -> None:
        self._tell_all("UndoRemove", resource)

    async def _ask_all(self, member: str, resource: str, *, force: bool) -> tuple[Veto, ...]:
        async with asyncio.TaskGroup() as group:
            questions = [
                group.create_task(self._ask(peer, member, resource, force=force))
                for peer in self._concerned(resource)
            ]
        answers = [question.result() for question in questions]
        return tuple(veto for veto in answers if veto is not None)

    async def _ask(self, peer: _Peer, member: str, resource: str, *, force: bool) -> Veto | None:
        to = peer.registration
        timeout_s = self._timeout_s()
        try:
            answer = await peer.connection.call(
                to.sender,
                to.path,
                CLIENT,
                member,
                "sb",
                [text(resource), force],
                timeout_s=timeout_s,
                flags=Flag.NO_AUTO_START,
                expects="bs",
            )
        except TimeoutError:
            reason = f"did not answer within {timeout_s:g} s"
        except ErrorReply as error:
            if not await _is_present(peer.connection, to.sender):
                # Whatever it held, it holds no more.
                log.info("client %s left the bus while asked about %s", to.name, resource)
                return None
            reason = f"failed: {_short(error.message or error.name)}"
        except Disconnected as error:
            reason = f"cannot be asked: {error}"
        else:
            return _veto(resource, to.name, answer)
        return Veto(resource, to.name, reason)

    def _tell_all(self, member: str, resource: str) -> None:
        for peer in self._concerned(resource):
            peer.connection.send(
                Message(
                    Kind.CALL,
                    path=peer.registration.path,
                    interface=CLIENT,
                    member=member,
                    destination=peer.registration.sender,
                    signature="s",
                    flags=Flag.NO_REPLY | Flag.NO_AUTO_START,
                    body=marshal("s", [text(resource)]),
                )
            )

    def _concerned(self, resource: str) -> list[_Peer]:
        return [peer for peer in self._peers.values() if peer.registration.cares_about(resource)]


def _veto(resource: str, client: str, answer: list[Any]) -> Veto | None:
    is_ok, reason = answer
    if is_ok:
        return None
    return Veto(resource, client, _short(reason) or "refused without a reason")


def _short(reason: str) -> str:
    """One line of a bearable length, whatever a client has to say."""
    line = " ".join(reason[:_MAX_REASON].split())
    return line if len(reason) <= _MAX_REASON else f"{line}..."


def _check(registration: Registration) -> None:
    name, patterns = registration.name, registration.patterns
    if not name.strip() or len(name) > _MAX_LENGTH or not name.isprintable() or ": " in name:
        raise InvalidArgument("the name of a client is one line, not empty, without ': '")
    if not 0 < len(patterns) <= _MAX_PATTERNS:
        raise InvalidArgument(f"a client names 1 to {_MAX_PATTERNS} resources")
    if any(not pattern or len(pattern) > _MAX_LENGTH for pattern in patterns):
        raise InvalidArgument(f"a resource pattern has 1 to {_MAX_LENGTH} characters")


def _departure(sender: str) -> str:
    """The match rule for the moment at which the sender leaves the bus."""
    return (
        f"type='signal',sender='{BUS_NAME}',interface='{BUS_NAME}',"
        f"member='NameOwnerChanged',arg0='{sender}'"
    )


async def _ask_bus(connection: Connection, member: str, argument: str) -> None:
    await connection.call(
        BUS_NAME, BUS_PATH, BUS_NAME, member, "s", [argument], timeout_s=_BUS_TIMEOUT_S
    )


async def _is_present(connection: Connection, sender: str) -> bool:
    """Whether it is still on the bus; in doubt, it is."""
    try:
        await _ask_bus(connection, "GetNameOwner", sender)
    except ErrorReply:
        return False
    except (Disconnected, TimeoutError):
        return True
    return True
