"""Bridges of Docker and libvirt, and ports of bridges: nothing for rcmd to configure.

Docker and libvirt make their bridges, give them addresses and take both away again; by their names
they are known (docker:libnetwork/drivers/bridge, libvirt:src/network/bridge_driver.c).  What is
sent to the address of a port never reaches it: the bridge takes every frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rcmd.configuration.claims.claim import Claim, Manager
from rcmd.configuration.claims.device import Device

_BRIDGES = (
    (Manager.DOCKER, re.compile(r"docker\d+|docker_gwbridge|br-[0-9a-f]{12}")),
    (Manager.LIBVIRT, re.compile(r"virbr\d+(-nic)?")),
)
_PORTS = (
    (Manager.DOCKER, re.compile(r"veth[0-9a-f]{7}")),
    (Manager.LIBVIRT, re.compile(r"vnet\d+")),
)


def bridge_claims(device: Device) -> Iterator[Claim]:
    """At most one."""
    file = f"/etc/hostname.{device.name}"
    maker = _maker(device.name, _BRIDGES)
    if maker is not None:
        advice = "it makes this bridge and gives it its addresses: remove the hostname files of it"
        yield Claim(file, 1, maker, device.name, advice)
        return
    maker = _maker(device.bridge, _BRIDGES) or _maker(device.name, _PORTS)
    if maker is None and not device.bridge:
        return
    port = f"is a port of {device.bridge}" if device.bridge else "is made for a port of its bridge"
    advice = f"it {port}, and is not reached by addresses of its own: " + (
        "put them on the bridge, or take it out of that"
        if maker is None
        else "remove the hostname files of it"
    )
    yield Claim(file, 1, maker or Manager.BRIDGE, device.name, advice)


def _maker(name: str, patterns: tuple[tuple[Manager, re.Pattern[str]], ...]) -> Manager | None:
    return next((maker for maker, pattern in patterns if pattern.fullmatch(name)), None)
