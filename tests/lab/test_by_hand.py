"""What an administrator does with `ip` on a member is believed, kept, and undone by nobody."""

from __future__ import annotations

import socket
from contextlib import closing
from ipaddress import ip_interface
from typing import Any

import pytest
from scenes import (
    DUAL_STACK,
    PAIR,
    ROUTER,
    SETTINGS,
    WITH_STANDBY,
    LabFactory,
    addr_dump,
    await_event,
    await_hosted,
    await_same,
    await_settled,
    held,
    hosted_on,
    hosts_of,
    kinds,
    labels,
    marks,
    route_devices,
    shape,
    start,
    status,
)

from rcmd.ipmp.api.commands import Cause, Move
from rcmd.kernel.rtnetlink import Rtnetlink
from rcmd.lab.lab import Lab
from rcmd.model.network import RCMD_PROTOCOL, KernelAddress

pytestmark = pytest.mark.lab

HAND = "192.168.85.77"


def ip(lab: Lab, words: str) -> None:
    lab.run(["ip", *words.split()], check=True)


def add_marked(lab: Lab, nic: str, text: str, protocol: int, **attributes: Any) -> None:
    """With an address protocol, which not every iproute2 can give."""

    def add() -> None:
        ifindex = socket.if_nametoindex(nic)
        address = KernelAddress(ifindex, ip_interface(text), protocol=protocol, **attributes)
        with closing(Rtnetlink.open()) as kernel:
            assert not kernel.execute(Move(Cause.CONFIGURE, None, nic, add=(address,))).refusals

    lab.place("host").call(add)


def home_of(lab: Lab, address: str) -> str | None:
    found = [it for it in status(lab)["addresses"] if it["address"].split("/")[0] == address]
    return found[0]["home"] if found else None


def test_added_address_moves_and_returns(lab: Lab) -> None:
    start(lab, DUAL_STACK)
    add_marked(lab, "hme0", f"{HAND}/24", 0x20, label="hme0:hand", metric=70)
    ip(lab, "addr add 192.168.85.78/32 dev hme0")
    ip(lab, "addr add 2001:db8:85::77/64 dev hme0 noprefixroute")
    ip(lab, "addr add 2001:db8:85::78/64 dev hme0 preferred_lft 0 nodad")
    lab.wait_for(lambda: kinds(lab).count(("address-added", "hme0")) == 4, what="adoption")
    added = (HAND, "192.168.85.78", "2001:db8:85::77", "2001:db8:85::78")
    assert [home_of(lab, it) for it in added] == ["hme0"] * 4
    await_settled(lab)
    before, before_marks = addr_dump(lab), marks(lab)
    for _ in range(2):
        lab.pull("hme0")
        await_hosted(lab, "hme1", "192.168.85.19", *added)
        moved = held(lab, "hme1")
        assert moved[HAND].protocol == RCMD_PROTOCOL
        assert moved[HAND].metric == 70
        assert moved["2001:db8:85::78"].preferred_s == 0
        assert [home_of(lab, it) for it in added] == ["hme0"] * 4
        lab.plug("hme0")
        await_hosted(lab, "hme0", "192.168.85.19", *added)
        await_same(lab, addr_dump, before)
        assert marks(lab) == before_marks
        lab.kill_daemon()
        lab.start_daemon()
    assert addr_dump(lab) == before


def test_address_added_while_nobody_looked(lab: Lab) -> None:
    start(lab, PAIR)
    assert lab.stop_daemon() == 0
    ip(lab, f"addr add {HAND}/24 dev hme0")
    lab.start_daemon()
    assert home_of(lab, HAND) == "hme0"
    lab.pull("hme0")
    await_hosted(lab, "hme1", HAND)


def test_what_was_added_and_is_removed_is_gone_for_good(lab: Lab) -> None:
    start(lab, PAIR)
    ip(lab, f"addr add {HAND}/24 dev hme0")
    await_event(lab, "address-added", "hme0")
    ip(lab, f"addr del {HAND}/24 dev hme0")
    await_event(lab, "address-removed", "hme0")
    lab.pull("hme0")
    await_event(lab, "failure", "hme0")
    lab.plug("hme0")
    await_event(lab, "repair", "hme0")
    lab.kill_daemon()
    lab.start_daemon()
    assert lab.rcmctl("reload").returncode == 0
    assert hosts_of(lab, HAND) == []
    assert home_of(lab, HAND) is None


def test_accepted_what_a_file_asks_for_stays_away_and_a_problem(lab: Lab) -> None:
    start(lab, {**PAIR, "rcmd/rcmd.yaml": SETTINGS + "when_removed: accept\n"})
    ip(lab, "addr del 192.168.85.19/24 dev hme0")
    await_event(lab, "address-removed", "hme0")
    lab.pull("hme1")
    await_hosted(lab, "hme0", "192.168.85.20")
    ip(lab, "addr del 192.168.85.20/24 dev hme0")
    await_event(lab, "address-removed", "hme0", count=2)
    lab.plug("hme1")
    await_event(lab, "repair", "hme1")
    ip(lab, "addr del 192.168.85.22/32 dev hme1")
    await_event(lab, "address-removed", "hme1")
    away = ("192.168.85.19", "192.168.85.20", "192.168.85.22")
    assert [hosts_of(lab, it) for it in away] == [[], [], []]
    assert [hosted_on(lab, it) for it in away] == [None, None, None]
    assert {it["subject"] for it in status(lab)["problems"] if "missing" in it["code"]} == {
        "192.168.85.19/24",
        "192.168.85.20/24",
        "192.168.85.22/24",
    }
    # Put back by hand, it is what the file says it is.
    ip(lab, "addr add 192.168.85.19/24 dev hme0")
    await_event(lab, "address-added", "hme0")
    assert home_of(lab, "192.168.85.19") == "hme0"
    lab.kill_daemon()
    lab.start_daemon()
    await_hosted(lab, "hme1", "192.168.85.20", "192.168.85.22")


