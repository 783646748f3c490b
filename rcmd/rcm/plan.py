"""What a detach would do, as values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rcmd.errors import Veto


class MovableKind(StrEnum):
    ADDRESS = "address"
    ROUTE = "route"
    MULTICAST = "multicast"


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """Where one address, route or multicast membership would go."""

    kind: MovableKind
    what: str
    """`192.168.85.19/24`, `default via 192.168.85.1`, or `239.1.2.3`."""
    source: str
    destination: str | None
    """None: it has nowhere to go and would disappear with the interface."""


@dataclass(frozen=True, slots=True)
class DetachPlan:
    """The answer to a dry run; also what a completed detach reports."""

    resource: str
    vetoes: tuple[Veto, ...] = ()
    moves: tuple[PlannedMove, ...] = ()
    warnings: tuple[str, ...] = ()
    """What cannot follow, in sentences."""
