import errno
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

import pytest
from probe_lab import (
    HERE,
    HERE6,
    KINDS,
    MACS,
    NEAR,
    OTHER,
    PEER,
    PEER6,
    Bench,
    Observer,
    add_address6,
    ask_neighbour,
    file_descriptors,
    interface,
    ip,
    make_neighbours,
    peer_sysctl,
    probe,
)

from rcmd.kernel.probes.sockets import ProbeSockets
from rcmd.kernel.probes.values import Answer, ProbeKind, Unsent
from rcmd.model.network import Family, IPAddress

pytestmark = pytest.mark.lab

Run = Callable[[Callable[[], None]], None]

every_kind = pytest.mark.parametrize(("kind", "here", "peer"), KINDS)


# --- answers --------------------------------------------------------------------------------------


@every_kind
def test_a_neighbour_answers(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress
) -> None:
    def scenario() -> None:
        make_neighbours()
        with Bench(interface(kind, here)) as bench:
            before = time.monotonic()
            first = bench.ask(probe(peer, 0xFFFF_FFFE, kind=kind))
            second = bench.ask(probe(peer, 0xFFFF_FFFF, kind=kind))
            after = time.monotonic()
            for answer, sequence in ((first[0], 0xFFFF_FFFE), (second[0], 0xFFFF_FFFF)):
                assert (answer.ifindex, answer.family) == (NEAR, kind.family)
                assert (answer.source, answer.sequence) == (peer, sequence)
                assert not answer.is_discovery
                assert before <= answer.sent_at <= answer.received_at <= after
            assert first[0].received_at <= second[0].sent_at

    in_namespaces(scenario)


@every_kind
def test_the_kernel_tells_when_an_answer_came(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress
) -> None:
    def scenario() -> None:
        make_neighbours()
        with Bench(interface(kind, here)) as bench:

            def came_before_it_was_noticed() -> bool:
                assert bench.sockets.send([probe(peer, kind=kind)]) == ()
                assert bench.wait()
                noticed_at = time.monotonic()
                (answer,) = bench.sockets.read()
                return answer.sent_at < answer.received_at < noticed_at

            # The kernel begins to stamp a moment after it was asked to.
            assert any(came_before_it_was_noticed() for _ in range(1000))

    in_namespaces(scenario)


def test_all_kinds_and_interfaces_wake_one_descriptor(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_neighbours()
        ip("address add 192.168.86.19/24 dev other")
        add_address6(IPv6Address("fe80::29"), "other")
        ip("-n peer address add 192.168.86.1/24 dev far-other")
        add_address6(PEER6, "far-other", "-n peer")
        elsewhere = IPv4Address("192.168.86.1")
        with Bench(
            interface(ProbeKind.ICMP, HERE),
            interface(ProbeKind.ICMP6, HERE6),
            interface(ProbeKind.ARP, None, "other", OTHER),
            interface(ProbeKind.ND, IPv6Address("fe80::29"), "other", OTHER),
        ) as bench:
            answers = bench.ask(
                probe(PEER, 1),
                probe(PEER6, 2),
                ask_neighbour(elsewhere, 3, OTHER),
                ask_neighbour(PEER6, 4, OTHER),  # the same address on another link
            )
            assert {(a.ifindex, a.source, a.sequence) for a in answers} == {
                (NEAR, PEER, 1),
                (NEAR, PEER6, 2),
                (OTHER, elsewhere, 3),
                (OTHER, PEER6, 4),
            }
            assert not bench.wait(0)
            # One family of one interface, and what it alone needed.
            bench.sockets.close_interface(OTHER, Family.IPV4)
            refused = ask_neighbour(elsewhere, 5, OTHER)
            assert bench.sockets.send([refused]) == (Unsent(refused, errno.ENODEV),)
            assert len(bench.ask(ask_neighbour(PEER6, 6, OTHER), probe(PEER, 7))) == 2

    in_namespaces(scenario)


# --- what is no answer ----------------------------------------------------------------------------


# --- ARP ------------------------------------------------------------------------------------------


# --- neighbour discovery --------------------------------------------------------------------------


# --- what cannot be sent --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "here", "peer", "when_down", "when_gone"),
    [
        (*KINDS[0], errno.ENETUNREACH, errno.ENETUNREACH),
        (*KINDS[1], errno.ENETDOWN, errno.ENODEV),
        (*KINDS[2], errno.EINVAL, errno.ENODEV),  # with the link its IPv6 address is gone
        (*KINDS[3], errno.ENETDOWN, errno.ENODEV),
    ],
)
def test_a_probe_does_not_leave_by_an_interface_that_is_down_or_gone(
    in_namespaces: Run,
    kind: ProbeKind,
    here: IPAddress,
    peer: IPAddress,
    when_down: int,
    when_gone: int,
) -> None:
    def scenario() -> None:
        make_neighbours()
        with Bench(interface(kind, here)) as bench:
            asked = probe(peer, kind=kind)
            bench.ask(asked)
            ip("link set near down")
            (unsent,) = bench.sockets.send([asked])
            assert (unsent.probe, unsent.errno) == (asked, when_down)
            assert unsent.reason == f"{os.strerror(when_down)} ({errno.errorcode[when_down]})"
            ip("link delete near")
            (unsent,) = bench.sockets.send([asked])
            assert unsent.errno == when_gone
            assert bench.sockets.read() == ()
            bench.sockets.close_interface(NEAR, kind.family)

    in_namespaces(scenario)


