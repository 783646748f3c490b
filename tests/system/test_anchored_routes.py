"""On a real kernel: what is tied to a device is found, and what can follow is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from rtnetlink_lab import NODAD, Lab, address, ip, lab, sysctl

from rcmd.kernel.pinned_routes import anchored, list_anchored
from rcmd.ports.pinned_routes import Anchored, Tie


@pytest.fixture
def host() -> Iterator[Lab]:
    with lab() as made:
        made.add(
            address(made.left, "10.0.0.1/24"),
            address(made.right, "10.0.0.2/24"),
            address(made.left, "fd00::1/64", flags=NODAD),
            address(made.right, "fd00::2/64", flags=NODAD),
        )
        yield made


TIED = [
    (
        "route add 10.1.0.0/16 nexthop via 10.0.0.254 dev left nexthop via 10.0.0.253 dev right",
        "10.1.0.0/16",
        Tie.SEVERAL_HOPS,
    ),
    (
        "route add 10.2.0.0/16 encap ip id 5 dst 10.0.0.9 dev left",
        "10.2.0.0/16",
        Tie.ENCAPSULATION,
    ),
    (
        "-6 route add fd01::/64 from fd09::/64 via fd00::fe dev left",
        "fd01::/64 from fd09::/64 via fd00::fe",
        Tie.SOURCE_SPECIFIC,
    ),
    (
        "route add local 10.3.0.0/16 dev left table 77",
        "10.3.0.0/16 table 77",
        Tie.SPECIAL_TYPE,
    ),
    (
        "route add 10.4.0.0/16 via 10.0.0.254 dev left proto bird",
        "10.4.0.0/16 via 10.0.0.254",
        Tie.ROUTING_DAEMON,
    ),
    (
        "-6 route add default via fd00::fe dev left proto ra",
        "default via fd00::fe",
        Tie.LEARNED,
    ),
    (
        "neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 nud permanent dev left",
        "10.0.0.9 lladdr 02:00:00:00:00:09",
        Tie.BY_HAND,
    ),
    ("-6 neigh add proxy fd00::9 dev left", "proxy fd00::9", Tie.BY_HAND),
    (
        "route add local 10.5.0.0/16 dev left proto static",
        "10.5.0.0/16 table 255",
        Tie.SPECIAL_TYPE,
    ),
    (
        "rule add pref 100 iif left lookup 77",
        "IPv4 rule 100 (iif left table 77)",
        Tie.NAMES_INTERFACE,
    ),
    (
        "-6 rule add pref 101 oif left lookup 700",
        "IPv6 rule 101 (oif left table 700)",
        Tie.NAMES_INTERFACE,
    ),
]


def by_others(*ifindexes: int) -> list[Anchored]:
    """Without what the kernel makes by itself."""
    return [it for it in anchored(ifindexes) if it.tie is not Tie.KERNELS_OWN]


@pytest.mark.parametrize(("command", "what", "tie"), TIED)
def test_what_is_tied_is_found(host: Lab, command: str, what: str, tie: Tie) -> None:
    ip(command)
    (found,) = by_others(host.left)
    assert (found.ifindex, found.what, found.tie) == (host.left, what, tie)
    is_shared = tie is Tie.SEVERAL_HOPS
    assert found.others == ((host.right,) if is_shared else ())
    assert len(by_others(host.right)) == is_shared


def test_what_the_kernel_makes_is_found_with_its_network(host: Lab) -> None:
    made = {str(it.network) for it in anchored({host.left}) if it.tie is Tie.KERNELS_OWN}
    assert made >= {"10.0.0.0/24", "fd00::/64"}


@pytest.mark.parametrize("compatible", [True, False])
def test_nexthop_objects_of_others_are_found_and_ours_are_not(host: Lab, compatible: bool) -> None:
    ip("nexthop add id 5 via 10.0.0.254 dev left")
    ip("nexthop add id 6 via 10.0.0.254 dev left protocol 153")
    ip("nexthop add id 7 via 10.0.0.254 dev right protocol 153")
    ip("nexthop add id 8 group 6/7 protocol 153")
    ip("route add 10.1.0.0/16 nhid 5")
    ip("route add 10.2.0.0/16 nhid 8 proto 153")
    ip("route add 10.3.0.0/16 nhid 8 proto static")
    if not compatible:
        sysctl("ipv4/nexthop_compat_mode", 0)
    (found,) = by_others(host.left)
    assert found.tie is Tie.NEXTHOP_OBJECT
    assert found.what.startswith("10.1.0.0/16")


def test_what_can_follow_is_listed_for_those_that_are_not_managed(host: Lab) -> None:
    ip("route add default via 10.0.0.254 dev left")
    ip("route add 10.1.0.0/16 via 10.0.0.254 dev left table 77 mtu lock 1400 congctl reno")
    ip("route add 224.0.0.0/4 dev left")
    ip("-6 route add fd01::/64 nexthop via fd00::fe dev left nexthop via fd00::fd dev right")
    ip("-6 route add fd02::/64 via fd00::fe dev left expires 60")
    ip("rule add pref 100 from 10.0.0.1 lookup 77")
    found = by_others(host.left, host.right)
    assert {it.tie for it in found} == {Tie.UNMANAGED}
    assert len([it for it in found if it.ifindex == host.left]) == 5
    assert anchored(()) == ()


def test_it_is_done_beside_the_loop(host: Lab) -> None:
    """A thread begins in the namespace of the one that makes it."""
    ip("rule add pref 100 oif left lookup 77")
    assert "IPv4 rule 100 (oif left table 77)" in [
        it.what for it in asyncio.run(list_anchored({host.left}))
    ]


def test_a_device_that_is_gone_has_nothing(host: Lab) -> None:
    assert anchored({9999}) == ()
