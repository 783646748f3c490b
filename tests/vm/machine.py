"""What the guest's machine is made of, as arguments of QEMU."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from .image.build import Image

QEMU = "qemu-system-x86_64"
AGENT_PORT = "rcmd.agent"
FIRST_ROOT_PORT = 0x10
"""PCI device number of the first slot's root port."""
SLOTS = 6
CODE_DISK_SIZE = 64 << 20
"""Bytes; a saved state insists on the size it has seen."""

KERNEL_COMMAND_LINE = (
    "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off nokaslr audit=0 pci=realloc"
)


class Hotplug(Enum):
    """Who tells the guest that a card comes or goes."""

    ACPI = "acpi"
    """QEMU's own way: at once, without notice."""
    NATIVE = "native"
    """PCI Express: an attention button, and five seconds until the power goes."""


class Accelerator(Enum):
    TCG = "tcg"
    KVM = "kvm"


@dataclass(frozen=True, slots=True)
class Machine:
    hotplug: Hotplug
    accelerator: Accelerator
    cpus: int = 2
    memory_mb: int = 768

    def describe(self) -> str:
        """The same text means that a saved state of one is good for the other."""
        return " ".join(self._hardware()) + KERNEL_COMMAND_LINE

    def arguments(self, image: Image, run: RunFiles) -> Sequence[str]:
        return (
            *(QEMU, "-nodefaults", "-no-user-config", "-display", "none"),
            *self._hardware(),
            *("-bios", "qboot.rom", "-kernel", str(image.kernel)),
            *("-initrd", str(image.initramfs), "-append", KERNEL_COMMAND_LINE),
            *("-drive", f"file={run.disk},if=none,id=root,cache=unsafe,{run.disk_format}"),
            *("-device", "virtio-blk-pci,drive=root,addr=0x2,romfile="),
            *("-drive", f"file={run.code},if=none,id=code,format=raw,readonly=on"),
            *("-device", "virtio-blk-pci,drive=code,addr=0x5,romfile="),
            *("-chardev", f"file,id=console,path={run.console}", "-serial", "chardev:console"),
            *("-chardev", f"socket,id=agent,path={run.agent},server=on,wait=off"),
            *("-device", "virtio-serial-pci,addr=0x3"),
            *("-device", f"virtserialport,chardev=agent,name={AGENT_PORT}"),
            *("-object", "rng-random,id=random,filename=/dev/urandom"),
            *("-device", "virtio-rng-pci,rng=random,addr=0x4"),
            *("-qmp", f"unix:{run.qmp},server=on,wait=off"),
        )

    def _hardware(self) -> Sequence[str]:
        is_tcg = self.accelerator is Accelerator.TCG
        arguments = [
            # The HPET: the other clock is twice as slow without hardware virtualisation.
            *("-machine", "q35,smm=off,vmport=off,hpet=on"),
            *("-accel", "tcg,thread=multi" if is_tcg else "kvm"),
            *("-cpu", "max" if is_tcg else "host"),
            *("-smp", str(self.cpus), "-m", str(self.memory_mb)),
        ]
        if self.hotplug is Hotplug.NATIVE:
            arguments += ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
        for slot in range(1, SLOTS + 1):
            port = f"pcie-root-port,id=port{slot},bus=pcie.0,chassis={slot},slot={slot}"
            arguments += ["-device", f"{port},addr={root_port(slot):#x}"]
        return arguments


@dataclass(frozen=True, slots=True)
class RunFiles:
    """The files of one run of QEMU."""

    folder: Path
    disk: Path
    disk_format: str
    code: Path

    @property
    def console(self) -> Path:
        return self.folder / "console"

    @property
    def agent(self) -> Path:
        return self.folder / "agent"

    @property
    def qmp(self) -> Path:
        return self.folder / "qmp"

    @property
    def log(self) -> Path:
        return self.folder / "qemu.log"


def root_port(slot: int) -> int:
    """PCI device number of the slot's root port; slots count from 1."""
    return FIRST_ROOT_PORT + slot - 1
