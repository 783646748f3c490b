"""Ports of bridges, those of Docker and libvirt among them: nothing for rcmd to configure.

What is sent to the address of a port never reaches it: the bridge takes every frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from rcmd.configuration.conflicts.conflict import Claim, Manager
from rcmd.configuration.conflicts.device import Device
from rcmd.configuration.foreign_bridges import bridge_maker

_MANAGERS = {"Docker": Manager.DOCKER, "libvirt": Manager.LIBVIRT}
_PORTS = (
    (Manager.DOCKER, re.compile(r"veth[0-9a-f]{7}")),
    (Manager.LIBVIRT, re.compile(r"vnet\d+")),
)


def bridge_claims(device: Device) -> Iterator[Claim]:
    """At most one.  Their bridges themselves are no interfaces of ours (`foreign_bridges`)."""
    file = f"/etc/hostname.{device.name}"
    maker = _MANAGERS.get(bridge_maker(device.bridge)) or _maker_of_port(device.name)
    if maker is None and not device.bridge:
        return
    port = f"is a port of {device.bridge}" if device.bridge else "is made for a port of its bridge"
    advice = f"it {port}, and is not reached by addresses of its own: " + (
        "put them on the bridge, or take it out of that"
        if maker is None
        else "remove the hostname files of it"
    )
    yield Claim(file, 1, maker or Manager.BRIDGE, device.name, advice)


def _maker_of_port(name: str) -> Manager | None:
    return next((maker for maker, pattern in _PORTS if pattern.fullmatch(name)), None)
