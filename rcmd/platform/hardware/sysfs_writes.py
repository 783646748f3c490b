"""What has to be written where for a hardware step, and how one sees that it is done.

| step           | file below /sys/bus              | written       | done when                 |
|----------------|----------------------------------|---------------|---------------------------|
| RemoveFunction | pci/devices/FUNCTION/remove      | 1             | the function is not there |
| UnbindDriver   | pci/devices/FUNCTION/driver/     | the function  | it has no driver          |
|                | unbind                           |               |                           |
| PowerOff       | pci/slots/SLOT/power             | 0             | it says 0, and is empty   |
| PowerOn        | pci/slots/SLOT/power             | 1             | it says 1                 |
| Rescan         | ../class/pci_bus/BUS/rescan,     | 1             | written: anything or      |
|                | pci/rescan where there is no bus |               | nothing may be found      |
| ProbeDriver    | pci/drivers_probe                | the function  | written, as above         |
| SetVirtual-    | pci/devices/FUNCTION/            | the number    | it says that number       |
| Functions      | sriov_numvfs, once it has a      |               |                           |
|                | driver                           |               |                           |
| RemoveUsb      | usb/devices/DEVICE/remove        | 1             | the device is not there   |
| AuthorizeUsb   | usb/devices/DEVICE/authorized    | 1             | it says 1                 |
|                | usb/devices/HUB:1.0/PORT/disable | 1, 0          | the device is there       |

(Documentation/ABI/testing: sysfs-bus-pci, sysfs-bus-usb; drivers/pci/hotplug/pci_hotplug_core.c,
drivers/pci/pci-sysfs.c and iov.c.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from rcmd.ports.hardware import (
    AuthorizeUsb,
    HardwareStep,
    PowerOff,
    PowerOn,
    ProbeDriver,
    RemoveFunction,
    RemoveUsb,
    Rescan,
    SetVirtualFunctions,
    Slot,
    UnbindDriver,
)


@dataclass(frozen=True, slots=True)
class Errand:
    subject: str
    """`slot 1`"""
    deed: str
    """`switched off`: what is to become of the subject."""
    file: Path
    words: tuple[str, ...]
    """Written one after the other."""
    absence: str
    """What it means if the file is not there."""
    has_come_true: Callable[[], bool] | None
    """None where one cannot know: anything or nothing may come of it."""
    is_possible: Callable[[], bool] | None = None
    """Awaited before anything is written, where it takes a moment; None where it is at once."""

    @property
    def is_awaited(self) -> bool:
        return self.has_come_true is not None

    def is_done(self) -> bool:
        return self.has_come_true is not None and self.has_come_true()

    @property
    def failure(self) -> str:
        return f"{self.subject} could not be {self.deed}"


def errand_for(step: HardwareStep, root: Path) -> Errand:
    match step:
        case RemoveFunction() | UnbindDriver() | ProbeDriver():
            return _function_errand(step, root / "bus/pci")
        case Rescan(bus):
            return _rescan(bus, root)
        case SetVirtualFunctions(address, count):
            return _virtual_functions(root / "bus/pci/devices" / address, count)
        case PowerOff(name) | PowerOn(name):
            return _slot_errand(name, root / "bus/pci", is_on=isinstance(step, PowerOn))
        case RemoveUsb(path):
            device = root / "bus/usb/devices" / path
            return Errand(
                f"USB device {path}",
                "removed",
                device / "remove",
                ("1",),
                f"USB device {path} cannot be removed: its hub does not support it",
                lambda: not _exists(device),
            )
        case AuthorizeUsb(path):
            return _usb_return(path, root / "bus/usb/devices")
        case _:
            assert_never(step)


def _function_errand(step: RemoveFunction | UnbindDriver | ProbeDriver, pci: Path) -> Errand:
    match step:
        case RemoveFunction(address):
            place = pci / "devices" / address
            absence = f"function {address} cannot be removed: the kernel has no support for it"
            return Errand(
                f"function {address}",
                "removed",
                place / "remove",
                ("1",),
                absence,
                lambda: not _exists(place),
            )
        case UnbindDriver(address):
            driver = pci / "devices" / address / "driver"
            absence = f"the driver of function {address} cannot be told to let it go"
            return Errand(
                f"function {address}",
                "taken from its driver",
                driver / "unbind",
                (address,),
                absence,
                lambda: not _exists(driver),
            )
        case ProbeDriver(address):
            return Errand(
                f"function {address}",
                "given to a driver",
                pci / "drivers_probe",
                (address,),
                "there is no PCI bus",
                None,
            )
        case _:
            assert_never(step)


def _rescan(bus: str, root: Path) -> Errand:
    """Of one bus with what is behind its bridges; a bus that is gone is found from the top."""
    absence = "there is no PCI bus that could be scanned"
    file = root / "class/pci_bus" / bus / "rescan"
    if bus and _exists(file):
        return Errand(f"PCI bus {bus}", "scanned", file, ("1",), absence, None)
    return Errand("the PCI bus", "scanned", root / "bus/pci/rescan", ("1",), absence, None)


def _virtual_functions(place: Path, count: int) -> Errand:
    """Only a driver can make them, and it is bound some time after its function is there."""
    file = place / "sriov_numvfs"
    return Errand(
        f"function {place.name}",
        f"told to make {count} virtual function{'' if count == 1 else 's'}",
        file,
        (str(count),),
        f"function {place.name} can make no virtual functions",
        lambda: _read(file) == str(count),
        lambda: _exists(place / "driver"),
    )


def _slot_errand(name: str, pci: Path, *, is_on: bool) -> Errand:
    place = pci / "slots" / name
    power, word = place / "power", "1" if is_on else "0"
    slot = Slot(name, _read(place / "address"))
    absence = f"slot {name} has no power that can be switched"

    def is_done() -> bool:
        if _read(power) != word:
            return False
        return is_on or not any(slot.is_place_of(it) for it in _names(pci / "devices"))

    return Errand(
        f"slot {name}",
        "switched on" if is_on else "switched off",
        power,
        (word,),
        absence if _exists(place) else f"there is no slot {name}",
        is_done,
    )


def _usb_return(path: str, devices: Path) -> Errand:
    """Where it was removed, only its port can be made to look again (kernel 6.0 and later)."""
    device, subject, deed = devices / path, f"USB device {path}", "brought back"
    authorized = device / "authorized"
    if _exists(device):
        absence = f"USB device {path} cannot be authorised"
        return Errand(subject, deed, authorized, ("1",), absence, lambda: _read(authorized) == "1")
    absence = f"USB device {path} has to be unplugged and plugged in again: its port has no switch"
    port = devices / _port_of(path) / "disable"
    return Errand(subject, deed, port, ("1", "0"), absence, lambda: _exists(device))


def _port_of(path: str) -> str:
    """`1-2` -> `1-0:1.0/usb1-port2`, `1-2.3` -> `1-2:1.0/1-2-port3` (drivers/usb/core/port.c)."""
    hub, dot, port = path.rpartition(".")
    if dot:
        return f"{hub}:1.0/{hub}-port{port}"
    bus, _, port = path.partition("-")
    return f"{bus}-0:1.0/usb{bus}-port{port}"


def _exists(place: Path) -> bool:
    """What cannot be looked at is going, and as good as gone."""
    try:
        place.stat()
    except OSError:
        return False
    return True


def _names(directory: Path) -> list[str]:
    """Empty where it cannot be read: there is no such bus."""
    try:
        return [it.name for it in directory.iterdir()]
    except OSError:
        return []


def _read(file: Path) -> str:
    """Empty where it cannot be read: the device is going, or the slot has no such file."""
    try:
        return file.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
