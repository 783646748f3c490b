"""Which steps take a resource's hardware away, and which bring it back.

| resource         | away                                            | back                        |
|------------------|-------------------------------------------------|-----------------------------|
| interface        | nothing: its device stays                       | nothing                     |
| function         | remove it, and its virtual functions with it    | rescan its bus; as many     |
|                  |                                                 | virtual functions as before |
| virtual function | unbind its driver                               | look for the driver         |
| device           | remove its functions, the highest number first  | as of each function         |
| slot             | switch its power off; where that is impossible, | switch it on, or rescan its |
|                  | remove the functions of the device in it        | bus; then as of a function  |
| USB device       | remove it                                       | authorise it                |

A virtual function is not found by a scan (it answers no configuration cycle of its own until its
physical function is told to make it), so that it must not leave the bus.  How many there were is
known only to whoever looked before: after a crash, and to an attach that comes later, it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rcmd.ports.hardware import (
    AuthorizeUsb,
    Hardware,
    HardwareStep,
    PciFunction,
    PowerOff,
    PowerOn,
    ProbeDriver,
    RemoveFunction,
    RemoveUsb,
    Rescan,
    SetVirtualFunctions,
    Slot,
    UnbindDriver,
    bus_of,
)
from rcmd.ports.resource import Resource, ResourceKind
from rcmd.rcm.resources.resource_name import canonical_name


def removal_steps(resource: Resource, hardware: Hardware) -> tuple[HardwareStep, ...]:
    """In the order in which they have to be done; empty where there is nothing to take away."""
    name = _own_name(resource.name)
    match resource.kind:
        case ResourceKind.SLOT:
            return _slot_removal(hardware.slots[name], hardware)
        case ResourceKind.DEVICE:
            return _removals(hardware, lambda it: it.device == name)
        case ResourceKind.FUNCTION:
            return (RemoveFunction(name),)
        case ResourceKind.VIRTUAL_FUNCTION:
            return (UnbindDriver(name),) if hardware.functions[name].driver else ()
        case ResourceKind.USB:
            return (RemoveUsb(name),)
        case _:
            return ()


def restoring_steps(resource: Resource, hardware: Hardware) -> tuple[HardwareStep, ...]:
    """What brings it back after `removal_steps`, of the same look at the hardware.

    Harmless where nothing is missing.
    """
    name = _own_name(resource.name)
    match resource.kind:
        case ResourceKind.SLOT:
            slot = hardware.slots[name]
            return (_slot_restoring(slot, hardware), *_virtual_again(hardware, slot.holds))
        case ResourceKind.DEVICE:
            again = _virtual_again(hardware, lambda it: it.device == name)
            return (Rescan(bus_of(name)), *again)
        case ResourceKind.FUNCTION:
            again = _virtual_again(hardware, lambda it: it.address == name)
            return (Rescan(bus_of(name)), *again)
        case ResourceKind.VIRTUAL_FUNCTION:
            return (ProbeDriver(name),)
        case ResourceKind.USB:
            return (AuthorizeUsb(name),)
        case _:
            return ()


def restoring_steps_by_name(name: str, hardware: Hardware) -> tuple[HardwareStep, ...]:
    """What brings a resource back of which little or nothing is left, by a look at what is left.

    Harmless where nothing is missing.  Raises InvalidArgument for what is no resource name.
    """
    kind, _, own = canonical_name(name).partition(":")
    match kind:
        case "slot" if own in hardware.slots:
            return (_slot_again(hardware.slots[own]),)
        case "pci":
            function = hardware.functions.get(own)
            if function is not None and function.physical:
                return () if function.driver else (ProbeDriver(own),)
            return (Rescan(bus_of(own)),)
        case "usb" if own not in hardware.usb:
            return (AuthorizeUsb(own),)
        case _:
            return ()


def is_removed(name: str, hardware: Hardware) -> bool:
    """Is nothing left of it that could be in use?  Raises InvalidArgument.

    A slot with nothing in it, a device without functions, a virtual function without a driver.  Of
    an interface the hardware says nothing: never.
    """
    kind, _, own = canonical_name(name).partition(":")
    match kind:
        case "slot":
            slot = hardware.slots.get(own)
            return slot is None or not any(slot.holds(it) for it in hardware.functions.values())
        case "pci" if own in hardware.functions:
            function = hardware.functions[own]
            return bool(function.physical) and not function.driver
        case "pci":
            return not any(it.device == own for it in hardware.functions.values())
        case "usb":
            return own not in hardware.usb
        case _:
            return False


def _own_name(name: str) -> str:
    """Without its kind: `slot:1` -> `1`."""
    return name.partition(":")[2]


def _slot_removal(slot: Slot, hardware: Hardware) -> tuple[HardwareStep, ...]:
    match slot.is_powered:
        case True:
            return (PowerOff(slot.name),)
        case False:
            return ()
        case None:
            # What is behind a bridge of the card goes with the bridge.
            return _removals(hardware, lambda it: slot.is_place_of(it.address))


def _slot_restoring(slot: Slot, hardware: Hardware) -> HardwareStep:
    is_empty = not any(slot.holds(it) for it in hardware.functions.values())
    if slot.is_powered is None or (slot.is_powered and is_empty):
        return Rescan(bus_of(slot.device))
    return PowerOn(slot.name)


def _slot_again(slot: Slot) -> HardwareStep:
    """As it is after the removal: where the power is on, something else is missing."""
    return PowerOn(slot.name) if slot.is_powered is False else Rescan(bus_of(slot.device))


def _virtual_again(
    hardware: Hardware, is_meant: Callable[[PciFunction], bool]
) -> Iterator[SetVirtualFunctions]:
    for function in hardware.functions.values():
        if function.virtual_functions and is_meant(function):
            yield SetVirtualFunctions(function.address, function.virtual_functions)


def _removals(
    hardware: Hardware, is_meant: Callable[[PciFunction], bool]
) -> tuple[HardwareStep, ...]:
    """Virtual functions go with their physical one."""
    functions = hardware.functions.values()
    return tuple(
        RemoveFunction(it.address)
        for it in sorted(functions, key=lambda it: it.address, reverse=True)
        if is_meant(it) and it.physical not in hardware.functions
    )
