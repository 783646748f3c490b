"""The bridges that Docker and libvirt make, known by their names.

They make them, give them addresses and take both away again (docker:libnetwork/drivers/bridge,
libvirt:src/network/bridge_driver.c): rcmd never touches them, whatever file there is.
"""

from __future__ import annotations

import re

_MAKERS = {
    "Docker": re.compile(r"docker\d+|docker_gwbridge|br-[0-9a-f]{12}"),
    "libvirt": re.compile(r"virbr\d+(-nic)?"),
}


def bridge_maker(name: str) -> str:
    """`Docker` or `libvirt`; empty for any other device."""
    return next((maker for maker, names in _MAKERS.items() if names.fullmatch(name)), "")
