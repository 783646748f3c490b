"""The time in which silence means nothing (solaris.md 1.2, FAILURE_DETECTION_QP).

A switch port that has just come up may still be blocked by the spanning tree: losses before the
first answer do not count for 40 s (behaviour 36).
"""

from __future__ import annotations

QUIET_S = 40.0


class QuietPeriod:
    """There is one in the life of a prober: it begins with the first start."""

    __slots__ = ("_has_begun", "_until", "is_on")

    def __init__(self) -> None:
        self.is_on = False
        self._has_begun = False
        self._until = 0.0

    def begin(self, now: float) -> None:
        if not self._has_begun:
            self._has_begun = self.is_on = True
            self._until = now + QUIET_S

    def look(self, now: float, *, is_answered: bool) -> None:
        """An answer ends it, and so does time."""
        if is_answered or now >= self._until:
            self.is_on = False
