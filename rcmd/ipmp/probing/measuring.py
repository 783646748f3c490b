"""Probes that only measure, and the slower clock of those that count (solaris.md 1.3, 1.6).

While answers take so long that the detection time was raised, probes are still sent at the pace
asked for, so that it is seen when the answers become faster; only those of the slower pace count.
"""

from __future__ import annotations

from collections.abc import Sequence

from rcmd.ipmp.probing.history import ProbeHistory
from rcmd.ipmp.probing.targets import Target
from rcmd.ipmp.probing.timing import DetectionTime


class Measuring:
    __slots__ = ("_counts_at", "_detection", "_turn", "history")

    def __init__(self, detection: DetectionTime) -> None:
        self.history = ProbeHistory()
        self._detection = detection
        self._counts_at = 0.0
        self._turn = -1

    def has_turn(self, now: float) -> bool:
        """Whether the probe to be sent now only measures; otherwise it counts."""
        if not self._detection.is_raised:
            return False
        if now < self._counts_at:
            return True
        # Strictly periodic; the jitter comes from the clock that calls us.
        interval = self._detection.interval
        self._counts_at += interval
        if self._counts_at <= now:
            self._counts_at = now + interval
        return False

    def record(self, active: Sequence[Target], now: float) -> tuple[int, Target] | None:
        """The sequence number and the target of the next probe; None without targets."""
        if not active:
            return None
        self._turn = (self._turn + 1) % len(active)
        target = active[self._turn]
        return self.history.record(target, now), target
