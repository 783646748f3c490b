"""udev gives a card its name some hundred milliseconds after the kernel has shown it."""

from __future__ import annotations

import pytest

from .daemon import Member
from .host import Host
from .machine import Hotplug
from .nic import Nic

pytestmark = pytest.mark.vm

HOTPLUG = Hotplug.NATIVE

NAMED = Member("nic2", "hme2", "10.99.0.12")
SLOT = 4
LINK_FILE = "/etc/systemd/network/10-hme2.link"


def test_a_card_is_configured_under_the_name_that_udev_gives_it(host: Host) -> None:
    mac = Nic(NAMED.nic, SLOT).mac
    host.guest.put(LINK_FILE, f"[Match]\nMACAddress={mac}\n[Link]\nName={NAMED.interface}\n")
    host.daemon.write_hostname_file(NAMED)
    host.guest.run("udevadm control --reload")
    host.guest.add_nic(NAMED.nic, SLOT)
    host.daemon.wait_until_at(NAMED, NAMED.interface)
    assert host.guest.ifname(NAMED.nic) == NAMED.interface
    host.guest.unplug(NAMED.nic)
    host.guest.remove(LINK_FILE)
    host.guest.run("udevadm control --reload")
