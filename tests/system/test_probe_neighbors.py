import os
import socket
from collections.abc import Callable

import pytest
from probe_lab import (
    HERE,
    HERE6,
    MACS,
    NEAR,
    OTHER,
    PEER,
    PEER6,
    Bench,
    Observer,
    add_address6,
    advertisement,
    arp_reply,
    ask_neighbour,
    give_peer_addresses,
    interface,
    ip,
    make_cables,
    make_neighbours,
    sysctl,
)

from rcmd.kernel.probes.acquaintances import Standing
from rcmd.kernel.probes.arp_ndp import WINDOW_NS, Questions
from rcmd.kernel.probes.times import ReadMoment
from rcmd.kernel.probes.values import ALL_NODES, Answer, Ignored, ProbeKind
from rcmd.model.network import Family, IPAddress

pytestmark = pytest.mark.lab

Run = Callable[[Callable[[], None]], None]


def test_arp_needs_no_address(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_cables()
        give_peer_addresses()
        with Bench(interface(ProbeKind.ARP, None)) as bench, Observer() as observer:
            (answer,) = bench.ask(ask_neighbour(PEER, 3))
            assert (answer.source, answer.sequence) == (PEER, 3)
            frame = observer.arp_request()
            assert frame[:12] == b"\xff" * 6 + MACS["near"]
            assert frame[22:42] == MACS["near"] + bytes(10) + PEER.packed

    in_namespaces(scenario)


def test_who_answered_arp_is_asked_alone_until_it_is_silent(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_cables()
        give_peer_addresses()
        with Bench(interface(ProbeKind.ARP, None)) as bench, Observer() as observer:
            bench.ask(ask_neighbour(PEER, 1))
            assert observer.arp_request()[:6] == b"\xff" * 6
            bench.ask(ask_neighbour(PEER, 2))
            assert observer.arp_request()[:6] == MACS["far"]
            # Another card has the address now.
            ip("-n peer link set far address 02:00:00:00:00:99")
            assert bench.sockets.send([ask_neighbour(PEER, 3)]) == ()
            assert observer.arp_request()[:6] == MACS["far"]
            (answer,) = bench.ask(ask_neighbour(PEER, 4))
            assert answer.sequence == 4
            assert observer.arp_request()[:6] == b"\xff" * 6

    in_namespaces(scenario)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (arp_reply(sender=PEER + 1), Ignored.UNREQUESTED),
        (arp_reply(target=HERE.packed), Ignored.FOREIGN),
        (arp_reply(target_hardware=MACS["other"]), Ignored.FOREIGN),
        (arp_reply()[:40], Ignored.SHORT),
    ],
    ids=["not asked", "for an address", "for another", "short"],
)
def test_an_arp_reply_that_is_not_to_our_request_is_no_answer(
    in_namespaces: Run, reply: bytes, reason: Ignored
) -> None:
    def scenario() -> None:
        make_cables()
        with Bench(interface(ProbeKind.ARP, None)) as bench, Observer() as observer:
            assert bench.sockets.send([ask_neighbour(PEER)]) == ()
            observer.send(reply)
            assert bench.ignores(reason)

    in_namespaces(scenario)


def test_one_arp_request_has_one_answer_on_its_interface(in_namespaces: Run) -> None:
    # behaviour 55
    def scenario() -> None:
        make_cables()
        with (
            Bench(
                interface(ProbeKind.ARP, None), interface(ProbeKind.ARP, None, "other", OTHER)
            ) as bench,
            Observer() as observer,
            Observer("far-other") as detour,
        ):
            observer.send(arp_reply())
            assert bench.ignores(Ignored.UNREQUESTED, 1)
            assert bench.sockets.send([ask_neighbour(PEER, 8)]) == ()
            detour.send(arp_reply(to=MACS["other"], target_hardware=MACS["other"]))
            assert bench.ignores(Ignored.UNREQUESTED, 2)
            observer.send(arp_reply())
            assert [answer.sequence for answer in bench.answers(1)] == [8]
            observer.send(arp_reply())
            assert bench.ignores(Ignored.UNREQUESTED, 3)

    in_namespaces(scenario)


