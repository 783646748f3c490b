"""The known routes that are not where they should be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rcmd.ipmp.address_flags import (
    IFA_F_NODAD,
    IFA_F_OPTIMISTIC,
    IFA_F_PERMANENT,
    IFA_F_TENTATIVE,
)
from rcmd.ipmp.arrangement import Targets
from rcmd.ipmp.batches import Batches, ItemKey, item_key
from rcmd.ipmp.causes import cause_of, origin_of
from rcmd.ipmp.commands import Cause
from rcmd.ipmp.kernel_view import RouteKey
from rcmd.ipmp.leases import PROTOCOLS as LEASE_PROTOCOLS
from rcmd.ipmp.ledger import RouteAtHome
from rcmd.ipmp.scene import Circles, Scene
from rcmd.model import RCMD_PROTOCOL, Family, KernelAddress, Route

_DETECTING = IFA_F_TENTATIVE | IFA_F_OPTIMISTIC


class RouteDifference:
    def __init__(
        self,
        scene: Scene,
        targets: Targets,
        circles: Circles | None,
        batches: Batches,
    ) -> None:
        """`batches` have the addresses already."""
        self._scene = scene
        self._homes = scene.homes(circles)
        self._targets = targets
        self._batches = batches
        self._added = {it.address.ip for it in batches.added() if _is_in_use(it)}
        """The addresses that will be there, and in use, when the routes are added."""

    def find(self) -> None:
        self._known_routes()
        self._dropped_routes()

    def _known_routes(self) -> None:
        wanted: set[ItemKey] = set()
        blocked: set[RouteKey] = set()
        targets: dict[RouteAtHome, str | None] = {}
        for known, route in self._scene.ledger.routes.items():
            if self._homes is not None and known.home not in self._homes:
                continue
            if known not in self._targets:
                continue
            target = targets[known] = self._targets[known]
            if target is None:
                continue
            placed = self._placed_route(known, route, target)
            wanted.add(item_key(placed))
            if known.key in self._scene.view.routes.get(placed.ifindex, {}):
                continue
            if self._batches.was_refused(placed) or not self._has_source(placed):
                blocked.add(known.key)
                continue
            hosts = self._others_aside(known)
            source = next((name for name in hosts if name != target), None)
            cause = cause_of(self._scene, known.home, source, target, route.family)
            origin = origin_of(known.home, source, target)
            self._batches.of(cause, origin, target).add_route(placed)
        self._stale_routes(targets, wanted, blocked)

    def _others_aside(self, known: RouteAtHome) -> list[str]:
        """Where it is, without the places of the same route of other homes."""
        others = {
            self._targets.get(RouteAtHome(home, known.key))
            for home in self._scene.ledger.homes_of_route(known.key)
            if home != known.home
        }
        return [name for name in self._scene.route_hosts(known) if name not in others]

    def _placed_route(self, known: RouteAtHome, route: Route, target: str) -> Route:
        protocol = route.protocol if target == known.home else RCMD_PROTOCOL
        return replace(route, ifindex=self._scene.members[target].ifindex, protocol=protocol)

    def _has_source(self, route: Route) -> bool:
        """The address comes first, and has to be past its duplicate detection."""
        if route.source is None:
            return True
        held = self._scene.view.copies_of(route.source)
        return route.source in self._added or any(_is_in_use(copy) for copy in held)

    def _stale_routes(
        self,
        targets: Mapping[RouteAtHome, str | None],
        wanted: set[ItemKey],
        blocked: set[RouteKey],
    ) -> None:
        by_key = {
            (known.key, self._circle(known)): known for known in targets if known.key not in blocked
        }
        for (key, _), known in by_key.items():
            for name in self._scene.route_hosts(known):
                ifindex = self._scene.members[name].ifindex
                route = self._scene.view.routes[ifindex][key]
                if (ifindex, key) not in wanted and not self._batches.was_refused(route):
                    target = targets[known]
                    cause = cause_of(self._scene, known.home, name, target, route.family)
                    self._batches.of(cause, name, target).remove_routes.append(route)

    def _circle(self, known: RouteAtHome) -> str:
        home = self._scene.members.get(known.home)
        return home.circle if home else ""

    def _dropped_routes(self) -> None:
        """Those of leases that are over."""
        ledger, view = self._scene.ledger, self._scene.view
        for key in ledger.leases.dropped:
            for ifindex in () if ledger.knows_route(key) else view.carriers_of(key):
                member, route = self._scene.member_at(ifindex), view.routes[ifindex][key]
                is_ours = route.protocol in LEASE_PROTOCOLS and not self._batches.was_refused(route)
                if member is not None and is_ours:
                    self._batches.of(Cause.CLEANUP, member.name, None).remove_routes.append(route)


def _is_in_use(address: KernelAddress) -> bool:
    """Past its duplicate detection: an IPv6 route cannot prefer a source that may not be ours.

    Of one that was added with detection only the kernel knows: its own flags tell.
    """
    if address.family is Family.IPV4 or address.flags & IFA_F_NODAD:
        return True
    is_told = bool(address.flags & IFA_F_PERMANENT) or address.valid_s is not None
    return is_told and address.flags & _DETECTING != IFA_F_TENTATIVE
