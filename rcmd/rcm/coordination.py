"""Everything that can be asked of rcmd, one method each: checks first, then the transaction."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from rcmd.errors import (
    Busy,
    ConfigurationError,
    NoSuchResource,
    RcmError,
    RolledBack,
    Veto,
    Vetoed,
)
from rcmd.ipmp.commands import Report, Severity
from rcmd.ipmp.events import Configured, Offline, UndoOffline
from rcmd.ipmp.health import Health
from rcmd.ipmp.member import Intent, Member
from rcmd.ipmp.redundancy import objection
from rcmd.model import (
    Identity,
    InterfaceState,
    InterfaceStatus,
    ProbeStatus,
    Status,
    TargetStatus,
)
from rcmd.rcm import checks
from rcmd.rcm.attach import Attacher
from rcmd.rcm.coordinator import Caller, Clients
from rcmd.rcm.detach import Detach
from rcmd.rcm.journal import History, HistoryEvent, Journal, Operation, OperationKind
from rcmd.rcm.machine import SETTLE_S, Machine
from rcmd.rcm.plan import DetachPlan
from rcmd.rcm.planning import planned_moves, warnings
from rcmd.rcm.resources import resolve

DETACH = "a detach"
OFFLINE = "an offline"


@dataclass(slots=True)
class Coordination:
    """Implements `coordinator.Coordinator`."""

    machine: Machine
    journal: Journal
    record: History
    attacher: Attacher
    clients: Clients
    _holders: dict[str, str] = field(default_factory=dict)
    """Interface -> what holds it."""

    # --- reading ---

    def status(self) -> Status:
        status = self.machine.engine.status()
        return replace(status, interfaces=tuple(self._with_faults(status.interfaces)))

    def _with_faults(self, interfaces: tuple[InterfaceStatus, ...]) -> Iterator[InterfaceStatus]:
        """What is wrong with the files shows beside what is wrong with the link."""
        listed = set()
        for interface in interfaces:
            listed.add(interface.name)
            if interface.name in self.attacher.faulty:
                parts = (interface.problem, self._fault_text(interface.name))
                yield replace(interface, problem="; ".join(part for part in parts if part))
            else:
                yield interface
        for name in sorted(self.attacher.faulty - listed):
            yield InterfaceStatus(
                name=name,
                ifindex=0,
                group="",
                state=InterfaceState.FAILED,
                flags=(),
                link_up=False,
                is_standby=False,
                hardware_address="",
                problem=self._fault_text(name),
            )

    def _fault_text(self, name: str) -> str:
        return f"its hostname file has faults; see rcmd --check (/etc/hostname.{name})"

    def identity(self, interface: str) -> Identity:
        return self.machine.identify(interface)

    def operations(self) -> tuple[Operation, ...]:
        return self.journal.unfinished() if self._holders else ()

    def history(self, since_us: int, *, limit: int, skip: int = 0) -> tuple[HistoryEvent, ...]:
        return self.record.since(since_us, limit=limit, skip=skip)

    def targets(self) -> tuple[TargetStatus, ...]:
        return self.machine.engine.targets()

    def probes(self, since: int, *, limit: int) -> tuple[ProbeStatus, ...]:
        return self.machine.engine.probes(since, limit=limit)

    async def query_detach(self, resource: str, *, force: bool) -> DetachPlan:
        name = resolve(self.machine.engine, resource)
        plan = self._overridden(await self._plan(name, force=force), force=force)
        holder = self._holders.get(name)
        if holder is None:
            return plan
        busy = Veto(name, "state", f"{holder} is under way")
        return replace(plan, vetoes=(busy, *plan.vetoes))

    async def _plan(self, name: str, *, force: bool) -> DetachPlan:
        """All refusals, whether or not force would override them, and all moves."""
        engine = self.machine.engine
        prerequisites = checks.prerequisites(engine, name)
        if prerequisites:
            return DetachPlan(name, prerequisites)
        asked = await self.clients.query_remove(name, force=force)
        vetoes = (*checks.objections(engine, name, self._going_before(name)), *asked)
        return DetachPlan(name, vetoes, planned_moves(engine, name), warnings(engine, name))

    # --- changing ---

    async def detach(self, resource: str, caller: Caller, *, force: bool) -> DetachPlan:
        name = resolve(self.machine.engine, resource)
        with self._holding(name, DETACH):
            plan = self._overridden(await self._plan(name, force=force), force=force)
            if plan.vetoes:
                raise Vetoed(plan.vetoes)
            operation = self.journal.begin(OperationKind.DETACH, name, str(caller), is_forced=force)
            detach = Detach(self.machine, self.journal, self.clients, operation, name, plan)
            return await detach.run()

    def _overridden(self, plan: DetachPlan, *, force: bool) -> DetachPlan:
        """Force turns our own objections into warnings; those of others stand."""
        if not force:
            return plan
        ours = {check.__name__ for check in checks.OBJECTIONS}
        standing = tuple(veto for veto in plan.vetoes if veto.client not in ours)
        ignored = tuple(veto.reason for veto in plan.vetoes if veto.client in ours)
        return replace(plan, vetoes=standing, warnings=(*ignored, *plan.warnings))

    async def attach(self, resource: str, caller: Caller) -> None:
        engine = self.machine.engine
        self.machine.look_around()
        name = resolve(engine, resource)
        with self._holding(name, "an attach"):
            link = engine.scene.view.link_named(name)
            if link is None:
                raise NoSuchResource(f"{name}: there is no such device")
            member = engine.scene.members.get(name)
            if member and member.ifindex == link.ifindex and member.intent is not Intent.DETACHED:
                return
            if not self.attacher.take_again(link):
                raise self._unusable(name)
            is_in_use = await self.machine.until(
                lambda: self._is_in_use(name) or bool(self.machine.refusals(name)), SETTLE_S / 2
            )
            if refusals := self.machine.refusals(name):
                raise RcmError(f"attach of {name} failed: {'; '.join(refusals)}")
            text = f"{name} was attached on request"
            if not is_in_use:
                text = f"{text}; not all of its addresses are home yet"
            self._tell("attach", name, text, caller)

    def _unusable(self, name: str) -> RcmError:
        """Why a device that is there cannot be taken into use."""
        if name in self.attacher.faulty:
            return ConfigurationError(f"{name}: {self._fault_text(name)}")
        reason = f"there is no /etc/hostname.{name}: rcmd does not manage it"
        return Vetoed((Veto(name, "managed", reason),))

    def _is_in_use(self, name: str) -> bool:
        member = self.machine.engine.scene.members.get(name)
        if member is None or not member.config.families:
            return True
        return member.health is not Health.UNPROVEN and self.machine.engine.is_settled()

    async def offline(self, interface: str, caller: Caller) -> None:
        """if_mpadm -d: emptied on request.  Refused for the last functioning member."""
        member = self._member(interface)
        with self._holding(interface, OFFLINE):
            going = {interface, *self._going_before(interface)}
            reason = _offline_obstacle(member) or objection(
                self.machine.engine.scene, interface, going
            )
            if reason:
                raise Vetoed((Veto(interface, "redundancy", f"cannot offline: {reason}"),))
            self.machine.feed(Offline(interface))
            engine = self.machine.engine
            if not engine.is_empty(interface):
                reasons = "; ".join(engine.refusals(interface)) or "its addresses did not leave"
                self.machine.feed(UndoOffline(interface))
                raise RolledBack(f"offline of {interface} failed: {reasons}")
        self._tell("offline", interface, f"{interface} is offline", caller)

    async def undo_offline(self, interface: str, caller: Caller) -> None:
        member = self._member(interface)
        with self._holding(interface, "an online"):
            if member.intent is not Intent.OFFLINE:
                raise Vetoed((Veto(interface, "state", f"interface {interface} is not offline"),))
            if member.barred:
                raise Vetoed((Veto(interface, "state", member.barred),))
            self.machine.feed(UndoOffline(interface))
        self._tell("undo-offline", interface, f"{interface} is online again", caller)

    def _member(self, interface: str) -> Member:
        name = resolve(self.machine.engine, interface)
        member = self.machine.engine.scene.members.get(name)
        if member is None:
            reason = "not a physical interface or not in an IPMP group"
            raise Vetoed((Veto(name, "managed", reason),))
        return member

    async def reload(self, caller: Caller) -> None:
        self.reconfigure()
        self._tell("reload", "rcmd", "the configuration was read again", caller)

    def reconfigure(self) -> None:
        """Read the files again.  One fault, and nothing of them is taken."""
        loaded = self.machine.read_configuration()
        if loaded.has_errors:
            faults = [str(fault) for fault in loaded.faults if not fault.is_warning]
            raise ConfigurationError("\n".join(faults))
        interfaces = loaded.configuration.interfaces
        self._refuse_to_lose_held(interfaces)
        self.attacher.faulty.clear()
        self.machine.feed(Configured(loaded.configuration))
        for link in list(self.machine.engine.scene.view.links.values()):
            if link.name in interfaces:
                self.attacher.take_if_free(link, interfaces[link.name])

    def _refuse_to_lose_held(self, interfaces: Container[str]) -> None:
        """What an operation works on must not vanish under it.  Raises Busy."""
        for name in self.machine.engine.scene.members:
            if name in self._holders and name not in interfaces:
                raise Busy(f"{name}: {self._holders[name]} is under way; its file is needed")

    @contextmanager
    def _holding(self, name: str, holder: str) -> Iterator[None]:
        if name in self._holders:
            raise Busy(f"{name}: {self._holders[name]} is under way")
        self._holders[name] = holder
        try:
            yield
        finally:
            del self._holders[name]

    def _going_before(self, name: str) -> list[str]:
        """The interfaces whose detach or offline began before; whoever comes first, goes first."""
        before = itertools.takewhile(lambda other: other != name, self._holders)
        return [other for other in before if self._holders[other] in (DETACH, OFFLINE)]

    def _tell(self, kind: str, subject: str, text: str, caller: Caller) -> None:
        detail = {"caller": str(caller)}
        self.machine.report(Report(Severity.NOTICE, kind, subject, text, detail))


def _offline_obstacle(member: Member) -> str | None:
    if member.intent is Intent.OFFLINE:
        return f"interface {member.name} is already offline"
    if member.intent is Intent.DETACHED or not member.ifindex:
        return f"{member.name} is not there"
    if not member.group:
        return "not a physical interface or not in an IPMP group"
    return None
