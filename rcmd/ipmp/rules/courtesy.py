"""Who changes the addresses of a device by hand may be about to change its routes, too.

A known route that is nowhere, since the kernel took it away with an address, is put back once that
address is there again: but not in front of the `ip route add` of whoever is at it, which would
find it there and fail.
"""

from __future__ import annotations

from dataclasses import dataclass, field

PAUSE_S = 0.2


@dataclass(slots=True)
class Courtesy:
    _until: dict[int, float] = field(default_factory=dict)

    def changed(self, ifindex: int, now: float) -> None:
        """Somebody else added an address, or took one away."""
        self._until[ifindex] = now + PAUSE_S

    def waits(self, ifindex: int) -> bool:
        return ifindex in self._until

    def deadline(self) -> float | None:
        return min(self._until.values(), default=None)

    def due(self, now: float) -> list[int]:
        """The devices on which nobody has been at it for long enough, once."""
        found = [ifindex for ifindex, until in self._until.items() if until <= now]
        for ifindex in found:
            del self._until[ifindex]
        return found
