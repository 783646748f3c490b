"""Attach on request: hardware is switched on or looked for, and what appears is taken into use.

| what is asked for | and how it is                               | what is done to the hardware   |
|-------------------|---------------------------------------------|--------------------------------|
| slot              | off                                         | its power is switched on       |
| slot              | empty, or a NIC that was there is missing   | its bus is scanned             |
| device, function  | gone, or a NIC that was there is missing    | its bus is scanned             |
| virtual function  | without a driver                            | its driver is looked for       |
| USB device        | gone                                        | it is authorised               |
| anything else     | there                                       | nothing                        |

A NIC that was there is one in our care whose recorded place is in what is asked for.  Of what
appears, NICs with a hostname file are configured; others are left alone (overview, "Attaching
NICs").
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from rcmd.errors import ConfigurationError, NoSuchResource, RcmError, Veto, Vetoed
from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.state.member import Intent
from rcmd.ports.hardware import AuthorizeUsb, Hardware, HardwareStep, ProbeDriver
from rcmd.rcm.operations.attach import Attacher
from rcmd.rcm.operations.context import Stage
from rcmd.rcm.operations.queue import Running
from rcmd.rcm.operations.uninterrupted import uninterrupted
from rcmd.rcm.resources.hardware_steps import is_removed, restoring_steps_by_name
from rcmd.rcm.resources.names import lies_below, related_names
from rcmd.rcm.resources.removal import find_removal
from rcmd.rcm.resources.resource_name import canonical_name
from rcmd.rcm.runtime import SETTLE_S

APPEAR_S = 30.0
"""How long a driver may take to bring its interface up."""
LOOK_AGAIN_S = 1.0
"""The hardware is looked at when the kernel tells of a device, and in any case so often."""


@dataclass(slots=True)
class AttachOnRequest:
    stage: Stage
    attacher: Attacher
    name: str
    """Of the resource; made the canonical one."""
    steps: tuple[HardwareStep, ...] = ()
    """What has to be done to the hardware first."""
    expected: tuple[str, ...] = ()
    """The interfaces in our care that were part of it, and are not there."""
    present: tuple[str, ...] = field(default=(), init=False)
    """Its interfaces that are there, as far as looked."""

    def __post_init__(self) -> None:
        """Raises InvalidArgument."""
        self.name = canonical_name(self.name)
        link = self.stage.engine.scene.view.link_answering_to(self.name)
        self.name = link.name if link else self.name

    def prepare(self) -> tuple[str, ...]:
        """What has to be held.  Raises NoSuchResource."""
        hardware = self.stage.hardware.survey()
        places = self._missing(hardware)
        self.expected = tuple(places)
        is_gone = is_removed(self.name, hardware)
        try:
            names = find_removal(self.stage.engine, hardware, self.name).names
        except NoSuchResource:
            if not is_gone or not self.name.startswith(("pci:", "usb:")):
                raise self._absent() from None
            names = ()
        if is_gone or self.expected:
            self.steps = self._steps(places.values(), hardware)
        if is_gone and not self.expected:
            self._check_possible()
        related = related_names(self.name, hardware)
        return tuple(dict.fromkeys((*related, *names, *self.expected)))

    def _steps(self, missing: Iterable[str], hardware: Hardware) -> tuple[HardwareStep, ...]:
        """A scan finds no driver for virtual functions: those of ours are helped to one."""
        steps = [step for it in missing for step in restoring_steps_by_name(it, hardware)]
        drivers = (step for step in steps if isinstance(step, ProbeDriver))
        return tuple(dict.fromkeys((*restoring_steps_by_name(self.name, hardware), *drivers)))

    def _check_possible(self) -> None:
        """A USB device that we never saw, and whose port nobody can make look again."""
        for step in self.steps:
            if isinstance(step, AuthorizeUsb) and self.stage.hardware.obstacles(step):
                raise self._absent()

    async def run(self, running: Running) -> str:
        """What was done, in a sentence; empty where nothing had to be."""
        for step in self.steps:
            running.awaits = lambda: ("the hardware",)
            # What a driver has begun cannot be stopped; its outcome has to be known.
            await uninterrupted(self.stage.hardware.perform(step))
        running.awaits = lambda: self._absent_members() or (f"an interface of {self.name}",)
        await self._appear(APPEAR_S if self.steps else 0.0)
        if not self.present:
            raise self._nothing()
        running.awaits = lambda: [it for it in self.present if not self._is_in_use(it)]
        texts, faults = [], []
        for name in self.present:
            try:
                texts.append(await self._take(name))
                self._check_service(name)
            except ConfigurationError as error:
                # The others are none the worse for it.
                faults.append(str(error))
        if faults:
            raise ConfigurationError("\n".join(faults))
        late = (f"{it} has not appeared" for it in self._absent_members())
        return "; ".join((*filter(None, texts), *late))

    # --- what appears ---

    async def _appear(self, timeout_s: float) -> None:
        """Until there is an interface, and every one that is expected; or the time is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while True:
            seen = self._links()
            self.present = self._interfaces()
            left_s = deadline - loop.time()
            if (self.present and not self._absent_members()) or left_s <= 0:
                return
            has_news = partial(self._has_news, seen)
            await self.stage.machine.until(has_news, min(LOOK_AGAIN_S, left_s))

    def _has_news(self, seen: frozenset[tuple[int, str]]) -> bool:
        return self._links() != seen

    def _links(self) -> frozenset[tuple[int, str]]:
        links = self.stage.engine.scene.view.links.values()
        return frozenset((link.ifindex, link.name) for link in links)

    def _interfaces(self) -> tuple[str, ...]:
        """Those of the resource that the engine knows, and what was detached with them."""
        engine, hardware = self.stage.engine, self.stage.hardware.survey()
        try:
            removal = find_removal(engine, hardware, self.name)
        except NoSuchResource:
            return ()
        stacked = (it.name for it in removal.stacked if it.name in removal.given_up)
        found = (*removal.resource.interfaces(), *stacked)
        return tuple(it for it in found if engine.scene.view.link_named(it))

    def _missing(self, hardware: Hardware) -> dict[str, str]:
        """Of those in our care that were part of it, and are not there, the places."""
        machine, scene = self.stage.machine, self.stage.engine.scene
        absent = [it for it in scene.members if not scene.view.link_named(it)]
        places = {it: machine.identify(it).bus_path for it in absent}
        return {it: at for it, at in places.items() if lies_below(at, self.name, hardware)}

    def _absent_members(self) -> tuple[str, ...]:
        view = self.stage.engine.scene.view
        return tuple(it for it in self.expected if not view.link_named(it))

    # --- taking into use ---

    async def _take(self, name: str) -> str:
        """What was done with one interface, in a sentence; empty where nothing had to be.

        Raises ConfigurationError where its files cannot be used: it is left as it was.
        """
        machine, view = self.stage.machine, self.stage.engine.scene.view
        link = view.link_named(name)
        name = self.attacher.filed(link).name if link else name
        if ":" in self.name and not machine.has_hostname_file(name):
            return f"{name}: no hostname file: left alone"
        loaded = await machine.read_configuration() if machine.has_hostname_file(name) else None
        config = self.attacher.config_of(name, loaded)
        if loaded is not None and name in loaded.faulty:
            faults = loaded.faults_of(name) or f"see rcmd --check (/etc/hostname.{name})"
            raise ConfigurationError(f"{name}: its hostname file has faults:\n{faults}")
        link = self.stage.engine.scene.view.link_answering_to(name)
        if link is None:
            raise NoSuchResource(f"{name}: it has gone again")
        link = link.called_by((name,))
        member = machine.engine.scene.members.get(name)
        is_in_use = member and member.ifindex and member.intent is not Intent.DETACHED
        is_ready = is_in_use and not machine.engine.scene.unready.reason(link.ifindex)
        if member and is_ready and config in (None, member.config):
            return ""
        if not self.attacher.take_again(link, config):
            raise self._unmanaged(name)
        is_in_use = await machine.until(
            lambda: self._is_in_use(name) or bool(machine.refusals(name)), SETTLE_S / 2
        )
        if refusals := machine.refusals(name):
            raise RcmError(f"attach of {name} failed: {'; '.join(refusals)}")
        text = f"{name} was attached on request"
        return text if is_in_use else f"{text}; not all of its addresses are home yet"

    def _check_service(self, name: str) -> None:
        """Raises ConfigurationError where it is in use, and may not serve all the same."""
        member = self.stage.engine.scene.members.get(name)
        obstacle = (member.barred or member.rejected) if member else ""
        if obstacle:
            raise ConfigurationError(f"{name}: it serves nothing: {obstacle}")

    def _is_in_use(self, name: str) -> bool:
        member = self.stage.engine.scene.members.get(name)
        if member is None or not member.config.families:
            return True
        return member.health is not Health.UNPROVEN and self.stage.engine.is_settled()

    def _nothing(self) -> NoSuchResource:
        if ":" not in self.name:
            return self._absent()
        what = "no interface has appeared" if self.steps else "there is no interface in it"
        return NoSuchResource(f"{self.name}: {what}")

    def _absent(self) -> NoSuchResource:
        """Where the NIC was known, its hardware is what has to be attached."""
        if self.name not in self.stage.engine.scene.members:
            return NoSuchResource(f"{self.name}: no such resource")
        path = self.stage.machine.identify(self.name).bus_path
        hint = f"; it was {path}, which can be attached" if path else ""
        return NoSuchResource(f"{self.name}: there is no such device{hint}")

    def _unmanaged(self, name: str) -> RcmError:
        reason = f"there is no /etc/hostname.{name}: rcmd does not manage it"
        return Vetoed((Veto(name, "managed", reason),))
