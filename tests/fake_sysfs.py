"""A small /sys with cards, slots, virtual functions, USB NICs: directories, files and links."""

from __future__ import annotations

import shutil
from pathlib import Path

NETWORK = 0x020000
STORAGE = 0x010802
BRIDGE = 0x060400


class FakeSysfs:
    """Laid out as the kernel does it (Documentation/ABI/testing/sysfs-bus-pci and -usb)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.pci = root / "bus/pci"
        for directory in ("bus/pci/devices", "bus/pci/slots", "bus/usb/devices", "class/net"):
            (root / directory).mkdir(parents=True)
        (self.pci / "rescan").touch()
        (self.pci / "drivers_probe").touch()

    def function(
        self,
        address: str,
        driver: str = "igb",
        *interfaces: str,
        class_code: int = NETWORK,
        behind: str = "",
        carrier: str = "",
    ) -> Path:
        """`behind` is the bridge above it; `carrier` a device between it and its interfaces."""
        above = self._place(behind) if behind else self.root / "devices" / f"pci{address[:7]}"
        bus = self.root / "class/pci_bus" / address[:7]
        bus.mkdir(parents=True, exist_ok=True)
        (bus / "rescan").touch()
        place = above / address
        place.mkdir(parents=True)
        (place / "class").write_text(f"0x{class_code:06x}\n")
        (place / "remove").touch()
        (place / "msi_irqs").mkdir()
        self._join(place, "pci")
        if driver:
            self._bind(place, "pci", driver)
        for name in interfaces:
            parent = place / carrier
            parent.mkdir(exist_ok=True)
            if carrier and not (parent / "subsystem").exists():
                (self.root / "bus/virtio").mkdir(parents=True, exist_ok=True)
                (parent / "subsystem").symlink_to(self.root / "bus/virtio")
            self.interface(name, parent)
        return place

    def virtual_function(self, address: str, physical: str, driver: str, *interfaces: str) -> Path:
        above = self._place(physical).parent.name
        bridge = above if (self.pci / "devices" / above).exists() else ""
        place = self.function(address, driver, *interfaces, behind=bridge)
        number = len(list(self._place(physical).glob("virtfn*")))
        (place / "physfn").symlink_to(f"../{physical}")
        (self._place(physical) / f"virtfn{number}").symlink_to(f"../{address}")
        (self._place(physical) / "sriov_numvfs").write_text(f"{number + 1}\n")
        return place

    def slot(self, name: str, device: str, power: str | None = None) -> Path:
        place = self.pci / "slots" / name
        place.mkdir()
        (place / "address").write_text(f"{device}\n")
        if power is not None:
            (place / "power").write_text(f"{power}\n")
            (place / "adapter").write_text("1\n")
        return place

    def usb(self, path: str, driver: str, *interfaces: str) -> Path:
        """A USB device with one USB interface, `1-2:1.0`; the NICs are below that."""
        device = self.root / "devices/pci0000:00/0000:00:14.0/usb1" / path
        part = device / f"{path}:1.0"
        part.mkdir(parents=True)
        (device / "remove").touch()
        for place in (device, part):
            self._join(place, "usb")
        self._bind(part, "usb", driver)
        for name in interfaces:
            self.interface(name, part)
        return device

    def interface(self, name: str, parent: Path) -> Path:
        place = parent / "net" / name
        place.mkdir(parents=True)
        (place / "device").symlink_to(parent)
        (self.root / "class/net" / name).symlink_to(place)
        return place

    def remove(self, address: str) -> None:
        """As the kernel does: what is below it goes with it."""
        place = self._place(address)
        for below in (place, *place.glob("????:??:??.?")):
            (self.pci / "devices" / below.name).unlink(missing_ok=True)
        shutil.rmtree(place)

    def _place(self, address: str) -> Path:
        return (self.pci / "devices" / address).resolve()

    def _join(self, place: Path, bus: str) -> None:
        link = self.root / "bus" / bus / "devices" / place.name
        link.symlink_to(Path("../../..") / place.relative_to(self.root))
        (place / "subsystem").symlink_to(self.root / "bus" / bus)

    def _bind(self, place: Path, bus: str, driver: str) -> None:
        drivers = self.root / "bus" / bus / "drivers" / driver
        drivers.mkdir(parents=True, exist_ok=True)
        (drivers / "unbind").touch()
        (place / "driver").symlink_to(drivers)
