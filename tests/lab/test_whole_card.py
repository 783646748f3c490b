"""A card goes or stays as a whole; a slot that is about to lose its power is empty before that."""

from __future__ import annotations

import json
import re

import pytest
from cards import PretendedCard, insert_card
from conftest import LabFactory
from evidence import Peer, begin_with_routes, difference, ended, essence, rcmctl_in_background
from kernel_log import FakeKernelLog
from scenes import HME0, HME1, HME2, await_state, history, hosts_of, state_of

from rcmd.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long]

FOUR = {
    "hostname.hme0": HME0,
    "hostname.hme1": HME1,
    "hostname.hme2": HME2,
    "hostname.hme3": "192.168.85.26 netmask + broadcast + group test up \\\n"
    "addif 192.168.85.27 deprecated -failover netmask + broadcast + up\n",
    "hostname6.hme0": "addif 2001:db8:85::19/64 up\n",
    "hostname6.hme1": "addif 2001:db8:85::20/64 up\n",
    "hostname6.hme2": "",
    "hostname6.hme3": "",
}
CARD = "pci:0000:05:00"
PORTS = ("hme0", "hme1")
NUMBER = re.compile(r'"(ifindex|link_index|link_netnsid)": \d+(, )?')
"""What a device that was taken away and brought back cannot have again."""


def likeness(lab: Lab) -> list[str]:
    """Links, addresses, labels, routes and sysctls, without the numbers of the devices."""
    return sorted(NUMBER.sub("", line) for line in essence(lab))


def groups(lab: Lab) -> str:
    return lab.rcmctl("groups", "--json").stdout


@pytest.fixture
def lab(lab_with: LabFactory) -> Lab:
    return lab_with(nics=("hme0", "hme1", "hme2", "hme3"))


@pytest.fixture
def card(lab: Lab) -> PretendedCard:
    inserted = insert_card(lab, slot="1", device="0000:05:00", ports=PORTS)
    begin_with_routes(lab, FOUR)
    for nic in ("hme0", "hme1", "hme2", "hme3"):
        await_state(lab, nic, "running")
    return inserted


def await_likeness(lab: Lab, before: list[str], groups_before: str) -> None:
    try:
        lab.wait_for(lambda: likeness(lab) == before, what="the old state")
    finally:
        assert difference(before, likeness(lab)) == []
    assert groups(lab) == groups_before


def test_the_card_goes_as_a_whole_and_returns(lab: Lab, card: PretendedCard) -> None:
    # behaviours 102, 119, 121, 122
    before, groups_before = likeness(lab), groups(lab)
    shown = lab.rcmctl("detach", CARD, "--dry-run").stdout
    assert "192.168.85.19/24" in shown
    assert "nothing was changed" in shown
    assert likeness(lab) == before
    assert lab.rcmctl("detach", CARD).returncode == 0
    for address in ("192.168.85.19", "192.168.85.20", "2001:db8:85::19"):
        assert hosts_of(lab, address)[0] in ("hme2", "hme3")
    assert (state_of(lab, "hme0"), state_of(lab, "hme1")) == ("detached", "detached")
    assert lab.run(["ip", "link", "show", "dev", "hme0"]).returncode != 0
    done = lab.rcmctl("attach", CARD)
    assert (done.returncode, done.stderr) == (0, "")
    await_likeness(lab, before, groups_before)
    assert card.trouble == []


@pytest.mark.parametrize("function", [0, 1])
def test_a_port_that_fails_keeps_the_card(lab: Lab, card: PretendedCard, function: int) -> None:
    # behaviour 120
    before, groups_before = likeness(lab), groups(lab)
    card.refuse(function)
    done = lab.rcmctl("detach", CARD)
    assert done.returncode == 1
    assert "Input/output error" in done.stderr
    assert "the previous configuration is restored" in done.stderr
    await_likeness(lab, before, groups_before)
    told = [it["message"] for it in history(lab) if it["kind"] == "detach-undone"]
    assert "the previous configuration is restored" in told[-1]


def test_a_power_switch_that_refuses_keeps_the_card(lab: Lab, card: PretendedCard) -> None:
    before, groups_before = likeness(lab), groups(lab)
    card.refuse()
    done = lab.rcmctl("detach", "slot:1")
    assert (done.returncode, "Invalid argument" in done.stderr) == (1, True)
    await_likeness(lab, before, groups_before)


def test_a_port_that_is_refused_keeps_the_card(lab: Lab, card: PretendedCard) -> None:
    # behaviours 101, 115
    before, groups_before = likeness(lab), groups(lab)
    guard = Peer(lab, "client", "backup", "hme1", "--refuse", "PreRemove=a tape is in the drive")
    done = lab.rcmctl("detach", "slot:1")
    assert done.returncode == 1
    assert "backup: a tape is in the drive" in done.stderr
    await_likeness(lab, before, groups_before)
    guard.kill()
    assert card.trouble == []


def test_daemon_answers_while_a_driver_hangs(lab: Lab, card: PretendedCard) -> None:
    card.hang(1)
    detach = rcmctl_in_background(lab, "detach", CARD)
    lab.wait_for(lambda: "removing" in lab.rcmctl("operations").stdout, what="the removal")
    shown = json.loads(lab.rcmctl("operations", "--json").stdout)["operations"]
    assert (shown[0]["resource"], shown[0]["waiting_for"]) == (CARD, ["the hardware"])
    assert lab.rcmctl("detach", "hme1").returncode == 7
    assert lab.rcmctl("status").returncode == 0
    detach.kill()
    ended(detach)


def test_five_seconds_are_enough(lab: Lab) -> None:
    card = insert_card(lab, slot="1", device="0000:05:00", ports=PORTS)
    with FakeKernelLog(lab) as kernel:
        begin_with_routes(lab, FOUR)
        for nic in ("hme0", "hme1", "hme2", "hme3"):
            await_state(lab, nic, "running")
        before, groups_before = likeness(lab), groups(lab)
        kernel.press("1")
        lab.wait_for(lambda: _is_empty(lab), what="an empty card")
        kernel.press_again("1")
        await_likeness(lab, before, groups_before)
        kernel.press("1")
        lab.wait_for(lambda: _is_empty(lab), what="an empty card")
        card.pull_out()
        for nic in PORTS:
            await_state(lab, nic, "detached")
        card.put_in()
        await_likeness(lab, before, groups_before)
    told = [it["message"] for it in history(lab) if it["subject"] == "slot:1"]
    assert [text.partition(":")[0] for text in told] == [
        "slot 1 is about to lose its power",
        "slot 1 keeps its power",
        "slot 1 is about to lose its power",
        "slot 1 lost its power",
    ]
    assert "could not be vetoed" in told[0]


def test_daemon_outlives_its_kernel_log(lab: Lab) -> None:
    with FakeKernelLog(lab):
        begin_with_routes(lab, FOUR)
        await_state(lab, "hme0", "running")
    told = "the kernel log is not heard any more"
    lab.wait_for(lambda: told in lab.daemon_log(), what="the end of the log")
    assert state_of(lab, "hme0") == "running"
    assert lab.daemon_log().count(told) == 1


def _is_empty(lab: Lab) -> bool:
    return all(
        hosts_of(lab, address)[-1:] in (["hme2"], ["hme3"])
        for address in ("192.168.85.19", "192.168.85.20", "2001:db8:85::19")
    )
