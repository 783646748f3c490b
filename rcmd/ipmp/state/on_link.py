"""What is on the link of each device, as far as a route's gateway may be there.

The same that `reachability` foretells of the kernel; but asked in every turn of the loop, so none
of the many routes with a gateway is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rcmd.ipmp.rules.networks import Networks
from rcmd.ipmp.state.batches import Batch
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.ipmp.state.reachability import SCOPE_LINK, networks_of
from rcmd.model.network import Family, IPAddress, IPNetwork, KernelAddress, Route


def is_near(route: Route) -> bool:
    """Whether the hosts of its destination are neighbours."""
    is_ipv6 = route.destination.version == 6
    return route.gateway is None and (is_ipv6 or route.scope >= SCOPE_LINK)


@dataclass(slots=True)
class OnLink:
    view: KernelView
    _now: dict[int, Networks[int]] = field(default_factory=dict)
    """By ifindex."""
    _soon: dict[int, Networks[int]] = field(default_factory=dict)
    """By the identity of the batch: once its addresses are added."""

    def leads_to(self, gateway: IPAddress | None, ifindex: int, batch: Batch | None) -> bool:
        """Whether the kernel would take a route on the device, by what is on its link and what
        the batch has by now."""
        if gateway is None:
            return True
        now = self._now.get(ifindex)
        if now is None:
            now = self._now[ifindex] = self._held(ifindex)
        if gateway in now:
            return True
        if batch is None:
            return False
        soon = self._soon.get(id(batch))
        if soon is None:
            soon = self._soon[id(batch)] = _added(batch)
        return gateway in soon

    def _held(self, ifindex: int) -> Networks[int]:
        addresses = self.view.addresses.get(ifindex, {}).values()
        return _around(addresses, self.view.table.direct(ifindex))


def _added(batch: Batch) -> Networks[int]:
    """Routes without a gateway are there already, before the first with one is asked about."""
    return _around(batch.add, batch.add_routes.values())


def _around(addresses: Iterable[KernelAddress], routes: Iterable[Route]) -> Networks[int]:
    found: Networks[int] = Networks()
    for held in addresses:
        for network in _at_once(held):
            found.add(network, held.ifindex)
    for route in routes:
        if is_near(route):
            found.add(route.destination, route.ifindex)
    return found


def _at_once(address: KernelAddress) -> Iterator[IPNetwork]:
    """The route to the far end of an IPv6 address comes later, and is seen when it does."""
    if address.family is Family.IPV4 or address.peer is None:
        yield from networks_of(address)
