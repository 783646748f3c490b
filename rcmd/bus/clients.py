"""Programs on the bus that want a say in removals: registered, asked, told, forgotten.

| a client that                                   | is                                             |
|-------------------------------------------------|------------------------------------------------|
| registers while its resource is under operation | asked from the next question on                |
| was asked to let go (`PreRemove`)               | told what came of it, whatever it answered     |
| was not, or has registered anew since           | not told                                       |
| leaves the bus                                  | forgotten; a question to it ends with that     |
| returns                                         | somebody new, and asked again                  |

Solaris refuses a registration while its resource is under operation (solaris.md 4.2); here the
client would have to try again until that is over, and would miss the question in between.

The bus lets us have 128 calls without an answer (`max_replies_per_connection` of a system bus) and
refuses the next one, which would look like a refusal by whomever it is for.  So there are fewer
clients than that, and while many answers are owed, whoever owes one is asked nothing more until it
has given it, or the time for that is over.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from rcmd.bus.connection import Connection, Question
from rcmd.bus.faults import Disconnected, ErrorReply
from rcmd.bus.names import CLIENT
from rcmd.bus.users import is_present
from rcmd.bus.values import text
from rcmd.bus.waiting import ROOT_UID
from rcmd.bus.wire import Flag, Kind, Message, marshal
from rcmd.errors import InvalidArgument, Veto

log = logging.getLogger(__name__)

MAX_CLIENTS = 64
MAX_OF_OTHERS = 48
"""Clients of all users but root: there is room for those of root."""
MAX_PER_USER = 16
MANY_OPEN = 40
"""Questions that nobody has answered yet; with one for each client besides, and those to polkit,
they are still fewer than the bus allows."""
_MAX_PATTERNS = 64
_MAX_LENGTH = 255
_MAX_REASON = 1000


@dataclass(frozen=True, slots=True)
class Registration:
    """What a client asked for."""

    sender: str
    path: str
    name: str
    patterns: tuple[str, ...]
    """Shell patterns for the resources it cares about: `eth*`, `pci:0000:03:*`."""
    uid: int = ROOT_UID

    def cares_about(self, resource: str) -> bool:
        return any(fnmatchcase(resource, pattern) for pattern in self.patterns)


class _Question(StrEnum):
    """By the name of the method that asks it."""

    MAY_IT_GO = "QueryRemove"
    LET_GO = "PreRemove"


@dataclass(slots=True, eq=False)
class _Peer:
    registration: Registration
    connection: Connection
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is asked: nobody is asked twice at a time."""
    silence: str = ""
    """What there is to say of the last time that it did not answer in time."""
    silences: int = 0
    """How often it did not."""
    open: list[Question] = field(default_factory=list)
    """The questions that it has not answered, whether or not anybody still waits."""
    asked_to_let_go: dict[str, None] = field(default_factory=dict)
    """Resources whose outcome it waits for, in the order of asking."""


