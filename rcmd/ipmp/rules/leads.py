"""Whom a set of routes leads to: counted, so that asking costs nothing, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rcmd.model.network import Family, IPAddress, Route, RouteKey

RTPROT_BY_KERNEL = frozenset({1, 2, 9})
"""Redirect, kernel, router advertisement (linux:rtnetlink.h)."""


class Lead(NamedTuple):
    family: Family
    address: IPAddress
    is_pinned: bool
    """By a static host route; otherwise it is the next hop of others."""


_Name = tuple[Family, bool, tuple[int, int]]
"""Of a lead: family, whether it is pinned, and the address in numbers."""


def _name_of(route: Route) -> _Name | None:
    """A static host route to a neighbour is the documented way to pin a target.

    `route add -host T T -static` of Solaris makes T its own gateway.
    """
    key = RouteKey.of(route)
    if key.names_host and route.protocol not in RTPROT_BY_KERNEL:
        return key.family, True, key.slot[:2]
    return None if key.gateway is None else (key.family, False, key.gateway)


def _lead_of(route: Route, name: _Name) -> Lead:
    family, is_pinned, _ = name
    address = route.destination.network_address if is_pinned else route.gateway
    assert address is not None
    return Lead(family, address, is_pinned)


class Leads:
    """Those of some routes, in the order in which they came."""

    def __init__(self) -> None:
        self._counts: dict[_Name, int] = {}
        self._leads: dict[_Name, Lead] = {}
        """One for each that is counted."""

    def __iter__(self) -> Iterator[Lead]:
        return iter(self._leads.values())

    def copy(self) -> Leads:
        twin = Leads()
        twin._counts = dict(self._counts)
        twin._leads = dict(self._leads)
        return twin

    def add(self, route: Route) -> None:
        name = _name_of(route)
        if name is None:
            return
        count = self._counts.get(name, 0)
        self._counts[name] = count + 1
        if not count:
            self._leads[name] = _lead_of(route, name)

    def remove(self, route: Route) -> None:
        """One that was added."""
        name = _name_of(route)
        if name is None:
            return
        count = self._counts[name] - 1
        if count:
            self._counts[name] = count
        else:
            del self._counts[name], self._leads[name]

    def drop(self, family: Family) -> None:
        for name in [it for it in self._counts if it[0] is family]:
            del self._counts[name], self._leads[name]
