"""What the kernel holds, as far as it told us.

Only the kernel's own words get in: notifications, dumps, and acknowledgements of our requests.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rcmd.ipmp.api.events import (
    USUAL_PORTS,
    AddressGone,
    AddressSeen,
    FamilySwitched,
    ForeignNexthopSeen,
    KernelChange,
    KernelSnapshot,
    LinkGone,
    LinkSeen,
    Moved,
    NexthopGone,
    PinRuleGone,
    RouteGone,
    RouteSeen,
    RoutesFound,
    SpreadDone,
    SpreadItemSeen,
    SpreadRouteGone,
)
from rcmd.ipmp.api.nexthops import NexthopView, view_of
from rcmd.ipmp.state.route_table import RouteTable
from rcmd.model.network import Family, IPAddress, IPInterface, KernelAddress, Link, Route, RouteKey

DEFAULT_IPV6_METRIC = 1024
"""What the kernel makes of none (IP6_RT_PRIO_USER)."""


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
        self.names: frozenset[str] = frozenset()
        """Of the interfaces in our care (`call_by`)."""
        self.links: dict[int, Link] = {}
        """By ifindex; called as their files call them."""
        self._captors: dict[int, int] = {}
        """Device -> who takes all that it receives, by ifindex."""
        self.addresses: dict[int, dict[IPInterface, KernelAddress]] = {}
        self.table = RouteTable()
        self.nexthops = NexthopView()
        self.local_ports = USUAL_PORTS
        # The same by what they are: with many devices nobody may go through all of them.
        self._holders: dict[IPAddress, dict[tuple[int, IPInterface], KernelAddress]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KernelView) and self._all() == other._all()

    __hash__ = None  # type: ignore[assignment]

    def _all(self) -> object:
        return self.links, self.addresses, self.routes, self.nexthops, self.local_ports

    def copy(self) -> KernelView:
        """One that can be changed without a change to this one."""
        view = KernelView()
        view.names = self.names
        view.links = dict(self.links)
        view._captors = dict(self._captors)
        view.addresses = {ifindex: dict(held) for ifindex, held in self.addresses.items()}
        view.table = self.table.copy()
        view.nexthops = view_of(self.nexthops.items(), self.nexthops.foreign)
        view.local_ports = self.local_ports
        view._holders = {key: dict(places) for key, places in self._holders.items()}
        return view

    @property
    def routes(self) -> dict[int, dict[RouteKey, Route]]:
        """By ifindex; to be read."""
        return self.table.by_device

    def all_addresses(self) -> frozenset[IPAddress]:
        """Every address of this machine."""
        return frozenset(self._holders)

    def copies_of(self, address: IPAddress) -> Iterable[KernelAddress]:
        """The address as it is held, on whichever devices."""
        return self._holders.get(address, {}).values()

    def captor_of(self, ifindex: int) -> Link | None:
        """Who takes all that the device receives (`Link.takes_all`)."""
        return self.links.get(self._captors.get(ifindex, 0))

    def carriers_of(self, key: RouteKey) -> Iterable[int]:
        """The devices (ifindex) that have the route."""
        return self.table.carriers_of(key)

    @classmethod
    def of(cls, snapshot: KernelSnapshot, before: KernelView | None = None) -> KernelView:
        """`before` is given up: its routes are taken over, with what is different now."""
        view = cls()
        for link in snapshot.links:
            view._see(link)
        for address in snapshot.addresses:
            view.add_address(address)
        if before is not None:
            view.table = before.table
        view.table.become(snapshot.routes)
        view.nexthops = view_of(snapshot.spread, snapshot.foreign_nexthops)
        view.local_ports = snapshot.local_ports
        for past in snapshot.since:
            view._catch_up(past)
        return view

    def _catch_up(self, past: KernelChange | Moved | SpreadDone) -> None:
        """Whether or not it is known already: the last word on everything is the right one."""
        match past:
            case Moved(added=added, removed=removed):
                for item in added:
                    self.add(item)
                for item in removed:
                    self.remove(item)
            case SpreadDone(added=came, removed=went):
                for one in came:
                    self.nexthops.add(one)
                for one in went:
                    self.nexthops.remove(one)
            case _:
                self.apply(past)

    def held_before(self, change: KernelChange) -> KernelAddress | None:
        """The address that is told of, as it was until then."""
        if not isinstance(change, AddressSeen):
            return None
        return self.addresses.get(change.address.ifindex, {}).get(change.address.address)

    def apply(self, change: KernelChange) -> None:
        match change:
            case LinkSeen(link):
                old = self.links.get(link.ifindex)
                self._see(link.called_by(self.names))
                if old is not None and old.kernel_name != link.kernel_name:
                    self._relabel(link)
                if not link.is_running:
                    self.nexthops.drop_device(link.ifindex, is_up=link.is_up)
                if not link.is_up:
                    # The kernel flushes IPv4 routes of a device set down without a word.
                    self.table.drop(link.ifindex, Family.IPV4)
            case LinkGone(ifindex):
                self._forget_captor(ifindex)
                self.links.pop(ifindex, None)
                self.nexthops.drop_device(ifindex, is_up=False)
                for address in self.addresses.pop(ifindex, {}).values():
                    self._forget_address(address)
                self.table.drop(ifindex, *Family)
            case FamilySwitched(ifindex, family, is_on):
                self._switch(ifindex, family, is_on=is_on)
            case AddressSeen(address):
                self.add_address(address)
            case AddressGone(address):
                self.remove_address(address)
            case RouteSeen(route):
                self.table.add(route)
            case RouteGone(route):
                self.table.remove(route)
            case RoutesFound(ifindex, family, routes):
                self._drop_but(ifindex, family, routes)
            case SpreadItemSeen(item):
                self.nexthops.add(item)
            case ForeignNexthopSeen(number):
                self.nexthops.foreign.add(number)
            case NexthopGone(number):
                self.nexthops.remove_number(number)
            case SpreadRouteGone(shared):
                self.nexthops.remove(shared)
            case PinRuleGone(rule):
                self.nexthops.remove(rule)

    def _see(self, link: Link) -> None:
        self._forget_captor(link.ifindex)
        self.links[link.ifindex] = link
        if link.takes_all and link.lower:
            self._captors[link.lower] = link.ifindex

    def _forget_captor(self, ifindex: int) -> None:
        old = self.links.get(ifindex)
        if old is not None and self._captors.get(old.lower) == ifindex:
            del self._captors[old.lower]

    def _switch(self, ifindex: int, family: Family, *, is_on: bool) -> None:
        """Of a device that is down nothing is said by that: it comes up as it is set then."""
        link = self.links.get(ifindex)
        if link is not None and link.is_up:
            off = link.switched_off - {family} if is_on else link.switched_off | {family}
            self.links[ifindex] = replace(link, switched_off=off)

    def _drop_but(self, ifindex: int, family: Family, routes: Iterable[Route]) -> None:
        found = {RouteKey.of(route) for route in routes}
        for key, route in list(self.table.on(ifindex).items()):
            if route.family is family and key not in found:
                self.table.remove(route)

    def _relabel(self, link: Link) -> None:
        """As the kernel does it, without a word (net/ipv4/devinet.c, inetdev_changename)."""
        for held in list(self.addresses.get(link.ifindex, {}).values()):
            if held.label:
                _, colon, number = held.label.partition(":")
                self.add_address(replace(held, label=f"{link.kernel_name}{colon}{number}"))

    def call_by(self, names: frozenset[str]) -> None:
        """The names of the interfaces in our care: a device that answers to one is called so."""
        if names != self.names:
            self.names = names
            self.links = {ifindex: it.called_by(names) for ifindex, it in self.links.items()}

    def link_named(self, name: str) -> Link | None:
        return next((link for link in self.links.values() if link.name == name), None)

    def link_answering_to(self, name: str) -> Link | None:
        """By any of its names."""
        found = (link for link in self.links.values() if name in link.names)
        return self.link_named(name) or next(found, None)

    def add(self, item: KernelAddress | Route) -> None:
        if isinstance(item, Route):
            self.table.add(item)
        else:
            self.add_address(item)

    def remove(self, item: KernelAddress | Route) -> None:
        if isinstance(item, Route):
            self.table.remove(item)
        else:
            self.remove_address(item)

    def add_address(self, address: KernelAddress) -> None:
        self.addresses.setdefault(address.ifindex, {})[address.address] = address
        place = (address.ifindex, address.address)
        self._holders.setdefault(address.address.ip, {})[place] = address

    def _forget_address(self, address: KernelAddress) -> None:
        key = address.address.ip
        holders = self._holders.get(key, {})
        holders.pop((address.ifindex, address.address), None)
        if not holders:
            self._holders.pop(key, None)
            if key.version == 6:
                self._strip_of_source(key)

    def _strip_of_source(self, source: IPAddress) -> None:
        """IPv6 routes stay without the source they preferred, and the kernel says nothing
        (linux:net/ipv6/route.c, fib6_remove_prefsrc); of IPv4 it takes them away, and says so."""
        for route in self.table.preferring(source):
            self.table.remove(route)
            self.table.add(replace(route, source=None))

    def remove_address(self, address: KernelAddress) -> None:
        held = self.addresses.get(address.ifindex, {})
        held.pop(address.address, None)
        self._forget_address(address)
        if address.family is Family.IPV4 and not any(
            other.family is Family.IPV4 for other in held.values()
        ):
            # With its last IPv4 address a device loses its IPv4 routes (fib_disable_ip).
            self.table.drop(address.ifindex, Family.IPV4)
            self.nexthops.drop_pins(address.ifindex)
