"""Whom a set of routes leads to: counted, so that asking costs nothing, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rcmd.model import Family, IPAddress, Route, RouteKey

RTPROT_BY_KERNEL = frozenset({1, 2, 9})
"""Redirect, kernel, router advertisement (linux:rtnetlink.h)."""


class Lead(NamedTuple):
    family: Family
    address: IPAddress
    is_pinned: bool
    """By a static host route; otherwise it is the next hop of others."""


def lead_of(route: Route) -> Lead | None:
    family = RouteKey.of(route).family
    if _names_target(route):
        return Lead(family, route.destination.network_address, is_pinned=True)
    return None if route.gateway is None else Lead(family, route.gateway, is_pinned=False)


def _names_target(route: Route) -> bool:
    """A static host route to a neighbour, the documented way to pin a target.

    `route add -host T T -static` of Solaris makes T its own gateway.
    """
    if route.destination.prefixlen != route.destination.max_prefixlen:
        return False
    is_direct = route.gateway is None or route.gateway == route.destination.network_address
    return is_direct and route.protocol not in RTPROT_BY_KERNEL


class Leads:
    """Those of some routes, in the order in which they came."""

    def __init__(self) -> None:
        self._counts: dict[Lead, int] = {}

    def __iter__(self) -> Iterator[Lead]:
        return iter(self._counts)

    def copy(self) -> Leads:
        twin = Leads()
        twin._counts = dict(self._counts)
        return twin

    def add(self, route: Route) -> None:
        lead = lead_of(route)
        if lead is not None:
            self._counts[lead] = self._counts.get(lead, 0) + 1

    def remove(self, route: Route) -> None:
        """One that was added."""
        lead = lead_of(route)
        if lead is None:
            return
        self._counts[lead] -= 1
        if not self._counts[lead]:
            del self._counts[lead]

    def drop(self, family: Family) -> None:
        self._counts = {lead: it for lead, it in self._counts.items() if lead.family is not family}
