from collections.abc import Callable

import pytest
from probe_lab import (
    ECHOES,
    MACS,
    PEER,
    Bench,
    Observer,
    Reply,
    arp_reply,
    ask_neighbour,
    interface,
    make_cables,
    make_neighbours,
    probe,
    silence_peer,
)

from rcmd.kernel.probes.values import ProbeKind
from rcmd.model.network import IPAddress

pytestmark = pytest.mark.lab

Run = Callable[[Callable[[], None]], None]

every_echo = pytest.mark.parametrize(("kind", "here", "peer"), ECHOES)


@every_echo
def test_replies_to_other_programs_do_not_wake(
    in_namespaces: Run, kind: ProbeKind, here: IPAddress, peer: IPAddress
) -> None:
    def scenario() -> None:
        make_neighbours()
        silence_peer()
        with Bench(interface(kind, here)) as bench, Observer() as observer:
            assert bench.sockets.send([probe(peer, 5)]) == ()
            captured = observer.request(kind)
            for _ in range(100):
                observer.send(Reply(captured, flip=0).frame())
            observer.send(Reply(captured).frame())
            assert [answer.sequence for answer in bench.answers(1)] == [5]
            assert bench.sockets.ignored == {}

    in_namespaces(scenario)


def test_other_hosts_broadcasts_do_not_even_wake(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_cables()
        with Bench(interface(ProbeKind.ARP, None)) as bench, Observer() as observer:
            assert bench.sockets.send([ask_neighbour(PEER)]) == ()
            gratuitous = arp_reply(to=b"\xff" * 6)
            asking = arp_reply()[:21] + b"\x01" + arp_reply()[22:]
            for frame in (gratuitous, asking, arp_reply(to=MACS["other"])):
                observer.send(frame)
            observer.send(arp_reply())
            bench.answers(1)
            assert bench.sockets.ignored == {}

    in_namespaces(scenario)
