"""What a detach would do, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rcmd.errors import Veto


class MovableKind(StrEnum):
    ADDRESS = "address"
    ROUTE = "route"
    MULTICAST = "multicast"
    NEIGHBOUR = "neighbour"
    """An entry of the neighbour table that was made by hand."""


class Fate(StrEnum):
    MOVED = "moved"
    STAYS = "stays"
    """Its device stays, and keeps it."""
    LOST = "lost"


TEST = "a test address never moves"
LINK_LOCAL = "link-local: every interface has its own"
KERNELS_OWN = "is made by the kernel for an address"
MATTER_OF_COURSE = frozenset({TEST, LINK_LOCAL, KERNELS_OWN})
"""The reasons for which things go with every interface, and nobody misses them."""


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """What becomes of one address, route, multicast membership or neighbour entry."""

    kind: MovableKind
    what: str
    """`192.168.85.19/24`, `default via 192.168.85.1`, or `239.1.2.3`."""
    source: str
    destination: str | None
    """Where it is afterwards.  None: nowhere, it disappears with the interface."""
    reason: str = ""
    """Why it does not follow, if it does not."""

    @property
    def fate(self) -> Fate:
        if self.destination is None:
            return Fate.LOST
        return Fate.STAYS if self.destination == self.source else Fate.MOVED


@dataclass(frozen=True, slots=True)
class DetachPlan:
    """The answer to a dry run; also what a completed detach reports."""

    resource: str
    vetoes: tuple[Veto, ...] = ()
    moves: tuple[PlannedMove, ...] = ()
    """All that lies on what goes."""
    warnings: tuple[str, ...] = ()
    """What else would suffer, in sentences."""
