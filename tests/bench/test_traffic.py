"""What a stream of 1000 datagrams a second loses."""

from __future__ import annotations

import pytest

from rcmd.lab.lab import Lab

from .figures import Figure, Table, repeat
from .labs import LabFactory, data_address, start, wait_until_at, watched

pytestmark = [pytest.mark.bench, pytest.mark.lab]

NICS = ("hme0", "hme1")
ADDRESSES = 2
WATCHED = tuple(data_address(nic, ADDRESSES - 1) for nic in range(2))
"""Of each NIC the address that moves last."""


def pulled(lab: Lab, number: int) -> int:
    """The NICs take turns: one whose link comes up too often is not trusted for a while."""
    if number:
        lab.plug(NICS[1 - number % 2])
        wait_until_at(lab, NICS[1 - number % 2], WATCHED[1 - number % 2])
    nic, other, address = NICS[number % 2], NICS[1 - number % 2], WATCHED[number % 2]
    with watched(lab, address) as results:
        lab.pull(nic)
        wait_until_at(lab, other, address)
    return results[0].lost


def test_a_pulled_cable(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    start(lab, dict.fromkeys(NICS, ADDRESSES))
    lost = repeat(lambda number: pulled(lab, number))
    table.note(Figure("cable pulled (veth), 2 addresses, 1 kHz stream", lost, "lost", 10))


def test_a_pulled_cable_of_a_nic_whose_driver_is_slow_to_say_so(
    lab_with: LabFactory, table: Table
) -> None:
    lab = lab_with(nics=(), tap=NICS)
    start(lab, dict.fromkeys(NICS, ADDRESSES))
    lost = repeat(lambda number: pulled(lab, number))
    table.note(Figure("cable pulled (TAP), 2 addresses, 1 kHz stream", lost, "lost", 10))


def test_a_detach_loses_nothing(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    start(lab, dict.fromkeys(NICS, ADDRESSES))
    address = WATCHED[0]
    stalls: list[float] = []

    def detached(_: int) -> int:
        session = lab.tcp_session(address)
        with watched(lab, address) as results:
            assert lab.rcmctl("detach", NICS[0]).returncode == 0
            wait_until_at(lab, NICS[1], address)
        state = session.state()
        assert state.is_alive
        stalls.append(state.worst_stall_ms)
        session.close()
        assert lab.rcmctl("attach", NICS[0]).returncode == 0
        wait_until_at(lab, NICS[0], address)
        return results[0].lost

    table.note(Figure("coordinated detach, 1 kHz stream", repeat(detached), "lost", 0, "none"))
    table.note(Figure("the same, worst stall of a TCP session", stalls, "ms", 100, "lives"))


def test_a_nic_torn_out(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    start(lab, dict.fromkeys(NICS, ADDRESSES))

    def torn_out(number: int) -> int:
        nic, other, address = NICS[number % 2], NICS[1 - number % 2], WATCHED[number % 2]
        with watched(lab, address) as results:
            lab.tear_out(nic)
            wait_until_at(lab, other, address)
        lab.put_back(nic)
        wait_until_at(lab, nic, address)
        return results[0].lost

    table.note(Figure("NIC torn out, 1 kHz stream", repeat(torn_out), "lost", 30))
