"""Detach: everything below a resource is emptied, unplumbed and given up, as one transaction.

It never moves an address itself.  It tells the engine that the interfaces are leaving and waits
until they are empty.  Whatever fails, the second port of a card or the hardware step, the steps
taken are undone in reverse and the configuration is what it was (overview, "Detaching NICs").
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from rcmd.errors import RcmError, RolledBack, Vetoed
from rcmd.ipmp.api.commands import Report, Severity
from rcmd.ipmp.api.events import Leave, Stay, Together, Unplumb
from rcmd.ipmp.forecast.redundancy import last_words
from rcmd.ports.hardware import HardwareFailed
from rcmd.ports.plan import DetachPlan, PlannedMove
from rcmd.ports.sockets import Session
from rcmd.ports.store import Step
from rcmd.rcm.operations import checks
from rcmd.rcm.operations.context import Stage
from rcmd.rcm.operations.foresight import Foresight, foresee, hindsight
from rcmd.rcm.operations.holdings import Difference, Holding, lost_after_all
from rcmd.rcm.operations.planning import Planned, check_unchanged, devices_of, plan_detach, tied_to
from rcmd.rcm.operations.queue import Awaits, Running
from rcmd.rcm.operations.transaction import UndoStack
from rcmd.rcm.operations.uninterrupted import to_the_end, uninterrupted
from rcmd.rcm.resources.removal import Removal
from rcmd.rcm.resources.tree import restoring_steps
from rcmd.rcm.runtime import REPLUMB_S, SETTLE_S

log = logging.getLogger(__name__)

RETURN_S = 30.0
"""How long devices may take to appear once their hardware was brought back."""


class StepFailed(RcmError):
    """A step of the transaction did not succeed; the message says why."""


@dataclass(slots=True)
class Detach:
    stage: Stage
    running: Running
    removal: Removal
    session: Session | None = None
    """Of the caller, if he told: he may be about to cut himself off."""
    told: list[str] = field(default_factory=list)
    """The resources whose clients were told to let go, in that order."""
    not_restored: list[str] = field(default_factory=list)
    """After a failed step: what is not back as it was, in sentences."""
    found: tuple[Holding, ...] = ()
    """What lay there just before it was moved."""
    planned: tuple[PlannedMove, ...] = ()
    """What was to become of it."""
    done: tuple[PlannedMove, ...] = ()
    """What became of it."""
    differences: tuple[Difference, ...] = ()
    """Only with force: without it they are a reason to undo everything."""

    async def run(self) -> DetachPlan:
        """What was done.

        Raises Vetoed, or RolledBack if a step failed: all is then as before, or becomes so.
        """
        planned = await self._ask()
        undo, plan = UndoStack(), planned.plan
        try:
            await self._forward(undo, planned)
        except RcmError as error:
            raise await to_the_end(self._back(undo, str(error))) from error
        except asyncio.CancelledError:
            who = self.running.cancelled_by
            reason = f"cancelled by {who}" if who else "its caller has gone, or rcmd is stopping"
            rolled_back = await to_the_end(self._back(undo, reason))
            if who:
                raise rolled_back from None
            raise
        self._report("detach", f"{self.removal.name} was detached")
        await to_the_end(self._tell_gone())
        warnings = (*plan.warnings, *(str(it) for it in self.differences))
        return replace(plan, moves=self.done, warnings=warnings)

    # --- forward ---

    async def _ask(self) -> Planned:
        operations = self.stage.operations
        self.running.awaits = self.stage.clients.awaited
        try:
            planned = await plan_detach(
                self.stage,
                self.removal,
                session=self.session,
                going=self._going(),
                force=self._is_forced,
            )
        except asyncio.CancelledError:
            operations.advance(self.running, Step.REFUSED)
            if self.running.cancelled_by:
                text = f"detach of {self.removal.name} was cancelled by {self.running.cancelled_by}"
                raise RolledBack(f"{text}\nnothing had been changed") from None
            raise
        except RcmError:
            operations.advance(self.running, Step.REFUSED)
            raise
        if planned.plan.vetoes:
            operations.advance(self.running, Step.REFUSED)
            raise Vetoed(planned.plan.vetoes)
        return planned

    async def _forward(self, undo: UndoStack, planned: Planned) -> None:
        await self._advance(Step.PREPARING, self.stage.clients.awaited)
        undo.push(self._tell_undone)
        await self._prepare(planned.asked)
        await self._advance(Step.LEAVING, self._not_empty)
        # Last, for the disk may have taken its time, too.
        await self._look_again(planned.foresight)
        undo.push(self._stay)
        self._feed(Leave)
        await self._emptied()
        await self._advance(Step.UNPLUMBING, self._not_unplumbed)
        self._look_at_the_others()
        self._feed(Unplumb)
        await self._unplumbed()
        await self._compare()
        if self.removal.steps:
            await self._advance(Step.REMOVING, _the_hardware)
            undo.push(self._restore_hardware)
            await self._remove()
            await self._bereave()
        # Recorded before anybody is told: after a crash in between it must not come back.
        await self._advance(Step.DONE)

    async def _prepare(self, asked: Iterable[str]) -> None:
        """Parents before their children; the first refusal ends it (solaris.md 4.4, 4)."""
        for name in asked:
            self.told.append(name)
            vetoes = await self.stage.clients.pre_remove(name, force=self._is_forced)
            if vetoes:
                raise StepFailed("; ".join(f"{veto.client}: {veto.reason}" for veto in vetoes))

    async def _look_again(self, before: Foresight | None) -> None:
        """While others were told, a cable may have been pulled, or a route added."""
        tied = await tied_to(self.stage, devices_of(self.stage, self.removal))
        going = self._going()
        foresight = await foresee(self.stage, self.removal, going, tied, before=before)
        check_unchanged(self.stage, self.removal)
        question = checks.Question(self.stage.engine, self.removal, going, foresight.rehearsal)
        if not self._is_forced and (vetoes := checks.objections(question)):
            raise StepFailed("; ".join(str(veto) for veto in vetoes))
        self.found, self.planned = foresight.found, foresight.moves

    async def _emptied(self) -> None:
        engine = self.stage.engine
        if self._is_forced:
            await self._until(engine.is_at_rest)
            return
        is_over = await self._until(lambda: not self._not_empty() or bool(self._refusals()))
        if self._not_empty():
            late = (
                "its addresses did not leave in time" if not is_over else "it could not be emptied"
            )
            raise StepFailed("; ".join(self._refusals()) or late)

    def _look_at_the_others(self) -> None:
        """Whoever took it all may have died meanwhile, and this one works."""
        for name in () if self._is_forced else self.removal.emptied:
            if reason := last_words(self.stage.engine.scene, name):
                raise StepFailed(f"{name}: {reason}")

    async def _unplumbed(self) -> None:
        if not await self.stage.machine.until(lambda: not self._not_unplumbed(), SETTLE_S):
            raise StepFailed(f"{', '.join(self._not_unplumbed())} could not be unplumbed")

    async def _until(self, condition: Callable[[], bool]) -> bool:
        """As long as it takes, if only something happens: there may be thousands of routes."""
        while True:
            before = self._amount()
            is_over = await self.stage.machine.until(condition, SETTLE_S)
            if is_over or self._amount() >= before:
                return is_over

    def _amount(self) -> int:
        return sum(self.stage.engine.amount_on(name) for name in self.removal.emptied)

    async def _compare(self) -> None:
        """The deed is the plan, or it is undone; with force it is told what is not."""
        engine = self.stage.engine
        done = await hindsight(self.stage, self.removal, self.found)
        found = lost_after_all(engine.scene, self.found, self.planned, done)
        if found and not self._is_forced:
            raise StepFailed("; ".join(str(it) for it in found))
        self.differences = found
        pairs = zip(self.planned, done, strict=True)
        # What came as it was foreseen is told in the same words.
        self.done = tuple(was if was.destination == now.destination else now for was, now in pairs)

    async def _remove(self) -> None:
        for step in self.removal.steps:
            # What a driver has begun cannot be stopped; its outcome has to be known.
            await uninterrupted(self.stage.hardware.perform(step))
        if not await self.stage.machine.until(lambda: not self._present(), SETTLE_S):
            raise StepFailed(f"{', '.join(self._present())} did not go")

    async def _bereave(self) -> None:
        """What only stood on it has no carrier now, and may get one again some day."""
        view, bereft = self.stage.engine.scene.view, self.removal.bereft
        links = (view.link_named(name) for name in bereft)
        indexes = [link.ifindex for link in links if link is not None]

        def are_down() -> bool:
            found = (self.stage.engine.scene.view.links.get(it) for it in indexes)
            return not any(link is not None and link.is_running for link in found)

        if bereft:
            await self.stage.machine.until(are_down, SETTLE_S)
            self.stage.machine.feed(Together(tuple(Stay(name) for name in bereft)))

    async def _tell_gone(self) -> None:
        for name in self.told:
            await self.stage.clients.post_remove(name)

    # --- questions ---

    @property
    def _is_forced(self) -> bool:
        return self.running.operation.is_forced

    def _going(self) -> frozenset[str]:
        return self.stage.operations.going(before=self.running)

    def _not_empty(self) -> list[str]:
        return [it for it in self.removal.emptied if not self.stage.engine.is_empty(it)]

    def _not_unplumbed(self) -> list[str]:
        return [it for it in self.removal.members if not self.stage.engine.is_unplumbed(it)]

    def _refusals(self) -> list[str]:
        engine = self.stage.engine
        return [text for it in self.removal.emptied for text in engine.refusals(it)]

    def _present(self) -> list[str]:
        view = self.stage.engine.scene.view
        return [it for it in self.removal.resource.interfaces() if view.link_named(it)]

    def _absent(self) -> list[str]:
        """What is stacked on others is not brought back by a driver."""
        expected = (*self.removal.members, *sorted(self.removal.given_up))
        native = self.removal.resource.interfaces()
        return [it for it in self._not_there(expected) if it in native]

    def _not_there(self, names: Iterable[str]) -> list[str]:
        view = self.stage.engine.scene.view
        return [it for it in names if not view.link_named(it)]

    # --- back ---

    async def _back(self, undo: UndoStack, reason: str) -> RolledBack:
        self.stage.operations.advance(self.running, Step.UNDOING, self._absent)
        self.not_restored += await undo.unwind()
        self.stage.operations.advance(self.running, Step.UNDONE)
        return self._rolled_back(reason)

    async def _restore_hardware(self) -> None:
        """What was taken away returns under a new ifindex; a rescan could bring back too much."""
        if self._is_whole():
            return
        for step in restoring_steps(self.removal.resource, self.removal.hardware):
            try:
                await self.stage.hardware.perform(step)
            except HardwareFailed as error:
                self.not_restored.append(str(error))
        if not await self.stage.machine.until(lambda: not self._absent(), RETURN_S):
            self.not_restored.append(f"{', '.join(self._absent())} did not come back")
        # Detached before, and still so: a device that is back must not be taken for a new one.
        given_up = tuple(Unplumb(name) for name in sorted(self.removal.given_up))
        self.stage.machine.feed(Together(given_up))

    def _is_whole(self) -> bool:
        """Is all of the hardware there that was there before?"""
        now, before = self.stage.hardware.survey(), self.removal.hardware
        mine = {it.name for it in self.removal.resource.walk()}
        has_functions = all(
            address in now.functions and now.functions[address].driver == function.driver
            for address, function in before.functions.items()
            if f"pci:{address}" in mine
        )
        has_usb = all(path in now.usb for path in before.usb if f"usb:{path}" in mine)
        return has_functions and has_usb and not self._absent()

    async def _stay(self) -> None:
        self._feed(Stay)
        engine, absent = self.stage.engine, self._not_there(self.removal.emptied)
        back = [name for name in self.removal.emptied if name not in absent]
        lost = [name for name in absent if name not in self.removal.resource.interfaces()]
        if lost:
            self.not_restored.append(f"{', '.join(lost)} vanished with what it was stacked on")
        if not await self.stage.machine.until(
            lambda: all(engine.is_restored(name) for name in back), REPLUMB_S
        ):
            self.not_restored.append("not everything is back yet")

    async def _tell_undone(self) -> None:
        for name in reversed(self.told):
            await self.stage.clients.undo_remove(name)

    def _rolled_back(self, reason: str) -> RolledBack:
        outcome = "the previous configuration is restored"
        if self.not_restored:
            problems = "; ".join(self.not_restored)
            outcome = f"the previous configuration is being restored; {problems}"
        message = f"detach of {self.removal.name} failed: {reason}"
        self._report("detach-undone", f"{message}; {outcome}")
        return RolledBack(f"{message}\n{outcome}")

    # --- telling ---

    def _feed(self, event: type[Leave] | type[Stay] | type[Unplumb]) -> None:
        names = self.removal.members if event is Unplumb else self.removal.emptied
        self.stage.machine.feed(Together(tuple(event(name) for name in names)))

    async def _advance(self, step: Step, awaits: Awaits = tuple) -> None:
        """It is on disk before anything of it is done.  Raises StoreError."""
        operations = self.stage.operations
        operations.advance(self.running, step, _the_disk)
        await operations.on_disk()
        operations.await_now(self.running, awaits)

    def _report(self, kind: str, message: str) -> None:
        operation = self.running.operation
        detail = {"caller": operation.caller, "forced": str(operation.is_forced).lower()}
        self.stage.machine.report(Report(Severity.NOTICE, kind, self.removal.name, message, detail))


def _the_disk() -> tuple[str, ...]:
    return ("the disk",)


def _the_hardware() -> tuple[str, ...]:
    return ("the hardware",)
