"""NICs are torn out, put back, renamed, and appear for the first time."""

from __future__ import annotations

import json

import pytest
from scenes import (
    DUAL_STACK,
    HME0,
    HME2,
    PAIR,
    ROUTER,
    LabFactory,
    await_event,
    await_hosted,
    await_same,
    await_settled,
    await_state,
    held,
    history,
    hosts_of,
    interface,
    ipv4,
    kinds,
    neighbour_mac,
    reaches,
    route_devices,
    shape,
    snapshot,
    start,
    state_of,
    status,
)

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

DATA, DATA6 = "192.168.85.19", "2001:db8:85::19"


SLEEPER = "$(pgrep -f '^sleep 1000')"
LEND = ["sh", "-c", f"sleeper={SLEEPER} && ip link set hme0 netns $sleeper"]
GIVE_BACK = ["sh", "-c", f"nsenter --target {SLEEPER} --net ip link set hme0 netns 1"]


def is_up(lab: Lab, nic: str) -> bool:
    shown = json.loads(lab.run(["ip", "-j", "link", "show", "dev", nic], check=True).stdout)
    return "UP" in shown[0]["flags"]


def has_heard_of_everything(lab: Lab) -> None:
    """udevd has told of all devices; whoever asks rcmd now comes after that."""
    lab.settle()
    status(lab)


def test_torn_out_and_put_back(lab: Lab) -> None:
    """What the device took along is made anew elsewhere, from the record: behaviour 122."""
    start(lab, DUAL_STACK)
    await_settled(lab)
    lab.run(["ip", "addr", "add", "192.168.85.77/24", "dev", "hme0"], check=True)
    lab.run(["ip", "route", "add", "default", "via", ROUTER, "proto", "static"], check=True)
    lab.wait_for(lambda: ("address-added", "hme0") in kinds(lab), what="adoption")
    before = shape(lab)
    old_index = interface(lab, "hme0")["ifindex"]

    lab.tear_out("hme0")
    await_hosted(lab, "hme1", DATA, DATA6, "192.168.85.77", "192.168.85.20")
    await_state(lab, "hme0", "missing")
    assert interface(lab, "hme0")["ifindex"] == 0
    assert route_devices(lab, "default") == ["hme1"]
    assert hosts_of(lab, "192.168.85.21") == []
    for address in (DATA, DATA6, "192.168.85.77"):
        assert reaches(lab, address, where="router")
    assert ("removed", "hme0") in kinds(lab)

    lab.put_back("hme0")
    await_hosted(lab, "hme0", DATA, DATA6, "192.168.85.77", "192.168.85.21")
    await_settled(lab)
    await_same(lab, shape, before)  # behaviour 121
    assert interface(lab, "hme0")["ifindex"] not in (0, old_index)
    assert state_of(lab, "hme0") == "running"
    assert ("reattach", "hme0") in kinds(lab)


def test_all_torn_out(lab: Lab) -> None:
    start(lab, DUAL_STACK)
    await_settled(lab)
    before = shape(lab)
    lab.tear_out("hme0")
    await_hosted(lab, "hme1", DATA, DATA6)
    lab.tear_out("hme1")
    await_event(lab, "removed", "hme1")
    assert hosts_of(lab, DATA) == []
    lab.put_back("hme1")
    await_hosted(lab, "hme1", DATA, DATA6, "192.168.85.20")
    assert reaches(lab, DATA, where="router")
    lab.put_back("hme0")
    await_hosted(lab, "hme0", DATA, DATA6)
    await_settled(lab)
    await_same(lab, shape, before)


def test_torn_out_while_nobody_looked(lab: Lab) -> None:
    """The daemon is dead; its record is not."""
    start(lab, PAIR)
    await_settled(lab)
    before = shape(lab)
    lab.kill_daemon()
    lab.tear_out("hme0")
    lab.start_daemon()
    await_hosted(lab, "hme1", DATA)
    lab.kill_daemon()
    lab.put_back("hme0")
    lab.start_daemon()
    await_hosted(lab, "hme0", DATA)
    await_settled(lab)
    await_same(lab, shape, before)


def test_stranger_is_left_alone(lab: Lab) -> None:
    """A NIC without a file that was never known: nothing is done to it."""
    start(lab, PAIR)
    lab.add_nic("hme5", "02:00:00:00:0b:05")
    has_heard_of_everything(lab)
    assert not is_up(lab, "hme5")
    assert lab.addresses("hme5") == []
    assert "hme5" not in [it["name"] for it in status(lab)["interfaces"]]
    assert not [subject for _, subject in kinds(lab) if subject == "hme5"]
    # With a file, it is taken into use on request; behaviour 124: twice does no harm.
    lab.write("/etc/hostname.hme5", HME2)
    assert lab.rcmctl("attach", "hme5").returncode == 0
    await_hosted(lab, "hme5", "192.168.85.24", "192.168.85.25")
    before = shape(lab)
    assert lab.rcmctl("attach", "hme5").returncode == 0
    assert shape(lab) == before


def test_new_nic_with_a_file_is_configured(lab: Lab) -> None:
    start(lab, PAIR)
    lab.write("/etc/hostname.hme2", HME2)
    lab.add_nic("hme2", "02:00:00:00:0b:02")
    await_hosted(lab, "hme2", "192.168.85.24", "192.168.85.25")
    assert interface(lab, "hme2")["group"] == "test"
    assert ("attach", "hme2") in kinds(lab)


