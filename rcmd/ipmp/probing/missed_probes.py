"""Probes that a group did not send, because we woke too late; told in sum (solaris.md 1.15).

All members miss theirs together, and a machine that is too busy misses some all the time: what is
missed at first is told at once, and what follows once a minute.
"""

from __future__ import annotations

from math import inf

from rcmd.ipmp.api.probes import ProbesMissed

PERIOD_S = 60.0


class MissedProbes:
    """The tally of one group."""

    __slots__ = ("_count", "_interfaces", "_last_at", "_occurrences", "_told_at", "now")

    def __init__(self) -> None:
        self.now = -inf
        """When its probers last looked."""
        self._told_at = -inf
        self._begin()

    def _begin(self) -> None:
        self._count = self._occurrences = 0
        self._interfaces: dict[str, None] = {}
        self._last_at = -inf

    def note(self, interface: str, count: int, now: float) -> None:
        if now > self._last_at:
            self._occurrences += 1
        self._last_at = now
        self._count += count
        self._interfaces[interface] = None

    def take(self) -> ProbesMissed | None:
        """What is due to be told."""
        if not self._count or self.now < self._told_at + PERIOD_S:
            return None
        missed = ProbesMissed(tuple(self._interfaces), self._count, self._occurrences)
        self._told_at = self.now
        self._begin()
        return missed
