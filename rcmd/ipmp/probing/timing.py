"""The failure detection time of a group, and how it follows the round trips (solaris.md 1.6).

The interval between probes is a seventh of it, in whole milliseconds: five losses, one probe in
flight, and one interval of slack for the phase (1.3; behaviour 30).
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from rcmd.ipmp.probing.history import LOSSES_TO_FAIL

SLOTS = LOSSES_TO_FAIL + 2
RAISE_FACTOR = 2
"""The interval is raised to this many times the CRTT that did not fit."""
LOWER_FRACTION = 4
"""Lowered when every CRTT is within the interval divided by this."""
SETTLING_S = 60.0
"""No lowering for so long after a raise."""


class DetectionTime:
    """Shared by all probers of a group."""

    __slots__ = ("_lower_at", "current_ms", "interval", "requested_interval", "requested_ms")

    def __init__(self, requested_ms: int) -> None:
        self.request(requested_ms)

    def request(self, requested_ms: int) -> None:
        """Take over what the configuration asks for; also when the group has become empty."""
        self.requested_ms = requested_ms
        self.requested_interval = _interval_ms(requested_ms) / 1000
        """Seconds between probes, as asked for."""
        self._set(requested_ms)
        self._lower_at = 0.0

    def _set(self, detection_ms: int) -> None:
        self.current_ms = detection_ms
        self.interval = _interval_ms(detection_ms) / 1000
        """Seconds between probes that count."""

    @property
    def is_raised(self) -> bool:
        return self.current_ms > self.requested_ms

    def raise_for(self, crtt: float, now: float) -> None:
        """Make room for a CRTT (seconds) that exceeds the interval."""
        self._set(ceil(RAISE_FACTOR * crtt * 1000) * SLOTS)
        self._lower_at = now + SETTLING_S

    def may_lower(self, now: float) -> bool:
        return self.is_raised and now >= self._lower_at

    def lower(self, crtts: Iterable[float], now: float) -> bool:
        """Halve it, but not below the one asked for, if all targets answer fast; was it lowered?

        `crtts` are those of the active targets of every member that functions.
        """
        if not self.may_lower(now):
            return False
        bound = self.interval / LOWER_FRACTION
        if any(crtt > bound for crtt in crtts):
            return False
        self._set(max(self.current_ms // 2, self.requested_ms))
        return True


def _interval_ms(detection_ms: int) -> int:
    return detection_ms // SLOTS
