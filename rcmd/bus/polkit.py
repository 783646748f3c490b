"""May this caller do that?  Root may; everybody else as polkit says; without polkit nobody else.

The caller is named by its unique bus name, never by its process id: that could be reused.

A question may wait for a person who types a password, or for a polkit that says nothing; and the
bus lets us have few calls without an answer (`max_replies_per_connection`) before it refuses the
next one, whomever that is for.  So a user has few questions open, and all users together not many.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rcmd.bus.connection import Connection, Question
from rcmd.bus.faults import CallRefused, Disconnected, ErrorReply
from rcmd.bus.library import Variant
from rcmd.bus.members import Action
from rcmd.bus.wire import Flag, Kind, Message, marshal
from rcmd.errors import NotAuthorized
from rcmd.ports.coordinator import Caller

log = logging.getLogger(__name__)

POLKIT = "org.freedesktop.PolicyKit1"
AUTHORITY_PATH = "/org/freedesktop/PolicyKit1/Authority"
AUTHORITY = "org.freedesktop.PolicyKit1.Authority"
MAX_OPEN_PER_USER = 4
MAX_OPEN = 16
"""Questions that polkit has not answered, whether or not the caller still waits."""
_ALLOW_INTERACTION = 1


class Authority:
    """Asks the bus who the caller is, and polkit what it may do."""

    def __init__(self, *, timeout_s: float = 25.0, interactive_timeout_s: float = 300.0) -> None:
        """The second timeout is for a person who types a password."""
        self._timeout_s = timeout_s
        self._interactive_timeout_s = interactive_timeout_s
        self._open: Counter[int] = Counter()
        """Questions by user."""

    async def authorise(
        self, connection: Connection, message: Message, caller: Caller, action: Action
    ) -> None:
        """Raises `NotAuthorized`, with a sentence why; `CallRefused` where too much is open."""
        if caller.uid != 0:
            await self._ask(connection, message, caller, action)

    async def _ask(
        self, connection: Connection, message: Message, caller: Caller, action: Action
    ) -> None:
        is_interactive = bool(message.flags & Flag.ALLOW_INTERACTIVE)
        cancellation = f"{message.sender}-{message.serial}"
        timeout_s = self._interactive_timeout_s if is_interactive else self._timeout_s
        self._check_room(caller.uid)
        try:
            question = self._question(
                connection, caller, action, cancellation, is_interactive=is_interactive
            )
            answer = await question.answer(timeout_s)
        except asyncio.CancelledError:
            _cancel(connection, cancellation)
            raise
        except ErrorReply as error:
            log.info("%s for uid %d: %s", action.value, caller.uid, error)
            raise NotAuthorized(
                f"{action.value}: polkit cannot be asked, so only root may"
            ) from error
        except Disconnected as error:
            raise NotAuthorized(f"{action.value}: {error}") from error
        except TimeoutError as error:
            _cancel(connection, cancellation)
            raise NotAuthorized(
                f"{action.value}: polkit did not answer within {timeout_s:g} s"
            ) from error
        _judge(action, answer)

    def _question(
        self,
        connection: Connection,
        caller: Caller,
        action: Action,
        cancellation: str,
        *,
        is_interactive: bool,
    ) -> Question:
        subject = ["system-bus-name", {"name": Variant("s", caller.bus_name)}]
        flags = _ALLOW_INTERACTION if is_interactive else 0
        question = connection.ask(
            POLKIT,
            AUTHORITY_PATH,
            AUTHORITY,
            "CheckAuthorization",
            "(sa{sv})sa{ss}us",
            [subject, action.value, {}, flags, cancellation],
            expects="(bba{ss})",
        )
        self._open[caller.uid] += 1
        question.reply.add_done_callback(lambda _: self._answered(caller.uid))
        return question

    def _check_room(self, uid: int) -> None:
        if self._open.get(uid, 0) >= MAX_OPEN_PER_USER:
            words = f"{MAX_OPEN_PER_USER} questions of uid {uid} to polkit are open already"
            raise CallRefused("LimitsExceeded", words)
        if self._open.total() >= MAX_OPEN:
            raise CallRefused("LimitsExceeded", f"{MAX_OPEN} questions to polkit are open already")

    def _answered(self, uid: int) -> None:
        self._open[uid] -= 1
        if not self._open[uid]:
            del self._open[uid]


def _judge(action: Action, answer: Sequence[Any]) -> None:
    is_authorized, is_challenge, _ = answer[0]
    if is_authorized:
        return
    if is_challenge:
        raise NotAuthorized(f"{action.value}: needs to be authorised interactively")
    raise NotAuthorized(f"{action.value}: polkit says no")


def _cancel(connection: Connection, cancellation: str) -> None:
    """Take the question back, so that no password dialog stays behind."""
    body = marshal("s", [cancellation])
    connection.send(
        Message(
            Kind.CALL,
            path=AUTHORITY_PATH,
            interface=AUTHORITY,
            member="CancelCheckAuthorization",
            destination=POLKIT,
            signature="s",
            flags=Flag.NO_REPLY | Flag.NO_AUTO_START,
            body=body,
        )
    )