def test_added_and_removed_again(lab: Lab) -> None:
    start(lab, PAIR)
    ip(lab, f"addr add {HAND}/24 dev hme0")
    await_event(lab, "address-added", "hme0")
    lab.pull("hme0")
    await_hosted(lab, "hme1", HAND)
    ip(lab, f"addr del {HAND}/24 dev hme1")
    await_event(lab, "address-removed", "hme1")
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    assert hosts_of(lab, HAND) == []
    assert home_of(lab, HAND) is None


def test_removed_route_is_not_put_back(lab: Lab) -> None:
    start(lab, PAIR)
    for destination in ("10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"):
        ip(lab, f"route add {destination} via {ROUTER} dev hme0")
    ip(lab, "route del 10.1.0.0/16")
    lab.pull("hme0")
    lab.wait_for(lambda: route_devices(lab, "10.2.0.0/16") == ["hme1"], what="the route elsewhere")
    assert route_devices(lab, "10.1.0.0/16") == []
    ip(lab, "route del 10.2.0.0/16")
    lab.plug("hme0")
    lab.wait_for(lambda: route_devices(lab, "10.3.0.0/16") == ["hme0"], what="the route at home")
    assert route_devices(lab, "10.2.0.0/16") == []
    ip(lab, "route del 10.3.0.0/16")
    status(lab)
    lab.kill_daemon()
    lab.start_daemon()
    assert lab.rcmctl("offline", "hme0").returncode == 0
    for destination in ("10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"):
        assert route_devices(lab, destination) == []


def test_replaced_default_route(lab: Lab) -> None:
    """Another gateway is the administrator's last word: it follows, the old one is gone."""
    start(lab, PAIR)
    ip(lab, f"route add default via {ROUTER} dev hme0")
    ip(lab, "route replace default via 192.168.85.254 dev hme0")
    lab.pull("hme0")
    lab.wait_for(lambda: route_devices(lab, "default") == ["hme1"], what="the route elsewhere")
    assert "via 192.168.85.254" in lab.run(["ip", "route", "show", "default"]).stdout
    lab.plug("hme0")
    lab.wait_for(lambda: route_devices(lab, "default") == ["hme0"], what="the route at home")
    assert lab.run(["ip", "route", "show", "default"]).stdout.count("default") == 1


def test_address_added_to_a_standby_leaves_it(lab_with: LabFactory) -> None:
    lab = start(lab_with(("hme0", "hme1", "hme2")), WITH_STANDBY)
    ip(lab, f"addr add {HAND}/24 dev hme2")
    await_hosted(lab, "hme0", HAND)  # behaviour 21
    assert set(labels(lab, "hme2")) == {"192.168.85.23"}
    lab.pull("hme0")
    await_hosted(lab, "hme2", "192.168.85.19")  # behaviour 26
    lab.wait_for(lambda: hosts_of(lab, HAND) == ["hme1"], what="another active NIC")


def test_strangers_are_not_touched(lab_with: LabFactory) -> None:
    """Nothing that rcmd did not add, on nothing that it does not manage."""
    lab = lab_with(("hme0", "hme1", "other0"))
    ip(lab, "link set other0 up")
    ip(lab, "addr add 10.50.0.1/24 dev other0")
    add_marked(lab, "other0", "10.50.0.2/24", RCMD_PROTOCOL)
    ip(lab, "addr add 2001:db8:50::1/64 dev other0")
    ip(lab, "route add 10.51.0.0/16 via 10.50.0.9")
    start(lab, PAIR)
    await_settled(lab)
    before = shape(lab)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    ip(lab, "addr add 10.50.0.3/24 dev other0")
    ip(lab, "addr del 10.50.0.3/24 dev other0")
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    await_same(lab, shape, before)
    assert not [subject for _, subject in kinds(lab) if subject == "other0"]
    # When a member is pulled, what somebody else keeps on another NIC stays too.
    lab.pull("other0")
    status(lab)
    assert set(held(lab, "other0")) >= {"10.50.0.1", "10.50.0.2", "2001:db8:50::1"}


def test_flushed_by_hand(lab: Lab) -> None:
    start(lab, PAIR)
    ip(lab, f"addr add {HAND}/24 dev hme0")
    await_event(lab, "address-added", "hme0")
    ip(lab, "-4 addr flush dev hme0")
    await_event(lab, "put-back", "hme0")
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.21")
    await_event(lab, "address-removed", "hme0")
    assert hosts_of(lab, HAND) == []
