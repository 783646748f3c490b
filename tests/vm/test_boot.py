"""A boot with cards in their slots, and without one."""

from __future__ import annotations

import pytest

from .conftest import CARDS
from .daemon import Daemon, Member
from .guest import Guest
from .host import settle
from .machine import Hotplug

pytestmark = pytest.mark.vm

HOTPLUG = Hotplug.ACPI


def test_a_card_that_is_missing_at_boot_and_comes_later(guest: Guest) -> None:
    for name, slot, _ in CARDS:
        settle(guest, name, slot)
    here, missing = (Member(name, guest.ifname(name), address) for name, _, address in CARDS)
    daemon = Daemon(guest)
    daemon.configure((here, missing))
    guest.run("systemctl enable rcmd")
    guest.unplug(missing.nic)
    guest.reset()
    daemon.wait_until_at(missing, here.interface)
    daemon.wait_until_at(here, here.interface)
    assert daemon.states() == {here.interface: "running", missing.interface: "missing"}
    slot = next(slot for name, slot, _ in CARDS if name == missing.nic)
    guest.add_nic(missing.nic, slot)
    daemon.wait_until_home((here, missing))
    guest.run("systemctl disable rcmd")
    daemon.stop()
