"""What the kernel holds, as far as it told us.

Only the kernel's own words get in: notifications, dumps, and acknowledgements of our requests.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rcmd.ipmp.events import (
    AddressGone,
    AddressSeen,
    KernelChange,
    KernelSnapshot,
    LinkGone,
    LinkSeen,
    RouteGone,
    RouteSeen,
)
from rcmd.model import Family, IPInterface, KernelAddress, Link, Route

DEFAULT_IPV6_METRIC = 1024
"""What the kernel makes of none (IP6_RT_PRIO_USER)."""


@dataclass(frozen=True, slots=True)
class RouteKey:
    """What makes a route the same route on another device."""

    route: Route
    """With `ifindex` and `protocol` set to zero."""

    @classmethod
    def of(cls, route: Route) -> RouteKey:
        return cls(replace(route, ifindex=0, protocol=0))


def essence(item: KernelAddress | Route) -> object:
    """What makes it the same address, or the same route, on whichever device."""
    if isinstance(item, KernelAddress):
        return item.address.ip
    if item.family is Family.IPV6 and not item.priority:
        item = replace(item, priority=DEFAULT_IPV6_METRIC)
    return RouteKey.of(item)


class KernelView:
    """Links, addresses and routes; addresses of a link in the order of their arrival."""

    def __init__(self) -> None:
        self.links: dict[int, Link] = {}
        self.addresses: dict[int, dict[IPInterface, KernelAddress]] = {}
        self.routes: dict[int, dict[RouteKey, Route]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KernelView) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    @classmethod
    def of(cls, snapshot: KernelSnapshot) -> KernelView:
        view = cls()
        for link in snapshot.links:
            view.links[link.ifindex] = link
        for address in snapshot.addresses:
            view.add_address(address)
        for route in snapshot.routes:
            view.add_route(route)
        return view

    def apply(self, change: KernelChange) -> None:
        match change:
            case LinkSeen(link):
                self.links[link.ifindex] = link
                if not link.is_up:
                    # The kernel flushes IPv4 routes of a device set down without a word.
                    self._drop_routes(link.ifindex, Family.IPV4)
            case LinkGone(ifindex):
                self.links.pop(ifindex, None)
                self.addresses.pop(ifindex, None)
                self.routes.pop(ifindex, None)
            case AddressSeen(address):
                self.add_address(address)
            case AddressGone(address):
                self.remove_address(address)
            case RouteSeen(route):
                self.add_route(route)
            case RouteGone(route):
                self.remove_route(route)

    def link_named(self, name: str) -> Link | None:
        return next((link for link in self.links.values() if link.name == name), None)

    def add(self, item: KernelAddress | Route) -> None:
        if isinstance(item, Route):
            self.add_route(item)
        else:
            self.add_address(item)

    def remove(self, item: KernelAddress | Route) -> None:
        if isinstance(item, Route):
            self.remove_route(item)
        else:
            self.remove_address(item)

    def add_address(self, address: KernelAddress) -> None:
        self.addresses.setdefault(address.ifindex, {})[address.address] = address

    def remove_address(self, address: KernelAddress) -> None:
        held = self.addresses.get(address.ifindex, {})
        held.pop(address.address, None)
        if address.family is Family.IPV4 and not any(
            other.family is Family.IPV4 for other in held.values()
        ):
            # With its last IPv4 address a device loses its IPv4 routes (fib_disable_ip).
            self._drop_routes(address.ifindex, Family.IPV4)

    def add_route(self, route: Route) -> None:
        self.routes.setdefault(route.ifindex, {})[RouteKey.of(route)] = route

    def remove_route(self, route: Route) -> None:
        self.routes.get(route.ifindex, {}).pop(RouteKey.of(route), None)

    def _drop_routes(self, ifindex: int, family: Family) -> None:
        routes = self.routes.get(ifindex, {})
        for key in [key for key, route in routes.items() if route.family is family]:
            del routes[key]
