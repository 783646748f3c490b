"""Who the senders of calls are: asked of the bus once for each, forgotten when it leaves.

The bus tells of every departure, by one rule for all of them: a rule for each sender would use up
the few that a connection may have (`max_match_rules_per_connection`), and a stranger decides how
many senders there are.
"""

from __future__ import annotations

from typing import Any

from rcmd.bus.connection import Connection
from rcmd.bus.faults import Disconnected, ErrorReply
from rcmd.bus.library import Variant
from rcmd.bus.names import BUS_NAME, BUS_PATH
from rcmd.errors import NotAuthorized, RcmError
from rcmd.ports.coordinator import Caller

_BUS_TIMEOUT_S = 10.0
_DEPARTURES = (
    f"type='signal',sender='{BUS_NAME}',interface='{BUS_NAME}',member='NameOwnerChanged',arg2=''"
)
"""Names that have no owner any more."""


async def hear_departures(connection: Connection) -> None:
    """Have the bus tell of every name that goes.  Raises `ErrorReply`, `Disconnected`."""
    await _ask_bus(connection, "AddMatch", _DEPARTURES)


async def is_present(connection: Connection, sender: str) -> bool:
    """Whether it is still on the bus; in doubt, it is."""
    try:
        await _ask_bus(connection, "GetNameOwner", sender)
    except ErrorReply:
        return False
    except (Disconnected, TimeoutError):
        return True
    return True


async def identify(connection: Connection, sender: str) -> Caller:
    """The credentials that the bus knows of a connection.  Raises `NotAuthorized`."""
    try:
        answer = await _ask_bus(connection, "GetConnectionCredentials", sender)
    except (ErrorReply, Disconnected, TimeoutError) as error:
        raise NotAuthorized(f"the caller {sender} cannot be identified") from error
    credentials: dict[str, Variant] = answer[0]
    if "UnixUserID" not in credentials:
        raise NotAuthorized(f"the bus does not know the user of {sender}")
    process = credentials.get("ProcessID")
    return Caller(
        bus_name=sender,
        uid=int(credentials["UnixUserID"].value),
        pid=int(process.value) if process is not None else 0,
    )


class Users:
    """The senders that are on the bus and have called; a unique name is never given twice."""

    def __init__(self) -> None:
        self._known: dict[str, Caller] = {}
        self._asked: set[str] = set()
        """Those of whom the bus has not said yet who they are."""

    def known(self, sender: str) -> Caller | None:
        return self._known.get(sender)

    async def find(self, connection: Connection, sender: str) -> Caller:
        """Raises `NotAuthorized` where the bus does not tell, or where it has left already."""
        self._asked.add(sender)
        try:
            caller = await identify(connection, sender)
            if sender not in self._asked:
                raise NotAuthorized(f"{sender} has left the bus")
        finally:
            self._asked.discard(sender)
        self._known[sender] = caller
        return caller

    def check_present(self, sender: str) -> None:
        """Raises `RcmError` if it has left."""
        if sender not in self._known:
            raise RcmError(f"{sender} has left the bus")

    def left(self, sender: str) -> None:
        self._known.pop(sender, None)
        self._asked.discard(sender)

    def forget_all(self) -> None:
        """The bus is gone, and every name on it."""
        self._known.clear()
        self._asked.clear()


async def _ask_bus(connection: Connection, member: str, argument: str) -> list[Any]:
    return await connection.call(
        BUS_NAME, BUS_PATH, BUS_NAME, member, "s", [argument], timeout_s=_BUS_TIMEOUT_S
    )
