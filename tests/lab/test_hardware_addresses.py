"""A hardware address that changes: by hand on a live interface, and because a file asks for it."""

from __future__ import annotations

import pytest
from scenes import (
    DUAL_STACK,
    HME0,
    HME1,
    PAIR,
    await_settled,
    await_state,
    interface,
    kinds,
    neighbour_mac,
    reaches,
    start,
)

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

NEW = "02:00:00:00:99:01"


def await_known(lab: Lab, address: str, mac: str) -> None:
    lab.wait_for(
        lambda: neighbour_mac(lab, address) == mac, timeout=3.0, what=f"{address} at {mac}"
    )


def test_neighbours_learn_of_a_new_one_at_once(lab: Lab) -> None:
    start(lab, DUAL_STACK)
    await_settled(lab)
    assert reaches(lab, "192.168.85.19", where="router")
    assert reaches(lab, "2001:db8:85::19", where="router")
    lab.run(["ip", "link", "set", "hme0", "address", NEW], check=True)
    await_known(lab, "192.168.85.19", NEW)
    await_known(lab, "2001:db8:85::19", NEW)
    assert reaches(lab, "192.168.85.19", where="router")
    assert ("hardware-address", "hme0") in kinds(lab)
    assert ("failure", "hme0") not in kinds(lab)


def test_a_reload_that_changes_it_loses_nothing(lab: Lab) -> None:
    start(lab, PAIR)
    stream = lab.stream("192.168.85.19")
    stream.start()
    lab.write("/etc/hostname.hme0", f"ether {NEW}\n{HME0}")
    assert lab.rcmctl("reload").returncode == 0
    await_known(lab, "192.168.85.19", NEW)
    lab.wait_for(lambda: reaches(lab, "192.168.85.19", where="router"), what="an answer")
    result = stream.stop()
    assert result.lost < 200, result
    assert ("failure", "hme0") not in kinds(lab)


def test_one_for_each_where_both_came_with_the_same(lab: Lab) -> None:
    for nic in ("hme0", "hme1"):
        lab.run(["ip", "link", "set", nic, "address", "02:00:00:00:99:02"], check=True)
    start(lab, {"hostname.hme0": HME0, "hostname.hme1": f"ether {NEW}\n{HME1}"})
    assert "barred" not in {kind for kind, _ in kinds(lab)}
    await_state(lab, "hme1", "running")
    assert interface(lab, "hme1")["hardware_address"] == NEW
    assert ("hardware-address", "hme1") not in kinds(lab)
