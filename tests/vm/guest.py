"""The guest: commands and files in it, and everything that can happen to its cards."""

from __future__ import annotations

import base64
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from .emulator import SAVED, Emulator
from .errors import GuestError
from .image.build import Image
from .machine import Hotplug, Machine, root_port
from .nic import Nic
from .saved_state import BOOT_S, saved_state
from .wire import Wire

COMMAND_S = 60.0
EVENT_S = 40.0
"""For what the guest has to do itself; five seconds of it may be a notice."""
LOOK_AGAIN_S = 0.1

SLOT_CONTROL = "CAP_EXP+18.w"
"""PCI Express Base Specification, 7.5.3.10."""
HOTPLUG_INTERRUPT = 0x20
POWER_OFF = 0x700
POWER_ON = 0x100


@dataclass(frozen=True, slots=True)
class Result:
    status: int
    out: str
    err: str


class Guest:
    """Use as a context.  It starts from a saved state, without cards."""

    def __init__(self, wire: Wire, machine: Machine, image: Image, code: Path) -> None:
        self.wire = wire
        self.machine = machine
        self._image = image
        self._code = code
        self.nics: dict[str, Nic] = {}

    def __enter__(self) -> Self:
        state = saved_state(self.wire, self.machine, self._image)
        self._emulator = Emulator(
            self.wire,
            self.machine,
            self._image,
            self._code,
            disk=(state.disk, SAVED),
            memory=state.memory,
        )
        try:
            self._emulator.wait_until("query-status", ("paused", "running"), BOOT_S)
            self.qmp("cont")
            self.run(f"date --set=@{time.time():.3f}")
        except BaseException:
            self._emulator.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._emulator.stop()
        for name in self.nics:
            self.wire.remove_port(name)
        self.nics.clear()

    def reset(self) -> None:
        """The power goes and comes back: a boot, with the cards that are in their slots."""
        self.run("sync")
        self._emulator.agent.forget_hello()
        self.qmp("system_reset")
        self._emulator.wait_for_hello(BOOT_S)

    # --- commands and files ---

    def run(self, command: str, limit_s: float = COMMAND_S) -> str:
        """What a shell command prints.  Raises GuestError unless it succeeds."""
        result = self.tried(command, limit_s)
        if result.status != 0:
            raise GuestError(f"guest: {command}: {result.status}: {result.out}{result.err}")
        return result.out

    def tried(self, command: str, limit_s: float = COMMAND_S) -> Result:
        """The same, whatever its exit status."""
        answer = self._emulator.agent.ask(
            "run", wait_s=limit_s, command=command, stdin="", limit_s=limit_s
        )
        if answer["is_late"]:
            raise GuestError(f"guest: {command}: not done within {limit_s:g} s: {answer['out']}")
        return Result(answer["status"], answer["out"], answer["err"])

    def start(self, command: str, log: str) -> int:
        """A command that goes on; returns its process id."""
        return int(self._ask("start", command=command, log=log)["pid"])

    def put(self, path: str, text: str, mode: int = 0o644) -> None:
        content = base64.b64encode(text.encode()).decode()
        self._ask("put", path=path, content=content, mode=mode)

    def get(self, path: str) -> str:
        return base64.b64decode(self._ask("get", path=path)["content"]).decode()

    def remove(self, *paths: str) -> None:
        self.run("rm -f " + " ".join(shlex.quote(path) for path in paths))

    def qmp(self, command: str, **arguments: Any) -> Any:
        return self._emulator.qmp(command, **arguments)

    def _ask(self, verb: str, **arguments: Any) -> Mapping[str, Any]:
        return self._emulator.agent.ask(verb, wait_s=COMMAND_S, **arguments)

    def wait_until(self, what: str, is_so: Callable[[], bool], limit_s: float = EVENT_S) -> None:
        """Raises GuestError that names what did not become true in time."""
        end = time.monotonic() + limit_s
        while not is_so():
            if time.monotonic() > end:
                raise GuestError(f"not within {limit_s:g} s: {what}")
            time.sleep(LOOK_AGAIN_S)

    # --- cards come and go ---

    def add_nic(self, name: str, slot: int) -> float:
        """Put a card with one function into the slot; returns when (monotonic clock, s)."""
        return self.add_card(Nic(name, slot))

    def add_card(self, *functions: Nic) -> float:
        """All functions of one card; the guest sees it when function 0 is there."""
        for nic in functions:
            self.wire.add_port(nic.name)
            tap = {"ifname": nic.name, "script": "no", "downscript": "no", "vhost": False}
            self.qmp("netdev_add", type="tap", id=nic.backend, **tap)
        began = time.monotonic()
        for nic in sorted(functions, key=lambda nic: -nic.function):
            began = time.monotonic()
            self.qmp("device_add", **nic.device(is_multifunction=len(functions) > 1))
            self.nics[nic.name] = nic
        return began

    def del_nic(self, name: str) -> float:
        """Unplug the card, as the attention button or the hypervisor does; returns when asked.

        Returns at once: `wait_until_deleted` waits for the guest's consent.
        """
        self._deletion_mark = self._emulator.qmp.mark()
        asked = time.monotonic()
        self.qmp("device_del", id=name)
        return asked

    def unplug(self, name: str) -> None:
        """Unplug, and wait until the guest has let go."""
        self.del_nic(name)
        self.wait_until_deleted(name)

    def yank_nic(self, name: str) -> float:
        """Torn out, without notice; returns when.  Only with native hotplug.

        The slot's power is cut and restored while its hotplug interrupt is masked: QEMU drops the
        card, and the guest's driver finds "Card not present".
        """
        assert self.machine.hotplug is Hotplug.NATIVE
        values = (
            f"0:{HOTPLUG_INTERRUPT:x}",
            f"{POWER_OFF:x}:{POWER_OFF:x}",
            f"{POWER_ON:x}:{POWER_OFF:x}",
            f"{HOTPLUG_INTERRUPT:x}:{HOTPLUG_INTERRUPT:x}",
        )
        port = f"00:{root_port(self.nics[name].slot):02x}.0"
        self._deletion_mark = self._emulator.qmp.mark()
        torn_out = time.monotonic()
        self.run(f"setpci -s {port} " + " ".join(f"{SLOT_CONTROL}={value}" for value in values))
        self.wait_until_deleted(name)
        return torn_out

    def expect_deletion(self) -> None:
        """From now on; before a command in the guest that makes QEMU drop a card."""
        self._deletion_mark = self._emulator.qmp.mark()

    def wait_until_deleted(self, name: str) -> float:
        """Until QEMU has dropped the card, all its functions; returns when that was said."""
        slot = self.nics[name].slot
        at = 0.0
        for nic in [it for it in self.nics.values() if it.slot == slot]:
            happened = self._emulator.qmp.wait(
                "DEVICE_DELETED",
                self._deletion_mark,
                EVENT_S,
                partial(_is_about, nic.name),
            )
            at = max(at, happened.at)
            self.qmp("netdev_del", id=nic.backend)
            self.wire.remove_port(nic.name)
            del self.nics[nic.name]
        return at

    def set_link(self, name: str, *, is_up: bool) -> float:
        """The cable of the card; returns when."""
        at = time.monotonic()
        self.qmp("set_link", name=name, up=is_up)
        return at

    # --- what the guest calls them ---

    def ifname(self, name: str) -> str:
        """Raises GuestError where the guest has no interface of this card."""
        found = self.tried(f"cd {self.nics[name].sysfs}/virtio*/net && ls").out.split()
        if len(found) != 1:
            raise GuestError(f"the guest has no interface for {name}")
        return found[0]

    def pci_address(self, name: str) -> str:
        """Such as `0000:06:00.0`."""
        return Path(self.run(f"echo {self.nics[name].sysfs}").strip()).name

    def wait_for_interface(self, name: str) -> str:
        """Until udev is done with it, so that its name is final; returns that."""
        pattern = f"{self.nics[name].sysfs}/virtio*/net"
        self.wait_until(
            f"udev has named {name}",
            lambda: (
                self.tried(
                    f"cd {pattern} && udevadm info --query=property --path=$(echo {pattern}/*)"
                    " | grep -q ^ID_NET_DRIVER="
                ).status
                == 0
            ),
        )
        return self.ifname(name)


def _is_about(device: str, data: Mapping[str, Any]) -> bool:
    return data.get("device") == device
