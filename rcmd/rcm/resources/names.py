"""Which names of resources belong together, also where nothing is there to be seen."""

from __future__ import annotations

from collections.abc import Iterator

from rcmd.ports.hardware import Hardware
from rcmd.rcm.resources.resource_name import canonical_name

_FUNCTIONS = range(8)
_DEVICES = range(32)


def related_names(name: str, hardware: Hardware) -> tuple[str, ...]:
    """What an operation holds that makes the resource appear, besides its interfaces.

    A function and its device and slot, for they cover it; a device or slot and every function that
    may appear in it.  Two functions of one device are not related.  Raises InvalidArgument.
    """
    wanted = canonical_name(name)
    kind, _, own = wanted.partition(":")
    match kind:
        case "pci":
            found = (wanted, *_pci_below(own), *_pci_above(own, hardware))
        case "slot" if own in hardware.slots:
            place = hardware.slots[own].device
            seen = (it for it in hardware.functions.values() if hardware.slots[own].holds(it))
            present = (at for it in seen for at in (f"pci:{it.device}", f"pci:{it.address}"))
            found = (wanted, *_in_slot(place), *present)
        case _:
            found = (wanted,)
    return tuple(dict.fromkeys(found))


def lies_below(bus_path: str, name: str, hardware: Hardware) -> bool:
    """Is a NIC that is, or was, at `pci:0000:03:00.0` part of the resource of that name?

    Of a NIC that is gone this is read off the address; what was behind a bridge in a slot, and went
    with it, or was a virtual function, cannot be told so.  Both names are canonical ones.
    """
    if not bus_path.startswith("pci:"):
        return bool(bus_path) and name == bus_path
    if name == bus_path or bus_path.startswith(f"{name}."):
        return True
    address = bus_path.partition(":")[2]
    function = hardware.functions.get(address)
    slot = hardware.slots.get(name.removeprefix("slot:")) if name.startswith("slot:") else None
    if slot is not None:
        return slot.is_place_of(address) or (function is not None and slot.holds(function))
    if function is None or not function.physical:
        return False
    physical = f"pci:{function.physical}"
    return name == physical or physical.startswith(f"{name}.")


def _pci_above(own: str, hardware: Hardware) -> Iterator[str]:
    function = hardware.functions.get(own)
    places = (own, function.physical, *function.bridges) if function else (own,)
    device, dot, _ = own.partition(".")
    if dot:
        yield f"pci:{device}"
    if function and function.physical:
        yield f"pci:{function.physical}"
        yield f"pci:{function.physical.partition('.')[0]}"
    for slot in hardware.slots.values():
        # A device is in a slot as any function of it is.
        if any(slot.is_place_of(it if "." in it else f"{it}.0") for it in places if it):
            yield f"slot:{slot.name}"


def _pci_below(own: str) -> Iterator[str]:
    if "." not in own:
        yield from (f"pci:{own}.{number}" for number in _FUNCTIONS)


def _in_slot(place: str) -> Iterator[str]:
    """A slot is a device, or a whole bus."""
    is_bus = place.count(":") == 1
    for device in [f"{place}:{number:02x}" for number in _DEVICES] if is_bus else [place]:
        yield f"pci:{device}"
        yield from _pci_below(device)
