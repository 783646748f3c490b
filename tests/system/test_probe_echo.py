import errno
import os
import struct
from collections.abc import Callable
from ipaddress import IPv6Address

import pytest
from probe_lab import (
    ECHOES,
    HERE,
    HERE6,
    MACS,
    NEAR,
    OTHER,
    PEER,
    PEER6,
    Bench,
    Observer,
    Reply,
    add_address6,
    give_peer_addresses,
    interface,
    ip,
    make_cables,
    make_neighbours,
    peer_sysctl,
    probe,
    silence_peer,
)

from rcmd.kernel.probes.values import ALL_HOSTS, ALL_NODES, Ignored, ProbeKind, Unsent
from rcmd.model.network import IPAddress

pytestmark = pytest.mark.lab

Run = Callable[[Callable[[], None]], None]

every_echo = pytest.mark.parametrize(("kind", "here", "peer"), ECHOES)


@every_echo
def test_whoever_answers_on_the_link_is_discovered(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress
) -> None:
    # behaviour 45
    def scenario() -> None:
        make_neighbours()
        peer_sysctl("ipv4/icmp_echo_ignore_broadcasts", 0)
        group = ALL_HOSTS if peer.version == 4 else ALL_NODES
        with Bench(interface(kind, here)) as bench, Observer() as observer:
            (answer,) = bench.ask(probe(group, 9))
            assert (answer.source, answer.sequence, answer.is_discovery) == (peer, 9, True)
            frame = observer.request(kind)
            assert frame[:2] in (b"\x01\x00", b"\x33\x33")
            assert frame[22 if peer.version == 4 else 21] == 1

    in_namespaces(scenario)


@every_echo
def test_a_probe_is_not_forwarded(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress
) -> None:
    # behaviour 54
    def scenario() -> None:
        make_neighbours()
        with Bench(interface(kind, here)) as bench, Observer() as observer:
            bench.ask(probe(peer, 0x1_0203))
            frame = observer.request(kind)
            message = frame[34:] if peer.version == 4 else frame[54:]
            assert frame[22 if peer.version == 4 else 21] == 1
            identifier = (os.getpid() & 0xFF) << 8 | NEAR
            assert struct.unpack_from("!HH", message, 4) == (identifier, 0x0203)

    in_namespaces(scenario)


