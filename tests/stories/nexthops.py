"""The nexthops of the model kernel, with the traps that were measured on Linux 6.18.

A device without carrier takes none; losing its carrier it loses those it had, without a word; an
empty group is gone with its routes; a gateway is refused on a device that the route to its prefix
does not lead to; a group does not change its type; siblings need an address that reaches them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rcmd.ipmp.api.commands import Spread
from rcmd.ipmp.api.events import SpreadDone, SpreadRefusal
from rcmd.ipmp.api.nexthops import (
    GroupRoute,
    Nexthop,
    NexthopGroup,
    Pin,
    PinnedRoute,
    PinRule,
    Sibling,
    SpreadItem,
    SpreadRoute,
)
from rcmd.model.network import IPAddress, IPInterface

IsRunning = Callable[[int], bool]
AddressesOf = Callable[[int], Iterable[IPInterface]]


class Nexthops:
    def __init__(self, is_running: IsRunning, addresses_of: AddressesOf) -> None:
        self._is_running = is_running
        self._addresses_of = addresses_of
        self.hops: dict[int, Nexthop] = {}
        self.groups: dict[int, NexthopGroup] = {}
        self.routes: list[GroupRoute] = []
        self.siblings: list[Sibling] = []
        self.pins: list[Pin] = []

    def items(self) -> tuple[SpreadItem, ...]:
        return (
            *self.hops.values(),
            *self.groups.values(),
            *self.routes,
            *self.siblings,
            *self.pins,
        )

    def ways(self, destination: str) -> dict[int, int]:
        """ifindex -> weight of those that share the traffic to a network."""
        for route in self.routes:
            if str(route.destination) == destination:
                shares = self.groups[route.group].shares
                return {self.hops[number].path.ifindex: weight for number, weight in shares}
        return {
            it.route.ifindex: it.weight
            for it in self.siblings
            if str(it.route.destination) == destination
        }

    def execute(self, spread: Spread) -> SpreadDone:
        added: list[SpreadItem] = []
        removed: list[SpreadItem] = []
        refusals: list[SpreadRefusal] = []
        for item in spread.add:
            reason = self._add(item)
            if reason:
                refusals.append(SpreadRefusal(item, reason))
            else:
                added.append(item)
        for item in spread.remove:
            self._remove(item)
            removed.append(item)
        return SpreadDone(spread, tuple(added), tuple(removed), tuple(refusals))

    def take_away(self, destination: str) -> list[SpreadRoute]:
        """By hand; the routes that are gone."""
        gone: list[SpreadRoute] = [it for it in self.routes if str(it.destination) == destination]
        gone += [it for it in self.siblings if str(it.route.destination) == destination]
        self.routes = [it for it in self.routes if it not in gone]
        self.siblings = [it for it in self.siblings if it not in gone]
        return gone

    def take_away_sibling(self, destination: str, ifindex: int) -> list[Sibling]:
        gone = [
            it
            for it in self.siblings
            if str(it.route.destination) == destination and it.route.ifindex == ifindex
        ]
        self.siblings = [it for it in self.siblings if it not in gone]
        return gone

    def lose(self, ifindex: int, *, is_up: bool) -> None:
        """The device has lost its carrier, is down, or gone."""
        for hop in [hop for hop in self.hops.values() if hop.path.ifindex == ifindex]:
            self._drop_hop(hop.id)
        if not is_up:
            self.siblings = [it for it in self.siblings if it.route.ifindex != ifindex]
            self.lose_pins(ifindex)

    def lose_pins(self, ifindex: int) -> None:
        """The device is down, or without its last IPv4 address."""
        self.pins = [
            it for it in self.pins if isinstance(it, PinRule) or it.route.ifindex != ifindex
        ]

    def _add(self, item: SpreadItem) -> str:
        match item:
            case Nexthop(path=path):
                if not self._is_running(path.ifindex):
                    return "Carrier for nexthop device is down."
                if path.gateway and not self._reaches(path.ifindex, path.gateway):
                    return "Nexthop has invalid gateway."
                self.hops[item.id] = item
            case NexthopGroup():
                if any(number not in self.hops for number, _ in item.shares):
                    return "Invalid nexthop id"
                old = self.groups.get(item.id)
                if old and old.is_resilient is not item.is_resilient:
                    return "Can not replace a nexthop group with one of a different type."
                self.groups[item.id] = item
            case GroupRoute():
                if item.group not in self.groups:
                    return "Nexthop id does not exist"
                if item not in self.routes:
                    self.routes.insert(0, item)
            case Sibling(route=route):
                assert route.gateway is not None
                if not any(route.gateway in it.network for it in self._addresses_of(route.ifindex)):
                    return "No route to host"
                if all(it.route != route for it in self.siblings):
                    self.siblings.append(item)
            case PinnedRoute() | PinRule():
                if item not in self.pins:
                    self.pins.append(item)
        return ""

    def _reaches(self, ifindex: int, gateway: IPAddress) -> bool:
        """The first route to the prefix decides, and it may be one through a group."""
        for route in self.routes:
            if route.destination.prefixlen and gateway in route.destination:
                shares = self.groups[route.group].shares
                return any(self.hops[number].path.ifindex == ifindex for number, _ in shares)
        return any(gateway in it.network for it in self._addresses_of(ifindex))

    def _remove(self, item: SpreadItem) -> None:
        match item:
            case Nexthop():
                self._drop_hop(item.id)
            case NexthopGroup():
                self._drop_group(item.id)
            case GroupRoute():
                self.routes = [it for it in self.routes if it != item]
            case Sibling():
                self.siblings = [it for it in self.siblings if it != item]
            case PinnedRoute() | PinRule():
                self.pins = [it for it in self.pins if it != item]

    def _drop_hop(self, number: int) -> None:
        self.hops.pop(number, None)
        for group in list(self.groups.values()):
            shares = tuple(it for it in group.shares if it[0] != number)
            if not shares:
                self._drop_group(group.id)
            else:
                self.groups[group.id] = NexthopGroup(group.id, shares, group.is_resilient)

    def _drop_group(self, number: int) -> None:
        self.groups.pop(number, None)
        self.routes = [it for it in self.routes if it.group != number]
