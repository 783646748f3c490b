"""PCI cards and USB NICs of the model: their functions hold NICs of the model kernel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import assert_never

from stories.kernel import Kernel

from rcmd.ports.hardware import (
    AuthorizeUsb,
    Hardware,
    HardwareFailed,
    HardwareStep,
    PciFunction,
    PowerOff,
    PowerOn,
    ProbeDriver,
    RemoveFunction,
    RemoveUsb,
    Rescan,
    SetVirtualFunctions,
    Slot,
    UnbindDriver,
    UsbDevice,
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
    """Functions that were removed and answer a rescan, and USB devices that answer their port."""
    usb: dict[str, UsbDevice] = field(default_factory=dict)
    unbound: dict[str, PciFunction] = field(default_factory=dict)
    """Virtual functions as they were with their driver."""
    fails_after: set[HardwareStep] = field(default_factory=set)
    """What is done, and reported as failed all the same."""
    makes: dict[str, int] = field(default_factory=dict)
    """Virtual functions that a physical one was told to make."""
    refusals: dict[HardwareStep, str] = field(default_factory=dict)
    known_obstacles: dict[HardwareStep, str] = field(default_factory=dict)
    done: list[HardwareStep] = field(default_factory=list)
    looks: int = 0

    def insert(self, slot: str, device: str, *ports: str, is_powered: bool | None = None) -> None:
        """A card with one port per function."""
        self.slots[slot] = Slot(slot, device, is_powered)
        for number, port in enumerate(ports):
            address = f"{device}.{number}"
            self.functions[address] = PciFunction(address, "model", ETHERNET, (port,))

    def make_virtual(self, physical: str, address: str, port: str) -> None:
        self.functions[address] = PciFunction(address, "modelvf", ETHERNET, (port,), physical)
        self.makes[physical] = self.makes.get(physical, 0) + 1

    def plug_in(self, path: str, port: str) -> None:
        self.usb[path] = UsbDevice(path, "model", (port,))

    def survey(self) -> Hardware:
        self.looks += 1
        present = {
            it: replace(that, virtual_functions=self.makes.get(it, 0))
            for it, that in self.functions.items()
            if it not in self.removed
        }
        usb = {it: that for it, that in self.usb.items() if it not in self.removed}
        return Hardware(present, dict(self.slots), usb)

    def obstacles(self, step: HardwareStep) -> tuple[str, ...]:
        return (self.known_obstacles[step],) if step in self.known_obstacles else ()

    async def perform(self, step: HardwareStep) -> None:
        self.done.append(step)
        self._refuse(step)
        match step:
            case RemoveFunction(address):
                self._take_out(address)
            case UnbindDriver(address):
                self.unbound[address] = self.functions[address]
                self._tear_out(self.functions[address].interfaces)
                self.functions[address] = replace(self.functions[address], driver="", interfaces=())
            case ProbeDriver(address):
                self.functions[address] = self.unbound.pop(address)
                self._plug_in(self.functions[address].interfaces)
            case SetVirtualFunctions(address, count):
                self.makes[address] = count
                for it in self._virtual_of(address)[:count]:
                    self._put_in(it)
            case RemoveUsb(path):
                self.removed.add(path)
                self._tear_out(self.usb[path].interfaces)
            case AuthorizeUsb(path):
                self.removed.discard(path)
                self._plug_in(self.usb[path].interfaces)
            case PowerOff(slot):
                self._switch(slot, is_powered=False)
                for address in self._in_slot(slot):
                    self._take_out(address)
            case PowerOn(slot):
                self._switch(slot, is_powered=True)
                for address in self._in_slot(slot):
                    self._put_in(address)
            case Rescan(bus):
                for address, function in list(self.functions.items()):
                    places = (address, *function.bridges)
                    if any(it.startswith(bus) for it in places) and not function.physical:
                        self._put_in(address)
            case _:
                assert_never(step)
        self.listen()
        if step in self.fails_after:
            raise HardwareFailed("Input/output error")

    def _refuse(self, step: HardwareStep) -> None:
        """Whoever refuses `Rescan()` refuses that of any bus."""
        named: HardwareStep = Rescan() if isinstance(step, Rescan) else step
        for each in (step, named):
            if each in self.refusals:
                raise HardwareFailed(self.refusals[each])

    def _switch(self, slot: str, *, is_powered: bool) -> None:
        self.slots[slot] = replace(self.slots[slot], is_powered=is_powered)

    def _in_slot(self, slot: str) -> list[str]:
        """Physical functions; the virtual ones of a card that is switched on have to be made."""
        holds = self.slots[slot].holds
        return [it for it, that in self.functions.items() if holds(that) and not that.physical]

    def _virtual_of(self, address: str) -> list[str]:
        return [it for it, that in self.functions.items() if that.physical == address]

    def _take_out(self, address: str) -> None:
        if address in self.removed:
            return
        for virtual in self._virtual_of(address):
            self._take_out(virtual)
        self.makes.pop(address, None)
        self.removed.add(address)
        self._tear_out(self.functions[address].interfaces)

    def _put_in(self, address: str) -> None:
        if address in self.removed:
            self.removed.discard(address)
            self._plug_in(self.functions[address].interfaces)

    def _tear_out(self, ports: tuple[str, ...]) -> None:
        for port in ports:
            self.model.tear_out(port)
            self.model.forget(port)

    def _plug_in(self, ports: tuple[str, ...]) -> None:
        for port in ports:
            self.model.put_in(port)
