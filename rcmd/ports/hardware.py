"""The hardware below network interfaces, and the steps that take it away or bring it back.

Values, and what the outside has to offer; `platform.hardware.reading` reads and does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rcmd.errors import RcmError

NETWORK_CLASS = 0x02
"""The PCI base class of network controllers."""


class HardwareFailed(RcmError):
    """A step could not be done; the message names the object and the reason."""


def bus_of(place: str) -> str:
    """The PCI bus of a function, a device or a slot: `0000:03:00.0` -> `0000:03`."""
    return ":".join(place.split(":")[:2])


@dataclass(frozen=True, slots=True)
class PciFunction:
    """One function of a PCI device, `0000:03:00.0`."""

    address: str
    driver: str = ""
    """Empty where none is bound."""
    class_code: int = 0
    """Base class, subclass and programming interface: 0x020000 is Ethernet."""
    interfaces: tuple[str, ...] = ()
    """The network devices below it that this network namespace shows, by name."""
    physical: str = ""
    """Of a virtual function, the physical one that it belongs to."""
    bridges: tuple[str, ...] = ()
    """The PCI bridges above it, by address, the root port first; they are functions themselves."""
    virtual_functions: int = 0
    """Of a physical function, how many virtual ones it was told to make (`sriov_numvfs`)."""

    @property
    def device(self) -> str:
        """`0000:03:00`: the device, of which this is one function."""
        return self.address.rpartition(".")[0]

    @property
    def bus(self) -> str:
        """`0000:03`"""
        return bus_of(self.address)

    @property
    def is_network(self) -> bool:
        return self.class_code >> 16 == NETWORK_CLASS


@dataclass(frozen=True, slots=True)
class Slot:
    """A hotplug slot as /sys/bus/pci/slots names it."""

    name: str
    device: str
    """`0000:03:00`: what is in it, whether or not it is there now.  A slot that is a whole bus,
    as some firmware has them, says `0000:03`."""
    is_powered: bool | None = None
    """None for a slot whose power cannot be switched."""

    def holds(self, function: PciFunction) -> bool:
        """In it, or behind a bridge in it, or a virtual function of one that is."""
        places = (function.address, function.physical, *function.bridges)
        return any(self.is_place_of(place) for place in places)

    def is_place_of(self, address: str) -> bool:
        return address.startswith((f"{self.device}.", f"{self.device}:"))


@dataclass(frozen=True, slots=True)
class UsbDevice:
    """A USB device with a network interface, `1-2`."""

    path: str
    driver: str = ""
    interfaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hardware:
    """Everything there is, as of one look."""

    functions: Mapping[str, PciFunction] = field(default_factory=dict)
    """By address, in the order of addresses."""
    slots: Mapping[str, Slot] = field(default_factory=dict)
    usb: Mapping[str, UsbDevice] = field(default_factory=dict)
    """Those with a network interface, by path."""


@dataclass(frozen=True, slots=True)
class RemoveFunction:
    """The PCI function leaves the kernel; the hardware stays where it is."""

    address: str


@dataclass(frozen=True, slots=True)
class UnbindDriver:
    """A virtual function is let go by its driver: removed from the bus, no scan would find it."""

    address: str


@dataclass(frozen=True, slots=True)
class PowerOff:
    slot: str


@dataclass(frozen=True, slots=True)
class RemoveUsb:
    """The USB device leaves the kernel until it is plugged in again."""

    path: str


@dataclass(frozen=True, slots=True)
class PowerOn:
    slot: str


@dataclass(frozen=True, slots=True)
class Rescan:
    """Look for PCI functions that are there and not known, on one bus and behind its bridges.

    What others removed elsewhere stays away; what they removed on the same bus is found too, as the
    kernel can look at nothing smaller (linux:drivers/pci/pci-sysfs.c, bus_rescan_store).
    """

    bus: str = ""
    """`0000:03`.  Empty for all buses; so is a bus that is not there, as its bridge is gone."""


@dataclass(frozen=True, slots=True)
class SetVirtualFunctions:
    """A physical function makes this many virtual ones again, as soon as it has its driver."""

    address: str
    count: int


@dataclass(frozen=True, slots=True)
class ProbeDriver:
    """Undo of `UnbindDriver`: the kernel looks for the driver of the function once more."""

    address: str


@dataclass(frozen=True, slots=True)
class AuthorizeUsb:
    """Undo of `RemoveUsb` where the device is still plugged in."""

    path: str


HardwareStep = (
    RemoveFunction
    | UnbindDriver
    | PowerOff
    | RemoveUsb
    | PowerOn
    | Rescan
    | SetVirtualFunctions
    | ProbeDriver
    | AuthorizeUsb
)


class HardwareControl(Protocol):
    """The outside, as the transactions use it."""

    def survey(self) -> Hardware:
        """What is there now."""

    def obstacles(self, step: HardwareStep) -> tuple[str, ...]:
        """What is known to stand in the way of a step without trying, in sentences."""

    async def perform(self, step: HardwareStep) -> None:
        """Do it; the loop goes on meanwhile.  Raises HardwareFailed, also if it takes too long."""
