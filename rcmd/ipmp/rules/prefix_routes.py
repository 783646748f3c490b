"""The routes that the kernel makes by itself, for an address or from an advertisement.

`proto kernel` is no proof: NetworkManager adds its addresses `noprefixroute`, and their prefix
routes itself, with that mark.  What the kernel makes for an address that is there is known exactly
(net/ipv4/fib_frontend.c, fib_add_ifaddr; net/ipv6/addrconf.c, addrconf_prefix_route); every other
route is somebody's, and has to move and come back as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_network

from rcmd.ipmp.rules.address_flags import IFA_F_NOPREFIXROUTE
from rcmd.model.network import Family, IPAddress, IPNetwork, KernelAddress, Route

RTPROT_REDIRECT = 1
RTPROT_KERNEL = 2
RTPROT_RA = 9
RTPROT_BY_KERNEL = frozenset({RTPROT_REDIRECT, RTPROT_KERNEL, RTPROT_RA})
"""Those marks of which the kernel makes use itself (linux:rtnetlink.h)."""
RT_TABLE_MAIN = 254
SCOPE_LINK = 253
IPV6_PREFIX_METRIC = 256
"""IP6_RT_PRIO_ADDRCONF, where the address has no metric of its own."""


def is_made_by_kernel(
    route: Route, addresses: Iterable[KernelAddress], *, is_in_vrf: bool = False
) -> bool:
    """Whether it comes again by itself; `addresses` are those on its device.

    The prefix that an advertisement tells of ends unless the next one comes.
    """
    if route.protocol in (RTPROT_REDIRECT, RTPROT_RA):
        # Every interface learns its own, whoever reads the advertisements.
        return True
    if route.protocol != RTPROT_KERNEL:
        return False
    if route.expires_at is not None:
        return True
    # That of a VRF is in the VRF's table.
    found = replace(route, table=RT_TABLE_MAIN) if is_in_vrf else route
    return any(found == made for address in addresses for made in made_for(address))


def made_for(address: KernelAddress) -> Iterator[Route]:
    """As the kernel shows them, in the main table."""
    if address.family is Family.IPV4:
        yield from _made_for_ipv4(address)
    else:
        yield from _made_for_ipv6(address)


def _made_for_ipv4(address: KernelAddress) -> Iterator[Route]:
    key, length = address.address.ip, address.address.network.prefixlen
    network = _network(address.peer or key, length)
    is_alone = length == 32 and address.peer is None
    if not address.flags & IFA_F_NOPREFIXROUTE and not is_alone:
        yield Route(
            address.ifindex,
            network,
            priority=address.metric,
            scope=SCOPE_LINK,
            protocol=RTPROT_KERNEL,
            source=key,
        )


def _made_for_ipv6(address: KernelAddress) -> Iterator[Route]:
    metric = address.metric or IPV6_PREFIX_METRIC
    networks = []
    length = address.address.network.prefixlen
    if not address.flags & IFA_F_NOPREFIXROUTE:
        networks.append(_network(address.address.ip, length))
    if address.peer is not None:
        networks += [_network(address.peer, length), _network(address.peer, 128)]
    for network in networks:
        yield Route(address.ifindex, network, priority=metric, protocol=RTPROT_KERNEL)


def _network(address: IPAddress, length: int) -> IPNetwork:
    return ip_network((address, length), strict=False)
