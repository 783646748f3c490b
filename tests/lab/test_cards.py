"""The card that a lab pretends to have, as rcmd sees it: looked at, taken away, brought back."""

from __future__ import annotations

import json
import sys
import threading

import pytest
from cards import PretendedCard, insert_card
from evidence import begin
from kernel_log import FakeKernelLog
from scenes import PAIR, await_hosted, kinds, start

from rcmd.lab.lab import Lab
from rcmd.platform.hardware.reading import survey
from rcmd.ports.hardware import (
    Hardware,
    HardwareStep,
    PciFunction,
    PowerOff,
    PowerOn,
    RemoveFunction,
    Rescan,
    Slot,
)

pytestmark = pytest.mark.lab

FIRST, SECOND = "0000:05:00.0", "0000:05:00.1"
WHOLE = Hardware(
    {
        FIRST: PciFunction(FIRST, "pretended", 0x020000, ("hme0",)),
        SECOND: PciFunction(SECOND, "pretended", 0x020000, ("hme1",)),
    },
    {"1": Slot("1", "0000:05:00", is_powered=True)},
)


@pytest.fixture
def card(lab: Lab) -> PretendedCard:
    return insert_card(lab, slot="1", device="0000:05:00", ports=["hme0", "hme1"])


def look(lab: Lab) -> Hardware:
    return lab.place("host").call(survey)


PERFORM = """
import asyncio
from rcmd.ports.hardware import *
from rcmd.platform.hardware.control import SysfsControl
try:
    asyncio.run(SysfsControl(timeout_s={timeout_s}).perform({step!r}))
except HardwareFailed as error:
    print(error)
"""


def failure(lab: Lab, step: HardwareStep, timeout_s: float = 30.0) -> str:
    """Do it in a process of the host, as the daemon would; empty if it succeeds."""
    program = PERFORM.format(step=step, timeout_s=timeout_s)
    return lab.run([sys.executable, "-c", program], check=True).stdout.strip()


def do(lab: Lab, step: HardwareStep) -> None:
    assert failure(lab, step) == ""


def nics(lab: Lab) -> set[str]:
    found = lab.run(["ls", "/sys/class/net"], check=True).stdout.split()
    return {nic for nic in found if nic.startswith("hme")}


def await_whole(lab: Lab) -> None:
    lab.wait_for(lambda: look(lab) == WHOLE and nics(lab) == {"hme0", "hme1"}, what="the card")


def test_the_host_sees_the_card(lab: Lab, card: PretendedCard) -> None:
    assert look(lab) == WHOLE


def test_rcmctl_shows_what_hangs_on_the_card(lab: Lab, card: PretendedCard) -> None:
    begin(lab, PAIR)
    lab.run(["ip", "link", "add", "mv0", "link", "hme0", "type", "macvlan"], check=True)
    lab.wait_for(lambda: "mv0" in lab.rcmctl("resources").stdout, what="the macvlan")
    roots = json.loads(lab.rcmctl("resources", "--json").stdout)["resources"]
    (slot,) = (it for it in roots if it["name"] == "slot:1")
    (device,) = slot["children"]
    first, second = device["children"]
    assert [it["name"] for it in (device, first, second)] == [
        "pci:0000:05:00",
        f"pci:{FIRST}",
        f"pci:{SECOND}",
    ]
    (hme0,) = first["children"]
    assert hme0["note"] == (
        "hme0 hosts IP addresses: 192.168.85.19, 192.168.85.21;"
        " providing connectivity for IPMP group test"
    )
    assert [it["name"] for it in hme0["children"]][:3] == [
        "mv0",
        "ip:192.168.85.19",
        "ip:192.168.85.21",
    ]
    assert not {"hme0", "hme1", "mv0"} & {it["name"] for it in roots}


