"""What is wanted comes back, whoever takes it away, and whatever took it away."""

from __future__ import annotations

from typing import Any

import pytest
from scenes import (
    DUAL_STACK,
    OUTSIDE,
    PAIR,
    ROUTER,
    await_default,
    await_event,
    await_hosted,
    await_same,
    await_settled,
    held,
    history,
    hosts_of,
    kinds,
    reaches,
    route_devices,
    shape,
    start,
    status,
)

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

DATA, DATA6 = "192.168.85.19", "2001:db8:85::19"
HAND6 = "2001:db8:85::77"
MANAGED = "192.168.85.66"
"""As NetworkManager adds it: with a prefix route of its own."""


def ip(lab: Lab, words: str) -> None:
    lab.run(["ip", *words.split()], check=True)


def batch(lab: Lab, lines: list[str]) -> None:
    """One process, one socket, as fast as it goes."""
    lab.write("/run/batch", "\n".join(lines) + "\n")
    lab.run(["ip", "-batch", "/run/batch"], check=True)


def events(lab: Lab, kind: str) -> list[dict[str, Any]]:
    return [it for it in history(lab) if it["kind"] == kind]


@pytest.mark.parametrize("route_first", [True, False])
def test_a_network_manager_forgets_a_device(lab: Lab, route_first: bool) -> None:
    """`nmcli connection delete`, `networkctl reload`: its addresses and routes go in one sweep."""
    start(lab, PAIR)
    ip(lab, f"route add default via {ROUTER} dev hme0 proto dhcp metric 100")
    await_settled(lab)
    before = shape(lab)
    route = f"route del default via {ROUTER} dev hme0 metric 100"
    addresses = [f"addr del {DATA}/24 dev hme0", "addr del 192.168.85.21/32 dev hme0"]
    batch(lab, [route, *addresses] if route_first else [addresses[1], addresses[0]])
    if not route_first:
        # It may come back before that is asked for; then it is gone with the address.
        lab.run(["ip", *route.split()])
    await_hosted(lab, "hme0", DATA, "192.168.85.21")
    await_default(lab, "hme0")
    await_same(lab, shape, before)
    await_event(lab, "put-back", "hme0")
    assert reaches(lab, OUTSIDE)
    if route_first:
        assert len(events(lab, "put-back")) == 1
        assert kinds(lab).count(("route-removed", "hme0")) == 0


def test_it_comes_back_where_it_is_hosted(lab: Lab) -> None:
    start(lab, PAIR)
    lab.pull("hme0")
    await_hosted(lab, "hme1", DATA)
    ip(lab, f"addr del {DATA}/24 dev hme1")
    await_hosted(lab, "hme1", DATA)
    lab.plug("hme0")
    await_hosted(lab, "hme0", DATA)


OFF_AND_ON = [
    ("ip link set hme0 mtu 1200", "ip link set hme0 mtu 1500"),
    (
        "sysctl -qw net.ipv6.conf.hme0.disable_ipv6=1",
        "sysctl -qw net.ipv6.conf.hme0.disable_ipv6=0",
    ),
]


@pytest.mark.parametrize(("off", "on"), OFF_AND_ON)
def test_ipv6_off_and_on(lab: Lab, off: str, on: str) -> None:
    """Also what was added by hand, and a route: that was nobody's will."""
    start(lab, DUAL_STACK)
    ip(lab, f"addr add {HAND6}/64 dev hme0")
    ip(lab, "-6 route add 2001:db8:77::/48 via 2001:db8:85::1 dev hme0")
    await_event(lab, "address-added", "hme0")
    await_settled(lab)
    before = shape(lab)
    lab.run(off.split(), check=True)
    await_hosted(lab, "hme1", DATA6, HAND6)
    lab.run(on.split(), check=True)
    await_hosted(lab, "hme0", DATA6, HAND6)
    await_same(lab, shape, before)
    lab.run(off.split(), check=True)
    lab.run(on.split(), check=True)
    await_same(lab, shape, before)
    await_event(lab, "address-dropped", "hme0")
    assert not {("address-removed", "hme0"), ("route-removed", "hme0")} & set(kinds(lab))
    assert status(lab)["problems"] == []


