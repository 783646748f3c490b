"""Attach on request: hardware is switched on or looked for, and what appears is taken into use."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rcmd.errors import ConfigurationError, NoSuchResource, RcmError, Veto, Vetoed
from rcmd.ipmp.health import Health
from rcmd.ipmp.member import Intent
from rcmd.rcm.attach import Attacher, fault_text
from rcmd.rcm.hardware import HardwareStep, PowerOn, Rescan
from rcmd.rcm.machine import SETTLE_S
from rcmd.rcm.operations import Running
from rcmd.rcm.removal import removal_of
from rcmd.rcm.resource import ResourceKind
from rcmd.rcm.stage import Stage

APPEAR_S = 30.0
"""How long a driver may take to bring its interface up."""


@dataclass(slots=True)
class AttachOnRequest:
    stage: Stage
    attacher: Attacher
    name: str
    """Of the resource."""
    step: HardwareStep | None = None
    """What has to be done to the hardware first."""

    def prepare(self) -> tuple[str, ...]:
        """What has to be held.  Raises InvalidArgument, NoSuchResource."""
        try:
            removal = removal_of(self.stage.engine, self.stage.hardware, self.name)
        except NoSuchResource:
            if not re.match("pci:", self.name):
                raise self._absent() from None
            self.step = Rescan()
            return (self.name,)
        if removal.resource.kind is ResourceKind.SLOT and not removal.resource.children:
            slot = removal.hardware.slots[self.name.partition(":")[2]]
            self.step = PowerOn(slot.name) if slot.is_powered is False else Rescan()
        return removal.names

    async def run(self, running: Running) -> str:
        """What was done, in a sentence; empty where nothing had to be."""
        if self.step is not None:
            running.awaits = lambda: ("the hardware",)
            await self.stage.hardware.perform(self.step)
            running.awaits = lambda: (f"an interface of {self.name}",)
            if not await self.stage.machine.until(lambda: bool(self._interfaces()), APPEAR_S):
                raise NoSuchResource(f"{self.name}: no interface has appeared")
        running.awaits = lambda: [it for it in self._interfaces() if not self._is_in_use(it)]
        interfaces = self._interfaces()
        if not interfaces:
            raise self._absent()
        texts = [text for it in interfaces if (text := await self._attach(it))]
        return "; ".join(texts)

    def _interfaces(self) -> tuple[str, ...]:
        """Those of the resource that the engine knows; of a card only those with a file."""
        try:
            removal = removal_of(self.stage.engine, self.stage.hardware, self.name)
        except NoSuchResource:
            return ()
        view = self.stage.engine.scene.view
        present = tuple(it for it in removal.resource.interfaces() if view.link_named(it))
        if removal.is_interface:
            return present
        return tuple(it for it in present if self.stage.machine.has_hostname_file(it))

    async def _attach(self, name: str) -> str:
        machine = self.stage.machine
        link = machine.engine.scene.view.link_named(name)
        if link is None:
            raise self._absent()
        member = machine.engine.scene.members.get(name)
        if member and member.ifindex == link.ifindex and member.intent is not Intent.DETACHED:
            return ""
        if not self.attacher.take_again(link):
            raise self._unusable(name)
        is_in_use = await machine.until(
            lambda: self._is_in_use(name) or bool(machine.refusals(name)), SETTLE_S / 2
        )
        if refusals := machine.refusals(name):
            raise RcmError(f"attach of {name} failed: {'; '.join(refusals)}")
        text = f"{name} was attached on request"
        return text if is_in_use else f"{text}; not all of its addresses are home yet"

    def _is_in_use(self, name: str) -> bool:
        member = self.stage.engine.scene.members.get(name)
        if member is None or not member.config.families:
            return True
        return member.health is not Health.UNPROVEN and self.stage.engine.is_settled()

    def _absent(self) -> NoSuchResource:
        """Where the NIC was known, its hardware is what has to be attached."""
        if self.name not in self.stage.engine.scene.members:
            return NoSuchResource(f"{self.name}: no such resource")
        path = self.stage.machine.identify(self.name).bus_path
        hint = f"; it was {path}, which can be attached" if path.startswith("pci:") else ""
        return NoSuchResource(f"{self.name}: there is no such device{hint}")

    def _unusable(self, name: str) -> RcmError:
        """Why a device that is there cannot be taken into use."""
        if name in self.attacher.faulty:
            return ConfigurationError(f"{name}: {fault_text(name)}")
        reason = f"there is no /etc/hostname.{name}: rcmd does not manage it"
        return Vetoed((Veto(name, "managed", reason),))
