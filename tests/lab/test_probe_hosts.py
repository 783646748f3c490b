"""Hosts to probe on a real link without a router: the neighbour table, and those who lie."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from scenes import (
    PAIR,
    ROUTER,
    Lab,
    addr_dump,
    await_event,
    await_hosted,
    await_settled,
    await_state,
    kinds,
    start,
    state_of,
    status,
    told,
)
from wire import Wire

pytestmark = [pytest.mark.lab, pytest.mark.long]

DATA0 = "192.168.85.19"
TEST0, TEST1 = "192.168.85.21", "192.168.85.22"
HONEST = "192.168.85.60"
FORGED = [f"192.168.85.{number}" for number in range(101, 106)]
FAILURES = ("failure", "group-failed", "failover")
SETTINGS = "failure_detection_time: 500ms\ngroups: {test: {probe: %s}}\n"

DATAGRAM = """
import socket, sys
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"", (sys.argv[1], 9))
"""
FORGER = """
import socket, struct, sys
shunned, one = socket.inet_aton(sys.argv[1]), sys.argv[2] == "one"
forged = [socket.inet_aton(it) for it in sys.argv[3:]]
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
sock.bind(("lan0", 3))
def mac(ip):
    return bytes.fromhex("0200000099") + (b"\\1" if one else ip[3:])
def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return struct.pack("!H", ~total & 0xffff)
asked = 0
while True:
    frame, sender = sock.recvfrom(2048)
    if sender[2] == socket.PACKET_OUTGOING:
        continue
    if frame[12:14] == b"\\x08\\x06" and frame[20:22] == b"\\0\\1" and frame[38:42] in forged:
        ip = frame[38:42]
        arp = frame[14:20] + b"\\0\\2" + mac(ip) + ip + frame[22:32]
        sock.send(frame[6:12] + mac(ip) + b"\\x08\\x06" + arp)
    if frame[12:14] != b"\\x08\\x00" or frame[23] != 1 or frame[34] != 8:
        continue
    target, source = frame[30:34], frame[26:30]
    if target in forged and source == shunned:
        asked += 1
        if asked > 60:
            continue
    for ip in forged if target == bytes((224, 0, 0, 1)) else [target]:
        if ip not in forged:
            continue
        head = frame[14:22] + b"\\x40\\x01\\0\\0" + ip + source
        head = head[:10] + checksum(head) + head[12:]
        body = b"\\0\\0\\0\\0" + frame[38:14 + int.from_bytes(frame[16:18], "big")]
        body = body[:2] + checksum(body) + body[4:]
        sock.send(frame[6:12] + mac(ip) + b"\\x08\\x00" + head + body)
