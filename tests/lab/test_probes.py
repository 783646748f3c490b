"""Probes on the real kernel: black holes are found, and nothing else is taken for one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from scenes import (
    PAIR,
    ROUTER,
    WITH_STANDBY,
    LabFactory,
    addr_dump,
    await_event,
    await_hosted,
    await_same,
    await_settled,
    await_state,
    group_state,
    history,
    interface,
    kinds,
    start,
    state_of,
    told,
)
from wire import Wire

from rcmd.lab.lab import Lab
from rcmd.lab.network.node import write_sysctl

pytestmark = pytest.mark.lab

TEST0, TEST1 = "192.168.85.21", "192.168.85.22"
DATA0, DATA1 = "192.168.85.19", "192.168.85.20"
N1, N2 = "192.168.85.50", "192.168.85.51"
MAC0, MAC1, MAC2 = (f"02:00:00:00:00:0{number}" for number in (1, 2, 3))
DETECTION_S = 0.5
WITHOUT_TEST_ADDRESSES = {
    "hostname.hme0": f"{DATA0} netmask + broadcast + group test up\n",
    "hostname.hme1": f"{DATA1} netmask + broadcast + group test up\n",
}
IPV6_ONLY = {
    "hostname6.hme0": "group test up\naddif 2001:db8:85::19/64 up\n",
    "hostname6.hme1": "group test up\naddif 2001:db8:85::20/64 up\n",
}
BABBLE = """
import socket, time
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sock.bind(("lan0", 0x0806))
mac = bytes.fromhex("020000000099")
router, other = bytes((192, 168, 85, 1)), bytes((192, 168, 85, 50))
def frame(code, sender, target, to):
    head = bytes.fromhex("0001080006040000")[:6] + bytes((0, code))
    return b"\\xff" * 6 + mac + b"\\x08\\x06" + head + mac + sender + to + target
while True:
    sock.send(frame(1, other, router, bytes(6)))
    sock.send(frame(1, router, router, bytes(6)))
    sock.send(frame(2, router, router, b"\\xff" * 6))
    sock.send(frame(2, router, bytes(4), b"\\xff" * 6))
    time.sleep(0.01)
