"""Whom the settings and the routing table name as targets of a group (solaris.md 1.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rcmd.ipmp.member import Member
from rcmd.ipmp.scene import Scene
from rcmd.model import Family, GroupSettings, IPAddress, Route, family_of

RTPROT_BY_KERNEL = frozenset({1, 2, 9})
"""Redirect, kernel, router advertisement (linux:rtnetlink.h)."""


RoutesByHome = Mapping[str, Sequence[Route]]


@dataclass(frozen=True, slots=True)
class Routers:
    """Of one group and family."""

    pinned: tuple[IPAddress, ...] = ()
    """By the settings, then by host routes."""
    learnt: tuple[IPAddress, ...] = ()
    """Next hops of the routing table."""

    @property
    def all(self) -> tuple[IPAddress, ...]:
        """Pinned ones come first (behaviour 47)."""
        return (*self.pinned, *self.learnt)


def routes_by_home(scene: Scene) -> RoutesByHome:
    """The routes of the ledger."""
    found: dict[str, list[Route]] = {}
    for known, route in scene.ledger.routes.items():
        found.setdefault(known.home, []).append(route)
    return found


def routers_of(
    scene: Scene,
    members: Sequence[Member],
    settings: GroupSettings,
    family: Family,
    at_home: RoutesByHome,
) -> Routers:
    """`at_home`: as `routes_by_home` gives it, for many groups at once."""
    pinned = [target for target in settings.targets if family_of(target) is family]
    learnt: list[IPAddress] = []
    for route in _routes(scene, members, at_home):
        if route.family is not family:
            continue
        if _names_target(route):
            pinned.append(route.destination.network_address)
        elif route.gateway is not None:
            learnt.append(route.gateway)
    return Routers(tuple(dict.fromkeys(pinned)), tuple(dict.fromkeys(learnt)))


def _routes(scene: Scene, members: Sequence[Member], at_home: RoutesByHome) -> Iterator[Route]:
    for member in members:
        yield from scene.view.routes.get(member.ifindex, {}).values()
    # What a device lost when it was set down is about to be put on another.
    for member in members:
        yield from at_home.get(member.name, ())


def _names_target(route: Route) -> bool:
    """A static host route to a neighbour, the documented way to pin a target.

    `route add -host T T -static` of Solaris makes T its own gateway.
    """
    host = route.destination.network_address
    is_host = route.destination.prefixlen == route.destination.max_prefixlen
    is_direct = route.gateway is None or route.gateway == host
    return is_host and is_direct and route.protocol not in RTPROT_BY_KERNEL
