"""Pins keep a TCP connection on the NIC whose address it took.

The kernel looks up the route of a new connection twice: first without its port, which gives it the
source address of the NIC found, then with the port, which hashes to another NIC of the group
(linux:net/ipv4/tcp_ipv4.c, tcp_v4_connect).  A rule for that source sends it where it came from.
Who has chosen his source himself has mostly chosen his port as well, a server's: rules for the
ports that the kernel gives out leave the answers of servers to be shared.

Three rules for each address, after all rules of the administrator's:

    from A to PREFIX   lookup the table of the NIC that hosts A
    from A             lookup main, but not its default route
    from A             lookup the table of the NIC that hosts A

so that what is more specific than the default route keeps its way, whoever's it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rcmd.ipmp.api.nexthops import PinnedRoute, PinRule
from rcmd.ipmp.multipath.groups import Bundle
from rcmd.model.network import Family

MAIN = 254
FIRST_TABLE = 1_530_000
"""Of the NIC with ifindex n: this and n."""
TO_PREFIX, BUT_DEFAULT, TO_ANYWHERE = 32763, 32764, 32765
"""Priorities of the rules: the last before that of the main table."""


def pins(bundles: Iterable[Bundle], ports: tuple[int, int]) -> Iterator[PinnedRoute | PinRule]:
    """The routes of each NIC's table, before the rules that lead there.

    `ports` are the first and the last that the kernel gives out.
    """
    of_ipv4 = [bundle for bundle in bundles if bundle.key.family is Family.IPV4]
    for link in of_ipv4:
        if link.key.gateway is None:
            beyond = [it for it in of_ipv4 if it.key.group == link.key.group and it.key.gateway]
            for ifindex in link.weights:
                yield from _routes(link, beyond, ifindex)
                yield from _rules(link, ifindex, ports)


def _routes(link: Bundle, beyond: Iterable[Bundle], ifindex: int) -> Iterator[PinnedRoute]:
    table = FIRST_TABLE + ifindex
    for bundle in (link, *beyond):
        if ifindex not in bundle.weights:
            continue
        for route in bundle.routes:
            is_default = route.destination.prefixlen == 0 and route.table == MAIN
            if bundle is link or is_default:
                yield PinnedRoute(replace(route, table=table).through(ifindex, bundle.key.gateway))


def _rules(link: Bundle, ifindex: int, ports: tuple[int, int]) -> Iterator[PinRule]:
    table = FIRST_TABLE + ifindex
    for source in link.sources.get(ifindex, ()):
        for route in link.routes:
            yield PinRule(source, ports, TO_PREFIX, table, route.destination)
        yield PinRule(source, ports, BUT_DEFAULT, MAIN, is_but_default=True)
        yield PinRule(source, ports, TO_ANYWHERE, table)


def device_of(rule: PinRule) -> int:
    """ifindex of the NIC whose table it looks up; 0 for that of everybody."""
    return rule.table - FIRST_TABLE if rule.table != MAIN else 0
