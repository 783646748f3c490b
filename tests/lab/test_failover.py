"""A cable is pulled, and plugged again: addresses leave and come home on the real kernel."""

from __future__ import annotations

import pytest
from scenes import (
    DUAL_STACK,
    HME0,
    HME1,
    PAIR,
    ROUTER,
    SETTINGS_PATH,
    THREE,
    WITH_STANDBY,
    WITHOUT_FAILBACK,
    LabFactory,
    addr_dump,
    await_event,
    await_hosted,
    await_same,
    await_settled,
    await_state,
    group_state,
    held,
    history,
    hosted_on,
    interface,
    kinds,
    labels,
    marks,
    neighbour_mac,
    reaches,
    start,
    told,
)

from rcmd.lab.lab import Lab
from rcmd.model.network import RCMD_PROTOCOL

pytestmark = pytest.mark.lab

SCOPE_HOST = 254
KERNEL_DELAY_US = 1_000_000
"""How late the kernel may report the second of two lost carriers (net/core/link_watch.c)."""


def test_overview_example(lab: Lab) -> None:
    """Addresses leave, what uses them goes on, neighbours are told; then all is as before."""
    start(lab, PAIR)
    await_settled(lab)
    before = addr_dump(lab)
    before_marks = marks(lab)
    session = lab.tcp_session("192.168.85.19")
    assert neighbour_mac(lab, "192.168.85.19") == "02:00:00:00:00:01"

    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")  # behaviour 28
    # behaviour 60: the next free logical number
    assert labels(lab, "hme1") == {
        "192.168.85.20": "hme1",
        "192.168.85.22": "hme1:1",
        "192.168.85.19": "hme1:2",
    }
    assert labels(lab, "hme0") == {"192.168.85.21": "hme0:1"}  # behaviour 12
    moved = held(lab, "hme1")["192.168.85.19"]
    assert (moved.protocol, str(moved.broadcast)) == (RCMD_PROTOCOL, "192.168.85.255")
    # behaviour 13: it is no source for anyone who does not ask for it
    test_address = held(lab, "hme0")["192.168.85.21"]
    assert str(test_address.address) == "192.168.85.21/32"
    assert (test_address.scope, test_address.preferred_s) == (SCOPE_HOST, 0)
    assert test_address.protocol == RCMD_PROTOCOL
    assert session.alive()  # behaviour 76
    lab.wait_for(
        lambda: neighbour_mac(lab, "192.168.85.19") == "02:00:00:00:00:02", what="the router"
    )
    assert set(interface(lab, "hme0")["flags"]) == {"UP", "FAILED"}  # behaviour 63
    assert group_state(lab) == "degraded"
    assert reaches(lab, ROUTER)

    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    await_same(lab, addr_dump, before)  # behaviour 68
    assert marks(lab) == before_marks
    assert session.alive()
    lab.wait_for(
        lambda: neighbour_mac(lab, "192.168.85.19") == "02:00:00:00:00:01", what="the router"
    )
    assert group_state(lab) == "ok"
    assert set(interface(lab, "hme0")["flags"]) == {"UP", "RUNNING"}
    assert told(lab) == [
        "The link has gone down on hme0",
        "NIC failure detected on hme0 of group test",
        "Successfully failed over from NIC hme0 to NIC hme1",
        "The link has come up on hme0",
        "NIC repair detected on hme0 of group test",
        "Successfully failed back to NIC hme0",
    ]


def test_neighbours_that_do_not_ask_are_told(lab: Lab) -> None:
    """An idle neighbour's entry changes although nothing is sent to it but the announcement."""
    start(lab, PAIR)
    lab.add_neighbour("n1", "192.168.85.50/24")
    assert reaches(lab, "192.168.85.19", where="n1")
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    lab.wait_for(
        lambda: neighbour_mac(lab, "192.168.85.19", where="n1") == "02:00:00:00:00:02",
        what="the neighbour",
    )


