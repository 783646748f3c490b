"""A switch that swallows everything, without a word to the guest."""

from __future__ import annotations

import pytest

from .conftest import StartHost
from .machine import Hotplug
from .wire import ROUTER

pytestmark = pytest.mark.vm

HOTPLUG = Hotplug.NATIVE

PROBING = f"""
groups:
  test:
    failure_detection_time: 100ms
    probe: arp
    targets: [{ROUTER}]
"""
LOST = 1000
"""Ten times the failure detection time: the guest may be slow to answer."""


def test_black_hole_and_repair(start_host: StartHost) -> None:
    host = start_host(PROBING)
    host.wait_until_running()
    with host.watched(host.first, host.second.interface) as stream:
        host.guest.wire.black_hole("nic0")
    assert 0 < stream.lost() < LOST
    host.guest.wire.restore("nic0")
    host.daemon.wait_until_home(host.members)
