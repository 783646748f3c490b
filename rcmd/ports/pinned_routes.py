"""What is tied to an interface, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rcmd.model.network import IPNetwork
from rcmd.ports.plan import KERNELS_OWN, MovableKind


class Tie(StrEnum):
    """Why something does not follow: the end of a sentence about it."""

    SEVERAL_HOPS = "has several next hops and does not follow"
    NEXTHOP_OBJECT = "uses a nexthop object of others and does not follow"
    ENCAPSULATION = "is encapsulated and does not follow"
    SOURCE_SPECIFIC = "is for certain sources only and does not follow"
    SPECIAL_TYPE = "is of a special type and does not follow"
    LEARNED = "was learned from router advertisements, and every interface learns its own"
    KERNELS_OWN = KERNELS_OWN
    BY_HAND = "was entered by hand for this interface only"
    ROUTING_DAEMON = "belongs to a routing daemon, which has to move it"
    UNMANAGED = "rcmd does not manage it"
    """Of a route that would follow if its interface were ours."""
    NAMES_INTERFACE = "names the interface and does not follow"


@dataclass(frozen=True, slots=True)
class Anchored:
    """One route, rule or neighbour entry."""

    ifindex: int
    what: str
    """`10.5.0.0/16 via 10.0.0.254`, `IPv4 rule 1000 (oif hme0 table 7)`."""
    tie: Tie
    kind: MovableKind | None = MovableKind.ROUTE
    """None: a rule.  It stays, but nothing leaves by that interface any more."""
    network: IPNetwork | None = None
    """The destination of a route."""
    others: tuple[int, ...] = ()
    """The devices (ifindex) of its other next hops."""
