"""The hardware part of the resource tree: slots, devices, functions and their virtual functions.

Only what matters: network functions, and whatever shares a device or a slot with one.  Bridges are
left out: what is behind a bridge on a card is shown where the card is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rcmd.ports.hardware import Hardware, PciFunction, Slot, UsbDevice
from rcmd.ports.resource import Resource, ResourceKind
from rcmd.rcm.resources.usage import function_usage, slot_usage

_BRIDGE_CLASS = 0x06

MakeInterface = Callable[[str], Resource]
"""Of a name, the interface with what hangs on it."""


def hardware_roots(hardware: Hardware, make_interface: MakeInterface) -> tuple[Resource, ...]:
    """Slots, then devices outside slots, then USB devices."""
    planter = _Planter(hardware, make_interface)
    return (
        *planter.slots(),
        *planter.devices_outside_slots(),
        *(planter.usb(device) for device in hardware.usb.values()),
    )


@dataclass(frozen=True, slots=True)
class _Planter:
    hardware: Hardware
    make_interface: MakeInterface

    def slots(self) -> Iterator[Resource]:
        """Those with a NIC in them, and the empty ones: an attach may power those on."""
        for slot in self.hardware.slots.values():
            inside = [it for it in self._physical() if slot.holds(it)]
            if not inside or any(self._is_network(it) for it in inside):
                yield self._slot(slot, inside)

    def devices_outside_slots(self) -> Iterator[Resource]:
        slots = self.hardware.slots.values()
        outside = [it for it in self._physical() if not any(slot.holds(it) for slot in slots)]
        for functions in _by_device(outside):
            if any(self._is_network(it) for it in functions):
                yield self._device(functions)

    def usb(self, device: UsbDevice) -> Resource:
        note = f"USB device, driver {device.driver}" if device.driver else "USB device, no driver"
        interfaces = tuple(self.make_interface(name) for name in device.interfaces)
        return Resource(f"usb:{device.path}", ResourceKind.USB, note, interfaces)

    def _physical(self) -> list[PciFunction]:
        """Neither bridges, nor virtual functions whose physical one is known."""
        return [
            it
            for it in self.hardware.functions.values()
            if it.class_code >> 16 != _BRIDGE_CLASS and it.physical not in self.hardware.functions
        ]

    def _is_network(self, function: PciFunction) -> bool:
        return function.is_network or bool(function.interfaces)

    def _slot(self, slot: Slot, inside: list[PciFunction]) -> Resource:
        devices = tuple(self._device(functions) for functions in _by_device(inside))
        note = slot_usage(slot, is_empty=not inside)
        return Resource(f"slot:{slot.name}", ResourceKind.SLOT, note, devices)

    def _device(self, functions: list[PciFunction]) -> Resource:
        count = len(functions)
        return Resource(
            f"pci:{functions[0].device}",
            ResourceKind.DEVICE,
            f"PCI device with {count} function{'s' if count > 1 else ''}",
            tuple(self._function(it, ResourceKind.FUNCTION) for it in functions),
        )

    def _function(self, function: PciFunction, kind: ResourceKind) -> Resource:
        virtual = (
            self._function(it, ResourceKind.VIRTUAL_FUNCTION)
            for it in self.hardware.functions.values()
            if it.physical == function.address and it.physical != it.address
        )
        interfaces = (self.make_interface(name) for name in function.interfaces)
        name = f"pci:{function.address}"
        return Resource(name, kind, function_usage(function), (*interfaces, *virtual))


def _by_device(functions: list[PciFunction]) -> list[list[PciFunction]]:
    found: dict[str, list[PciFunction]] = {}
    for function in functions:
        found.setdefault(function.device, []).append(function)
    return list(found.values())
