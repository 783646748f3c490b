"""The kernel's neighbour table, read a datagram at a time."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address

import pytest
from probe_lab import (
    HERE,
    MACS,
    NEAR,
    OTHER,
    PEER,
    PEER6,
    Bench,
    interface,
    ip,
    listing,
    make_neighbours,
    probe,
)

from rcmd.ipmp.api.events import Neighbour, NeighboursSeen
from rcmd.kernel.neighbour_table import MOST_KEPT, NeighbourTable
from rcmd.kernel.probes.values import ProbeKind

pytestmark = pytest.mark.lab

Run = Callable[[Callable[[], None]], None]
PATIENCE_S = 10.0


def look(table: NeighbourTable, *ifindexes: int) -> NeighboursSeen:
    table.look(ifindexes)
    return read(table)


def read(table: NeighbourTable, longest_turn_s: float = 1.0) -> NeighboursSeen:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        assert select.select([table], [], [], PATIENCE_S)[0]
        begun = time.thread_time()
        seen = table.read()
        assert time.thread_time() - begun < longest_turn_s
        if seen is not None:
            return seen
    raise AssertionError("it does not end")


def found(seen: NeighboursSeen) -> set[tuple[int, str, str]]:
    return {(it.ifindex, str(it.address), it.hardware_address) for it in seen.neighbours}


def test_whom_the_machine_talks_to_is_found(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_neighbours()
        with closing(NeighbourTable()) as table:
            assert look(table, NEAR) == NeighboursSeen(frozenset({NEAR}), ())
            with Bench(interface(ProbeKind.ICMP, HERE)) as bench:
                bench.ask(probe(PEER))
            mac = MACS["far"].hex(":")
            assert look(table, NEAR).neighbours == (Neighbour(NEAR, PEER, mac),)
            assert look(table, OTHER).neighbours == ()
            # One that was talked to a moment ago, as the kernel has it when it grows old.
            ip(f"neigh change {PEER} lladdr {mac} dev near nud stale")
            ip(f"neigh add {PEER6} lladdr {mac} dev near nud reachable router")
            assert set(look(table, NEAR, OTHER).neighbours) == {
                Neighbour(NEAR, PEER, mac),
                Neighbour(NEAR, PEER6, mac, is_router=True),
            }

    in_namespaces(scenario)


@pytest.mark.parametrize("state", ["failed", "none", "incomplete", "permanent", "noarp"])
def test_who_is_not_talked_to_is_nobody(in_namespaces: Run, state: str) -> None:
    def scenario() -> None:
        make_neighbours()
        ip(f"neigh add {PEER + 1} lladdr 02:00:00:00:00:99 dev near nud {state}")
        with closing(NeighbourTable()) as table:
            assert look(table, NEAR).neighbours == ()

    in_namespaces(scenario)


def test_looks_that_are_asked_for_meanwhile_come_after(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_neighbours()
        ip(f"neigh add {PEER + 1} lladdr 02:00:00:00:00:99 dev other nud reachable")
        with closing(NeighbourTable()) as table:
            table.look([NEAR])
            table.look([OTHER])
            table.look([OTHER])
            assert read(table).ifindexes == {NEAR}
            assert found(read(table)) == {(OTHER, str(PEER + 1), "02:00:00:00:00:99")}
            assert table.read() is None
            assert look(table, 9999) == NeighboursSeen(frozenset({9999}), ())

    in_namespaces(scenario)


def test_thousands_of_entries_hold_nobody_up(in_namespaces: Run) -> None:
    def scenario() -> None:
        make_neighbours()
        first, first6 = IPv4Address("10.0.0.1"), IPv6Address("fe80::1:0")
        lines = [
            f"neigh add {address} lladdr 02:00:00:01:{number >> 8:02x}:{number & 255:02x} "
            f"dev {device} nud reachable extern_learn"  # of those there may be any number
            for number in range(5000)
            for address in (first + number, first6 + number)
            for device in ("near", "other")
        ]
        batch = f"/run/neighbours.{os.getpid()}"
        with open(batch, "w") as file:
            file.write("\n".join(lines))
        ip(f"-batch {batch}")
        assert len(listing("neigh show dev other").splitlines()) >= 10_000
        with closing(NeighbourTable()) as table:
            table.look([NEAR])
            seen = read(table, longest_turn_s=0.02)
            assert len(seen.neighbours) == 2 * MOST_KEPT
            assert {it.ifindex for it in seen.neighbours} == {NEAR}

    in_namespaces(scenario)
