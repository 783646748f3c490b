"""Where to look for hosts in the kernel's neighbour table, and when.

By the devices of every group that has no router to probe: soon when there is something new to look
by, then now and then.
"""

from __future__ import annotations

from rcmd.ipmp.api.commands import LookForNeighbours

SOON_S = 0.1
EVERY_S = 10.0


class Lookout:
    def __init__(self) -> None:
        self._places: dict[str, frozenset[int]] = {}
        """Group -> the devices of its members."""
        self._next_at = 0.0

    @property
    def deadline(self) -> float | None:
        return self._next_at if self._places else None

    def follow(self, group: str, devices: frozenset[int], now: float) -> None:
        """Look by these for the sake of a group; by none where it has no need of hosts."""
        if not devices:
            self.forget(group)
            return
        is_first = not self._places
        if devices - self._places.get(group, frozenset()):
            soon = now + SOON_S
            self._next_at = soon if is_first else min(soon, self._next_at)
        self._places[group] = devices

    def forget(self, group: str) -> None:
        self._places.pop(group, None)

    def due(self, now: float) -> tuple[LookForNeighbours, ...]:
        if not self._places or now < self._next_at:
            return ()
        self._next_at = now + EVERY_S
        return (LookForNeighbours(frozenset().union(*self._places.values())),)
