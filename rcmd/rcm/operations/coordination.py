"""Everything that can be asked of rcmd, one method each: checks first, then the transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field, replace

from rcmd.errors import Busy, ConfigurationError, RolledBack, Veto, Vetoed
from rcmd.ipmp.api.commands import Report, Severity
from rcmd.ipmp.api.events import Configured, Offline, UndoOffline
from rcmd.ipmp.state.member import Intent, Member
from rcmd.model.network import Identity, Link
from rcmd.model.status import (
    InterfaceState,
    InterfaceStatus,
    ProbeStatus,
    Problem,
    ProblemCode,
    ProblemSeverity,
    Status,
    TargetStatus,
)
from rcmd.ports.coordinator import Caller, OperationStatus
from rcmd.ports.plan import DetachPlan
from rcmd.ports.resource import Resource
from rcmd.ports.script import ScriptStatus
from rcmd.ports.sockets import Session
from rcmd.ports.store import History, HistoryEvent, OperationKind, Step
from rcmd.rcm.file_problems import FileProblems
from rcmd.rcm.operations.attach import Attacher
from rcmd.rcm.operations.attach_request import AttachOnRequest
from rcmd.rcm.operations.context import Stage
from rcmd.rcm.operations.detach import Detach
from rcmd.rcm.operations.foresight import objection
from rcmd.rcm.operations.planning import plan_detach
from rcmd.rcm.resources.removal import Removal, removal_of
from rcmd.rcm.resources.tree import tree
from rcmd.rcm.runtime import Machine


@dataclass(slots=True)
class Coordination:
    """Implements `coordinator.Coordinator`."""

    stage: Stage
    record: History
    attacher: Attacher
    take_up: Callable[[Link], None]
    """Take a device into use once its name is final, if it was not looked at before."""
    list_scripts: Callable[[], tuple[ScriptStatus, ...]] = tuple

    files: FileProblems = field(init=False)

    def __post_init__(self) -> None:
        self.files = FileProblems(self.machine)
        self.attacher.is_held = self.stage.operations.holds
        self.stage.operations.on_release.append(self._take_what_waited)

    @property
    def machine(self) -> Machine:
        return self.stage.machine

    # --- reading ---

    def status(self) -> Status:
        status = self.machine.engine.status()
        found = (*status.problems, *self._faults())
        return replace(
            status,
            interfaces=tuple(self._with_faults(status.interfaces)),
            problems=self.machine.problems.noted(found, time.time_ns() // 1000),
            preparations=self.machine.preparations,
        )

    def _faults(self) -> Iterator[Problem]:
        for name in sorted(self.attacher.faulty):
            yield Problem(
                ProblemCode.CONFIGURATION,
                ProblemSeverity.ERROR,
                name,
                self.attacher.fault_text(name),
                "Run `rcmd --check`, mend the file, then `rcmctl reload`.",
            )

    def _with_faults(self, interfaces: tuple[InterfaceStatus, ...]) -> Iterator[InterfaceStatus]:
        """What is wrong with the files shows beside what is wrong with the link."""
        listed = set()
        for interface in interfaces:
            listed.add(interface.name)
            if interface.name in self.attacher.faulty:
                parts = (interface.problem, self.attacher.fault_text(interface.name))
                yield replace(interface, problem="; ".join(part for part in parts if part))
            else:
                yield interface
        for name in sorted(self.attacher.faulty.keys() - listed):
            yield InterfaceStatus(
                name=name,
                ifindex=0,
                group="",
                state=InterfaceState.FAILED,
                flags=(),
                link_up=False,
                is_standby=False,
                hardware_address="",
                problem=self.attacher.fault_text(name),
            )

    def identity(self, interface: str) -> Identity:
        return self.machine.identify(interface)

    async def history(
        self, since_us: int, *, limit: int, skip: int = 0
    ) -> tuple[HistoryEvent, ...]:
        return await self.record.since(since_us, limit=limit, skip=skip)

    def scripts(self) -> tuple[ScriptStatus, ...]:
        return self.list_scripts()

    def targets(self) -> tuple[TargetStatus, ...]:
        return self.machine.engine.targets()

    def probes(self, since: int, *, limit: int) -> tuple[ProbeStatus, ...]:
        return self.machine.engine.probes(since, limit=limit)

    def operations(self) -> tuple[OperationStatus, ...]:
        return self.stage.operations.statuses()

    def resources(self) -> tuple[Resource, ...]:
        return tree(self.stage.hardware.survey(), self.machine.engine)

    async def query_detach(
        self, resource: str, *, force: bool, session: Session | None = None
    ) -> DetachPlan:
        removal = self._removal(resource)
        operations = self.stage.operations
        going = operations.going()
        planned = await plan_detach(self.stage, removal, session=session, going=going, force=force)
        plan = planned.plan
        obstacle = operations.obstacle(removal.names)
        plan = replace(plan, warnings=(*plan.warnings, *await self._usages(removal)))
        if not obstacle:
            return plan
        name, _, reason = obstacle.partition(": ")
        return replace(plan, vetoes=(Veto(name, "state", reason), *plan.vetoes))

    async def _usages(self, removal: Removal) -> tuple[str, ...]:
        """What clients use the resources for; only who plans wants to read that."""
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(self.stage.clients.usages(it)) for it in removal.names]
        return tuple(dict.fromkeys(text for answer in asked for text in answer.result()))

    def _removal(self, resource: str) -> Removal:
        return removal_of(self.machine.engine, self.stage.hardware, resource)

    # --- changing ---

    async def detach(
        self, resource: str, caller: Caller, *, force: bool, session: Session | None = None
    ) -> DetachPlan:
        removal = self._removal(resource)
        with self.stage.operations.run(
            OperationKind.DETACH,
            removal.name,
            str(caller),
            held=removal.names,
            interfaces=removal.members,
            is_forced=force,
        ) as running:
            return await Detach(self.stage, running, removal, session).run()

    async def attach(self, resource: str, caller: Caller) -> None:
        self.machine.look_around()
        request = AttachOnRequest(self.stage, self.attacher, resource)
        names, resource = request.prepare(), request.name
        with self.stage.operations.run(
            OperationKind.ATTACH, resource, str(caller), held=names, interfaces=()
        ) as running:
            try:
                text = await request.run(running)
            except asyncio.CancelledError:
                self.stage.operations.advance(running, Step.UNDONE)
                if not running.cancelled_by:
                    raise
                reason = f"attach of {resource} was cancelled by {running.cancelled_by}"
                raise RolledBack(f"{reason}; what has appeared stays in use") from None
            self.stage.operations.advance(running, Step.DONE)
        if text:
            self._tell("attach", resource, text, caller)

    async def cancel(self, number: int, caller: Caller) -> None:
        await self.stage.operations.cancel(number, caller)

    def _take_what_waited(self, names: Iterable[str]) -> None:
        """A device that appeared while an operation decided about its name is looked at now."""
        for name in names:
            link = self.machine.engine.scene.view.link_named(name)
            if link is not None:
                self.take_up(link)

    async def offline(self, interface: str, caller: Caller) -> None:
        """if_mpadm -d: emptied on request.  Refused for the last functioning member."""
        member = self._member(interface)
        interface = member.name
        self.stage.operations.check_free((interface,))
        reason = _offline_obstacle(member)
        if not reason:
            reason = await objection(self.stage, interface, self.stage.operations.going())
            # It may have taken a while.
            self.stage.operations.check_free((interface,))
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
        interface = member.name
        self.stage.operations.check_free((interface,))
        if member.barred:
            raise Vetoed((Veto(interface, "state", member.barred),))
        if member.intent is not Intent.OFFLINE:
            raise Vetoed((Veto(interface, "state", f"interface {interface} is not offline"),))
        self.machine.feed(UndoOffline(interface))
        self._tell("undo-offline", interface, f"{interface} is online again", caller)

    def _member(self, interface: str) -> Member:
        resource = self._removal(interface).resource
        member = self.machine.engine.scene.members.get(resource.name)
        if member is None:
            reason = "not a physical interface or not in an IPMP group"
            raise Vetoed((Veto(resource.name, "managed", reason),))
        return member

    async def reload(self, caller: Caller) -> None:
        await self.reconfigure()
        self._tell("reload", "rcmd", "the configuration was read again", caller)

    async def reconfigure(self) -> None:
        """Read the files again.  One fault, and nothing of them is taken."""
        loaded = await self.machine.read_configuration()
        if loaded.has_errors:
            self.files.refused(loaded)
            raise ConfigurationError(loaded.refusal)
        interfaces = loaded.configuration.interfaces
        self._refuse_to_lose_held(interfaces)
        self.files.taken(loaded)
        for fault in loaded.faults:
            self.machine.report(Report(Severity.WARNING, "configuration", fault.file, str(fault)))
        self.attacher.faulty.clear()
        # Whoever reads the files again has seen it; and more will not come of it.
        self.machine.clear_problem(ProblemCode.MEMORY, "rcmd")
        self.machine.feed(Configured(loaded.configuration))
        for link in list(self.machine.engine.scene.view.links.values()):
            if link.name in interfaces:
                self.attacher.take_if_free(link, interfaces[link.name])

    def _refuse_to_lose_held(self, interfaces: Container[str]) -> None:
        """What an operation works on must not vanish under it.  Raises Busy."""
        for name in self.machine.engine.scene.members:
            obstacle = self.stage.operations.obstacle((name,))
            if obstacle and name not in interfaces:
                raise Busy(f"{obstacle}; its file is needed")

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
