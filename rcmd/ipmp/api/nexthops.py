"""Nexthop objects, groups of them, routes through groups, siblings: what load spreading is made of.

A nexthop is one way out: a device, and a gateway where there is one.  A group shares the traffic
of its routes among several, each flow always taking the same (linux:net/ipv4/nexthop.c).  Siblings
are IPv6 routes that differ only in gateway and device, which the kernel shares traffic among too.

The kernel drops a nexthop whose device loses its carrier, is set down or goes away, shrinks the
groups it was in, and drops empty groups with their IPv4 routes, all without a word; and it brings
nothing back.  `NexthopView` draws the same conclusions from the links.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from rcmd.model.network import Family, IPAddress, IPNetwork, Route, family_of

FIRST_ID = 15301
"""Of our nexthops: 153 is `RCMD_PROTOCOL`."""


@dataclass(frozen=True, slots=True)
class Path:
    """What a nexthop does, whatever its number."""

    family: Family
    ifindex: int
    gateway: IPAddress | None = None
    """None: the destinations are on the link."""


@dataclass(frozen=True, slots=True)
class Nexthop:
    id: int
    path: Path


@dataclass(frozen=True, slots=True)
class NexthopGroup:
    id: int
    shares: tuple[tuple[int, int], ...]
    """(id of the nexthop, weight from 1 to 255), by id."""
    is_resilient: bool = False
    """A flow stays where it is for as long as it is busy (nexthop-group-resilient.rst)."""


@dataclass(frozen=True, slots=True)
class GroupRoute:
    """A unicast route through a nexthop group."""

    group: int
    destination: IPNetwork
    table: int = 254
    priority: int = 0
    tos: int = 0
    scope: int = 0
    """RT_SCOPE_: 0 universe, 253 link."""
    metrics: tuple[tuple[int, int], ...] = ()

    @property
    def family(self) -> Family:
        return family_of(self.destination)

    def through(self, ifindex: int, gateway: IPAddress | None) -> Route:
        """The same, by one way alone."""
        return Route(
            ifindex,
            self.destination,
            gateway,
            self.table,
            self.priority,
            self.tos,
            self.scope,
            SPREAD_PROTOCOL,
            metrics=self.metrics,
        )

    @property
    def place(self) -> tuple[IPNetwork, int, int, int]:
        """What `ip route replace` goes by."""
        return self.destination, self.table, self.tos, self.priority


SPREAD_PROTOCOL = 0x9A
"""Marks the siblings: as routes they would be taken for what was moved here, and adopted."""


@dataclass(frozen=True, slots=True)
class Sibling:
    """One of several IPv6 routes to the same destination that share its traffic."""

    route: Route
    weight: int = 1

    @property
    def family(self) -> Family:
        return self.route.family

    @property
    def place(self) -> tuple[IPNetwork, int, int, int]:
        route = self.route
        return route.destination, route.table, route.tos, route.priority


@dataclass(frozen=True, slots=True)
class PinnedRoute:
    """One of the table of a single NIC."""

    route: Route

    @property
    def family(self) -> Family:
        return self.route.family


@dataclass(frozen=True, slots=True)
class PinRule:
    """Where a TCP connection goes that has this source and a port the kernel gave it."""

    source: IPAddress
    ports: tuple[int, int]
    priority: int
    table: int
    destination: IPNetwork | None = None
    is_but_default: bool = False
    """What only the default route of the table leads to goes on to the next rule."""


SpreadRoute = GroupRoute | Sibling
Pin = PinnedRoute | PinRule
SpreadItem = Nexthop | NexthopGroup | SpreadRoute | Pin


class NexthopView:
    """Ours, as the kernel holds them, and the numbers that others use."""

    def __init__(self) -> None:
        self.hops: dict[int, Nexthop] = {}
        self.groups: dict[int, NexthopGroup] = {}
        self.routes: dict[GroupRoute, None] = {}
        self.siblings: dict[Route, Sibling] = {}
        self.pins: dict[Pin, None] = {}
        self.foreign: set[int] = set()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NexthopView) and self._all() == other._all()

    __hash__ = None  # type: ignore[assignment]

    def _all(self) -> object:
        return self.hops, self.groups, self.routes, self.siblings, self.pins, self.foreign

    def items(self) -> tuple[SpreadItem, ...]:
        """In the order in which they can be removed."""
        siblings = self.siblings.values()
        routes = (*self.pins, *siblings, *self.routes)
        return (*routes, *self.groups.values(), *self.hops.values())

    def add(self, item: SpreadItem) -> None:
        match item:
            case Nexthop():
                self.hops[item.id] = item
            case NexthopGroup():
                self.groups[item.id] = item
            case GroupRoute():
                self.routes[item] = None
            case Sibling():
                self.siblings[item.route] = item
            case PinnedRoute() | PinRule():
                self.pins[item] = None

    def remove(self, item: SpreadItem) -> None:
        match item:
            case Nexthop():
                self.drop_hops(lambda hop: hop.id == item.id)
            case NexthopGroup():
                self._drop_group(item.id)
            case GroupRoute():
                self.routes.pop(item, None)
            case Sibling():
                self.siblings.pop(item.route, None)
            case PinnedRoute() | PinRule():
                self.pins.pop(item, None)

    def remove_number(self, number: int) -> None:
        """The nexthop or group of that number is gone, whosever it was."""
        self.foreign.discard(number)
        self.drop_hops(lambda hop: hop.id == number)
        self._drop_group(number)

    def drop_device(self, ifindex: int, *, is_up: bool) -> None:
        """It has no carrier, or is down or gone: siblings stay while it is up."""
        self.drop_hops(lambda hop: hop.path.ifindex == ifindex)
        for route in [route for route in self.siblings if route.ifindex == ifindex and not is_up]:
            del self.siblings[route]
        if not is_up:
            self.drop_pins(ifindex)

    def drop_pins(self, ifindex: int) -> None:
        """The device has lost its IPv4 routes."""
        for pin in list(self.pins):
            if isinstance(pin, PinnedRoute) and pin.route.ifindex == ifindex:
                del self.pins[pin]

    def drop_hops(self, is_gone: Callable[[Nexthop], bool]) -> None:
        gone = {hop.id for hop in self.hops.values() if is_gone(hop)}
        for number in gone:
            del self.hops[number]
        for group in list(self.groups.values()) if gone else ():
            shares = tuple(share for share in group.shares if share[0] not in gone)
            if not shares:
                self._drop_group(group.id)
            elif shares != group.shares:
                self.groups[group.id] = replace(group, shares=shares)

    def _drop_group(self, number: int) -> None:
        self.groups.pop(number, None)
        for route in [route for route in self.routes if route.group == number]:
            del self.routes[route]

    def front_of(self, route: Route) -> GroupRoute | None:
        """Ours that came before it in the same place, which only IPv4 has two in."""
        place = route.destination, route.table, route.tos, route.priority
        return next((it for it in reversed(self.routes) if it.place == place), None)

    def is_used(self, ifindex: int) -> bool:
        """Does anything that is shared leave by this device?"""
        devices = (hop.path.ifindex for hop in self.hops.values())
        return ifindex in devices or any(it.ifindex == ifindex for it in self.siblings)

    def hop_for(self, path: Path) -> Nexthop | None:
        return next((hop for hop in self.hops.values() if hop.path == path), None)

    def paths(self, group: NexthopGroup) -> Iterator[Path]:
        for number, _ in group.shares:
            if number in self.hops:
                yield self.hops[number].path

    def free_numbers(self) -> Iterator[int]:
        """Those that nobody uses, lowest first."""
        number = FIRST_ID
        while True:
            if not self._is_taken(number):
                yield number
            number += 1

    def _is_taken(self, number: int) -> bool:
        return number in self.hops or number in self.groups or number in self.foreign


def view_of(items: Iterable[SpreadItem], foreign: Iterable[int] = ()) -> NexthopView:
    view = NexthopView()
    for item in items:
        view.add(item)
    view.foreign.update(foreign)
    return view
