"""Cards that a hypervisor takes and gives at once: no notice, no button."""

from __future__ import annotations

import statistics

import pytest

from .host import Host
from .machine import Hotplug

pytestmark = pytest.mark.vm

HOTPLUG = Hotplug.ACPI

RUNS = 5
HOME_S = 2.0
LOST_WITHOUT_NOTICE = 500


def replugged(host: Host) -> float:
    """Seconds from the return of the card to the first answer through it."""
    with host.watched(host.first, host.second.interface) as leaving:
        host.guest.unplug("nic0")
    assert 0 < leaving.lost() < LOST_WITHOUT_NOTICE
    with host.watched(host.first, host.first.interface) as returning:
        added = host.guest.add_nic("nic0", 1)
    home = returning.announced("nic0", since=added)
    return returning.first_answer(since=home) - added


def test_unplugged_and_back_home(host: Host) -> None:
    durations = [replugged(host) for _ in range(RUNS)]
    assert statistics.median(durations) < HOME_S, durations
