"""When a packet arrived, on the clock that the event loop runs by.

The kernel stamps what it receives, so that our own delay in reading it is not booked as network
time.  It stamps with the wall clock, which somebody may set meanwhile.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class ReadMoment:
    """What both clocks showed when reading began."""

    monotonic_ns: int
    realtime_ns: int

    @classmethod
    def sample(cls) -> ReadMoment:
        """Now.  Of several readings the one least interrupted, so that the two belong together."""
        readings = [
            (time.monotonic_ns(), time.time_ns(), time.monotonic_ns()) for _ in range(_SAMPLES)
        ]
        before, realtime_ns, _ = min(readings, key=lambda reading: reading[2] - reading[0])
        return cls(before, realtime_ns)

    def is_before(self, stamp_ns: int | None, sent_ns: int, at_most_ns: int) -> bool:
        """Was this received before that was sent?

        By more than `at_most_ns` is not believed: the wall clock was set meanwhile.
        """
        if stamp_ns is None:
            return False
        early_ns = sent_ns - (self.monotonic_ns - (self.realtime_ns - stamp_ns))
        return 0 < early_ns <= at_most_ns

    def received_ns(self, stamp_ns: int | None, sent_ns: int) -> int:
        """The monotonic time of a stamp of the wall clock.

        An answer cannot be older than its probe nor younger than now: a stamp that says so was made
        before the wall clock was set, and now is the best that is known.
        """
        if stamp_ns is None:
            return self.monotonic_ns
        received_ns = self.monotonic_ns - (self.realtime_ns - stamp_ns)
        is_possible = sent_ns <= received_ns <= self.monotonic_ns
        return received_ns if is_possible else self.monotonic_ns
