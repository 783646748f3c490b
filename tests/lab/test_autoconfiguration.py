"""Addresses from router advertisements on the real kernel, and duplicate detection there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from scenes import (
    DUAL_STACK,
    addr_dump,
    ask,
    await_event,
    await_hosted,
    await_same,
    await_settled,
    await_state,
    held,
    hosts_of,
    interface,
    kinds,
    neighbour_mac,
    reaches,
    snapshot,
    start,
    status,
)

from rcmd.bus.client import ManagerClient
from rcmd.lab.lab import Lab
from rcmd.model.network import RCMD_PROTOCOL

pytestmark = pytest.mark.lab

ADVERTISER = Path(__file__).with_name("advertiser.py")
PREFIXES = ("2001:db8:85::/64", "2001:db8:99::/64")
PUBLIC = "2001:db8:85::ff:fe00:1"
OTHER_PUBLIC = "2001:db8:99::ff:fe00:1"
CONFIGURED = "2001:db8:85::19"
OLD_TEST = "fe80::ff:fe00:1"


def advertise(lab: Lab) -> None:
    lab.run(["ip", "addr", "add", "2001:db8:99::1/64", "dev", "lan0"], where="router", check=True)
    lab.popen([sys.executable, str(ADVERTISER), "lan0", "600", *PREFIXES], where="router")


def set_sysctl(lab: Lab, nic: str, key: str, value: int) -> None:
    lab.run(["sysctl", "-qw", f"net.ipv6.conf.{nic}.{key}={value}"], check=True)


def begin(lab: Lab) -> str:
    """Both NICs with addresses from two prefixes; hme0's temporary one of the first."""
    for nic in ("hme0", "hme1"):
        set_sysctl(lab, nic, "use_tempaddr", 2)
    start(lab, DUAL_STACK, detects_duplicates=True)
    advertise(lab)
    lab.wait_for(lambda: len(originals(lab, "hme0")) == 4 == len(originals(lab, "hme1")))
    await_settled(lab)
    lab.wait_for(lambda: homes(lab).keys() >= {*originals(lab, "hme0")}, what="adoption")
    return temporary(lab, "hme0")


def administrators_sysctls(lab: Lab) -> str:
    """Those of hme0 and hme1 that are not for us to set."""
    keys = r"(accept_ra|use_tempaddr|addr_gen_mode|keep_addr_on_down)"
    pattern = rf"^net\.ipv6\.conf\.hme[01]\.{keys}$"
    return lab.run(["sysctl", "-a", "--pattern", pattern], check=True).stdout


def originals(lab: Lab, nic: str) -> list[str]:
    """What the kernel made there."""
    found = [it for it in lab.addresses(nic) if it["scope"] == "global"]
    return [it["local"] for it in found if it.get("mngtmpaddr") or it.get("temporary")]


def temporary(lab: Lab, nic: str) -> str:
    (found,) = (
        str(it["local"])
        for it in lab.addresses(nic)
        if it.get("temporary") and it["local"].startswith("2001:db8:85:")
    )
    return found


def homes(lab: Lab) -> dict[str, tuple[str, str | None]]:
    """Data address -> (home, hosted on), as status shows it."""
    return {
        it["address"].partition("/")[0]: (it["home"], it["hosted_on"])
        for it in status(lab)["addresses"]
        if it["kind"] == "data"
    }


def await_served(lab: Lab, nic: str, *addresses: str) -> None:
    lab.wait_for(
        lambda: all(homes(lab).get(it) == ("hme0", nic) for it in addresses),
        what=f"{', '.join(addresses)} served by {nic}",
    )


def dump(lab: Lab) -> tuple[list[dict[str, Any]], list[str]]:
    """The kernel lists the newest IPv6 address first, and originals are older than what came home
    beside them: in any order."""
    links = addr_dump(lab)
    for link in links:
        link["addr_info"].sort(key=repr)
    return links, sorted(repr(route) for route in snapshot(lab).routes)


def failures(lab: Lab) -> list[str]:
    return [
        str(info["local"])
        for link in addr_dump(lab)
        for info in link["addr_info"]
        if info.get("dadfailed")
    ]


def test_they_survive_a_pulled_cable_and_come_home(lab: Lab) -> None:
    # behaviour 59: also autoconfigured ones
    sysctls = administrators_sysctls(lab)
    private = begin(lab)
    before = dump(lab)
    session = lab.tcp_session(private)
    lab.pull("hme0")
    await_served(lab, "hme1", PUBLIC, OTHER_PUBLIC, private)
    stand_in = held(lab, "hme1")[private]
    assert (stand_in.protocol, stand_in.flags & 0x42) == (RCMD_PROTOCOL, 0x02)  # no detection
    assert stand_in.valid_s is not None
    assert 500 <= stand_in.valid_s <= 600
    assert hosts_of(lab, private) == ["hme0", "hme1"]
    lab.wait_for(lambda: neighbour_mac(lab, private) == "02:00:00:00:00:02", what="the router")
    assert session.alive()
    assert reaches(lab, OTHER_PUBLIC, where="router")
    assert reaches(lab, "2001:db8:85::1", source=PUBLIC)
    lab.plug("hme0")
    await_served(lab, "hme0", PUBLIC, OTHER_PUBLIC, private)
    lab.wait_for(lambda: neighbour_mac(lab, private) == "02:00:00:00:00:01", what="the router")
    assert session.alive()
    await_same(lab, dump, before)

    # The carrier stays: the prefix must not be looked for through the dead NIC.
    lab.black_hole("hme0")
    await_served(lab, "hme1", private)
    lab.wait_for(session.alive, what="the session")
    assert reaches(lab, "2001:db8:85::1", source=private)
    assert reaches(lab, private, where="router")
    lab.restore("hme0")
    await_served(lab, "hme0", private)
    assert session.alive()
    await_same(lab, dump, before)
    assert administrators_sysctls(lab) == sysctls.replace("use_tempaddr = 0", "use_tempaddr = 2")


