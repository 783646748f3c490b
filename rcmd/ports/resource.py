"""What a reconfiguration is asked about, and what hangs on it.

| name                | what it is                                                         |
|---------------------|--------------------------------------------------------------------|
| `slot:1`            | a hotplug slot, with the device in it                              |
| `pci:0000:03:00`    | a PCI device with all its functions: a card                        |
| `pci:0000:03:00.0`  | one function of it, or a virtual function                          |
| `usb:1-2`           | a USB device                                                       |
| `eth0`              | a network interface                                                |
| `ip:192.168.85.19`  | an address; a name for clients to watch, not one that can be asked |

A request for a resource covers everything below it (solaris.md 4.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class ResourceKind(StrEnum):
    SLOT = "slot"
    DEVICE = "device"
    FUNCTION = "function"
    VIRTUAL_FUNCTION = "virtual-function"
    USB = "usb"
    INTERFACE = "interface"
    STACKED = "stacked"
    """A bridge, bond, team, VLAN or macvlan on top of an interface."""
    ADDRESS = "address"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Resource:
    name: str
    kind: ResourceKind
    note: str = ""
    """What it is and how it is used, in a few words."""
    children: tuple[Resource, ...] = ()
    also: tuple[str, ...] = ()
    """Its other names: how the kernel calls it, and alternative ones."""

    def walk(self) -> Iterator[Resource]:
        """Itself and everything below; parents before their children."""
        yield self
        for child in self.children:
            yield from child.walk()

    def interfaces(self) -> tuple[str, ...]:
        """The network interfaces at or below it, each once."""
        found = (it.name for it in self.walk() if it.kind is ResourceKind.INTERFACE)
        return tuple(dict.fromkeys(found))
