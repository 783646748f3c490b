"""Coordinated removal of a real card, by what a PCI address or a slot is called."""

from __future__ import annotations

import statistics

import pytest

from .host import Host
from .machine import Hotplug

pytestmark = pytest.mark.vm

HOTPLUG = Hotplug.NATIVE
RUNS = 5


def detached(host: Host, resource: str) -> int:
    """Datagrams lost while the card is detached by this name; it is back home afterwards."""
    address = host.guest.pci_address("nic0")
    with host.watched(host.first, host.second.interface) as stream:
        result = host.daemon.rcmctl("detach", resource)
        assert result.status == 0, result
    assert host.guest.tried(f"test -e /sys/bus/pci/devices/{address}").status != 0
    return stream.lost()


def test_detach_by_pci_address(host: Host) -> None:
    lost = []
    for _ in range(RUNS):
        resource = f"pci:{host.guest.pci_address('nic0')}"
        lost.append(detached(host, resource))
        # The slot is still powered: the card comes back in it.
        result = host.daemon.rcmctl("attach", resource)
        assert result.status == 0, result
        host.daemon.wait_until_home(host.members)
    assert statistics.median(lost) == 0, lost


def test_detach_of_a_whole_device(host: Host) -> None:
    resource = f"pci:{host.guest.pci_address('nic0').removesuffix('.0')}"
    assert detached(host, resource) == 0
    assert host.daemon.rcmctl("attach", resource).status == 0
    host.daemon.wait_until_home(host.members)


def test_detach_by_slot_and_a_new_card(host: Host) -> None:
    """The power goes off, QEMU takes the card away; another with the same address is put in."""
    lost = []
    for _ in range(RUNS):
        host.guest.expect_deletion()
        lost.append(detached(host, "slot:1"))
        host.guest.wait_until_deleted("nic0")
        host.guest.add_nic("nic0", 1)
        host.daemon.wait_until_home(host.members)
    assert statistics.median(lost) == 0, lost
