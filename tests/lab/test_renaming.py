"""Devices that are called otherwise, while rcmd is stopped and while it runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from scenes import (
    DUAL_STACK,
    PAIR,
    ROUTER,
    ROUTER6,
    SETTINGS,
    await_event,
    await_hosted,
    await_settled,
    await_state,
    held,
    interface,
    kinds,
    labels,
    neighbour_mac,
    route_devices,
    start,
    status,
    told,
)

from rcmd.lab.lab import Lab
from rcmd.model.network import RCMD_PROTOCOL

pytestmark = pytest.mark.lab

FAR6 = "2001:db8:77::/48"


def ip(lab: Lab, words: str) -> None:
    lab.run(["ip", *words.split()], check=True)


def rename(lab: Lab, old: str, new: str) -> None:
    """Since Linux 6.2 it may stay up meanwhile."""
    ip(lab, f"link set {old} name {new}")


def swap(lab: Lab) -> None:
    rename(lab, "hme0", "tmp0")
    rename(lab, "hme1", "hme0")
    rename(lab, "tmp0", "hme1")


def sysctl(lab: Lab, nic: str, key: str) -> str:
    def read() -> str:
        return Path(f"/proc/sys/net/ipv4/conf/{nic}/{key}").read_text().strip()

    return lab.place("host").call(read)


@pytest.mark.parametrize("settings", ["probe: none\n", SETTINGS], ids=["links", "probes"])
def test_two_swap_their_names_while_it_is_stopped(lab: Lab, settings: str) -> None:
    start(lab, {**PAIR, "rcmd/rcmd.yaml": settings})
    await_state(lab, "hme0", "running")
    ip(lab, f"route replace default via {ROUTER} dev hme0")
    ip(lab, "addr add 192.168.85.77/24 dev hme0")
    await_event(lab, "address-added", "hme0")
    assert lab.stop_daemon() == 0
    swap(lab)
    lab.start_daemon()
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.21", "192.168.85.77")
    await_hosted(lab, "hme1", "192.168.85.20", "192.168.85.22")
    assert labels(lab, "hme0")["192.168.85.19"] == "hme0"
    for nic, test_address in (("hme0", "192.168.85.21"), ("hme1", "192.168.85.22")):
        # Without a word from us the router would believe the old for some thirty seconds.
        assert neighbour_mac(lab, test_address) in (None, interface(lab, nic)["hardware_address"])
    lab.wait_for(lambda: route_devices(lab, "default") == ["hme0"], what="one default route")
    assert not any("All Interfaces" in it for it in told(lab))
    await_state(lab, "hme0", "running")
    await_state(lab, "hme1", "running")
    lab.pull("hme1")  # the cable of the NIC that is called hme0 now
    await_hosted(lab, "hme1", "192.168.85.19", "192.168.85.77")
    assert route_devices(lab, "default") == ["hme1"]


def test_two_swap_their_names_while_it_runs(lab: Lab) -> None:
    start(lab, PAIR)
    await_state(lab, "hme0", "running")
    await_state(lab, "hme1", "running")
    swap(lab)
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.21")
    await_hosted(lab, "hme1", "192.168.85.20", "192.168.85.22")
    # Both are answered: what each is probed from is known to be there.
    lab.wait_for(lambda: not status(lab)["problems"], what="no problems")
    assert not any("All Interfaces" in it for it in told(lab))


def test_renamed_to_a_name_without_a_file(lab: Lab) -> None:
    before = sysctl(lab, "hme0", "arp_ignore")
    start(lab, DUAL_STACK)
    await_settled(lab)
    ip(lab, f"-6 route add {FAR6} via {ROUTER6} dev hme0")
    ip(lab, "addr add 192.168.85.77/24 dev hme0")
    await_event(lab, "address-added", "hme0")
    assert sysctl(lab, "hme0", "arp_ignore") == "1"
    rename(lab, "hme0", "eth7")
    ours = ("192.168.85.19", "192.168.85.77", "2001:db8:85::19")
    await_hosted(lab, "hme1", *ours)
    lab.wait_for(lambda: route_devices(lab, FAR6, 6) == ["hme1"], what="its route elsewhere")
    assert not [it for it in held(lab, "eth7").values() if it.protocol == RCMD_PROTOCOL]
    lab.wait_for(lambda: sysctl(lab, "eth7", "arp_ignore") == before, what="arp_ignore as it was")
    await_state(lab, "hme0", "missing")
    assert "hme0 of group test is called eth7 now" in told(lab)
    rename(lab, "eth7", "hme0")
    await_hosted(lab, "hme0", *ours)
    lab.wait_for(lambda: route_devices(lab, FAR6, 6) == ["hme0"], what="its route at home")
    assert sysctl(lab, "hme0", "arp_ignore") == "1"
    assert ("renamed", "hme0") in kinds(lab)