"""


def probed(lab: Lab, method: str = "auto") -> Lab:
    lab.write("/etc/rcmd/rcmd.yaml", SETTINGS % method)
    return start(lab, PAIR)


def targets(lab: Lab, nic: str) -> list[dict[str, Any]]:
    listed = json.loads(lab.rcmctl("targets", "--json").stdout)["targets"]
    return [it for one in listed if one["interface"] == nic for it in one["targets"]]


def await_targets(lab: Lab, *addresses: str) -> None:
    def are_answered() -> bool:
        found = [{it["address"]: it["answered"] for it in targets(lab, nic)} for nic in NICS]
        return all(min((it.get(a, 0) for a in addresses), default=0) >= 10 for it in found)

    lab.wait_for(are_answered, timeout=30, what=f"answers of {addresses}")


NICS = ("hme0", "hme1")
PLAIN = {"hme0": DATA0, "hme1": "192.168.85.20"}


def talk_to(lab: Lab, address: str) -> None:
    """Any program of the host: the kernel finds out where the other one is."""
    lab.run([sys.executable, "-c", DATAGRAM, address], check=True)


def test_whom_the_host_talks_to_is_probed(lab: Lab) -> None:
    """Linux answers no echo request to a multicast address: nobody else would be found."""
    lab.add_neighbour("n1", f"{HONEST}/24")
    with Wire(lab, "n1") as neighbour:
        probed(lab)
        await_state(lab, "hme0", "no-targets")
        (advice,) = {it["advice"] for it in status(lab)["problems"] if it["code"] == "no-targets"}
        assert "targets:" in advice
        talk_to(lab, HONEST)
        await_targets(lab, HONEST)
        assert state_of(lab, "hme0") == "running"
        lab.black_hole("hme0")
        await_hosted(lab, "hme1", DATA0)
        lab.restore("hme0")
        await_hosted(lab, "hme0", DATA0)
        assert {it.source for it in neighbour.requests()} == {TEST0, TEST1}


def test_without_test_addresses_whom_the_host_talks_to_is_asked_by_arp(lab: Lab) -> None:
    """The simplest files there are, on a link without a router."""
    lab.add_neighbour("n1", f"{HONEST}/24")
    lab.write("/etc/rcmd/rcmd.yaml", SETTINGS % "auto")
    plain = {f"hostname.{nic}": f"{it} netmask + group test up\n" for nic, it in PLAIN.items()}
    start(lab, plain)
    await_state(lab, "hme0", "running")
    talk_to(lab, HONEST)
    await_targets(lab, HONEST)
    lab.black_hole("hme0")
    await_hosted(lab, "hme1", DATA0)
    lab.restore("hme0")
    await_hosted(lab, "hme0", DATA0)


def test_a_neighbour_that_is_switched_off_is_no_failure(lab: Lab) -> None:
    lab.add_neighbour("n1", f"{HONEST}/24")
    probed(lab)
    talk_to(lab, HONEST)
    await_targets(lab, HONEST)
    before = addr_dump(lab)
    lab.run(["ip", "link", "set", "lan0", "down"], where="n1", check=True)
    await_event(lab, "targets-silent", "hme0")
    await_event(lab, "targets-silent", "hme1")
    await_state(lab, "hme0", "no-targets")
    assert [kind for kind, _ in kinds(lab) if kind in FAILURES] == []
    assert addr_dump(lab) == before


def test_a_neighbour_that_answers_no_echo_is_asked_by_arp(lab: Lab) -> None:
    lab.add_neighbour("n1", f"{HONEST}/24")
    mute = ["sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=1"]
    lab.run(mute, where="n1", check=True)
    probed(lab)
    talk_to(lab, HONEST)
    lab.wait_for(lambda: bool(targets(lab, "hme0")), timeout=60, what="a target")
    await_targets(lab, HONEST)
    lab.black_hole("hme1")
    await_event(lab, "failure", "hme1")


@pytest.mark.parametrize("at", ["one", "five"])
@pytest.mark.parametrize("has_honest", [True, False])
def test_forged_hosts_that_fall_silent_towards_one_test_address_move_nothing(
    lab: Lab, at: str, has_honest: bool
) -> None:
    if has_honest:
        lab.add_neighbour("n2", f"{HONEST}/24")
        answer = ["sysctl", "-qw", "net.ipv4.icmp_echo_ignore_broadcasts=0"]
        lab.run(answer, where="n2", check=True)
    lab.add_neighbour("n1", "192.168.85.99/24")
    lab.popen([sys.executable, "-c", FORGER, TEST0, at, *FORGED], where="n1")
    with Wire(lab, "n1") as forger:
        probed(lab, "icmp")
        await_settled(lab)
        before = addr_dump(lab)
        lab.wait_for(
            lambda: len(forger.requests(TEST0)) > 60 + len(FORGED) * 8,
            timeout=60,
            what="probes of hme0 that are not answered",
        )
        assert any(it.target in FORGED for it in forger.requests(TEST1))
    assert [kind for kind, _ in kinds(lab) if kind in FAILURES] == [], told(lab)
    assert addr_dump(lab) == before
    if has_honest:
        await_targets(lab, HONEST)
        assert state_of(lab, "hme0") == "running"


def test_the_router_is_preferred_to_whom_the_host_talks_to(lab: Lab) -> None:
    # behaviours 44, 53
    lab.add_neighbour("n1", f"{HONEST}/24")
    probed(lab)
    talk_to(lab, HONEST)
    await_targets(lab, HONEST)
    lab.run(["ip", "route", "add", "default", "via", ROUTER], check=True)
    await_targets(lab, ROUTER)
    assert [it["address"] for it in targets(lab, "hme0")] == [ROUTER]
