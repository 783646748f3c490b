"""rcmd and its peers in the same guests, in one run; `make bench-vm` shows the table."""

from __future__ import annotations

import pytest

from .comparison import Comparison, measure
from .failures import Failure
from .guest_house import GuestHouse
from .machine import Hotplug
from .peers import PEERS, PROBING_PEERS

pytestmark = [pytest.mark.vm, pytest.mark.bench]

PLAN = (
    (Hotplug.NATIVE, PEERS, (Failure.CARRIER, Failure.UNPLUG, Failure.YANK)),
    # Of what the link does not show, those tell who probe.
    (Hotplug.NATIVE, PROBING_PEERS, (Failure.BLACK_HOLE,)),
    (Hotplug.ACPI, PEERS, (Failure.UNPLUG,)),
)
REFERENCE = "bonding active-backup miimon=100"
RCMD = "rcmd"
PROBING_RCMD = "rcmd, probes, 100 ms"
LOST_WITH_NOTICE = 2


@pytest.fixture(scope="module")
def compared(guests: GuestHouse, vm_comparison: Comparison) -> Comparison:
    for hotplug, peers, failures in PLAN:
        guest = guests.guest(hotplug)
        for name, make in peers.items():
            for column, cell in measure(guest, name, make(guest), failures).items():
                vm_comparison.cells[name, column] = cell
    return vm_comparison


def lost(compared: Comparison, peer: str, failure: Failure) -> float:
    return compared.cells[peer, failure.title(Hotplug.NATIVE)].median


def test_carrier_off_is_no_worse_than_with_bonding(compared: Comparison) -> None:
    ours = lost(compared, RCMD, Failure.CARRIER)
    assert ours <= lost(compared, REFERENCE, Failure.CARRIER)


def test_a_black_hole_is_found_sooner_than_by_anybody_else(compared: Comparison) -> None:
    """But for FRR, whose address is no interface's: it is shown, and decides nothing."""
    ours = lost(compared, PROBING_RCMD, Failure.BLACK_HOLE)
    for peer in PROBING_PEERS.keys() - {PROBING_RCMD}:
        if not peer.startswith("FRR"):
            assert ours < lost(compared, peer, Failure.BLACK_HOLE), peer


def test_a_notice_is_used(compared: Comparison) -> None:
    assert lost(compared, RCMD, Failure.UNPLUG) <= LOST_WITH_NOTICE
