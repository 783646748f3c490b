"""Cards that a lab pretends to have: files as /sys/bus/pci, and real NICs of the lab behind them.

The host sees a slot and a PCI device whose functions carry NICs of the lab.  Nobody checks what is
written into the files but a watcher here, which does to the NICs what a kernel would do: `remove`
and `power` tear them out; `rescan`, for all buses or its own, and `power` put them back.  What this
is not: a PCI bus, a driver, or a link from /sys/class/net to the card; identities have no bus path.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rcmd.lab.errors import LabError
from rcmd.lab.lab import Lab
from rcmd.lab.network.syscalls import mount

PCI = Path("/sys/bus/pci")
BUSES = Path("/sys/class/pci_bus")
ETHERNET = "0x020000\n"
DRIVER = "pretended"

FAILS_WITH_IO_ERROR = "/proc/self/mem"
"""Nothing is mapped at its beginning, so that a write there ends with EIO."""
FAILS_WITH_INVALID_ARGUMENT = "/proc/sys/net/ipv4/igmp_qrv"
"""Says 1 when told so, and takes no 0: EINVAL, and only of this network namespace."""

_libc = ctypes.CDLL(None, use_errno=True)
_CLOSE_WRITE, _UNMOUNT = 0x8, 0x2000
_EVENT = struct.Struct("iIII")


class Watcher:
    """Calls back when a file was written; ends with the file system that the files are on."""

    def __init__(self) -> None:
        self._descriptor = _libc.inotify_init1(os.O_CLOEXEC)
        self._answers: dict[int, Callable[[], None]] = {}
        threading.Thread(target=self._listen, name="watcher of a card", daemon=True).start()

    def watch(self, file: Path, answer: Callable[[], None]) -> None:
        """To be called where the file is seen."""
        number = _libc.inotify_add_watch(self._descriptor, os.fsencode(file), _CLOSE_WRITE)
        if number < 0:
            raise OSError(ctypes.get_errno(), f"inotify of {file}")
        self._answers[number] = answer

    def _listen(self) -> None:
        while True:
            data = os.read(self._descriptor, 4096)
            for place in range(0, len(data), _EVENT.size):
                number, mask, _, _ = _EVENT.unpack_from(data, place)
                if mask & _UNMOUNT:
                    os.close(self._descriptor)
                    return
                if mask & _CLOSE_WRITE:
                    self._answers[number]()


@dataclass(frozen=True, slots=True)
class Function:
    address: str
    nic: str

    @property
    def place(self) -> Path:
        return PCI / "devices" / self.address


class PretendedCard:
    """See `insert_card`."""

    def __init__(self, lab: Lab, slot: str, device: str, ports: Sequence[str]) -> None:
        self._lab = lab
        self._host = lab.place("host")
        self._watcher = Watcher()
        self._turn = threading.RLock()
        self.slot = PCI / "slots" / slot
        self.functions = [Function(f"{device}.{rank}", nic) for rank, nic in enumerate(ports)]
        self.trouble: list[LabError] = []
        """What the lab refused to do while nobody was listening."""
        self._host.call(lambda: self._make_slot(device))
        for function in self.functions:
            self._host.call(partial(self._make_function, function))
            self._host.call(partial(self._show_nic, function))

    # What goes wrong

    def refuse(self, function: int | None = None) -> None:
        """From now on this function (without one: the power) cannot be taken away."""
        if function is None:
            self._host.call(self._refuse_power)
        else:
            self._replace_remove(function, lambda it: it.symlink_to(FAILS_WITH_IO_ERROR))

    def hang(self, function: int) -> None:
        """From now on a removal of this function never ends: nobody reads the FIFO."""
        self._replace_remove(function, lambda it: os.mkfifo(it))

    def obey(self) -> None:
        """End all refusals."""

        def restore() -> None:
            self._make_file(self.slot / "power", "1\n", self._power_written)
            for function in self.functions:
                if function.place.exists():
                    self._make_remove(function)

        self._host.call(restore)

    # What a hand does

    def pull_out(self) -> None:
        """By surprise: nobody was asked."""
        with self._turn:
            for function in reversed(self.functions):
                self._tear_out(function)

    def put_in(self) -> None:
        """Again, all of it."""
        with self._turn:
            for function in self.functions:
                self._put_back(function)

    # The files

    def _make_slot(self, device: str) -> None:
        if not os.path.ismount(PCI):
            mount("tmpfs", str(PCI), "tmpfs", data="mode=0755")
            for directory in ("devices", "slots", f"drivers/{DRIVER}"):
                (PCI / directory).mkdir(parents=True)
            for name in ("rescan", "drivers_probe"):
                (PCI / name).touch()
        self.slot.mkdir()
        (self.slot / "address").write_text(f"{device}\n")
        self._make_file(self.slot / "power", "1\n", self._power_written)
        self._watcher.watch(PCI / "rescan", self._rescan_written)
        self._make_bus(":".join(device.split(":")[:2]))

    def _make_bus(self, bus: str) -> None:
        """Over the real ones, if the machine has any: nothing may be written there."""
        if not BUSES.exists():
            return
        if not os.path.ismount(BUSES):
            mount("tmpfs", str(BUSES), "tmpfs", data="mode=0755")
        rescan = BUSES / bus / "rescan"
        rescan.parent.mkdir(exist_ok=True)
        rescan.touch()
        self._watcher.watch(rescan, self._rescan_written)

    def _make_function(self, function: Function) -> None:
        function.place.mkdir()
        (function.place / "driver").symlink_to(f"../../drivers/{DRIVER}")
        self._make_remove(function)
        # The last: without a class it is no function yet.
        (function.place / "class").write_text(ETHERNET)

    def _make_remove(self, function: Function) -> None:
        self._make_file(function.place / "remove", "", lambda: self._remove_written(function))

    def _make_file(self, file: Path, text: str, answer: Callable[[], None]) -> None:
        file.unlink(missing_ok=True)
        file.write_text(text)
        self._watcher.watch(file, answer)

    def _show_nic(self, function: Function) -> None:
        (function.place / "net" / function.nic).mkdir(parents=True)

    def _replace_remove(self, function: int, make: Callable[[Path], None]) -> None:
        def work() -> None:
            remove = self.functions[function].place / "remove"
            remove.unlink()
            make(remove)

        self._host.call(work)

    def _refuse_power(self) -> None:
        Path(FAILS_WITH_INVALID_ARGUMENT).write_text("1\n")
        (self.slot / "power").unlink()
        (self.slot / "power").symlink_to(FAILS_WITH_INVALID_ARGUMENT)

    # What the kernel would do

    def _remove_written(self, function: Function) -> None:
        self._attempt(lambda: self._tear_out(function))

    def _power_written(self) -> None:
        self._attempt(self.put_in if self._is_powered() else self.pull_out)

    def _rescan_written(self) -> None:
        if self._is_powered():
            self._attempt(self.put_in)

    def _is_powered(self) -> bool:
        return self._lab.read(str(self.slot / "power")).strip() == "1"

    def _attempt(self, deed: Callable[[], None]) -> None:
        try:
            with self._turn:
                deed()
        except LabError as error:
            self.trouble.append(error)

    def _tear_out(self, function: Function) -> None:
        """The NIC first, as a driver does when it is told to let go."""
        if self._host.call(function.place.exists):
            self._lab.tear_out(function.nic)
            self._host.call(lambda: shutil.rmtree(function.place))

    def _put_back(self, function: Function) -> None:
        if not self._host.call(function.place.exists):
            self._host.call(lambda: self._make_function(function))
            self._lab.put_back(function.nic)
            self._host.call(lambda: self._show_nic(function))


def insert_card(lab: Lab, *, slot: str, device: str, ports: Sequence[str]) -> PretendedCard:
    """A card of device `0000:05:00` in a slot; function n of it carries the n-th NIC."""
    return PretendedCard(lab, slot, device, ports)
