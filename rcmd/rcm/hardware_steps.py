"""Which steps take a resource's hardware away, and which bring it back.

| resource         | away                                            | back                    |
|------------------|-------------------------------------------------|-------------------------|
| interface        | nothing: its device stays                       | nothing                 |
| function         | remove it, and its virtual functions with it    | rescan                  |
| virtual function | unbind its driver                               | look for the driver     |
| device           | remove its functions, the highest number first  | rescan                  |
| slot             | switch its power off; where that is impossible, | switch it on, or rescan |
|                  | remove the functions of the device in it        |                         |
| USB device       | remove it                                       | authorise it            |

A virtual function is not found by a scan (it answers no configuration cycle of its own until its
physical function is told to make it), so that it must not leave the bus.
"""

from __future__ import annotations

from collections.abc import Callable

from rcmd.rcm.hardware import (
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
    Slot,
    UnbindDriver,
)
from rcmd.rcm.resource import Resource, ResourceKind


def removal_steps(resource: Resource, hardware: Hardware) -> tuple[HardwareStep, ...]:
    """In the order in which they have to be done; empty where there is nothing to take away."""
    name = _own_name(resource)
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
    """What brings it back after `removal_steps`, of the same look at the hardware or a later one.

    Harmless where nothing is missing.
    """
    name = _own_name(resource)
    match resource.kind:
        case ResourceKind.SLOT:
            return _slot_restoring(hardware.slots[name], hardware)
        case ResourceKind.DEVICE | ResourceKind.FUNCTION:
            return (Rescan(),)
        case ResourceKind.VIRTUAL_FUNCTION:
            return (ProbeDriver(name),)
        case ResourceKind.USB:
            return (AuthorizeUsb(name),)
        case _:
            return ()


def _own_name(resource: Resource) -> str:
    """Without its kind: `slot:1` -> `1`."""
    return resource.name.partition(":")[2]


def _slot_removal(slot: Slot, hardware: Hardware) -> tuple[HardwareStep, ...]:
    match slot.is_powered:
        case True:
            return (PowerOff(slot.name),)
        case False:
            return ()
        case None:
            # What is behind a bridge of the card goes with the bridge.
            return _removals(hardware, lambda it: slot.is_place_of(it.address))


def _slot_restoring(slot: Slot, hardware: Hardware) -> tuple[HardwareStep, ...]:
    is_empty = not any(slot.holds(it) for it in hardware.functions.values())
    if slot.is_powered is None or (slot.is_powered and is_empty):
        return (Rescan(),)
    return (PowerOn(slot.name),)


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
