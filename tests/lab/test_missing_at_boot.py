"""A NIC that has a file but is not there when the machine starts."""

from __future__ import annotations

import pytest
from scenes import (
    DUAL_STACK,
    HME0,
    HME1,
    HME2,
    PAIR,
    STANDBY,
    WITH_STANDBY,
    LabFactory,
    await_event,
    await_hosted,
    await_same,
    await_settled,
    group_state,
    history,
    hosts_of,
    interface,
    labels,
    reaches,
    shape,
    start,
    state_of,
)

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

MAC0 = "02:00:00:00:00:01"
MACS = {"hme0": MAC0, "hme1": "02:00:00:00:00:02", "hme2": "02:00:00:00:00:03"}


def missing_lines(lab: Lab) -> list[str]:
    return [event["message"] for event in history(lab) if event["kind"] == "missing"]


def logged(lab: Lab) -> list[str]:
    return [line for line in lab.daemon_log().splitlines() if "moving addresses" in line]


def test_alternate_takes_the_addresses_and_gives_them_back(lab_with: LabFactory) -> None:
    reference = start(lab_with(("hme0", "hme1"), macs=MACS), DUAL_STACK)
    lab = start(lab_with(("hme1",), macs=MACS), DUAL_STACK)
    await_event(lab, "missing", "hme0")
    # behaviours 92, 93
    wanted = [
        "moving addresses from failed IPv4 interfaces: hme0 (moved to hme1)",
        "moving addresses from failed IPv6 interfaces: hme0 (moved to hme1)",
    ]
    assert missing_lines(lab) == wanted
    assert logged(lab) == [f"ERROR {line}" for line in wanted]
    await_hosted(lab, "hme1", "192.168.85.19", "2001:db8:85::19")
    assert labels(lab, "hme1")["192.168.85.19"] == "hme1:2"
    assert hosts_of(lab, "192.168.85.21") == []  # behaviour 96
    assert state_of(lab, "hme0") == "missing"
    assert group_state(lab) == "degraded"
    assert reaches(lab, "192.168.85.19", where="router")
    # Said once, also over a restart.
    lab.kill_daemon()
    lab.start_daemon()
    assert hosts_of(lab, "192.168.85.19") == ["hme1"]
    assert missing_lines(lab) == wanted

    lab.add_nic("hme0", MAC0)
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.21", "2001:db8:85::19")
    assert state_of(lab, "hme0") == "running"
    await_event(lab, "attach", "hme0")
    await_settled(lab)
    await_settled(reference)
    await_same(lab, shape, shape(reference))  # behaviour 100


def test_nothing_is_missing_and_nothing_is_said(lab: Lab) -> None:
    start(lab, DUAL_STACK)
    await_settled(lab)
    assert missing_lines(lab) == []  # behaviour 97
    assert logged(lab) == []


def test_standby_is_preferred(lab_with: LabFactory) -> None:
    lab = start(lab_with(("hme1", "hme2"), macs=MACS), WITH_STANDBY)
    await_event(lab, "missing", "hme0")
    # behaviour 97: a standby, although another comes earlier
    assert missing_lines(lab) == [
        "moving addresses from failed IPv4 interfaces: hme0 (moved to hme2)"
    ]
    await_hosted(lab, "hme2", "192.168.85.19")  # behaviour 99
    assert interface(lab, "hme2")["flags"] == ["UP", "RUNNING", "STANDBY"]
    lab.add_nic("hme0", MAC0)
    await_hosted(lab, "hme0", "192.168.85.19")
    assert "INACTIVE" in interface(lab, "hme2")["flags"]


def test_nobody_can_take_them(lab_with: LabFactory) -> None:
    alone = "192.168.85.30 netmask + broadcast + up\n"
    other = HME0.replace("group test", "group other")
    files = {"hostname.hme0": other, "hostname.hme1": HME1, "hostname.hme3": alone}
    lab = start(lab_with(("hme1",), macs=MACS), files)
    await_event(lab, "missing", "hme0")
    # behaviours 94, 97, 98
    assert missing_lines(lab) == [
        "moving addresses from failed IPv4 interfaces: "
        "hme0 (couldn't move; no alternative interface) "
        "hme3 (couldn't move; no alternative interface)"
    ]
    assert hosts_of(lab, "192.168.85.19") == []
    assert hosts_of(lab, "192.168.85.30") == []
    assert group_state(lab, "other") == "failed"
    lab.add_nic("hme0", MAC0)
    await_hosted(lab, "hme0", "192.168.85.19")


def test_several_share_one_line(lab_with: LabFactory) -> None:
    files = {**PAIR, "hostname.hme2": HME2}
    lab = start(lab_with(("hme1",), macs=MACS), files)
    await_event(lab, "missing", "hme0")
    # behaviour 98
    assert missing_lines(lab) == [
        "moving addresses from failed IPv4 interfaces: hme0 (moved to hme1) hme2 (moved to hme1)"
    ]
    await_hosted(lab, "hme1", "192.168.85.19", "192.168.85.24")
    assert sorted(labels(lab, "hme1").values()) == ["hme1", "hme1:1", "hme1:2", "hme1:3"]


def test_missing_standby_has_nothing_to_give(lab_with: LabFactory) -> None:
    lab = start(lab_with(("hme0", "hme1"), macs=MACS), {**PAIR, "hostname.hme2": STANDBY})
    await_event(lab, "missing", "hme2")
    assert state_of(lab, "hme2") == "missing"
    assert hosts_of(lab, "192.168.85.23") == []  # behaviour 96
    lab.add_nic("hme2", MACS["hme2"])
    await_hosted(lab, "hme2", "192.168.85.23")
    assert "INACTIVE" in interface(lab, "hme2")["flags"]


def test_dynamic_addresses_are_neither_acquired_nor_moved(lab_with: LabFactory) -> None:
    files = {"hostname.hme0": "dhcp group test up\n", "hostname.hme1": HME1}
    lab = start(lab_with(("hme1",), macs=MACS), files)
    await_event(lab, "missing", "hme0")
    # behaviour 95
    assert set(labels(lab, "hme1")) == {"192.168.85.20", "192.168.85.22"}


def test_late_nic_is_not_missing(lab_with: LabFactory) -> None:
    """While udev is at work the boot is not over."""
    lab = lab_with(("hme1",), macs=MACS)
    # A rule that takes a moment keeps udev's queue filled until the NIC is there.
    rule = 'SUBSYSTEM=="net", ACTION=="add", KERNEL=="slow0", RUN+="/bin/sleep 1.5"\n'
    lab.write("/etc/udev/rules.d/70-slow.rules", rule)
    lab.run(["udevadm", "control", "--reload"], check=True)
    lab.add_nic("slow0", "02:00:00:00:0d:01")
    start(lab, PAIR)
    assert state_of(lab, "hme0") == "missing"
    assert hosts_of(lab, "192.168.85.19") == []
    lab.add_nic("hme0", MAC0)
    await_hosted(lab, "hme0", "192.168.85.19")
    await_settled(lab)
    assert missing_lines(lab) == []
