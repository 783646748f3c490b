"""Which routes the kernel makes again by itself; `proto kernel` alone is no proof."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest

from rcmd.ipmp.api.events import AddressSeen, RouteSeen
from rcmd.ipmp.reconcile.adoption import absorb_change
from rcmd.ipmp.reconcile.slaac_copies import PrefixRoutes
from rcmd.ipmp.rules.address_flags import IFA_F_NOPREFIXROUTE
from rcmd.ipmp.rules.prefix_routes import is_made_by_kernel
from rcmd.ipmp.rules.slaac import PREFIX_ROUTE_METRIC
from rcmd.model.network import RCMD_PROTOCOL, KernelAddress, Route

from .scenes import NUMBERS, config, scene

KERNEL, RA, REDIRECT = 2, 9, 1
IFINDEX = NUMBERS["hme0"]
IPV4 = KernelAddress(IFINDEX, ip_interface("10.66.0.19/24"))
IPV6 = KernelAddress(IFINDEX, ip_interface("2001:db8::19/64"))
PEER = replace(IPV4, address=ip_interface("10.66.0.19/32"), peer=ip_address("10.9.9.9"))
PEER6 = replace(IPV6, address=ip_interface("2001:db8::19/128"), peer=ip_address("2001:db8:9::9"))


def for_ipv4(**changes: object) -> Route:
    route = Route(
        IFINDEX,
        ip_network("10.66.0.0/24"),
        protocol=KERNEL,
        scope=253,
        source=ip_address("10.66.0.19"),
    )
    return replace(route, **changes)  # type: ignore[arg-type]


def for_ipv6(**changes: object) -> Route:
    route = Route(IFINDEX, ip_network("2001:db8::/64"), protocol=KERNEL, priority=256)
    return replace(route, **changes)  # type: ignore[arg-type]


def hands_off(address: KernelAddress) -> KernelAddress:
    """As NetworkManager adds it."""
    return replace(address, flags=IFA_F_NOPREFIXROUTE)


@pytest.mark.parametrize(
    ("route", "address"),
    [
        (for_ipv4(), IPV4),
        (for_ipv4(priority=70), replace(IPV4, metric=70)),
        (for_ipv4(destination=ip_network("10.9.9.9/32")), PEER),
        (for_ipv6(), IPV6),
        (for_ipv6(priority=70), replace(IPV6, metric=70)),
        (for_ipv6(destination=ip_network("2001:db8:9::9/128")), PEER6),
        (for_ipv6(expires_at=3600.0), hands_off(IPV6)),
        (for_ipv6(protocol=RA), hands_off(IPV6)),
        (for_ipv4(protocol=REDIRECT), hands_off(IPV4)),
    ],
)
def test_what_the_kernel_makes(route: Route, address: KernelAddress) -> None:
    assert is_made_by_kernel(route, [address])


@pytest.mark.parametrize(
    ("route", "address"),
    [
        (for_ipv4(), hands_off(IPV4)),
        (for_ipv4(priority=100), hands_off(IPV4)),
        (for_ipv4(priority=100), IPV4),
        (for_ipv4(table=100), IPV4),
        (for_ipv4(source=None), IPV4),
        (for_ipv4(destination=ip_network("10.77.0.0/24")), IPV4),
        (for_ipv4(gateway=ip_address("10.66.0.1")), IPV4),
        (for_ipv4(protocol=3), IPV4),
        (for_ipv6(), hands_off(IPV6)),
        (for_ipv6(priority=100), IPV6),
        (for_ipv6(table=100), IPV6),
    ],
)
def test_what_somebody_has_added(route: Route, address: KernelAddress) -> None:
    assert not is_made_by_kernel(route, [address])


def test_in_a_vrf_it_is_in_another_table() -> None:
    assert is_made_by_kernel(for_ipv4(table=100), [IPV4], is_in_vrf=True)


def test_what_is_told_before_its_address_is_not_kept() -> None:
    """The kernel tells of the prefix route of an IPv6 address first."""
    made = scene({}, config("hme0"))
    absorb_change(made, RouteSeen(for_ipv6()), 0.0)
    absorb_change(made, AddressSeen(IPV6), 0.0)
    assert made.ledger.routes == {}


@pytest.mark.parametrize(
    ("address", "route"), [(IPV4, for_ipv4(priority=100)), (IPV6, for_ipv6(priority=100))]
)
def test_that_of_a_network_manager_is_kept(address: KernelAddress, route: Route) -> None:
    made = scene({}, config("hme0"))
    absorb_change(made, AddressSeen(hands_off(address)), 0.0)
    absorb_change(made, RouteSeen(route), 0.0)
    (known,) = made.ledger.routes
    assert known.home == "hme0"


def test_a_route_that_looks_like_a_helper_of_ours_is_somebodys() -> None:
    """Those that stand-ins need have this metric too, and our mark, as every route elsewhere."""
    made = scene({}, config("hme0"), config("hme1"), failed=frozenset({"hme0"}))
    route = for_ipv6(priority=PREFIX_ROUTE_METRIC, protocol=3)
    made.ledger.record_route("hme0", route)
    made.view.add(replace(route, ifindex=NUMBERS["hme1"], protocol=RCMD_PROTOCOL))
    assert list(PrefixRoutes().stale(made, None)) == []
    made.ledger.forget_route(next(iter(made.ledger.routes)))
    assert [name for name, _ in PrefixRoutes().stale(made, None)] == ["hme1"]
