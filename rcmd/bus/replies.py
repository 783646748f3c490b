"""What the answers of the bus mean to those who asked the daemon."""

from __future__ import annotations

import json
import re
from typing import Any

from rcmd.bus.faults import ErrorReply
from rcmd.errors import BY_BUS_NAME, NotAuthorized, RcmError, Unreachable, Veto, Vetoed

NOT_RUNNING = "rcmd is not running (nobody owns org.rcmd1 on the bus)"

_GONE = frozenset(
    f"org.freedesktop.DBus.Error.{name}"
    for name in ("NoReply", "ServiceUnknown", "NameHasNoOwner", "Disconnected", "Timeout")
)
_DENIED = "org.freedesktop.DBus.Error.AccessDenied"
_VETO_LINE = re.compile(r"(?P<resource>.*?): (?P<client>.*?): (?P<reason>.*)")


def error_of(reply: ErrorReply) -> RcmError:
    """The error of the table that a bus error stands for."""
    if reply.name in _GONE:
        return Unreachable(f"rcmd went away before it answered ({reply.message})")
    if reply.name == _DENIED:
        return NotAuthorized(reply.message)
    error = BY_BUS_NAME.get(reply.name, RcmError)
    if error is Vetoed:
        return Vetoed(tuple(_veto(line) for line in reply.message.splitlines()))
    return error(reply.message)


def _veto(line: str) -> Veto:
    if (found := _VETO_LINE.fullmatch(line)) is None:
        return Veto(resource="", client="rcmd", reason=line)
    return Veto(**found.groupdict())


def document_of(member: str, text: str) -> dict[str, Any]:
    """The JSON object that a method has answered with.  Raises RcmError where it is none."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise RcmError(f"rcmd answered {member} with what is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise RcmError(f"rcmd answered {member} with JSON that is not an object")
    return document