"""


def probe(
    lab: Lab, files: dict[str, str], *, method: str = "icmp", targets: Sequence[str] = ()
) -> Lab:
    """Run rcmd on a host whose group is probed."""
    pinned = f", targets: [{', '.join(targets)}]" if targets else ""
    lab.write(
        "/etc/rcmd/rcmd.yaml",
        f"failure_detection_time: {DETECTION_S * 1000:g}ms\n"
        f"groups: {{test: {{probe: {method}{pinned}}}}}\n",
    )
    return start(lab, files)


def await_answers(lab: Lab, wire: Wire, *addresses: str, count: int = 3) -> None:
    """Wait until these have been answered: only then silence means something (behaviour 36)."""
    begun = {address: len(wire.replies(address)) for address in addresses}
    lab.wait_for(
        lambda: all(len(wire.replies(it)) >= begun[it] + count for it in addresses),
        what=f"{count} answers to each of {addresses}",
    )


def time_of(lab: Lab, kind: str, subject: str) -> int:
    found = [it["time_us"] for it in history(lab) if (it["kind"], it["subject"]) == (kind, subject)]
    return int(found[-1])


def times(lab: Lab, kind: str) -> int:
    return [found for found, _ in kinds(lab)].count(kind)


def failures(lab: Lab) -> list[tuple[str, str]]:
    found = ("failure", "group-failed", "failover")
    return [(kind, subject) for kind, subject in kinds(lab) if kind in found]


def answer_multicasts(lab: Lab, place: str) -> None:
    lab.place(place).call(lambda: write_sysctl("net/ipv4/icmp_echo_ignore_broadcasts", 0))


@contextmanager
def dead(lab: Lab, *places: str) -> Iterator[None]:
    """Machines behind the switch are not there; the NICs of the host keep their carriers."""
    for place in places:
        lab.run(["ip", "link", "set", "lan0", "down"], where=place, check=True)
    yield
    for place in places:
        lab.run(["ip", "link", "set", "lan0", "up"], where=place, check=True)


def test_a_black_hole(lab: Lab) -> None:
    """The carrier stays, probes are lost: addresses leave, and come home after ten answers."""
    with Wire(lab) as router, Wire(lab, "host", "hme0") as cable:
        probe(lab, PAIR, targets=[ROUTER])
        await_settled(lab)
        before = addr_dump(lab)
        await_answers(lab, router, TEST0, TEST1)  # behaviour 56
        session = lab.tcp_session(DATA0)

        lab.black_hole("hme0")
        await_hosted(lab, "hme1", DATA0)
        # behaviour 29: not before five were lost
        failed_at = time_of(lab, "failure", "hme0")
        answered_at = cable.replies(TEST0)[-1].at_us
        unanswered = [it for it in cable.requests(TEST0) if answered_at < it.at_us < failed_at]
        assert len(unanswered) >= 5
        found = interface(lab, "hme0")
        assert found["link_up"] is True
        assert set(found["flags"]) == {"UP", "RUNNING", "FAILED"}
        assert group_state(lab) == "degraded"
        assert session.alive()

        lab.restore("hme0")
        await_hosted(lab, "hme0", DATA0)
        # behaviour 33: not before ten were answered
        repaired_at = time_of(lab, "repair", "hme0")
        answers = [it for it in cable.replies(TEST0) if answered_at < it.at_us < repaired_at]
        assert len(answers) >= 10
        await_same(lab, addr_dump, before)
        assert session.alive()
        probes = router.requests()
    assert told(lab) == [
        "NIC failure detected on hme0 of group test",
        "Successfully failed over from NIC hme0 to NIC hme1",
        "NIC repair detected on hme0 of group test",
        "Successfully failed back to NIC hme0",
    ]
    # behaviours 54, 55: one hop, from the test address, by its own NIC
    assert {(it.mac, it.source, it.target, it.hops) for it in probes} == {
        (MAC0, TEST0, ROUTER, 1),
        (MAC1, TEST1, ROUTER, 1),
    }


def test_the_router_of_the_default_route(lab: Lab) -> None:
    lab.run(["ip", "link", "set", "hme0", "up"], check=True)
    lab.run(["ip", "addr", "add", f"{DATA0}/24", "dev", "hme0"], check=True)
    lab.run(["ip", "route", "add", "default", "via", ROUTER], check=True)
    answer_multicasts(lab, "router")
    lab.add_neighbour("n1", f"{N1}/24")
    with Wire(lab) as router:
        probe(lab, PAIR)
        await_answers(lab, router, TEST0, TEST1)
        # behaviour 44: nobody else is asked, and nobody is looked for
        assert {it.target for it in router.requests()} == {ROUTER}
        lab.black_hole("hme0")
        await_hosted(lab, "hme1", DATA0)


def test_host_routes_are_targets(lab: Lab) -> None:
    lab.add_neighbour("n1", f"{N1}/24")
    with Wire(lab, "n1") as neighbour:
        probe(lab, PAIR)
        lab.run(["ip", "route", "add", f"{N1}/32", "dev", "hme0"], check=True)
        await_answers(lab, neighbour, TEST0, TEST1)  # behaviour 47
        lab.black_hole("hme0")
        await_event(lab, "failure", "hme0")
        assert state_of(lab, "hme1") == "running"


@pytest.mark.long
def test_hosts_that_answer_a_multicast(lab: Lab) -> None:
    """Found by one, given to all (behaviour 45); flushed and found anew when all are silent.

    The members hear each other meanwhile: so it is the hosts, and nothing has failed.
    """
    answer_multicasts(lab, "router")
    with Wire(lab) as router:
        probe(lab, PAIR)
        await_answers(lab, router, TEST0, TEST1)
        assert "224.0.0.1" in {it.target for it in router.requests()}
        await_settled(lab)
        before = addr_dump(lab)
        with dead(lab, "router"):
            await_event(lab, "targets-silent", "hme0")
            await_event(lab, "targets-silent", "hme1")
            await_state(lab, "hme0", "no-targets")
            await_state(lab, "hme1", "no-targets")
            found = times(lab, "target-found")
        # behaviour 52, by whoever hears of it first
        lab.wait_for(lambda: times(lab, "target-found") > found, timeout=75, what="the target")
        await_state(lab, "hme0", "running")
        await_state(lab, "hme1", "running")
        assert failures(lab) == []
        assert addr_dump(lab) == before


def test_everything_beyond_the_switch_dies(lab: Lab) -> None:
    lab.add_neighbour("n1", f"{N1}/24")
    with Wire(lab) as router, Wire(lab, "n1") as neighbour:
        probe(lab, PAIR, targets=[ROUTER, N1])
        await_settled(lab)
        before = addr_dump(lab)
        await_answers(lab, router, TEST0, TEST1)
        await_answers(lab, neighbour, TEST0, TEST1)
        with dead(lab, "router", "n1"):
            await_event(lab, "group-failed", "test")
            await_state(lab, "hme0", "failed")
            await_state(lab, "hme1", "failed")
            assert addr_dump(lab) == before
        await_event(lab, "group-repaired", "test")
        lab.wait_for(lambda: group_state(lab) == "ok", what="the group")
    assert "failover" not in [kind for kind, _ in kinds(lab)]
    assert addr_dump(lab) == before


def test_only_the_router_dies(lab: Lab) -> None:
    """One silent target among others is its own failure, not ours (behaviour 50)."""
    lab.add_neighbour("n1", f"{N1}/24")
    lab.add_neighbour("n2", f"{N2}/24")
    with Wire(lab) as router, Wire(lab, "n1") as neighbour:
        probe(lab, PAIR, targets=[ROUTER, N1, N2])
        await_answers(lab, router, TEST0, TEST1)
        await_answers(lab, neighbour, TEST0, TEST1)
        with dead(lab, "router"):
            await_event(lab, "target-dead", "hme0")
            await_event(lab, "target-dead", "hme1")
            await_answers(lab, neighbour, TEST0, TEST1)
            assert group_state(lab) == "ok"
    assert failures(lab) == []


def test_ipv6_alone(lab: Lab) -> None:
    """Without any IPv4 address: from link-local to link-local (behaviours 11, 15)."""
    with Wire(lab) as router:
        probe(lab, IPV6_ONLY)
        await_answers(lab, router, "fe80::ff:fe00:1", "fe80::ff:fe00:2")
        lab.black_hole("hme0")
        await_hosted(lab, "hme1", "2001:db8:85::19")
        assert state_of(lab, "hme1") == "running"
        lab.restore("hme0")
        await_hosted(lab, "hme0", "2001:db8:85::19")
        probes = router.requests()
    assert {(it.mac, it.source, it.hops) for it in probes} == {
        (MAC0, "fe80::ff:fe00:1", 1),
        (MAC1, "fe80::ff:fe00:2", 1),
    }
    assert "ff02::1" in {it.target for it in probes}


def test_arp_without_any_test_address(lab: Lab) -> None:
    with Wire(lab) as router:
        probe(lab, WITHOUT_TEST_ADDRESSES, method="arp", targets=[ROUTER])
        lab.wait_for(
            lambda: all(
                sum((it.mac, it.source) == (mac, "0.0.0.0") for it in router.asked_by_arp(ROUTER))
                >= 4
                for mac in (MAC0, MAC1)
            ),
            what="ARP probes",
        )
        session = lab.tcp_session(DATA0)
        lab.black_hole("hme0")
        await_hosted(lab, "hme1", DATA0)
        assert interface(lab, "hme0")["link_up"] is True
        assert session.alive()
        lab.restore("hme0")
        await_hosted(lab, "hme0", DATA0)
        assert session.alive()
        assert router.requests() == []


def test_a_router_that_answers_from_another_hardware_address_is_still_the_router(
    lab: Lab,
) -> None:
    """It was exchanged, or another machine has taken over (VRRP without a virtual one)."""
    with Wire(lab) as router:
        probe(lab, WITHOUT_TEST_ADDRESSES, method="arp", targets=[ROUTER])
        lab.wait_for(lambda: len(router.asked_by_arp(ROUTER)) >= 12, what="ARP probes")
        await_settled(lab)
        before = addr_dump(lab)
        for number in (7, 8):
            asked = len(router.asked_by_arp(ROUTER))
            moved = ["ip", "link", "set", "lan0", "address", f"02:00:00:00:00:0{number}"]
            lab.run(moved, where="router", check=True)
            lab.wait_for(
                lambda asked=asked: len(router.asked_by_arp(ROUTER)) >= asked + 24,
                what="more ARP probes",
            )
    assert failures(lab) == []
    assert addr_dump(lab) == before


def test_what_others_broadcast_is_no_evidence(lab: Lab) -> None:
    """Neither their questions nor what they claim unasked."""
    lab.add_neighbour("n1", f"{N1}/24")
    with Wire(lab) as router:
        probe(lab, WITHOUT_TEST_ADDRESSES, method="arp", targets=[ROUTER])
        lab.wait_for(lambda: len(router.asked_by_arp(ROUTER)) >= 8, what="ARP probes")
    with Wire(lab, "host", "hme0") as cable:
        lab.popen(["python3", "-c", BABBLE], where="n1")
        lab.wait_for(
            lambda: any(it.mac == "02:00:00:00:00:99" for it in cable.asked_by_arp(ROUTER)),
            what="the broadcasts",
        )
        with dead(lab, "router"):
            await_event(lab, "group-failed", "test")
            heard = len([it for it in cable.asked_by_arp(ROUTER) if it.source == N1])
            assert heard > 0


def test_duplicate_test_addresses(lab: Lab) -> None:
    """The second that asks for it does not get it, and is told (behaviour 18)."""
    same = {**PAIR, "hostname.hme1": PAIR["hostname.hme1"].replace(TEST1, TEST0)}
    with Wire(lab) as router:
        probe(lab, same, targets=[ROUTER])
        await_answers(lab, router, TEST0, count=10)
        assert {(it.mac, it.source) for it in router.requests()} == {(MAC0, TEST0)}
    assert f"test address {TEST0} is not unique" in lab.daemon_log()


def test_a_daemon_that_slept_blames_nobody(lab: Lab) -> None:
    """behaviour 37"""
    with Wire(lab) as router:
        probe(lab, PAIR, targets=[ROUTER])
        await_settled(lab)
        before = addr_dump(lab)
        await_answers(lab, router, TEST0, TEST1)
        pid = lab.daemon().pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(4 * DETECTION_S)
        os.kill(pid, signal.SIGCONT)
        await_answers(lab, router, TEST0, TEST1, count=10)
        await_event(lab, "probes-missed", "test")
    assert failures(lab) == []
    assert addr_dump(lab) == before


def test_without_targets_the_link_decides(lab: Lab) -> None:
    """Nobody answers: unknown, and never failed by probes (behaviours 48, 130)."""
    probe(lab, PAIR)
    await_state(lab, "hme0", "no-targets")
    await_state(lab, "hme1", "no-targets")
    lab.pull("hme0")
    await_hosted(lab, "hme1", DATA0)
    lab.plug("hme0")
    await_hosted(lab, "hme0", DATA0)
    await_state(lab, "hme0", "no-targets")


def test_a_second_black_hole(lab_with: LabFactory) -> None:
    """Both leave for the third, and each returns to its own (behaviour 67)."""
    third = (
        "192.168.85.24 netmask + broadcast + group test up \\\n"
        "addif 192.168.85.25 deprecated -failover netmask + broadcast + up\n"
    )
    lab = lab_with(nics=("hme0", "hme1", "hme2"))
    with Wire(lab) as router:
        probe(lab, {**PAIR, "hostname.hme2": third}, targets=[ROUTER])
        await_answers(lab, router, TEST0, TEST1, "192.168.85.25")
    lab.black_hole("hme0")
    await_event(lab, "failure", "hme0")
    lab.black_hole("hme1")
    await_hosted(lab, "hme2", DATA0, DATA1)
    lab.restore("hme1")
    await_hosted(lab, "hme1", DATA1)
    lab.restore("hme0")
    await_hosted(lab, "hme0", DATA0)


def test_a_standby_asks_in_its_own_name(lab_with: LabFactory) -> None:
    """Its only address is no sender for the kernel, which would take that of another NIC: the
    neighbours would learn that the other's address lives here."""
    lab = lab_with(nics=("hme0", "hme1", "hme2"))
    with Wire(lab) as router:
        probe(lab, WITH_STANDBY, targets=[ROUTER])
        await_answers(lab, router, TEST0, TEST1, "192.168.85.23", count=10)
        await_state(lab, "hme2", "running")
        lab.black_hole("hme0")
        await_hosted(lab, "hme2", DATA0)
        lab.restore("hme0")
        await_hosted(lab, "hme0", DATA0)
        lab.run(["ip", "neigh", "flush", "dev", "hme2"], check=True)
        await_answers(lab, router, "192.168.85.23", count=3)
        asked = {(it.mac, it.source) for it in router.asked_by_arp(ROUTER)}
    own = {MAC0: {DATA0, TEST0}, MAC1: {DATA1, TEST1}, MAC2: {"192.168.85.23", DATA0}}
    assert {(mac, source) for mac, source in asked if source not in own[mac]} == set()
    assert (MAC2, "192.168.85.23") in asked
    announcing = ["sysctl", "-n", "net.ipv4.conf.hme0.arp_announce"]
    assert lab.run(announcing, check=True).stdout == "2\n"
