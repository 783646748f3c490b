"""What another program has made of a device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """A setting of a device that is not as it was made."""

    what: str
    """A path below /proc/sys, `mtu` or `ether`."""
    found: str
    wanted: str

    @property
    def is_sysctl(self) -> bool:
        return "/" in self.what

    def __str__(self) -> str:
        return f"{self.what.replace('/', '.')} is {self.found} instead of {self.wanted}"
