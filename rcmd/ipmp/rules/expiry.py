"""What ends by itself: `ip -6 route add ... expires 600`, say.

What is told of the end is told in time left, in hundredths of a second, a moment ago: the same end
comes out a little different every time.
"""

from __future__ import annotations

JITTER_S = 1.5
"""Two ends that are closer than that are the same: the kernel is given whole seconds."""


def steady_expiry(before: float | None, told: float | None) -> float | None:
    """What was known before, unless it has really changed."""
    if before is None or told is None or abs(before - told) > JITTER_S:
        return told
    return before
