"""A card of the guest, and where it is."""

from __future__ import annotations

from dataclasses import dataclass

from .machine import root_port


@dataclass(frozen=True, slots=True)
class Nic:
    """One function of a card.  `name` is also QEMU's name of the device, and of its switch port."""

    name: str
    slot: int
    function: int = 0

    @property
    def mac(self) -> str:
        return f"52:54:00:99:{self.slot:02x}:{self.function:02x}"

    @property
    def backend(self) -> str:
        """QEMU's name of what joins the device and the port."""
        return f"net-{self.name}"

    @property
    def sysfs(self) -> str:
        """Pattern of its PCI device in the guest."""
        port = f"0000:00:{root_port(self.slot):02x}.0"
        return f"/sys/devices/pci0000:00/{port}/0000:??:00.{self.function}"

    def device(self, *, is_multifunction: bool) -> dict[str, object]:
        """Arguments of QEMU's device_add."""
        return {
            "driver": "virtio-net-pci",
            "id": self.name,
            "netdev": self.backend,
            "bus": f"port{self.slot}",
            "addr": f"0.{self.function}",
            "multifunction": is_multifunction,
            "mac": self.mac,
            "romfile": "",
        }
