"""Cards that leave with native PCI Express hotplug: by the button, torn out, by slot power."""

from __future__ import annotations

import pytest

from .host import Host
from .machine import Hotplug

pytestmark = pytest.mark.vm

HOTPLUG = Hotplug.NATIVE

LOST_WITH_NOTICE = 2
LOST_WITHOUT = 500
"""Far more than it takes; what it takes is measured by `make bench-vm`."""


def test_carrier_loss(host: Host) -> None:
    with host.watched(host.first, host.second.interface) as stream:
        host.guest.set_link("nic0", is_up=False)
    assert 0 < stream.lost() < LOST_WITHOUT
    host.guest.set_link("nic0", is_up=True)
    host.daemon.wait_until_home(host.members)


def test_the_button_gives_notice(host: Host) -> None:
    with host.watched(host.first, host.second.interface) as stream:
        host.guest.del_nic("nic0")
        host.guest.wait_until_deleted("nic0")
    assert stream.lost() <= LOST_WITH_NOTICE
    host.guest.add_nic("nic0", 1)
    host.daemon.wait_until_home(host.members)


def test_torn_out(host: Host) -> None:
    with host.watched(host.first, host.second.interface) as stream:
        host.guest.yank_nic("nic0")
    assert 0 < stream.lost() < LOST_WITHOUT
    host.guest.add_nic("nic0", 1)
    host.daemon.wait_until_home(host.members)


def test_slot_power(host: Host) -> None:
    """QEMU takes a card without power away; it comes back as a new one."""
    with host.watched(host.first, host.second.interface) as stream:
        host.guest.expect_deletion()
        host.guest.run("echo 0 >/sys/bus/pci/slots/1/power")
        host.guest.wait_until_deleted("nic0")
    assert stream.lost() < LOST_WITHOUT
    host.guest.add_nic("nic0", 1)
    host.daemon.wait_until_home(host.members)


def test_removed_and_found_again_through_sysfs(host: Host) -> None:
    device = host.guest.pci_address("nic0")
    with host.watched(host.first, host.second.interface) as stream:
        host.guest.run(f"echo 1 >/sys/bus/pci/devices/{device}/remove")
    assert stream.lost() < LOST_WITHOUT
    with host.watched(host.first, host.first.interface) as stream:
        host.guest.run("echo 1 >/sys/bus/pci/rescan")
    assert stream.lost() == 0