def test_standby_takes_over_and_retires(lab_with: LabFactory) -> None:
    lab = start(lab_with(nics=("hme0", "hme1", "hme2")), WITH_STANDBY)
    await_settled(lab)
    before = addr_dump(lab)
    # behaviour 20
    assert set(interface(lab, "hme2")["flags"]) == {"UP", "RUNNING", "STANDBY", "INACTIVE"}
    lab.pull("hme0")
    await_hosted(lab, "hme2", "192.168.85.19")  # behaviour 26
    assert labels(lab, "hme2") == {"192.168.85.23": "hme2", "192.168.85.19": "hme2:1"}
    # behaviour 24
    assert set(interface(lab, "hme2")["flags"]) == {"UP", "RUNNING", "STANDBY"}
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    await_same(lab, addr_dump, before)
    assert "INACTIVE" in interface(lab, "hme2")["flags"]

    # A standby that fails has nothing to give: behaviours 27, 72
    lab.pull("hme2")
    await_state(lab, "hme2", "failed")
    assert set(interface(lab, "hme2")["flags"]) == {"UP", "STANDBY", "FAILED"}
    lab.plug("hme2")
    await_state(lab, "hme2", "running")
    assert "INACTIVE" in interface(lab, "hme2")["flags"]
    assert ("failback", "hme2") not in kinds(lab)
    assert addr_dump(lab) == before


def test_all_cables(lab: Lab) -> None:
    """The last one that works keeps everything; the first that is repaired gets it."""
    start(lab, PAIR)
    await_settled(lab)
    before = addr_dump(lab)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    lab.pull("hme1")
    await_event(lab, "group-failed", "test")
    # behaviour 73: nobody moves, and it is said once
    assert hosted_on(lab, "192.168.85.19") == "hme1"
    assert hosted_on(lab, "192.168.85.20") == "hme1"
    assert group_state(lab) == "failed"
    assert kinds(lab).count(("group-failed", "test")) == 1
    assert ("failure", "hme1") not in kinds(lab)
    lab.plug("hme0")
    await_event(lab, "group-repaired", "test")  # behaviour 74
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.20")
    assert group_state(lab) == "degraded"
    assert reaches(lab, "192.168.85.20", where="router")
    lab.plug("hme1")
    await_hosted(lab, "hme1", "192.168.85.20")
    await_same(lab, addr_dump, before)


def test_destination_fails_too(lab_with: LabFactory) -> None:
    lab = start(lab_with(nics=("hme0", "hme1", "hme2")), THREE)
    await_settled(lab)
    before = addr_dump(lab)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    lab.pull("hme1")
    await_hosted(lab, "hme2", "192.168.85.19", "192.168.85.20")  # behaviour 67
    lab.plug("hme1")
    await_hosted(lab, "hme1", "192.168.85.20")
    assert hosted_on(lab, "192.168.85.19") == "hme2"  # behaviour 69
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    await_same(lab, addr_dump, before)


def test_fewest_addresses_win(lab_with: LabFactory) -> None:
    lab = lab_with(nics=("hme0", "hme1", "hme2"))
    crowded = HME1.rstrip("\n") + " \\\naddif 192.168.85.30 netmask + broadcast + up\n"
    start(lab, {**THREE, "hostname.hme1": crowded})
    lab.pull("hme0")
    await_hosted(lab, "hme2", "192.168.85.19")  # behaviour 64
    # All that leaves one NIC goes to one other (behaviour 59).
    lab.pull("hme2")
    await_hosted(lab, "hme1", "192.168.85.19", "192.168.85.24")
    assert sorted(labels(lab, "hme1").values()) == ["hme1", "hme1:1", "hme1:2", "hme1:3", "hme1:4"]


def test_without_failback(lab: Lab) -> None:
    lab.write(SETTINGS_PATH, WITHOUT_FAILBACK)
    start(lab, PAIR)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    lab.plug("hme0")
    await_event(lab, "repair", "hme0")
    # behaviour 70: nothing returns, and it is next in line
    assert hosted_on(lab, "192.168.85.19") == "hme1"
    assert "INACTIVE" in interface(lab, "hme0")["flags"]
    lab.pull("hme1")
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.20")
    assert "INACTIVE" not in interface(lab, "hme0")["flags"]


def test_second_cable_within_the_kernels_delay(lab_with: LabFactory) -> None:
    """The kernel tells of the second lost carrier up to a second late; we do not wait for it."""
    nics = ("hme0", "hme1", "hme2")
    lab = start(lab_with(nics=(), tap=nics), THREE)
    lab.pull("hme0")
    lab.pull("hme1")
    await_hosted(lab, "hme2", "192.168.85.19", "192.168.85.20")
    times = {
        event["subject"]: event["time_us"] for event in history(lab) if event["kind"] == "link-down"
    }
    assert times["hme1"] - times["hme0"] < KERNEL_DELAY_US / 2
    assert reaches(lab, "192.168.85.19", where="router")