def test_a_reply_on_an_interface_that_is_not_probed_is_no_answer(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_cables()
        with Bench(interface(ProbeKind.ARP, None)) as bench, Observer("far-other") as detour:
            assert bench.sockets.send([ask_neighbour(PEER)]) == ()
            detour.send(arp_reply(to=MACS["other"]))
            assert bench.ignores(Ignored.WRONG_INTERFACE)

    in_namespaces(scenario)


def test_solicitations_need_no_address(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_cables()
        give_peer_addresses()
        with Bench(interface(ProbeKind.ND, None)) as bench, Observer() as observer:
            (answer,) = bench.ask(ask_neighbour(PEER6, 3))
            assert (answer.source, answer.sequence) == (PEER6, 3)
            assert observer.solicitation()[22:38] == bytes(16)

    in_namespaces(scenario)


def test_a_solicitation_comes_from_the_link_local_address(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_neighbours()
        with Bench(interface(ProbeKind.ND, HERE6)) as bench, Observer() as observer:
            bench.ask(ask_neighbour(PEER6))
            assert observer.solicitation()[22:38] == HERE6.packed

    in_namespaces(scenario)


@pytest.mark.parametrize(
    ("kind", "here", "peer"), [(ProbeKind.ARP, HERE, PEER), (ProbeKind.ND, HERE6, PEER6)]
)
def test_a_question_in_nobodys_name_beside_those_in_our_own(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress
) -> None:
    def scenario() -> None:
        make_neighbours()
        with Bench(interface(kind, here)) as bench, Observer() as observer:
            bench.ask(ask_neighbour(peer, 1))
            (answer,) = bench.ask(ask_neighbour(peer, 2, is_anonymous=True))
            assert answer.sequence == 2
            bench.ask(ask_neighbour(peer, 3))
            next_frame = observer.arp_request if kind is ProbeKind.ARP else observer.solicitation
            at = slice(28, 32) if kind is ProbeKind.ARP else slice(22, 38)
            names = [next_frame()[at] for _ in range(3)]
            assert names == [here.packed, bytes(len(here.packed)), here.packed]

    in_namespaces(scenario)


def test_our_own_kernel_says_that_it_hears_us(in_namespaces: Run) -> None:
    """By its other NIC, on the same link: only a question in nobody's name is answered."""

    def scenario() -> None:
        make_cables()
        ip("-n peer link add bridge type bridge")
        for far in ("far", "far-other"):
            ip(f"-n peer link set {far} master bridge")
        ip("-n peer link set bridge up")
        for name in ("near", "other"):
            sysctl(f"ipv4/conf/{name}/arp_ignore", 1)
        ip(f"address add {HERE}/32 dev near scope host")
        ip(f"address add {PEER}/32 dev other scope host")
        add_address6(HERE6, "near")
        add_address6(PEER6, "other")
        with Bench(interface(ProbeKind.ARP, HERE), interface(ProbeKind.ND, HERE6)) as bench:
            assert bench.sockets.send([ask_neighbour(PEER), ask_neighbour(PEER6)]) == ()
            bench.wait(0.2)
            asked = [ask_neighbour(it, 7, is_anonymous=True) for it in (PEER, PEER6)]
            answers = {it.source: it for it in bench.ask(*asked)}
            assert [answers[it].sequence for it in (PEER, PEER6)] == [7, 7]

    in_namespaces(scenario)


FORGER = bytes.fromhex("020000000099")


@pytest.mark.parametrize(
    "forged",
    [
        {"hardware": FORGER},
        {"frame_source": FORGER},
        {"hardware": FORGER, "frame_source": FORGER},
    ],
    ids=["says another", "is from another", "both"],
)
def test_nobody_else_answers_an_arp_request_for_the_target(
    in_namespaces: Run, forged: dict[str, bytes]
) -> None:
    def scenario() -> None:
        make_cables()
        give_peer_addresses()
        with Bench(interface(ProbeKind.ARP, None)) as bench, Observer() as observer:
            bench.ask(ask_neighbour(PEER, 1))
            ip("-n peer address del 192.168.85.1/24 dev far")
            assert bench.sockets.send([ask_neighbour(PEER, 2)]) == ()
            observer.send(arp_reply(**forged))
            assert bench.ignores(Ignored.ANOTHER_FACE)

    in_namespaces(scenario)


def test_a_forger_that_does_not_hear_us_is_not_believed(in_namespaces: Run) -> None:
    """One reply, unasked: it is asked to answer once more, and another time."""

    def scenario() -> None:
        make_cables()
        give_peer_addresses()
        with Bench(interface(ProbeKind.ARP, None)) as bench, Observer() as observer:
            bench.ask(ask_neighbour(PEER, 1))
            ip("-n peer address del 192.168.85.1/24 dev far")
            assert bench.sockets.send([ask_neighbour(PEER, 2), ask_neighbour(PEER, 3)]) == ()
            observer.send(arp_reply(hardware=FORGER, frame_source=FORGER))
            assert bench.ignores(Ignored.ANOTHER_FACE)
            asked = [observer.arp_request()[:6] for _ in range(4)]
            assert asked == [b"\xff" * 6, MACS["far"], b"\xff" * 6, FORGER]

    in_namespaces(scenario)


def test_what_had_come_before_the_question_does_not_answer_it(in_namespaces: Run) -> None:
    """It lies unread: a claim sent on the chance that we shall ask."""

    def scenario() -> None:
        make_cables()
        with Bench(interface(ProbeKind.ARP, None)) as bench, Observer() as observer:

            def is_too_early() -> bool:
                observer.send(arp_reply())
                assert bench.wait()
                assert bench.sockets.send([ask_neighbour(PEER)]) == ()
                return bench.sockets.read() == ()

            # The kernel begins to stamp a moment after it was asked to.
            assert any(is_too_early() for _ in range(1000))
            observer.send(arp_reply())
            bench.answers(1)

    in_namespaces(scenario)


def test_nobody_else_answers_a_solicitation_for_the_target(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_cables()
        add_address6(HERE6, "near")
        with Bench(interface(ProbeKind.ND, HERE6)) as bench, Observer() as observer:
            assert bench.sockets.send([ask_neighbour(PEER6)]) == ()
            observer.send(advertisement(face=MACS["far"]))
            bench.answers(1)
            assert bench.sockets.send([ask_neighbour(PEER6)]) == ()
            observer.send(advertisement(face=FORGER))
            assert bench.ignores(Ignored.ANOTHER_FACE)
            observer.send(advertisement(face=MACS["far"]))
            bench.answers(1)

    in_namespaces(scenario)


@pytest.mark.parametrize(
    ("stray", "reason"),
    [
        (advertisement(target=PEER6 + 1), Ignored.UNREQUESTED),
        (advertisement(is_solicited=False), Ignored.FOREIGN),
        (advertisement(to=ALL_NODES), Ignored.FOREIGN),
    ],
    ids=["not asked", "unsolicited", "to everyone"],
)
def test_an_advertisement_that_is_not_to_our_solicitation_is_no_answer(
    in_namespaces: Run, stray: bytes, reason: Ignored
) -> None:
    def scenario() -> None:
        make_cables()
        add_address6(HERE6, "near")
        with Bench(interface(ProbeKind.ND, HERE6)) as bench, Observer() as observer:
            assert bench.sockets.send([ask_neighbour(PEER6)]) == ()
            observer.send(advertisement(hops=64))  # from another link: not even read
            observer.send(stray)
            assert bench.ignores(reason)
            observer.send(advertisement())
            bench.answers(1)

    in_namespaces(scenario)


def test_a_full_queue_is_no_excuse(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_cables()
        # It holds back whatever does not fit, which is everything.
        line = "qdisc add dev near root tbf rate 8bit burst 10 limit 10"
        assert os.spawnlp(os.P_WAIT, "tc", "tc", *line.split()) == 0
        with Bench(interface(ProbeKind.ARP, None)) as bench:
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as packet:
                packet.bind(("near", 0))
                with pytest.raises(OSError, match="No buffer space"):
                    packet.send(arp_reply())
            assert bench.sockets.send([ask_neighbour(PEER)]) == ()

    in_namespaces(scenario)


def question(sequence: int, *, sent_ns: int) -> Questions:
    questions = Questions()
    questions.ask(ask_neighbour(PEER, sequence), sent_ns)
    return questions


def answered(questions: Questions, *, at_ns: int) -> Answer | Ignored:
    opened = interface(ProbeKind.ARP, None)
    answer = questions.answer(opened, PEER, b"", None, ReadMoment(at_ns, 0))
    assert not isinstance(answer, Standing)
    return answer


def test_a_question_is_open_for_a_limited_time() -> None:
    in_time = answered(question(1, sent_ns=5), at_ns=5 + WINDOW_NS)
    assert in_time == Answer(NEAR, Family.IPV4, PEER, 1, 5e-9, (5 + WINDOW_NS) / 1e9, False)
    assert answered(question(1, sent_ns=5), at_ns=6 + WINDOW_NS) is Ignored.UNREQUESTED


def test_a_repeated_question_replaces_the_one_before() -> None:
    questions = question(1, sent_ns=0)
    questions.ask(ask_neighbour(PEER, 2), 1_000)
    answer = answered(questions, at_ns=2_000)
    assert isinstance(answer, Answer)
    assert answer.sequence == 2
    assert answered(questions, at_ns=3_000) is Ignored.UNREQUESTED


def test_questions_of_a_closed_interface_are_forgotten() -> None:
    questions = question(1, sent_ns=0)
    questions.forget(NEAR)
    assert answered(questions, at_ns=1) is Ignored.UNREQUESTED