class ClientRegistry:
    """Implements `rcmd.ports.coordinator.Clients`."""

    def __init__(self, timeout_s: Callable[[], float]) -> None:
        """`timeout_s` tells after how many seconds silence counts as a refusal, now."""
        self._timeout_s = timeout_s
        self._peers: dict[tuple[str, str], _Peer] = {}
        self._awaited: list[_Peer] = []
        self.on_change: list[Callable[[], None]] = []
        """Called whenever `awaited` has changed."""

    # --- who is there ---------------------------------------------------------------------------

    def register(self, connection: Connection, registration: Registration) -> None:
        """For a sender that is on the bus.  Raises `InvalidArgument`."""
        _check(registration)
        key = (registration.sender, registration.path)
        if key in self._peers:
            raise InvalidArgument(f"{registration.path} is registered already")
        self._check_room(registration.uid)
        self._peers[key] = _Peer(registration, connection)
        log.info("client %s (%s) registered", registration.name, registration.sender)

    def _check_room(self, uid: int) -> None:
        uids = [peer.registration.uid for peer in self._peers.values()]
        others = [it for it in uids if it != ROOT_UID]
        if len(uids) >= MAX_CLIENTS:
            raise InvalidArgument(f"there are {MAX_CLIENTS} clients already")
        if uid == ROOT_UID:
            return
        if others.count(uid) >= MAX_PER_USER:
            raise InvalidArgument(f"there are {MAX_PER_USER} clients of uid {uid} already")
        if len(others) >= MAX_OF_OTHERS:
            raise InvalidArgument(f"there are {MAX_OF_OTHERS} clients of ordinary users already")

    def unregister(self, sender: str, path: str) -> None:
        """Raises `InvalidArgument` if there is no such registration of this sender."""
        if self._peers.pop((sender, path), None) is None:
            raise InvalidArgument(f"{path} is not registered")

    def forget(self, sender: str) -> None:
        """It left the bus."""
        gone = [key for key in self._peers if key[0] == sender]
        for key in gone:
            peer = self._peers.pop(key)
            log.info("client %s (%s) left the bus", peer.registration.name, sender)

    def forget_all(self) -> None:
        """The bus is gone, and every name on it."""
        self._peers.clear()

    # --- what the transactions ask (rcmd.ports.coordinator.Clients) -----------------------------

    async def query_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        return await self._ask_all(_Question.MAY_IT_GO, resource, force=force)

    async def pre_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        return await self._ask_all(_Question.LET_GO, resource, force=force)

    async def usages(self, resource: str) -> tuple[str, ...]:  # noqa: ARG002
        """The contract has no such question for programs on the bus."""
        return ()

    async def post_remove(self, resource: str) -> None:
        self._tell("PostRemove", resource)

    async def undo_remove(self, resource: str) -> None:
        self._tell("UndoRemove", resource)

    def awaited(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(peer.registration.name for peer in self._awaited))

    def pending(self) -> tuple[str, ...]:
        """Nobody that was asked by another process of ours is registered with this one."""
        peers = self._peers.values()
        return tuple(dict.fromkeys(it for peer in peers for it in peer.asked_to_let_go))

    async def _ask_all(
        self, question: _Question, resource: str, *, force: bool
    ) -> tuple[Veto, ...]:
        async with asyncio.TaskGroup() as group:
            asking = [
                group.create_task(self._ask_in_turn(peer, question, resource, force=force))
                for peer in self._concerned(resource)
            ]
        answers = [task.result() for task in asking]
        return tuple(veto for veto in answers if veto is not None)

    async def _ask_in_turn(
        self, peer: _Peer, question: _Question, resource: str, *, force: bool
    ) -> Veto | None:
        silences = peer.silences
        with self._awaiting(peer):
            async with peer.turn:
                if peer.silences != silences and question is _Question.MAY_IT_GO:
                    # It was silent while this question waited: it need not be waited for again.
                    return Veto(resource, peer.registration.name, peer.silence)
                if peer not in self._peers.values():
                    # It left, or wants no say any more.
                    return None
                if question is _Question.LET_GO:
                    peer.asked_to_let_go[resource] = None
                return await self._ask(peer, question, resource, force=force)

    @contextmanager
    def _awaiting(self, peer: _Peer) -> Iterator[None]:
        self._awaited.append(peer)
        self._changed()
        try:
            yield
        finally:
            self._awaited.remove(peer)
            self._changed()

    def _changed(self) -> None:
        for listener in self.on_change:
            listener()

    async def _ask(
        self, peer: _Peer, question: _Question, resource: str, *, force: bool
    ) -> Veto | None:
        to = peer.registration
        timeout_s = self._timeout_s()
        try:
            async with asyncio.timeout(timeout_s):
                if sum(len(it.open) for it in self._peers.values()) >= MANY_OPEN:
                    await _owes_nothing(peer)
                asked = _send(peer, question, resource, force=force)
                answer = await asked.answer(None)
        except TimeoutError:
            reason = f"did not answer within {timeout_s:g} s"
            peer.silence = reason
            peer.silences += 1
        except ErrorReply as error:
            if not await is_present(peer.connection, to.sender):
                # Whatever it held, it holds no more.
                log.info("client %s left the bus while asked about %s", to.name, resource)
                return None
            reason = f"failed: {_short(error.message or error.name)}"
        except Disconnected as error:
            reason = f"cannot be asked: {error}"
        else:
            return _veto(resource, to.name, answer)
        return Veto(resource, to.name, reason)

    def _tell(self, member: str, resource: str) -> None:
        """Tell those who were asked to let go of it, once."""
        for peer in self._peers.values():
            if resource not in peer.asked_to_let_go:
                continue
            del peer.asked_to_let_go[resource]
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


async def _owes_nothing(peer: _Peer) -> None:
    """Return once it has answered every question, whatever it said, and however late."""
    if peer.open:
        await asyncio.wait([question.reply for question in peer.open])


def _send(peer: _Peer, question: _Question, resource: str, *, force: bool) -> Question:
    to = peer.registration
    sent = peer.connection.ask(
        to.sender,
        to.path,
        CLIENT,
        question,
        "sb",
        [text(resource), force],
        flags=Flag.NO_AUTO_START,
        expects="bs",
    )
    peer.open.append(sent)
    sent.reply.add_done_callback(lambda _: peer.open.remove(sent))
    return sent


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
    if len(registration.path) > _MAX_LENGTH:
        raise InvalidArgument(f"the path of a client has at most {_MAX_LENGTH} characters")
    if not name.strip() or len(name) > _MAX_LENGTH or not name.isprintable() or ": " in name:
        raise InvalidArgument("the name of a client is one line, not empty, without ': '")
    if not 0 < len(patterns) <= _MAX_PATTERNS:
        raise InvalidArgument(f"a client names 1 to {_MAX_PATTERNS} resources")
    if any(not pattern or len(pattern) > _MAX_LENGTH for pattern in patterns):
        raise InvalidArgument(f"a resource pattern has 1 to {_MAX_LENGTH} characters")
