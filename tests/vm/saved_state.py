"""Memory and disk of a guest that has booted and is idle: going on from there saves the boot."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from .emulator import KEPT, RAW, Emulator, has_kvm, version
from .errors import GuestError
from .image.build import Image, cache_folder
from .machine import CODE_DISK_SIZE, Accelerator, Hotplug, Machine
from .wire import Wire

log = logging.getLogger(__name__)

BOOT_S = 180.0
KVM_BOOT_S = 12.0
"""A kernel on real KVM is up in a third of this; where KVM is itself emulated, never."""
SAVE_S = 60.0

SETTLE = (
    "systemctl is-system-running --wait; udevadm settle; sync; echo 3 >/proc/sys/vm/drop_caches"
)


@dataclass(frozen=True, slots=True)
class SavedState:
    folder: Path

    @property
    def memory(self) -> Path:
        return self.folder / "memory"

    @property
    def disk(self) -> Path:
        return self.folder / "disk"


def accelerator(wire: Wire, image: Image) -> Accelerator:
    """KVM where it boots our guest, tried once for each kernel of this machine."""
    if not has_kvm():
        return Accelerator.TCG
    found = cache_folder() / "accelerator"
    here = Path("/proc/version").read_text() + Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    # The clock frequency is another one each time.
    here = "".join(line for line in here.splitlines() if not line.startswith("cpu MHz"))
    fingerprint = hashlib.sha256(here.encode()).hexdigest()
    known = found.read_text().split() if found.exists() else []
    if known[:1] != [fingerprint]:
        kind = Accelerator.KVM if _kvm_works(wire, image) else Accelerator.TCG
        found.write_text(f"{fingerprint} {kind.value}\n")
        return kind
    return Accelerator(known[1])


def _kvm_works(wire: Wire, image: Image) -> bool:
    machine = Machine(Hotplug.ACPI, Accelerator.KVM)
    with tempfile.NamedTemporaryFile() as code:
        code.truncate(CODE_DISK_SIZE)
        try:
            emulator = Emulator(wire, machine, image, Path(code.name), disk=(image.disk, RAW))
        except GuestError as error:
            log.info("no KVM: %s", error)
            return False
        try:
            return emulator.agent.wait_for_hello(KVM_BOOT_S)
        finally:
            emulator.stop()


def saved_state(wire: Wire, machine: Machine, image: Image) -> SavedState:
    """From the cache, or made now by a boot.  Raises GuestError."""
    summary = hashlib.sha256(f"{version()}{machine.describe()}{CODE_DISK_SIZE}".encode())
    folder = image.folder / f"state-{machine.hotplug.value}-{summary.hexdigest()[:12]}"
    with (image.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            try:
                _make(wire, machine, image, folder)
            except GuestError as error:
                # An emulated boot stands still, once in a long while, before it says anything.
                log.warning("the guest is booted once more: %s", error)
                _make(wire, machine, image, folder)
    return SavedState(folder)


def _make(wire: Wire, machine: Machine, image: Image, folder: Path) -> None:
    began = time.monotonic()
    made = SavedState(Path(tempfile.mkdtemp(dir=image.folder, prefix="saving-")))
    try:
        _make_overlay(image.disk, made.disk)
        code = made.folder / "code"
        with code.open("wb") as file:
            file.truncate(CODE_DISK_SIZE)
        emulator = Emulator(wire, machine, image, code, disk=(made.disk, KEPT))
        try:
            emulator.wait_for_hello(BOOT_S)
            log.warning("booted in %.1f s", time.monotonic() - began)
            emulator.agent.ask("run", wait_s=BOOT_S, command=SETTLE, stdin="", limit_s=BOOT_S)
            _save(emulator, made.memory)
        finally:
            emulator.stop()
        code.unlink()
        made.folder.rename(folder)
    except BaseException:
        shutil.rmtree(made.folder)
        raise
    log.warning(
        "%s guest booted and saved in %.1f s", machine.hotplug.value, time.monotonic() - began
    )


def _make_overlay(disk: Path, overlay: Path) -> None:
    command = ("qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(disk))
    subprocess.run((*command, str(overlay)), check=True)


def _save(emulator: Emulator, memory: Path) -> None:
    emulator.qmp("stop")
    emulator.qmp("migrate-set-parameters", **{"max-bandwidth": 1 << 40})
    emulator.qmp("migrate", uri=f"exec:cat > '{memory}'")
    if emulator.wait_until("query-migrate", ("completed", "failed"), SAVE_S) == "failed":
        raise GuestError("QEMU cannot save its state")
    emulator.qmp("quit")
