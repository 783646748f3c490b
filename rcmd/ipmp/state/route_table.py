"""The routes of all devices, and where each of them is.

There may be tens of thousands.  Nothing here goes through all of them, but for what a device loses
at once, and that costs next to nothing: whatever else is kept of a route may be out of date, and is
checked when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from rcmd.ipmp.rules.leads import Leads
from rcmd.ipmp.rules.slaac import is_prefix_route
from rcmd.model.network import Family, IPAddress, Route, RouteKey, RouteSlot

_NONE: Mapping[RouteKey, Route] = {}


@dataclass(frozen=True, slots=True)
class Dropped:
    """A device has lost all routes of a family at once."""

    ifindex: int
    family: Family


class RouteTable:
    def __init__(self) -> None:
        self.by_device: dict[int, dict[RouteKey, Route]] = {}
        """By ifindex; in the order of their arrival."""
        self.revision = 0
        """Grows with every change."""
        self.log: list[RouteKey | Dropped] = []
        """What has changed, in order; for whoever follows it, and clears it."""
        self.leads: dict[int, Leads] = {}
        """By ifindex."""
        self._carriers: dict[RouteKey, tuple[int, ...]] = {}
        self._by_slot: dict[RouteSlot, tuple[RouteKey, ...]] = {}
        self._by_source: dict[IPAddress, dict[tuple[int, RouteKey], None]] = {}
        """By the source address that they prefer."""
        self._prefix_routes: dict[int, dict[RouteKey, None]] = {}
        self._direct: dict[int, dict[RouteKey, None]] = {}
        """Those without a gateway."""

    def copy(self) -> RouteTable:
        """One that can be changed without a change to this one."""
        twin = RouteTable()
        twin.by_device = {ifindex: dict(held) for ifindex, held in self.by_device.items()}
        twin.leads = {ifindex: leads.copy() for ifindex, leads in self.leads.items()}
        twin._carriers = dict(self._carriers)
        twin._by_slot = dict(self._by_slot)
        twin._by_source = {key: dict(held) for key, held in self._by_source.items()}
        twin._prefix_routes = {key: dict(held) for key, held in self._prefix_routes.items()}
        twin._direct = {key: dict(held) for key, held in self._direct.items()}
        return twin

    def become(self, routes: Iterable[Route]) -> None:
        """These are all there are.  What it has already costs next to nothing."""
        wanted: dict[int, dict[RouteKey, Route]] = {}
        for route in routes:
            wanted.setdefault(route.ifindex, {})[RouteKey.of(route)] = route
        for ifindex, held in list(self.by_device.items()):
            kept = wanted.get(ifindex, _NONE)
            for route in [route for key, route in held.items() if key not in kept]:
                self.remove(route)
        for ifindex, due in wanted.items():
            held = self.by_device.get(ifindex, {})
            for key, route in due.items():
                known = held.get(key)
                # They are the same in all else: that is what the key says.
                if known is None or known.protocol != route.protocol:
                    self.add(route)

    def on(self, ifindex: int) -> Mapping[RouteKey, Route]:
        return self.by_device.get(ifindex, _NONE)

    def carriers_of(self, key: RouteKey) -> tuple[int, ...]:
        """The devices (ifindex) that have the route."""
        carriers = self._carriers.get(key, ())
        for ifindex in carriers:
            if key not in self.by_device.get(ifindex, _NONE):
                return tuple(it for it in carriers if key in self.by_device.get(it, _NONE))
        return carriers

    def rivals_of(self, route: Route) -> list[Route]:
        """The routes whose place it can take: what `ip route replace` goes by is the same."""
        return [
            self.by_device[ifindex][key]
            for key in self._by_slot.get(RouteKey.of(route).slot, ())
            for ifindex in self.carriers_of(key)
        ]

    def preferring(self, source: IPAddress) -> list[Route]:
        """The routes that prefer this source."""
        found = (self.on(ifindex).get(key) for ifindex, key in self._by_source.get(source, ()))
        return [route for route in found if route is not None]

    def prefix_routes(self, ifindex: int) -> Iterator[Route]:
        """Those that stand-ins need."""
        held = self.on(ifindex)
        for key in self._prefix_routes.get(ifindex, ()):
            if (route := held.get(key)) is not None and is_prefix_route(route):
                yield route

    def direct(self, ifindex: int) -> Iterator[Route]:
        """Those without a gateway, which may lead to the gateways of others."""
        held = self.on(ifindex)
        found = (held.get(key) for key in self._direct.get(ifindex, ()))
        return (route for route in found if route is not None)

    def add(self, route: Route) -> None:
        key, ifindex = RouteKey.of(route), route.ifindex
        held = self.by_device.setdefault(ifindex, {})
        leads = self.leads.setdefault(ifindex, Leads())
        if (old := held.get(key)) is not None:
            leads.remove(old)
        leads.add(route)
        held[key] = route
        carriers = self.carriers_of(key)
        if ifindex not in carriers:
            carriers = (*carriers, ifindex)
        self._carriers[key] = carriers
        rivals = self._by_slot.get(key.slot, ())
        if key not in rivals:
            self._by_slot[key.slot] = (*rivals, key)
        if key.source is not None:
            self._by_source.setdefault(key.source, {})[ifindex, key] = None
        if is_prefix_route(route):
            self._prefix_routes.setdefault(ifindex, {})[key] = None
        if not key.has_gateway:
            self._direct.setdefault(ifindex, {})[key] = None
        self._note(key)

    def remove(self, route: Route) -> None:
        key, ifindex = RouteKey.of(route), route.ifindex
        held = self.by_device.get(ifindex, {})
        old = held.pop(key, None)
        if old is None:
            return
        self.leads[ifindex].remove(old)
        if not held:
            del self.by_device[ifindex]
        carriers = tuple(it for it in self.carriers_of(key) if it != ifindex)
        if carriers:
            self._carriers[key] = carriers
        else:
            self._forget(key)
        if key.source is not None and key.source in self._by_source:
            self._by_source[key.source].pop((ifindex, key), None)
        if not key.has_gateway:
            self._direct.get(ifindex, {}).pop(key, None)
        self._note(key)

    def _forget(self, key: RouteKey) -> None:
        self._carriers.pop(key, None)
        rivals = tuple(it for it in self._by_slot.get(key.slot, ()) if it != key)
        if rivals:
            self._by_slot[key.slot] = rivals
        else:
            self._by_slot.pop(key.slot, None)

    def drop(self, ifindex: int, *families: Family) -> None:
        """The device has lost all of them."""
        held = self.by_device.pop(ifindex, None)
        if not held:
            return
        rest = (
            {}
            if len(families) > 1
            else {key: route for key, route in held.items() if key.family is not families[0]}
        )
        if rest:
            self.by_device[ifindex] = rest
        for family in families:
            self.leads[ifindex].drop(family)
            self._note(Dropped(ifindex, family))

    def _note(self, change: RouteKey | Dropped) -> None:
        self.revision += 1
        self.log.append(change)
