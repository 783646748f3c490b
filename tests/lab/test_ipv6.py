"""IPv6 on the real kernel: no duplicate detection in a move, link-local addresses stay."""

from __future__ import annotations

import pytest
from scenes import (
    DUAL_STACK,
    LabFactory,
    addr_dump,
    await_hosted,
    await_same,
    await_settled,
    held,
    hosts_of,
    interface,
    neighbour_mac,
    reaches,
    shape,
    start,
    status,
)

from rcmd.lab.lab import Lab
from rcmd.model.network import RCMD_PROTOCOL

pytestmark = pytest.mark.lab

DATA = "2001:db8:85::19"
LINK_LOCAL = "fe80::ff:fe00:1"
IPV6_ONLY = {
    "hostname6.hme0": "group test up\naddif 2001:db8:85::19/64 up\n",
    "hostname6.hme1": "group test up\naddif 2001:db8:85::20/64 up\n",
}


def troubles(lab: Lab) -> list[str]:
    """Addresses that duplicate detection holds up, or has given up."""
    return [
        f"{info['local']} on {link['ifname']}"
        for link in addr_dump(lab)
        for info in link["addr_info"]
        if info.get("tentative") or info.get("dadfailed")
    ]


@pytest.mark.long
def test_moves_are_not_held_up_by_duplicate_detection(lab: Lab) -> None:
    start(lab, DUAL_STACK, detects_duplicates=True)
    await_settled(lab)
    before = addr_dump(lab)
    session = lab.tcp_session(DATA)
    assert neighbour_mac(lab, DATA) == "02:00:00:00:00:01"

    # The old NIC still works, and would answer for the address.
    assert lab.rcmctl("offline", "hme0").returncode == 0
    await_hosted(lab, "hme1", DATA)
    assert troubles(lab) == []
    assert held(lab, "hme1")[DATA].protocol == RCMD_PROTOCOL
    assert session.alive()
    lab.wait_for(lambda: neighbour_mac(lab, DATA) == "02:00:00:00:00:02", what="the router")
    assert reaches(lab, DATA, where="router")
    assert lab.rcmctl("online", "hme0").returncode == 0
    await_hosted(lab, "hme0", DATA)
    assert troubles(lab) == []
    lab.wait_for(lambda: neighbour_mac(lab, DATA) == "02:00:00:00:00:01", what="the router")
    assert session.alive()
    await_same(lab, addr_dump, before)

    lab.pull("hme0")
    await_hosted(lab, "hme1", DATA, "192.168.85.19")  # behaviour 59: both families
    assert troubles(lab) == []
    assert hosts_of(lab, LINK_LOCAL) == ["hme0"]  # behaviour 14
    assert session.alive()
    assert reaches(lab, DATA, where="outside") is False  # no IPv6 default route was set
    lab.plug("hme0")
    await_hosted(lab, "hme0", DATA)
    assert session.alive()
    await_settled(lab)
    await_same(lab, addr_dump, before)


def test_without_ipv4(lab: Lab) -> None:
    """A group needs no IPv4 at all: behaviours 11, 15."""
    start(lab, IPV6_ONLY)
    await_settled(lab)
    assert {it["address"]: it["kind"] for it in status(lab)["addresses"]} == {
        f"{DATA}/64": "data",
        "2001:db8:85::20/64": "data",
        f"{LINK_LOCAL}/64": "test",
        "fe80::ff:fe00:2/64": "test",
    }
    before = shape(lab)
    lab.pull("hme0")
    await_hosted(lab, "hme1", DATA)
    assert reaches(lab, DATA, where="router")
    assert interface(lab, "hme0")["flags"] == ["UP", "FAILED"]
    lab.tear_out("hme0")
    lab.wait_for(lambda: interface(lab, "hme0")["state"] == "missing", what="missing")
    assert hosts_of(lab, DATA) == ["hme1"]
    lab.put_back("hme0")
    await_hosted(lab, "hme0", DATA)
    await_settled(lab)
    await_same(lab, shape, before)


@pytest.mark.parametrize("keeps", [0, 1])
def test_set_down_and_up(lab_with: LabFactory, keeps: int) -> None:
    """The kernel drops IPv6 addresses of a device that is set down, unless told otherwise; in
    either case they are not lost."""
    lab = lab_with()
    lab.run(["sysctl", "-qw", f"net.ipv6.conf.hme0.keep_addr_on_down={keeps}"], check=True)
    start(lab, DUAL_STACK)
    await_settled(lab)
    before = shape(lab)
    lab.run(["ip", "link", "set", "hme0", "down"], check=True)
    await_hosted(lab, "hme1", DATA, "192.168.85.19")
    assert troubles(lab) == []
    lab.run(["ip", "link", "set", "hme0", "up"], check=True)
    await_hosted(lab, "hme0", DATA, "192.168.85.19")
    await_settled(lab)
    await_same(lab, shape, before)


def test_another_prefix_length_is_taken_over(lab_with: LabFactory) -> None:
    """The kernel knows an IPv6 address whatever its prefix: the old one has to go first."""
    lab = lab_with()
    start(lab, DUAL_STACK)
    text = lab.read("/etc/hostname6.hme0")
    assert "/64" in text
    lab.write("/etc/hostname6.hme0", text.replace("/64", "/80"))
    assert lab.rcmctl("reload").returncode == 0
    lab.wait_for(
        lambda: (
            [
                it["prefixlen"]
                for it in lab.addresses("hme0")
                if it["family"] == "inet6" and it["scope"] == "global"
            ]
            == [80]
        ),
        what="the address with its new prefix",
    )
