"""Every call gets an answer, whatever becomes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType

from rcmd.bus.connection import Connection
from rcmd.bus.faults import CallRefused, Malformed
from rcmd.bus.values import text
from rcmd.bus.wire import Kind, Message, marshal
from rcmd.errors import RcmError, Vetoed

log = logging.getLogger(__name__)

OnFatal = Callable[[BaseException], None]


class Answering:
    """Around the work for one call: what was given is returned, what was raised becomes an error.

    An error of the table is the caller's business and not worth a line in the log.  Anything else
    is a mistake of ours: the caller is told so without particulars.  Where nothing is being changed
    it costs this call and nothing else, for anybody may have found it; else the daemon is told to
    end, for nobody knows what was left half done.
    """

    def __init__(
        self,
        connection: Connection,
        message: Message,
        on_fatal: OnFatal,
        why_cancelled: Callable[[], str],
    ) -> None:
        """`why_cancelled` gives the words for work that was cancelled."""
        self._connection = connection
        self._message = message
        self._on_fatal = on_fatal
        self._why_cancelled = why_cancelled
        self._signature = ""
        self._body = b""
        self._is_postponed = False
        self._is_changing = False

    def change(self) -> None:
        """From here on something is changed, by somebody who may."""
        self._is_changing = True

    def give(self, signature: str, body: bytes) -> None:
        """What to answer with; without it, an empty answer."""
        self._signature, self._body = signature, body

    def postpone(self) -> None:
        """Somebody else answers if all goes well here."""
        self._is_postponed = True

    def __enter__(self) -> Answering:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        match error:
            case None if self._is_postponed:
                pass
            case None:
                self._send(Kind.RETURN, self._signature, self._body)
            case RcmError():
                self._refuse(error.bus_name, _sentence(error))
            case CallRefused():
                self._refuse(error.name, str(error))
            case Malformed():
                self._refuse("org.freedesktop.DBus.Error.InvalidArgs", "unreadable arguments")
            case asyncio.CancelledError():
                self._refuse(RcmError.bus_name, self._why_cancelled())
                return False
            case _:
                log.error("%s failed", self._message.member, exc_info=error)
                self._refuse(RcmError.bus_name, "internal error")
                if self._is_changing or not isinstance(error, Exception):
                    self._on_fatal(error)
                return isinstance(error, Exception)
        return True

    def _refuse(self, name: str, words: str) -> None:
        self._send(Kind.ERROR, "s", marshal("s", [text(words)]), name)

    def _send(self, kind: Kind, signature: str, body: bytes, error_name: str = "") -> None:
        if not self._message.wants_reply:
            return
        self._connection.send(
            Message(
                kind,
                destination=self._message.sender,
                reply_serial=self._message.serial,
                error_name=error_name,
                signature=signature,
                body=body,
            )
        )


def _sentence(error: RcmError) -> str:
    """The message; of a refusal one line per veto, although a reason may have several."""
    if not isinstance(error, Vetoed):
        return str(error)
    return "\n".join(" ".join(str(veto).split()) for veto in error.vetoes)
