"""The ports that the kernel gives to sockets that ask for none."""

from __future__ import annotations

from pathlib import Path

from rcmd.ipmp.api.events import USUAL_PORTS

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def local_ports(path: Path = _RANGE) -> tuple[int, int]:
    """First and last; as they usually are where the kernel does not tell."""
    try:
        first, last = map(int, path.read_text(encoding="ascii", errors="replace").split())
    except (OSError, ValueError):
        return USUAL_PORTS
    return first, last
