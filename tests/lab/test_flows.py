"""The instrument that judges load spreading: it sees what is there, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from rcmd.lab.lab import Lab
from rcmd.lab.measuring.flow_sender import Order
from rcmd.lab.measuring.flows import Flow, Flows, FlowsResult, counted
from rcmd.lab.measuring.wiretap import Seen

NICS = {"02:00:00:00:00:01": "hme0", "02:00:00:00:00:02": "hme1"}
MAC0, MAC1 = NICS
RUN, SIZE = 7, 100
PREFIX6 = "2001:db8:1980::/64"


def seen(
    number: int, mac: str = MAC0, source: str = "10.0.0.1", flow: int = 0, of: int = 1
) -> Seen:
    return Seen(number * 1_000_000, mac, source, RUN, flow, number, 42 + of * SIZE, of * SIZE)


def count(sent: list[int], frames: Iterable[Seen]) -> FlowsResult:
    order = Order(RUN, len(sent), "198.18.0.0/16", 1000, SIZE, 1, None)
    return counted(order, sent, frames, NICS)


def test_in_order() -> None:
    result = count([3], [seen(0), seen(1), seen(2), seen(3)])
    assert result.flows == (Flow(sent=3, received=3, reordered=0, path=("hme0",)),)
    assert result.origins == {("hme0", "10.0.0.1"): 3}
    # From the first frame to the last, the warm-up left out.
    assert result.lasted_s == pytest.approx(0.002)
    assert result.bits == {"hme0": 3 * 8 * 142}
    assert result.mbit_s == pytest.approx(3 * 8 * 142 / 0.002 / 1e6)


def test_lost_and_reordered() -> None:
    result = count([5, 1], [seen(1), seen(3), seen(2), seen(5), seen(1, flow=1)])
    assert [(flow.lost, flow.reordered) for flow in result.flows] == [(1, 1), (0, 0)]
    assert (result.lost, result.reordered) == (1, 1)


def test_a_flow_of_which_nothing_comes() -> None:
    result = count([2, 2], [seen(1), seen(2)])
    assert result.flows[1] == Flow(sent=2, received=0, reordered=0, path=())
    assert result.begun_on() == {"hme0": 1}


def test_what_is_left_of_an_earlier_run_does_not_count() -> None:
    late = replace(seen(5, flow=9), run=RUN - 1)
    assert count([1], [late, seen(1), late]).flows == (Flow(1, 1, 0, ("hme0",)),)


def test_path() -> None:
    frames = [seen(1), seen(2), seen(3, MAC1), seen(4, MAC1), seen(5), seen(6, "02:00:00:00:0f:0f")]
    result = count([6], frames)
    assert result.flows[0].path == ("hme0", "hme1", "hme0", "02:00:00:00:0f:0f")
    assert result.begun_on() == {"hme0": 1}
    assert result.ended_on() == {"02:00:00:00:0f:0f": 1}


def test_strays() -> None:
    frames = [seen(1), seen(2, source="10.0.0.2"), seen(3, MAC1, "10.0.0.2")]
    result = count([3], frames)
    assert result.strays({"hme0": {"10.0.0.1"}, "hme1": {"10.0.0.2"}}) == 1
    assert result.strays({"hme0": {"10.0.0.1"}}) == 2


def test_several_datagrams_in_a_frame() -> None:
    result = count([24], [seen(1, of=12), seen(13, of=12)])
    assert result.flows[0] == Flow(sent=24, received=24, reordered=0, path=("hme0",))
    late = count([24], [seen(13, of=12), seen(1, of=12)])
    assert late.reordered == 12


def test_destinations_are_all_over_the_prefix() -> None:
    for prefix in ("198.18.0.0/16", PREFIX6):
        destinations = Order(RUN, 4000, prefix, 1000, SIZE, 1, None).destinations()
        assert len(set(destinations)) == 4000
    assert Order(RUN, 2, "198.18.0.0/30", 1000, SIZE, 1, None).destinations() == [
        "198.18.0.1",
        "198.18.0.2",
    ]


def await_datagrams(lab: Lab, flows: Flows, count: int) -> None:
    """Wait for so many more on the wire."""
    wanted = flows.seen + count
    lab.wait_for(lambda: flows.seen >= wanted, what=f"{count} datagrams")


@pytest.mark.lab
def test_on_the_wire(lab: Lab) -> None:
    """Two cables, each of which has its own half of the flows by a route of its own."""
    setup = """\
link set hme0 up
link set hme1 up
addr add 192.168.85.19/24 dev hme0
addr add 192.168.85.20/24 dev hme1
route add 198.18.0.0/17 via 192.168.85.1 dev hme0
route add 198.18.128.0/17 via 192.168.85.1 dev hme1
addr add 2001:db8:85::19/64 dev hme0 nodad
route add 2001:db8:1980::/64 via 2001:db8:85::1 dev hme0
"""
    lab.run(["ip", "-batch", "-"], stdin=setup, check=True)
    lab.run(["sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1"], check=True)
    homes = {"hme0": {"192.168.85.19"}, "hme1": {"192.168.85.20"}}
    flows = lab.flows(100, rate=2000).start()
    await_datagrams(lab, flows, 500)
    lab.pull("hme1")
    await_datagrams(lab, flows, 300)
    result = flows.stop()
    # The destinations begin with the first address of the prefix: one more is in its first half.
    kept, cut = result.flows[:51], result.flows[51:]
    assert {flow.path for flow in kept} == {("hme0",)}
    assert sum(flow.lost for flow in kept) == 0
    assert {flow.path for flow in cut} == {("hme1",)}
    assert min(flow.lost for flow in cut) > 0
    assert (result.reordered, result.strays(homes)) == (0, 0)

    for flows, source in (
        (lab.flows(20, rate=500, bound_to="192.168.85.20"), "192.168.85.20"),
        (lab.flows(20, PREFIX6, rate=500), "2001:db8:85::19"),
    ):
        lab.plug("hme1")
        await_datagrams(lab, flows.start(), 100)
        result = flows.stop()
        assert (result.lost, {own for _, own in result.origins}) == (0, {source})
        assert result.begun_on().total() == 20
