"""From which address a device asks by ARP: its own, never one of another device.

`arp_announce` 2 has the kernel look for the best address of the device; where there is none it
takes that of another one.  With 0 it asks from the address of the packet, which on a device that
carries nothing else is the test address.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from rcmd.system.sysctls import (
    ARP_FROM_BEST,
    ARP_FROM_PACKET,
    PROC_SYS,
    SysctlError,
    set_arp_announce,
)

log = logging.getLogger(__name__)


class ArpSenders:
    def __init__(self, root: Path = PROC_SYS) -> None:
        self._root = root
        self._bare: dict[tuple[int, str], bool] = {}

    def follow(self, devices: Mapping[tuple[int, str], bool]) -> None:
        """(ifindex, name) -> whether it has no address of its own to ask from.

        Failures are logged: without it the device works, and misleads its neighbours at times.
        """
        for device, is_bare in devices.items():
            # Who was just plumbed asks from the best of its addresses.
            if self._bare.get(device, False) is not is_bare:
                self._set(device[1], ARP_FROM_PACKET if is_bare else ARP_FROM_BEST)
        self._bare = dict(devices)

    def _set(self, name: str, value: str) -> None:
        try:
            set_arp_announce(name, value, self._root)
        except SysctlError as error:
            log.warning("%s", error)