def test_one_that_cannot_be_sent_does_not_stop_the_others(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_neighbours()
        with Bench(interface(ProbeKind.ICMP, HERE)) as bench:
            refused = probe(PEER, 1, OTHER)
            unsent = bench.sockets.send([refused, probe(PEER, 2)])
            assert unsent == (Unsent(refused, errno.ENODEV),)
            assert [answer.sequence for answer in bench.answers(1)] == [2]

    in_namespaces(scenario)


def filtered(rules: str) -> None:
    """Packet filters of this host, as nft(8) has them."""
    subprocess.run(["nft", "-f", "-"], input=rules, text=True, check=True)


needs_nft = pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft")


@needs_nft
@pytest.mark.parametrize(
    ("hook", "verdict"), [("output", "drop"), ("output", "reject"), ("postrouting", "drop")]
)
def test_what_a_filter_of_this_host_drops_does_not_leave(
    in_namespaces: Run, hook: str, verdict: str
) -> None:
    def scenario() -> None:
        make_neighbours()
        filtered(
            f"table inet t {{\nchain c {{\ntype filter hook {hook} priority 0\n"
            f"meta l4proto icmp {verdict}\nicmpv6 type echo-request {verdict}\n}}\n}}\n"
        )
        with Bench(interface(ProbeKind.ICMP, HERE), interface(ProbeKind.ICMP6, HERE6)) as bench:
            unsent = bench.sockets.send([probe(PEER), probe(PEER6)])
            assert [it.reason for it in unsent] == ["Operation not permitted (EPERM)"] * 2
            # ARP and neighbour solicitation pass it by.
            bench.sockets.open_interface(interface(ProbeKind.ARP, HERE), beside=True)
            bench.sockets.open_interface(interface(ProbeKind.ND, HERE6), beside=True)
            assert len(bench.ask(ask_neighbour(PEER), ask_neighbour(PEER6))) == 2
            assert len(bench.sockets.send([probe(PEER), probe(PEER6)])) == 2

    in_namespaces(scenario)


@needs_nft
@every_kind
def test_what_is_dropped_at_the_way_out_says_nothing_while_the_nic_sends(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress
) -> None:
    def scenario() -> None:
        make_neighbours()
        with Bench(interface(kind, here)) as bench:
            asked = probe(peer, kind=kind)
            bench.ask(asked)
            filtered(
                'table netdev t {\nchain c {\ntype filter hook egress device "near" priority 0\n'
                "meta protocol != 0x88b5 drop\n}\n}\n"
            )
            # It may be stuck: the loss counts.
            assert bench.sockets.send([asked, asked]) == ()
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as other:
                other.bind(("near", 0x88B5))
                other.send(MACS["far"] + MACS["near"] + b"\x88\xb5" + bytes(46))
            (unsent,) = bench.sockets.send([asked])
            assert unsent.errno == errno.ENOBUFS

    in_namespaces(scenario)


# --- opening and closing --------------------------------------------------------------------------


def test_what_cannot_be_probed_is_not_opened(in_namespaces: Run) -> None:
    def scenario() -> None:
        sockets = ProbeSockets()
        for kind in (ProbeKind.ICMP, ProbeKind.ICMP6):
            with pytest.raises(OSError, match=f"near by {kind}") as refusal:
                sockets.open_interface(interface(kind, None))
            assert refusal.value.errno == errno.EADDRNOTAVAIL
        for kind in (ProbeKind.ARP, ProbeKind.ND):
            tunnel = interface(kind, None)
            with pytest.raises(OSError, match=f"near by {kind}") as refusal:
                sockets.open_interface(type(tunnel)(NEAR, "near", kind))
            assert refusal.value.errno == errno.EOPNOTSUPP
        sockets.close()

    in_namespaces(scenario)


def test_another_way_of_probing_replaces_the_one_before(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_neighbours()
        with Bench(interface(ProbeKind.ARP, None)) as bench, Observer() as observer:
            bench.ask(ask_neighbour(PEER, 1))
            bench.sockets.open_interface(interface(ProbeKind.ICMP, HERE))
            bench.ask(probe(PEER, 2))
            assert observer.echo_request()[26:30] == HERE.packed
            moved = HERE + 1
            ip(f"address add {moved}/24 dev near")
            bench.sockets.open_interface(interface(ProbeKind.ICMP, moved))
            bench.ask(probe(PEER, 3))
            assert observer.echo_request()[26:30] == moved.packed

    in_namespaces(scenario)


def test_nothing_is_left_open(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_neighbours()
        before = file_descriptors()
        sockets = ProbeSockets()
        for kind, here, _ in KINDS:
            sockets.open_interface(interface(kind, here))
            sockets.open_interface(interface(kind, here, "other", OTHER))
        for ifindex in (NEAR, OTHER):
            sockets.close_interface(ifindex, Family.IPV4)
            sockets.close_interface(ifindex, Family.IPV6)
        assert file_descriptors() == before + 1
        sockets.close()
        assert file_descriptors() == before

    in_namespaces(scenario)


def test_a_batch_of_many_interfaces_is_read_at_once(in_namespaces: Run) -> None:
    # behaviour 56
    def scenario() -> None:
        make_neighbours()
        with Bench(interface(ProbeKind.ICMP, HERE)) as bench:
            probes = [probe(PEER, sequence) for sequence in range(600)]
            bench.ask(probes[0])
            peer_sysctl("ipv4/icmp_msgs_per_sec", 1_000_000)
            answers: list[Answer] = bench.ask(*probes)
            assert [answer.sequence for answer in answers] == list(range(600))

    in_namespaces(scenario)