def test_interface_without_a_group(lab: Lab) -> None:
    """Nobody takes its addresses, and nobody judges it."""
    lone = "192.168.85.19 netmask + broadcast + up\n"
    start(lab, {"hostname.hme0": lone, "hostname.hme1": HME1})
    before = labels(lab, "hme0")
    assert before == {"192.168.85.19": "hme0"}
    lab.pull("hme0")
    lab.wait_for(lambda: interface(lab, "hme0")["link_up"] is False, what="the lost link")
    assert hosted_on(lab, "192.168.85.19") == "hme0"
    # behaviour 5: a group of one is watched, but has nowhere to go
    lab.pull("hme1")
    await_event(lab, "group-failed", "test")
    assert hosted_on(lab, "192.168.85.20") == "hme1"
    lab.plug("hme1")
    await_event(lab, "group-repaired", "test")
    assert not [event for event in history(lab) if event["kind"] in ("failover", "failback")]


def test_hardware_address_twice(lab_with: LabFactory) -> None:
    lab = lab_with(macs={"hme0": "02:00:00:00:0a:01", "hme1": "02:00:00:00:0a:01"})
    start(lab, PAIR)
    # behaviours 3, 4: the later one may not serve, and says why
    assert interface(lab, "hme0")["state"] == "running"
    later = interface(lab, "hme1")
    assert later["state"] == "offline"
    assert later["problem"] == "its hardware address 02:00:00:00:0a:01 is also that of hme0"
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.20")
    assert lab.rcmctl("online", "hme1").returncode != 0
    lab.run(["ip", "link", "set", "hme1", "address", "02:00:00:00:0a:02"], check=True)
    await_hosted(lab, "hme1", "192.168.85.20")
    assert interface(lab, "hme1")["state"] == "running"
    assert interface(lab, "hme1")["problem"] == ""


def test_failed_at_start(lab: Lab) -> None:
    """A NIC without a cable when rcmd starts: behaviour 40."""
    lab.pull("hme0")
    start(lab, {"hostname.hme0": HME0, "hostname.hme1": HME1})
    await_hosted(lab, "hme1", "192.168.85.19")
    assert interface(lab, "hme0")["state"] == "failed"
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")


def test_daemon_that_slept_catches_up(lab: Lab) -> None:
    """What happened while no daemon ran is found at the next start; a restart changes nothing."""
    start(lab, DUAL_STACK)
    await_settled(lab)
    before = addr_dump(lab)
    assert lab.stop_daemon() == 0
    assert addr_dump(lab) == before
    lab.pull("hme0")
    lab.start_daemon()
    await_hosted(lab, "hme1", "192.168.85.19", "2001:db8:85::19")
    away = addr_dump(lab)
    lab.kill_daemon()
    lab.start_daemon()
    assert addr_dump(lab) == away
    assert interface(lab, "hme0")["state"] == "failed"
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19", "2001:db8:85::19")
    await_same(lab, addr_dump, before)


def test_many_addresses(lab: Lab) -> None:
    """Of three subnets: all move, each with a label of its own, and return in their old order."""
    more = "".join(
        f" \\\naddif 192.168.{85 + n % 3}.{100 + n}/24 broadcast + up" for n in range(60)
    )
    more6 = "".join(f"addif 2001:db8:85::1{n:02}/64 up\n" for n in range(20))
    start(
        lab,
        {
            **PAIR,
            "hostname.hme0": f"{HME0.rstrip()}{more}\n",
            "hostname6.hme0": more6,
            "hostname6.hme1": "",
        },
    )
    lab.wait_for(lambda: len(labels(lab, "hme0")) == 62)
    await_settled(lab)
    before = addr_dump(lab)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19", "192.168.87.159", "2001:db8:85::119")
    assert sorted(labels(lab, "hme0").values()) == ["hme0:1"]
    taken = set(labels(lab, "hme1").values())
    assert taken == {"hme1", *(f"hme1:{number}" for number in range(1, 63))}
    lab.plug("hme0")
    await_same(lab, addr_dump, before)


def test_groups_are_apart(lab_with: LabFactory) -> None:
    other = {
        f"hostname.hme{n}": text.replace("group test", "group other").replace(".85.", ".86.")
        for n, text in ((2, HME0), (3, HME1))
    }
    lab = start(lab_with(nics=("hme0", "hme1", "hme2", "hme3")), {**PAIR, **other})
    lab.pull("hme0")
    lab.pull("hme3")
    await_hosted(lab, "hme1", "192.168.85.19")
    await_hosted(lab, "hme2", "192.168.86.20")
    lab.pull("hme2")
    await_event(lab, "group-failed", "other")
    assert hosted_on(lab, "192.168.86.20") == "hme2"
    assert [group_state(lab, "test"), group_state(lab, "other")] == ["degraded", "failed"]
