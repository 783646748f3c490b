"""A log that nobody can flood: of lines that say the same only so many are written."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

BURST = 100
"""Lines of one kind that are written at once."""
PER_S = 2.0
"""Lines of that kind a second that are written after that."""
MOST_KINDS = 512
"""That are kept in mind; the one that was silent longest is forgotten first."""


@dataclass(slots=True)
class _Kind:
    left: float
    """Lines that may still be written."""
    at: float
    dropped: int = 0


class LogLimit(logging.Filter):
    """For a handler.  Lines are of one kind if the same place says them of whatever it may be.

    Where a place only passes on what it was told ("%s"), those of the same words are of one kind.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[str, str], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        kind = self._kind(record)
        if kind.left < 1:
            kind.dropped += 1
            return False
        kind.left -= 1
        if kind.dropped:
            record.msg = f"{record.getMessage()} ({kind.dropped} lines like this were dropped)"
            record.args = None
            kind.dropped = 0
        return True

    def _kind(self, record: logging.LogRecord) -> _Kind:
        words = record.getMessage() if record.msg == "%s" else str(record.msg)
        key, now = (record.name, words), self._clock()
        kind = self._kinds.pop(key, None) or _Kind(BURST, now)
        kind.left = min(BURST, kind.left + (now - kind.at) * PER_S)
        kind.at = now
        # The last one again.
        self._kinds[key] = kind
        if len(self._kinds) > MOST_KINDS:
            del self._kinds[next(iter(self._kinds))]
        return kind
