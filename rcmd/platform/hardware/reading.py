"""PCI functions, hotplug slots and USB NICs, as sysfs shows them.

A look costs a few milliseconds on a machine with 200 functions: of most of them only the class and
two links are read, with plain strings for paths, as pathlib would take most of the time.  What
vanishes while it is being read is left out.  (Documentation/ABI/testing: sysfs-bus-pci and -usb.)
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from rcmd.foreign_text import escaped
from rcmd.ports.hardware import NETWORK_CLASS, Hardware, PciFunction, Slot, UsbDevice

_FUNCTION = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_LARGEST = 64
"""Bytes; every file that is read here is a short word."""
_UNRELATED = frozenset({"link", "msi_irqs", "power", "p2pmem", "hwmon", "ptp", "iommu"})
"""Directories of a function that hold no device of another bus."""


def survey(root: Path = Path("/sys")) -> Hardware:
    """What is there now.  A machine without PCI or USB has none of it; that is no error."""
    devices, slots = f"{root}/bus/pci/devices", f"{root}/bus/pci/slots"
    functions = (_function(f"{devices}/{name}", name) for name in _names(devices))
    found = (_slot(f"{slots}/{name}", name) for name in _names(slots))
    return Hardware(
        {it.address: it for it in functions if it is not None},
        {it.name: it for it in found if it is not None},
        {it.path: it for it in _usb(f"{root}/bus/usb/devices")},
    )


def _function(place: str, address: str) -> PciFunction | None:
    class_code = _read(f"{place}/class")
    if not class_code.startswith("0x") or _FUNCTION.fullmatch(address) is None:
        return None
    driver, number, bridges = _linked(f"{place}/driver"), int(class_code, 16), _bridges(place)
    if number >> 16 != NETWORK_CLASS:
        return PciFunction(address, driver, number, bridges=bridges)
    interfaces, physical = tuple(_interfaces(place)), _linked(f"{place}/physfn")
    # A virtual function has no such file.
    made = _read(f"{place}/sriov_numvfs")
    count = int(made) if made.isdecimal() else 0
    return PciFunction(address, driver, number, interfaces, physical, bridges, count)


def _bridges(place: str) -> tuple[str, ...]:
    """../../../devices/pci0000:00/0000:00:1c.0/0000:03:00.0: the functions on the way down."""
    way = _target(place).split("/")
    return tuple(part for part in way[:-1] if _FUNCTION.fullmatch(part))


def _interfaces(place: str) -> Iterator[str]:
    """Right below the function, or below a device that it carries (virtio0/net/eth0)."""
    yield from map(escaped, _names(f"{place}/net"))
    try:
        with os.scandir(place) as entries:
            nested = sorted(it.name for it in entries if it.is_dir(follow_symlinks=False))
    except OSError:
        return
    for name in nested:
        if name != "net" and name not in _UNRELATED and not _FUNCTION.fullmatch(name):
            yield from map(escaped, _names(f"{place}/{name}/net"))


def _slot(place: str, name: str) -> Slot | None:
    device = _read(f"{place}/address")
    if not device:
        return None
    power = _read(f"{place}/power")
    return Slot(escaped(name), device, power != "0" if power else None)


def _usb(devices: str) -> Iterator[UsbDevice]:
    """`1-2:1.0` is an interface of the device `1-2`: the driver is bound to it, the NIC below."""
    found: dict[str, UsbDevice] = {}
    for part in _names(devices):
        path, colon, _ = part.partition(":")
        interfaces = tuple(map(escaped, _names(f"{devices}/{part}/net"))) if colon else ()
        if interfaces:
            earlier = found[path].interfaces if path in found else ()
            driver = _linked(f"{devices}/{part}/driver")
            found[path] = UsbDevice(path, driver, (*earlier, *interfaces))
    yield from found.values()


def _names(directory: str) -> list[str]:
    """Sorted; of a directory that is not there, none."""
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208
    except OSError:
        return []


def _read(file: str) -> str:
    """Empty where it is not there, or gives an error."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, _LARGEST).decode("ascii", "replace").strip()
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _target(link: str) -> str:
    """What a link points to; empty where there is no such link."""
    try:
        return os.readlink(link)  # noqa: PTH115
    except OSError:
        return ""


def _linked(link: str) -> str:
    """The last component of what a link points to: the name of a driver, or of a function."""
    return _target(link).rpartition("/")[2]
