"""When to probe: strictly periodic with a random phase, and jitter on every probe.

From solaris.md 1.3.  A base ticks every interval; each probe is sent a random 0.5 to 1.0 intervals
after its base, so that consecutive probes are 0.5 to 1.5 intervals apart, and one interval on
average (behaviour 31).  Who wakes after the next probe was due has missed it: the clock skips what
was missed and keeps its phase (behaviour 37).
"""

from __future__ import annotations

from random import Random

SHORTEST, LONGEST = 0.5, 1.0
"""Bounds of the jitter, in intervals."""


class ProbeClock:
    __slots__ = ("_base", "_random", "interval", "missed", "next_at", "occurrences")

    def __init__(self, interval: float, random: Random) -> None:
        """`interval` in seconds; takes effect with the next probe when it is assigned later."""
        self.interval = interval
        self.next_at: float | None = None
        """When the next probe is due; None while stopped."""
        self.missed = 0
        """Probes missed since it was made, and how often that happened."""
        self.occurrences = 0
        self._base = 0.0
        self._random = random.random

    def start(self, now: float, spread: float) -> None:
        """Begin at a random moment within `spread` seconds, so that nobody probes in lock-step."""
        self._base = self.next_at = now + self._random() * spread

    def stop(self) -> None:
        self.next_at = None

    def fire(self, now: float) -> int:
        """Take the probe that is due, set the next one, and say how many were missed."""
        interval = self.interval
        jitter = SHORTEST + (LONGEST - SHORTEST) * self._random()
        next_at = self._base + jitter * interval
        self._base += interval
        missed = 0
        if now > next_at:
            missed = int((now - next_at) / interval) + 1
            self._base += missed * interval
            next_at += missed * interval
            self.missed += missed
            self.occurrences += 1
        self.next_at = next_at
        return missed
