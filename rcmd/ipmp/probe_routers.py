"""Whom the settings and the routing table name as targets of a group (solaris.md 1.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rcmd.ipmp.member import Member
from rcmd.ipmp.route_table import RouteTable
from rcmd.ipmp.scene import Scene
from rcmd.model import Family, GroupSettings, IPAddress, Route, RouteKey, family_of

RTPROT_BY_KERNEL = frozenset({1, 2, 9})
"""Redirect, kernel, router advertisement (linux:rtnetlink.h)."""


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


_ByFamily = Mapping[Family, Routers]
_Ordered = dict[IPAddress, None]


class RouterBook:
    """Asked whenever anything changes, and there may be tens of thousands of routes: they are gone
    through again only where they have changed."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._by_device: dict[int, tuple[RouteTable, int, _ByFamily]] = {}
        """With the state of the table that it was found in."""
        self._by_home: dict[str, _ByFamily] = {}
        self._revision = -1
        """Of the routes of the ledger."""

    def routers_of(
        self, members: Sequence[Member], settings: GroupSettings, family: Family
    ) -> Routers:
        at_home = self._at_home()
        found = [self._on(member.ifindex)[family] for member in members]
        # What a device lost when it was set down is about to be put on another.
        found += [at_home[it.name][family] for it in members if it.name in at_home]
        pinned = [target for target in settings.targets if family_of(target) is family]
        pinned += [target for routers in found for target in routers.pinned]
        learnt = (target for routers in found for target in routers.learnt)
        return Routers(tuple(dict.fromkeys(pinned)), tuple(dict.fromkeys(learnt)))

    def _on(self, ifindex: int) -> _ByFamily:
        table = self._scene.view.table
        revision = table.revision(ifindex)
        known = self._by_device.get(ifindex)
        if known is None or known[0] is not table or known[1] != revision:
            known = (table, revision, _named_by(table.on(ifindex).values()))
            self._by_device[ifindex] = known
        return known[2]

    def _at_home(self) -> Mapping[str, _ByFamily]:
        ledger = self._scene.ledger
        if self._revision != ledger.routes_revision:
            by_home: dict[str, list[Route]] = {}
            for known, route in ledger.routes.items():
                by_home.setdefault(known.home, []).append(route)
            self._by_home = {home: _named_by(routes) for home, routes in by_home.items()}
            self._revision = ledger.routes_revision
        return self._by_home


def _named_by(routes: Iterable[Route]) -> _ByFamily:
    found = {family: (_Ordered(), _Ordered()) for family in Family}
    for route in routes:
        pinned, learnt = found[RouteKey.of(route).family]
        if _names_target(route):
            pinned[route.destination.network_address] = None
        elif route.gateway is not None:
            learnt[route.gateway] = None
    return {family: Routers(tuple(it[0]), tuple(it[1])) for family, it in found.items()}


def _names_target(route: Route) -> bool:
    """A static host route to a neighbour, the documented way to pin a target.

    `route add -host T T -static` of Solaris makes T its own gateway.
    """
    host = route.destination.network_address
    is_host = route.destination.prefixlen == route.destination.max_prefixlen
    is_direct = route.gateway is None or route.gateway == host
    return is_host and is_direct and route.protocol not in RTPROT_BY_KERNEL
