"""The decisions about probes, numbered through: each probe was answered, lost, or neither.

Every prober counts its own probes.  Whoever follows all of them asks for what was decided after
the last number he knows.
"""

from __future__ import annotations


class Decisions:
    """Shared by all probers of the machine."""

    __slots__ = ("last", "now")

    def __init__(self) -> None:
        self.last = 0
        """The number of the newest decision; 0 before the first."""
        self.now = 0.0
        """The time of what is being handled: answers were received somewhat earlier."""

    def take(self) -> int:
        self.last += 1
        return self.last