@pytest.mark.long
def test_they_outlive_their_device(lab: Lab) -> None:
    """Detached and attached, set down and up: nobody's duplicate detection meets a stand-in."""
    private = begin(lab)
    session = lab.tcp_session(private)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    await_hosted(lab, "hme1", PUBLIC, private)
    assert held(lab, "hme0") == {}
    assert session.alive()
    assert lab.rcmctl("attach", "hme0").returncode == 0
    await_hosted(lab, "hme0", PUBLIC, private, CONFIGURED)
    assert session.alive()
    # The kernel's own mark: the next advertisement refreshes it.
    assert held(lab, "hme0")[PUBLIC].protocol == 2
    assert originals(lab, "hme0").count(PUBLIC) == 1

    lab.tear_out("hme0")
    await_hosted(lab, "hme1", PUBLIC, private)
    lab.put_back("hme0")
    await_hosted(lab, "hme0", PUBLIC, private)
    assert session.alive()
    await_settled(lab)
    assert failures(lab) == []
    assert not {kind for kind, _ in kinds(lab)} & {"duplicate-address", "address-removed"}


@pytest.mark.long
def test_a_duplicate_is_told_and_tried_again(lab: Lab) -> None:
    lab.add_neighbour("n1", f"{CONFIGURED}/64")
    start(lab, DUAL_STACK, detects_duplicates=True)
    await_event(lab, "duplicate-address", "hme0")
    assert failures(lab) == [CONFIGURED]
    assert CONFIGURED in interface(lab, "hme0")["problem"]
    # It is not moved as if it were fine.
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    assert hosts_of(lab, CONFIGURED) == ["hme0"]
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    remove = ["ip", "addr", "del", f"{CONFIGURED}/64", "dev", "lan0"]
    lab.run(remove, where="n1", check=True)
    lab.wait_for(lambda: failures(lab) == [], what="the next try")
    await_event(lab, "unique-address", "hme0")
    assert kinds(lab).count(("duplicate-address", "hme0")) == 1
    assert interface(lab, "hme0")["problem"] == ""
    assert reaches(lab, CONFIGURED, where="router")


def test_another_link_local_address_serves_as_test_address(lab: Lab) -> None:
    start(lab, {"hostname6.hme0": "group test up\n", "hostname6.hme1": "group test up\n"})
    await_settled(lab)
    lab.wait_for(lambda: answers_to(lab, OLD_TEST) > 0, what="answers to the first test address")
    before = answers_to(lab, OLD_TEST)
    set_sysctl(lab, "hme0", "addr_gen_mode", 3)
    # The kernel makes it a moment later; until then the old one would be put back.
    lab.wait_for(lambda: len(link_locals(lab, "hme0")) == 2, what="the new address")
    await_settled(lab)
    lab.run(["ip", "addr", "del", f"{OLD_TEST}/64", "dev", "hme0"], check=True)
    lab.wait_for(lambda: source_of_probes(lab) not in (None, OLD_TEST), what="another")
    new = str(source_of_probes(lab))
    assert new in held(lab, "hme0")
    lab.wait_for(lambda: answers_to(lab, new) > before + 10, what="answers to the new one")
    assert ("failure", "hme0") not in kinds(lab)
    # It is probed in earnest: what is lost from now on is found out.
    lab.black_hole("hme0")
    await_state(lab, "hme0", "failed")


def link_locals(lab: Lab, nic: str) -> list[str]:
    return [it for it in held(lab, nic) if it.startswith("fe80:")]


def answers_to(lab: Lab, source: str) -> int:
    """How many probes of hme0 were answered, if it probes from there."""
    entry = probing(lab)
    return sum(it["answered"] for it in entry["targets"] if entry["test_address"] == source)


def source_of_probes(lab: Lab) -> str | None:
    found: str | None = probing(lab)["test_address"]
    return found


def probing(lab: Lab) -> dict[str, Any]:
    """Whom hme0 probes, and from where."""
    targets = ask(lab, ManagerClient.targets)["targets"]
    found: dict[str, Any] = next(it for it in targets if it["interface"] == "hme0")
    return found


def test_who_advertises_far_too_much_is_told_of_once(lab: Lab) -> None:
    """And holds up nothing; the kernel makes a route of every prefix."""
    start(lab, DUAL_STACK)
    for sender in range(8):
        prefixes = [f"2001:db8:{sender + 1}:{number:x}::/64" for number in range(35)]
        command = [sys.executable, str(ADVERTISER), "lan0", "600", *prefixes]
        lab.popen(command, where="router")
    lab.wait_for(lambda: ("advertisements", "hme0") in problems_of(lab), what="the problem")
    lab.pull("hme0")
    await_hosted(lab, "hme1", CONFIGURED)
    assert ("advertisements", "hme1") in problems_of(lab)
    assert kinds(lab).count(("advertisements", "hme0")) == 1


def problems_of(lab: Lab) -> set[tuple[str, str]]:
    return {(it["code"], it["subject"]) for it in status(lab)["problems"]}
