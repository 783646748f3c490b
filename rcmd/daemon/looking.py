"""A look at everything in the kernel, a little in each turn of the loop.

What happens meanwhile is heard and answered as always, and is noted here: told once more after the
tables, it makes them what they are now, whatever they have caught of it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import replace

from rcmd.ipmp.api.events import KernelChange, KernelSnapshot, Moved, SpreadDone

Steps = Generator[None, None, KernelSnapshot]


class Looking:
    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._since: list[KernelChange | Moved | SpreadDone] = []

    def note(self, past: Iterable[KernelChange | Moved | SpreadDone]) -> None:
        self._since += past

    def go_on(self) -> KernelSnapshot | None:
        """One step; the snapshot once it is complete.  Raises RcmError where the tables change
        faster than they can be read."""
        try:
            next(self._steps)
        except StopIteration as end:
            snapshot: KernelSnapshot = end.value
            return replace(snapshot, since=tuple(self._since))
        return None