@pytest.mark.parametrize("restarts", [False, True], ids=["running", "restarted"])
def test_known_nic_without_its_file_is_only_plumbed(lab: Lab, restarts: bool) -> None:
    """Its addresses stay where they are: behaviour 121."""
    start(lab, PAIR)
    await_settled(lab)
    lab.tear_out("hme0")
    await_hosted(lab, "hme1", DATA)
    await_event(lab, "removed", "hme0")
    lab.remove("/etc/hostname.hme0")
    if restarts:
        lab.kill_daemon()
        lab.start_daemon()
        assert hosts_of(lab, DATA) == ["hme1"]
    lab.put_back("hme0")
    await_event(lab, "reattach", "hme0")
    lab.wait_for(lambda: is_up(lab, "hme0"), what="plumbing")
    assert ipv4(lab, "hme0") == []
    assert hosts_of(lab, DATA) == ["hme1"]
    assert reaches(lab, DATA, where="router")
    # Bare as it is, it does not answer for what the other has.
    assert neighbour_mac(lab, DATA) == "02:00:00:00:00:02"
    # Also when everything is looked at anew.
    assert lab.rcmctl("reload").returncode == 0
    assert hosts_of(lab, DATA) == ["hme1"]
    lab.kill_daemon()
    lab.start_daemon()
    has_heard_of_everything(lab)
    assert hosts_of(lab, DATA) == ["hme1"]
    assert ipv4(lab, "hme0") == []


@pytest.mark.parametrize("goes_down", [False, True], ids=["up", "down"])
def test_renamed(lab: Lab, goes_down: bool) -> None:
    """A file belongs to a name: under another one the NIC is not what was configured."""
    start(lab, DUAL_STACK)
    await_settled(lab)
    before = shape(lab)
    rename(lab, "hme0", "net7", goes_down=goes_down)
    await_hosted(lab, "hme1", DATA, DATA6)
    await_state(lab, "hme0", "missing")
    assert ipv4(lab, "net7") == []
    assert reaches(lab, DATA, where="router")
    rename(lab, "net7", "hme0", goes_down=goes_down)
    await_hosted(lab, "hme0", DATA, DATA6)
    await_state(lab, "hme0", "running")
    await_settled(lab)
    await_same(lab, shape, before)


def rename(lab: Lab, old: str, new: str, *, goes_down: bool) -> None:
    if goes_down:
        lab.run(["ip", "link", "set", old, "down"], check=True)
    lab.run(["ip", "link", "set", old, "name", new], check=True)
    if goes_down:
        lab.run(["ip", "link", "set", new, "up"], check=True)


def test_without_udevd(lab: Lab) -> None:
    """Plugging works on the kernel's word alone."""
    start(lab, PAIR)
    await_settled(lab)
    before = shape(lab)
    lab.run(["sh", "-c", "kill -9 $(pidof systemd-udevd || pidof udevd)"], check=True)
    lab.tear_out("hme0")
    await_hosted(lab, "hme1", DATA)
    lab.put_back("hme0")
    await_hosted(lab, "hme0", DATA, "192.168.85.21")
    await_same(lab, shape, before)


def test_udev_names_the_nic(lab_with: LabFactory) -> None:
    """A NIC appears under a passing name; nothing happens to it under that."""
    lab = lab_with()
    rule = 'SUBSYSTEM=="net", ACTION=="add", ATTR{address}=="02:00:00:00:0c:01", NAME="hme2"\n'
    lab.write("/etc/udev/rules.d/70-names.rules", rule)
    lab.run(["udevadm", "control", "--reload"], check=True)
    start(lab, {**PAIR, "hostname.hme2": HME2})
    await_event(lab, "missing", "hme2")
    lab.add_nic("passing0", "02:00:00:00:0c:01")
    await_hosted(lab, "hme2", "192.168.85.24", "192.168.85.25")
    assert state_of(lab, "hme2") == "running"
    assert held(lab, "passing0") == {}
    assert not [event for event in history(lab) if "passing0" in event["message"]]
    assert len([it for it in kinds(lab) if it in {("attach", "hme2"), ("reattach", "hme2")}]) == 1


def test_file_is_read_as_it_is_now(lab: Lab) -> None:
    """What returns is configured as at a boot: behaviour 121."""
    start(lab, PAIR)
    lab.tear_out("hme0")
    await_hosted(lab, "hme1", DATA)
    text = HME0.replace(DATA, "192.168.85.39").replace("group test", "mtu 1400 group test")
    lab.write("/etc/hostname.hme0", text)
    lab.put_back("hme0")
    await_hosted(lab, "hme0", "192.168.85.39", "192.168.85.21")
    lab.wait_for(lambda: hosts_of(lab, DATA) == [], what="the end of the old address")
    assert [link.mtu for link in snapshot(lab).links if link.name == "hme0"] == [1400]


def test_lent_to_another_namespace(lab: Lab) -> None:
    """It returns bare and down, under its old index: a new device all the same."""
    start(lab, DUAL_STACK)
    await_settled(lab)
    before = shape(lab)
    borrower = lab.popen(["unshare", "--net", "sleep", "1000"])
    lab.wait_for(lambda: lab.run(LEND).returncode == 0, what="the other namespace")
    await_hosted(lab, "hme1", DATA, DATA6)
    await_state(lab, "hme0", "missing")
    lab.run(GIVE_BACK, check=True)
    await_hosted(lab, "hme0", DATA, DATA6, "192.168.85.21")
    await_settled(lab)
    await_same(lab, shape, before)
    borrower.kill()