def test_all_of_ipv6_is_flushed(lab: Lab) -> None:
    """Also the link-local address, which the kernel would not make again."""
    start(lab, DUAL_STACK)
    await_settled(lab)
    before = shape(lab)
    ip(lab, "-6 addr flush dev hme0")
    await_hosted(lab, "hme0", DATA6, "fe80::ff:fe00:1")
    await_same(lab, shape, before)
    await_event(lab, "put-back", "hme0")
    assert len(events(lab, "put-back")) == 1


def test_promoted_or_not_the_others_of_its_subnet_stay(lab: Lab) -> None:
    """promote_secondaries=0: with the first address of a subnet the kernel removes the others."""
    start(lab, PAIR)
    for address in ("192.168.85.77", "192.168.85.78"):
        ip(lab, f"addr add {address}/24 dev hme0")
    await_event(lab, "address-added", "hme0")
    for name in ("hme0", "all", "default"):
        lab.run(["sysctl", "-qw", f"net.ipv4.conf.{name}.promote_secondaries=0"], check=True)
    ip(lab, f"addr del {DATA}/24 dev hme0")
    await_hosted(lab, "hme0", DATA, "192.168.85.77", "192.168.85.78")
    await_event(lab, "address-dropped", "hme0")
    assert ("address-removed", "hme0") not in kinds(lab)


def test_a_flush_of_a_thousand_is_one_event(lab: Lab) -> None:
    start(lab, PAIR)
    numbers = range(1000)
    batch(
        lab,
        [f"route add 10.{n // 250}.{n % 250}.0/24 via {ROUTER} dev hme0 proto 44" for n in numbers],
    )
    await_settled(lab)
    ip(lab, "route flush proto 44")
    await_event(lab, "route-removed", "hme0")
    await_settled(lab)
    (event,) = events(lab, "route-removed")
    assert event["detail"]["count"] == "1000"
    assert route_devices(lab, "10.0.0.0/24") == []


@pytest.mark.parametrize(
    ("address", "prefix", "options"),
    [
        (f"{MANAGED}/26", "192.168.85.64/26", f"scope link src {MANAGED} metric 100"),
        ("10.66.0.19/24", "10.66.0.0/24", "scope link src 10.66.0.19 metric 100"),
        ("2001:db8:66::19/64", "2001:db8:66::/64", "metric 100"),
    ],
)
def test_the_prefix_route_of_a_network_manager(
    lab: Lab, address: str, prefix: str, options: str
) -> None:
    start(lab, DUAL_STACK)
    version = 6 if ":" in address else 4
    ip(lab, f"addr add {address} dev hme0 noprefixroute")
    ip(lab, f"-{version} route add {prefix} dev hme0 proto kernel {options}")
    await_event(lab, "address-added", "hme0")
    await_settled(lab)
    before = shape(lab)
    key = address.partition("/")[0]
    for _ in range(2):
        lab.pull("hme0")
        await_hosted(lab, "hme1", key)
        lab.wait_for(lambda: route_devices(lab, prefix, version) == ["hme1"], what="the route")
        lab.plug("hme0")
        await_hosted(lab, "hme0", key)
        await_same(lab, shape, before)
        lab.kill_daemon()
        lab.start_daemon()
    assert route_devices(lab, prefix, version) == ["hme0"]


def test_what_is_ours_on_a_sibling_and_unwanted_is_told(lab: Lab) -> None:
    start(lab, PAIR)
    ip(lab, f"addr add {DATA}/24 dev hme1")
    lab.wait_for(lambda: hosts_of(lab, DATA) == ["hme0"], what="one copy")
    await_event(lab, "taken-off", "hme1")
    lab.write("/etc/hostname.hme0", "group test up\n")
    assert lab.rcmctl("reload").returncode == 0
    await_event(lab, "taken-off", "hme0")
    assert DATA not in held(lab, "hme0")
