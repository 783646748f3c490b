"""What has to be written where for a hardware step, and how one sees that it is done.

| step           | file below /sys/bus              | written       | done when                 |
|----------------|----------------------------------|---------------|---------------------------|
| RemoveFunction | pci/devices/FUNCTION/remove      | 1             | the function is not there |
| UnbindDriver   | pci/devices/FUNCTION/driver/     | the function  | it has no driver          |
|                | unbind                           |               |                           |
| PowerOff       | pci/slots/SLOT/power             | 0             | it says 0, and is empty   |
| PowerOn        | pci/slots/SLOT/power             | 1             | it says 1                 |
| Rescan         | pci/rescan                       | 1             | written: anything or      |
| ProbeDriver    | pci/drivers_probe                | the function  | nothing may be found      |
| RemoveUsb      | usb/devices/DEVICE/remove        | 1             | the device is not there   |
| AuthorizeUsb   | usb/devices/DEVICE/authorized    | 1             | it says 1                 |
|                | usb/devices/HUB:1.0/PORT/disable | 1, 0          | the device is there       |

(Documentation/ABI/testing: sysfs-bus-pci, sysfs-bus-usb; drivers/pci/hotplug/pci_hotplug_core.c.)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from rcmd.rcm.hardware import (
    AuthorizeUsb,
    HardwareStep,
    PowerOff,
    PowerOn,
    ProbeDriver,
    RemoveFunction,
    RemoveUsb,
    Rescan,
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
        case RemoveFunction() | UnbindDriver() | ProbeDriver() | Rescan():
            return _function_errand(step, root / "bus/pci")
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
                lambda: not device.exists(),
            )
        case AuthorizeUsb(path):
            return _usb_return(path, root / "bus/usb/devices")
        case _:
            assert_never(step)


def _function_errand(
    step: RemoveFunction | UnbindDriver | ProbeDriver | Rescan, pci: Path
) -> Errand:
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
                lambda: not place.exists(),
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
                lambda: not driver.exists(),
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
        case Rescan():
            return Errand(
                "the PCI bus",
                "scanned",
                pci / "rescan",
                ("1",),
                "there is no PCI bus that could be scanned",
                None,
            )
        case _:
            assert_never(step)


def _slot_errand(name: str, pci: Path, *, is_on: bool) -> Errand:
    place = pci / "slots" / name
    power, word = place / "power", "1" if is_on else "0"
    slot = Slot(name, _read(place / "address"))
    absence = f"slot {name} has no power that can be switched"

    def is_done() -> bool:
        if _read(power) != word:
            return False
        return is_on or not any(slot.is_place_of(it.name) for it in (pci / "devices").iterdir())

    return Errand(
        f"slot {name}",
        "switched on" if is_on else "switched off",
        power,
        (word,),
        absence if place.exists() else f"there is no slot {name}",
        is_done,
    )


def _usb_return(path: str, devices: Path) -> Errand:
    """Where it was removed, only its port can be made to look again (kernel 6.0 and later)."""
    device, subject, deed = devices / path, f"USB device {path}", "brought back"
    authorized = device / "authorized"
    if device.exists():
        absence = f"USB device {path} cannot be authorised"
        return Errand(subject, deed, authorized, ("1",), absence, lambda: _read(authorized) == "1")
    absence = f"USB device {path} has to be unplugged and plugged in again: its port has no switch"
    port = devices / _port_of(path) / "disable"
    return Errand(subject, deed, port, ("1", "0"), absence, device.exists)


def _port_of(path: str) -> str:
    """`1-2` -> `1-0:1.0/usb1-port2`, `1-2.3` -> `1-2:1.0/1-2-port3` (drivers/usb/core/port.c)."""
    hub, dot, port = path.rpartition(".")
    if dot:
        return f"{hub}:1.0/{hub}-port{port}"
    bus, _, port = path.partition("-")
    return f"{bus}-0:1.0/usb{bus}-port{port}"


def _read(file: Path) -> str:
    """Empty where it cannot be read: the device is going, or the slot has no such file."""
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
