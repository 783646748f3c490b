"""May this caller do that?  Root may; everybody else as polkit says; without polkit nobody else.

The caller is named by its unique bus name, never by its process id: that could be reused.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from rcmd.bus.connection import BUS_NAME, BUS_PATH, Connection
from rcmd.bus.faults import Disconnected, ErrorReply
from rcmd.bus.library import Variant
from rcmd.bus.members import Action
from rcmd.bus.wire import Flag, Message
from rcmd.errors import NotAuthorized
from rcmd.rcm.coordinator import Caller

log = logging.getLogger(__name__)

POLKIT = "org.freedesktop.PolicyKit1"
AUTHORITY_PATH = "/org/freedesktop/PolicyKit1/Authority"
AUTHORITY = "org.freedesktop.PolicyKit1.Authority"
_ALLOW_INTERACTION = 1
_BUS_TIMEOUT_S = 10.0


class Authority:
    """Asks the bus who the caller is, and polkit what it may do."""

    def __init__(self, *, timeout_s: float = 25.0, interactive_timeout_s: float = 300.0) -> None:
        """The second timeout is for a person who types a password."""
        self._timeout_s = timeout_s
        self._interactive_timeout_s = interactive_timeout_s

    async def authorise(self, connection: Connection, message: Message, action: Action) -> Caller:
        """Return who the caller is.  Raises `NotAuthorized`, with a sentence why."""
        caller = await identify(connection, message.sender)
        if caller.uid != 0:
            is_interactive = bool(message.flags & Flag.ALLOW_INTERACTIVE)
            await self._ask(connection, message, action, is_interactive=is_interactive)
        return caller

    async def _ask(
        self, connection: Connection, message: Message, action: Action, *, is_interactive: bool
    ) -> None:
        cancellation = f"{message.sender}-{message.serial}"
        subject = ["system-bus-name", {"name": Variant("s", message.sender)}]
        flags = _ALLOW_INTERACTION if is_interactive else 0
        timeout_s = self._interactive_timeout_s if is_interactive else self._timeout_s
        try:
            answer = await connection.call(
                POLKIT,
                AUTHORITY_PATH,
                AUTHORITY,
                "CheckAuthorization",
                "(sa{sv})sa{ss}us",
                [subject, action.value, {}, flags, cancellation],
                timeout_s=timeout_s,
                expects="(bba{ss})",
            )
        except ErrorReply as error:
            log.info("%s for %s: %s", action.value, message.sender, error)
            raise NotAuthorized(
                f"{action.value}: polkit cannot be asked, so only root may"
            ) from error
        except Disconnected as error:
            raise NotAuthorized(f"{action.value}: {error}") from error
        except TimeoutError as error:
            await _cancel(connection, cancellation)
            raise NotAuthorized(
                f"{action.value}: polkit did not answer within {timeout_s:g} s"
            ) from error
        _judge(action, answer)


def _judge(action: Action, answer: Sequence[Any]) -> None:
    is_authorized, is_challenge, _ = answer[0]
    if is_authorized:
        return
    if is_challenge:
        raise NotAuthorized(f"{action.value}: needs to be authorised interactively")
    raise NotAuthorized(f"{action.value}: polkit says no")


async def identify(connection: Connection, sender: str) -> Caller:
    """The credentials that the bus knows of a connection.  Raises `NotAuthorized`."""
    try:
        answer = await connection.call(
            BUS_NAME,
            BUS_PATH,
            BUS_NAME,
            "GetConnectionCredentials",
            "s",
            [sender],
            timeout_s=_BUS_TIMEOUT_S,
        )
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


async def _cancel(connection: Connection, cancellation: str) -> None:
    """Take the question back, so that no password dialog stays behind."""
    try:
        await connection.call(
            POLKIT,
            AUTHORITY_PATH,
            AUTHORITY,
            "CancelCheckAuthorization",
            "s",
            [cancellation],
            timeout_s=_BUS_TIMEOUT_S,
        )
    except (ErrorReply, Disconnected, TimeoutError) as error:
        log.info("polkit would not forget the question %s: %s", cancellation, error)
