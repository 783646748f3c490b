"""A card with two functions: they come and go together."""

from __future__ import annotations

import pytest

from .conftest import StartHost
from .daemon import Member
from .guest import Guest
from .machine import Hotplug
from .nic import Nic

pytestmark = pytest.mark.vm

HOTPLUG = Hotplug.NATIVE

SLOT = 3
CARD = (Nic("nic2", SLOT, 0), Nic("nic3", SLOT, 1))
ADDRESSES = ("10.99.0.12", "10.99.0.13")


def test_both_functions_leave_and_come_back(guest: Guest, start_host: StartHost) -> None:
    guest.add_card(*CARD)
    card = [
        Member(nic.name, guest.wait_for_interface(nic.name), address)
        for nic, address in zip(CARD, ADDRESSES, strict=True)
    ]
    host = start_host("", card)
    guest.unplug(CARD[0].name)
    for member in card:
        host.daemon.wait_until_hosted(member)
    guest.add_card(*CARD)
    host.daemon.wait_until_home((*host.members, *card))
    guest.unplug(CARD[0].name)
