"""PCI cards of the model: their functions hold NICs of the model kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from stories.kernel import Kernel

from rcmd.rcm.hardware import (
    Hardware,
    HardwareFailed,
    HardwareStep,
    PciFunction,
    PowerOff,
    PowerOn,
    RemoveFunction,
    Rescan,
    Slot,
)

ETHERNET = 0x020000


@dataclass(slots=True)
class ModelHardware:
    """Implements `hardware.HardwareControl`; can refuse, and do half of it."""

    model: Kernel
    listen: Callable[[], None]
    functions: dict[str, PciFunction] = field(default_factory=dict)
    slots: dict[str, Slot] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    """Functions that were removed and answer a rescan."""
    refusals: dict[HardwareStep, str] = field(default_factory=dict)
    known_obstacles: dict[HardwareStep, str] = field(default_factory=dict)
    done: list[HardwareStep] = field(default_factory=list)

    def insert(self, slot: str, device: str, *ports: str, is_powered: bool | None = None) -> None:
        """A card with one port per function."""
        self.slots[slot] = Slot(slot, device, is_powered)
        for number, port in enumerate(ports):
            address = f"{device}.{number}"
            self.functions[address] = PciFunction(address, "model", ETHERNET, (port,))

    def survey(self) -> Hardware:
        present = {it: that for it, that in self.functions.items() if it not in self.removed}
        return Hardware(present, dict(self.slots))

    def obstacles(self, step: HardwareStep) -> tuple[str, ...]:
        return (self.known_obstacles[step],) if step in self.known_obstacles else ()

    async def perform(self, step: HardwareStep) -> None:
        self.done.append(step)
        if step in self.refusals:
            raise HardwareFailed(self.refusals[step])
        match step:
            case RemoveFunction(address):
                self._take_out(address)
            case PowerOff(slot):
                self._switch(slot, is_powered=False)
                for address in self._in_slot(slot):
                    self._take_out(address)
            case PowerOn(slot):
                self._switch(slot, is_powered=True)
                for address in self._in_slot(slot):
                    self._put_in(address)
            case Rescan():
                for address in list(self.functions):
                    self._put_in(address)
            case _:
                raise AssertionError(f"no model of {step}")
        self.listen()

    def _switch(self, slot: str, *, is_powered: bool) -> None:
        self.slots[slot] = replace(self.slots[slot], is_powered=is_powered)

    def _in_slot(self, slot: str) -> list[str]:
        return [it for it in self.functions if self.slots[slot].holds(self.functions[it])]

    def _take_out(self, address: str) -> None:
        if address in self.removed:
            return
        self.removed.add(address)
        for port in self.functions[address].interfaces:
            self.model.tear_out(port)
            self.model.forget(port)

    def _put_in(self, address: str) -> None:
        if address in self.removed:
            self.removed.discard(address)
            for port in self.functions[address].interfaces:
                self.model.put_in(port)
