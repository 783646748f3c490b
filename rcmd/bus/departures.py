"""Who leaves the bus: the bus tells of those that are watched."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rcmd.bus.connection import BUS_NAME, BUS_PATH, Connection
from rcmd.bus.faults import Disconnected, ErrorReply
from rcmd.bus.wire import Flag, Kind, Message, marshal
from rcmd.errors import RcmError

_BUS_TIMEOUT_S = 10.0


async def watch(connection: Connection, sender: str) -> None:
    """Have the bus tell when the sender leaves.  Raises `RcmError` if it has left already.

    Whoever is watched twice is unwatched twice: the bus counts.
    """
    try:
        await _ask_bus(connection, "AddMatch", _departure(sender))
        # It may have left before the bus knew that we care.
        await _ask_bus(connection, "GetNameOwner", sender)
    except (ErrorReply, Disconnected, TimeoutError) as error:
        unwatch(connection, sender)
        raise RcmError(f"{sender} cannot be watched: {error}") from error


def unwatch(connection: Connection, sender: str) -> None:
    """No longer.  Nobody waits for the bus to confirm it."""
    connection.send(
        Message(
            Kind.CALL,
            path=BUS_PATH,
            interface=BUS_NAME,
            member="RemoveMatch",
            destination=BUS_NAME,
            signature="s",
            flags=Flag.NO_REPLY,
            body=marshal("s", [_departure(sender)]),
        )
    )


async def is_present(connection: Connection, sender: str) -> bool:
    """Whether it is still on the bus; in doubt, it is."""
    try:
        await _ask_bus(connection, "GetNameOwner", sender)
    except ErrorReply:
        return False
    except (Disconnected, TimeoutError):
        return True
    return True


class Callers:
    """The callers whose calls end when they leave (solaris.md 4.1: the initiator dies).

    A lost bus is no departure: the callers may be well, and what has begun goes on.
    """

    def __init__(self) -> None:
        self._calls: defaultdict[str, set[asyncio.Task[Any]]] = defaultdict(set)

    @asynccontextmanager
    async def tied(self, connection: Connection, sender: str) -> AsyncIterator[None]:
        """In here the current task is cancelled when the sender leaves.  Raises `RcmError`."""
        call = asyncio.current_task()
        assert call is not None
        calls = self._calls[sender]
        calls.add(call)
        try:
            await watch(connection, sender)
            try:
                yield
            finally:
                unwatch(connection, sender)
        finally:
            calls.discard(call)
            if not calls:
                self._calls.pop(sender, None)

    def left(self, sender: str) -> None:
        for call in self._calls.get(sender, ()):
            # What is being given up already must not be disturbed while it is undone.
            if not call.cancelling():
                call.cancel()


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
