"""What is known of a network device when somebody's rules are applied to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Device:
    """None everywhere: not known, for instance because the device is not there."""

    name: str
    hardware_address: str | None = None
    permanent_address: str | None = None
    """Empty where the device has none."""
    driver: str | None = None
    """As `ethtool -i` shows it."""
    type: str | None = None
    """As `networkctl list` shows it: ether, wlan, bond, ..."""
    kind: str | None = None
    """IFLA_INFO_KIND; empty for hardware."""
    properties: Mapping[str, str] | None = None
    """udev's; None where udev does not know the device."""
    is_marked: bool = False
    """81-rcmd.rules has marked it as ours; for a device that udev does not know: would mark it."""
    bridge: str = ""
    """The bridge it is a port of."""

    @property
    def alternative_names(self) -> frozenset[str]:
        """Those that udev may have given it; somebody may have given it others."""
        found = self.properties or {}
        return frozenset(value for key, value in found.items() if key.startswith("ID_NET_NAME"))


def plain_address(text: str) -> str:
    """A hardware address in any notation, for comparison: `02-AB-..` and `02ab.` are `02ab..`."""
    return "".join(letter for letter in text.lower() if letter not in ":-.")
