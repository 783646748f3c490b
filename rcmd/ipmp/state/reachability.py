"""Whether the kernel will make a route on a device: its gateway has to be a neighbour there.

| family | the gateway has to lie in                                                          |
|--------|------------------------------------------------------------------------------------|
| IPv4   | a route through the device of scope link or nearer, as every address brings one     |
|        | (linux:net/ipv4/fib_semantics.c, fib_check_nh)                                      |
| IPv6   | a route through the device without a gateway, and no narrower one with a gateway    |
|        | (linux:net/ipv6/route.c, ip6_route_check_nh); link-local ones are always neighbours |

And whoever is to be the source has to be an address of this machine.  It is a forecast: only the
kernel knows, and what it says counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_network

from rcmd.ipmp.rules.address_flags import IFA_F_NOPREFIXROUTE
from rcmd.ipmp.rules.networks import Networks
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.model.network import IPAddress, IPNetwork, KernelAddress, Route

SCOPE_LINK = 253
"""What is not farther away than the next hop."""

Item = KernelAddress | Route


@dataclass(slots=True)
class _Neighbourhood:
    """Of one device."""

    near: Networks[int] = field(default_factory=Networks)
    """Whose hosts are neighbours."""
    far: Networks[int] = field(default_factory=Networks)
    """Behind an IPv6 gateway."""
    answers: dict[IPAddress, bool] = field(default_factory=dict)
    """Many routes have the same few gateways."""

    def add(self, item: Item) -> None:
        if not isinstance(item, Route):
            for network in networks_of(item):
                self._note(self.near, network, item.ifindex)
        elif item.destination.version == 6:
            networks = self.near if item.gateway is None else self.far
            self._note(networks, item.destination, item.ifindex)
        elif item.gateway is None and item.scope >= SCOPE_LINK:
            self._note(self.near, item.destination, item.ifindex)

    def _note(self, networks: Networks[int], network: IPNetwork, ifindex: int) -> None:
        networks.add(network, ifindex)
        doubtful = [gateway for gateway in self.answers if gateway in network]
        for gateway in doubtful:
            del self.answers[gateway]

    def holds(self, gateway: IPAddress) -> bool:
        if gateway not in self.answers:
            near = self.near.nearest(gateway)
            self.answers[gateway] = near >= 0 and near >= self.far.nearest(gateway)
        return self.answers[gateway]


@dataclass(slots=True)
class Reach:
    """What the devices reach: as the view says, and with what is about to come."""

    view: KernelView
    _devices: dict[int, _Neighbourhood] = field(default_factory=dict)
    _sources: set[IPAddress] = field(default_factory=set)

    def expect(self, item: Item) -> None:
        """It will be there."""
        self._device(item.ifindex).add(item)
        if not isinstance(item, Route):
            self._sources.add(item.address.ip)

    def obstacle(self, route: Route) -> str:
        """Why the kernel will not make it, as the kernel puts it; empty if it will."""
        link = self.view.links.get(route.ifindex)
        if link is None:
            return "No such device"
        if not link.is_up:
            return "Network is down"
        if route.family not in link.families:
            return f"{route.family} is disabled on this device"
        if not self._is_next_hop(route):
            return (
                "Network is unreachable" if route.destination.version == 4 else "No route to host"
            )
        if route.source is not None and not self._is_ours(route.source):
            return "Invalid source address"
        return ""

    def _is_next_hop(self, route: Route) -> bool:
        gateway = route.next_hop
        return gateway is None or self._device(route.ifindex).holds(gateway)

    def _is_ours(self, address: IPAddress) -> bool:
        return address in self._sources or bool(self.view.copies_of(address))

    def _device(self, ifindex: int) -> _Neighbourhood:
        if ifindex not in self._devices:
            made = self._devices[ifindex] = _Neighbourhood()
            for address in self.view.addresses.get(ifindex, {}).values():
                made.add(address)
            for route in self.view.routes.get(ifindex, {}).values():
                made.add(route)
        return self._devices[ifindex]


def networks_of(address: KernelAddress) -> Iterator[IPNetwork]:
    """What the kernel makes a route to for an address, if anything."""
    if address.flags & IFA_F_NOPREFIXROUTE:
        return
    network = address.address.network
    if address.peer is not None:
        yield ip_network((address.peer, network.prefixlen), strict=False)
    elif network.prefixlen < network.max_prefixlen:
        yield network