def test_a_function_goes_with_its_nic_and_a_scan_finds_it(lab: Lab, card: PretendedCard) -> None:
    do(lab, RemoveFunction(SECOND))
    assert list(look(lab).functions) == [FIRST]
    assert nics(lab) == {"hme0"}
    do(lab, Rescan("0000:05"))
    await_whole(lab)
    assert card.trouble == []


def test_a_scan_of_one_bus_finds_no_other_card(lab: Lab) -> None:
    insert_card(lab, slot="1", device="0000:05:00", ports=["hme0"])
    insert_card(lab, slot="2", device="0000:06:00", ports=["hme1"])
    do(lab, RemoveFunction("0000:05:00.0"))
    do(lab, RemoveFunction("0000:06:00.0"))
    do(lab, Rescan("0000:06"))
    lab.wait_for(lambda: nics(lab) == {"hme1"}, what="the second card")
    assert list(look(lab).functions) == ["0000:06:00.0"]
    do(lab, Rescan())
    lab.wait_for(lambda: nics(lab) == {"hme0", "hme1"}, what="the first card")


def test_the_slot_is_switched_off_and_on(lab: Lab, card: PretendedCard) -> None:
    do(lab, PowerOff("1"))
    assert look(lab) == Hardware(slots={"1": Slot("1", "0000:05:00", is_powered=False)})
    assert nics(lab) == set()
    do(lab, Rescan())
    do(lab, PowerOn("1"))
    await_whole(lab)
    do(lab, RemoveFunction(FIRST))
    assert nics(lab) == {"hme1"}
    assert card.trouble == []


def test_a_card_that_refuses(lab: Lab, card: PretendedCard) -> None:
    card.refuse(function=1)
    card.refuse()
    removal = failure(lab, RemoveFunction(SECOND))
    assert removal == f"function {SECOND} could not be removed: Input/output error"
    switching = failure(lab, PowerOff("1"))
    assert switching == "slot 1 could not be switched off: Invalid argument"
    await_whole(lab)
    card.obey()
    do(lab, PowerOff("1"))
    assert nics(lab) == set()


def test_a_card_whose_driver_hangs(lab: Lab, card: PretendedCard) -> None:
    card.hang(function=0)
    told = failure(lab, RemoveFunction(FIRST), timeout_s=0.3)
    assert told.endswith(": still not done after 0.3 s: the driver hangs")
    assert look(lab) == WHOLE


def test_a_card_that_is_pulled_out_by_hand(lab: Lab, card: PretendedCard) -> None:
    card.pull_out()
    assert (look(lab).functions, nics(lab)) == ({}, set())
    card.put_in()
    await_whole(lab)


def test_two_cards_and_no_watcher_that_outlives_the_lab(lab: Lab) -> None:
    before = threading.active_count()
    insert_card(lab, slot="1", device="0000:05:00", ports=["hme0"])
    insert_card(lab, slot="2", device="0000:06:00", ports=["hme1"])
    do(lab, PowerOff("2"))
    assert nics(lab) == {"hme0"}
    assert list(look(lab).slots) == ["1", "2"]
    lab.down()
    for thread in threading.enumerate():
        if thread.name.startswith("watcher of "):
            thread.join(10)
    assert threading.active_count() <= before


def test_a_card_that_the_kernel_calls_gone_is_left_at_once(lab: Lab) -> None:
    """Its interface is still there, with its carrier: so it is for a while in a real kernel."""
    insert_card(lab, slot="1", device="0000:05:00", ports=["hme0"])
    with FakeKernelLog(lab) as kernel:
        start(lab, PAIR)
        kernel.lose_card("1")
        await_hosted(lab, "hme1", "192.168.85.19")
        # It was wrong: the interface stays, and gets its address back.
        await_hosted(lab, "hme0", "192.168.85.19")
        told = [subject for kind, subject in kinds(lab) if kind == "link-down"]
        assert told == ["hme0"]
        document = json.loads(lab.rcmctl("status", "--json").stdout)
        assert document["statistics"].keys() == {"prepared_failovers", "prepared_failovers_mended"}
