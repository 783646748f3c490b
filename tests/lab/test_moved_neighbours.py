"""What the interface that takes over believes of its neighbours, and has not heard for long."""

from __future__ import annotations

import pytest
from scenes import (
    DUAL_STACK,
    ROUTER,
    ROUTER6,
    await_hosted,
    await_settled,
    reaches,
    start,
)

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

LINK_ALONE = "groups: {test: {probe: none}}\n"
"""Probes would find out, too; after their failure detection time, and at the cost of the member."""
ELSEWHERE = "02:00:00:00:99:09"
LOCKTIME_S = 1.1
"""An entry that has just been changed is not believed to be wrong (`locktime` of arp(7))."""
SOON_S = 3.0
"""The kernel alone takes eight seconds at least, and up to 45 (gc: never)."""


def believe(lab: Lab, address: str, state: str) -> None:
    """hme1 has an entry for it with another hardware address."""
    lab.run(
        ["ip", "neigh", "replace", address, "lladdr", ELSEWHERE, "dev", "hme1", "nud", state],
        check=True,
    )
    lab.run(["sleep", str(LOCKTIME_S)])


def known(lab: Lab, address: str) -> str | None:
    shown = lab.run(["ip", "neigh", "show", address, "dev", "hme1"], check=True).stdout.split()
    return shown[shown.index("lladdr") + 1] if "lladdr" in shown else None


def pull_and_await(lab: Lab, address: str, data_address: str) -> None:
    (mac,) = {
        line.split()[1]
        for line in lab.run(["ip", "link", "show", "lan0"], where="router").stdout.splitlines()
        if "link/ether" in line
    }
    lab.pull("hme0")
    await_hosted(lab, "hme1", data_address)
    lab.wait_for(lambda: known(lab, address) == mac, timeout=SOON_S, what=f"{address} at {mac}")
    assert reaches(lab, address, source=data_address)


@pytest.mark.parametrize(
    ("router", "address"), [(ROUTER, "192.168.85.19"), (ROUTER6, "2001:db8:85::19")]
)
def test_a_gateway_with_another_address_costs_a_round_trip(
    lab: Lab, router: str, address: str
) -> None:
    start(lab, {**DUAL_STACK, "rcmd/rcmd.yaml": LINK_ALONE})
    await_settled(lab)
    version = "-6" if ":" in router else "-4"
    lab.run(["ip", version, "route", "add", "default", "via", router, "dev", "hme0"], check=True)
    await_settled(lab)
    # Confirmed so long ago that it is none of those in use.
    hour = f"net.ipv{version[1]}.neigh.hme1.base_reachable_time_ms=3600000"
    lab.run(["sysctl", "-qw", hour], check=True)
    believe(lab, router, "stale")
    pull_and_await(lab, router, address)


@pytest.mark.parametrize(
    ("neighbour", "address"), [(ROUTER, "192.168.85.19"), (ROUTER6, "2001:db8:85::19")]
)
def test_a_neighbour_in_use_with_another_address_costs_a_round_trip(
    lab: Lab, neighbour: str, address: str
) -> None:
    start(lab, {**DUAL_STACK, "rcmd/rcmd.yaml": LINK_ALONE})
    await_settled(lab)
    believe(lab, neighbour, "reachable")
    pull_and_await(lab, neighbour, address)