def test_a_default_route_does_not_draw_a_probe_to_the_gateway(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_cables()
        give_peer_addresses()
        # As rcmd makes test addresses: no route of their own.
        ip(f"address add {HERE}/32 dev near scope host")
        ip("route add default via 192.168.85.254 dev near onlink")
        with Bench(interface(ProbeKind.ICMP, HERE)) as bench:
            (answer,) = bench.ask(probe(PEER))
            assert answer.source == PEER

    in_namespaces(scenario)


@every_echo
def test_a_duplicate_is_delivered_twice(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress
) -> None:
    def scenario() -> None:
        make_neighbours()
        silence_peer()
        with Bench(interface(kind, here)) as bench, Observer() as observer:
            assert bench.sockets.send([probe(peer, 4)]) == ()
            reply = Reply(observer.request(kind)).frame()
            observer.send(reply)
            observer.send(reply)
            answers = bench.answers(2)
            assert {(a.sequence, a.source, a.sent_at) for a in answers} == {
                (4, peer, answers[0].sent_at)
            }

    in_namespaces(scenario)


@every_echo
@pytest.mark.parametrize(
    ("forge", "reason"),
    [
        (lambda r: Reply(r, flip=51), Ignored.WRONG_NONCE),
        (lambda r: Reply(r, flip=11), Ignored.WRONG_NONCE),
        (lambda r: Reply(r, code=1), Ignored.BAD_CODE),
        (lambda r: Reply(r, length=40), Ignored.SHORT),
    ],
    ids=["seal", "sequence", "code", "short"],
)
def test_a_forged_reply_is_no_answer(
    in_namespaces: Run,
    kind: ProbeKind,
    here: IPAddress,
    peer: IPAddress,
    forge: Callable[[bytes], Reply],
    reason: Ignored,
) -> None:
    # behaviour 54
    def scenario() -> None:
        make_neighbours()
        silence_peer()
        with Bench(interface(kind, here)) as bench, Observer() as observer:
            assert bench.sockets.send([probe(peer)]) == ()
            observer.send(forge(observer.request(kind)).frame())
            assert bench.ignores(reason)

    in_namespaces(scenario)


@every_echo
def test_another_neighbour_does_not_answer_for_the_target(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress
) -> None:
    # behaviour 54
    def scenario() -> None:
        make_neighbours()
        silence_peer()
        with Bench(interface(kind, here)) as bench, Observer() as observer:
            assert bench.sockets.send([probe(peer)]) == ()
            observer.send(Reply(observer.request(kind), source=peer + 1).frame())
            assert bench.ignores(Ignored.FOREIGN)

    in_namespaces(scenario)


@every_echo
def test_a_reply_to_another_address_of_ours_is_no_answer(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress
) -> None:
    def scenario() -> None:
        make_neighbours()
        silence_peer()
        other = here + 1
        if isinstance(other, IPv6Address):
            add_address6(other, "near")
        else:
            ip(f"address add {other}/24 dev near")
        with Bench(interface(kind, here)) as bench, Observer() as observer:
            assert bench.sockets.send([probe(peer)]) == ()
            observer.send(Reply(observer.request(kind), destination=other).frame())
            assert bench.ignores(Ignored.FOREIGN)

    in_namespaces(scenario)


@every_echo
@pytest.mark.parametrize("is_probed", [True, False])
def test_a_reply_that_came_in_elsewhere_is_no_answer(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress, is_probed: bool
) -> None:
    # behaviour 55
    def scenario() -> None:
        make_neighbours()
        silence_peer()
        # A link-local address counts on its own interface only, so it must be on both.
        if isinstance(here, IPv6Address):
            add_address6(here, "other")
        with (
            Bench(interface(kind, here)) as bench,
            Observer() as observer,
            Observer("far-other") as detour,
        ):
            if is_probed:
                bench.sockets.open_interface(interface(kind, here, "other", OTHER))
            assert bench.sockets.send([probe(peer)]) == ()
            detour.send(Reply(observer.request(kind), to=MACS["other"]).frame())
            assert bench.ignores(Ignored.WRONG_INTERFACE)

    in_namespaces(scenario)


def test_ipv6_answers_come_from_the_link_and_straight(in_namespaces: Run) -> None:
    # behaviour 54
    def scenario() -> None:
        make_neighbours()
        silence_peer()
        # Type 0 with no segments left: nothing remains to be done with it.
        routing_header = bytes((58, 2, 0, 0)) + bytes(20)
        with (
            Bench(interface(ProbeKind.ICMP6, HERE6)) as bench,
            Observer() as observer,
        ):
            assert bench.sockets.send([probe(PEER6)]) == ()
            captured = observer.echo_request6()
            observer.send(Reply(captured, extension=routing_header).frame())
            assert bench.ignores(Ignored.ROUTING_HEADER)
        with Bench(interface(ProbeKind.ICMP6, HERE6)) as bench, Observer() as observer:
            assert bench.sockets.send([probe(PEER6)]) == ()
            captured = observer.echo_request6()
            observer.send(Reply(captured, source=IPv6Address("2001:db8::1")).frame())
            assert bench.ignores(Ignored.NOT_LINK_LOCAL)

    in_namespaces(scenario)


@every_echo
def test_a_probe_does_not_leave_from_an_address_that_is_not_there(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress
) -> None:
    def scenario() -> None:
        make_neighbours()
        with Bench(interface(kind, here + 5)) as bench:
            refused = probe(peer)
            expected = errno.ENETUNREACH if peer.version == 4 else errno.EINVAL
            assert bench.sockets.send([refused]) == (Unsent(refused, expected),)

    in_namespaces(scenario)
