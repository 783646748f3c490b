"""Detach: an interface is emptied, unplumbed and given up, as one transaction.

It never moves an address itself.  It tells the engine that the interface is leaving and waits until
it is empty.  Whatever fails, the steps taken are undone in reverse and the configuration is what it
was (overview, "Detaching NICs").
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from rcmd.errors import RcmError, RolledBack, Veto
from rcmd.ipmp.commands import Report, Severity
from rcmd.ipmp.events import Leave, Stay, Unplumb
from rcmd.rcm.coordinator import Clients
from rcmd.rcm.journal import Journal, Operation, Step
from rcmd.rcm.machine import REPLUMB_S, SETTLE_S, Machine
from rcmd.rcm.plan import DetachPlan
from rcmd.rcm.undo import UndoStack

log = logging.getLogger(__name__)


class StepFailed(RcmError):
    """A step of the transaction did not succeed; the message says why."""


@dataclass(slots=True)
class Detach:
    machine: Machine
    journal: Journal
    clients: Clients
    operation: Operation
    name: str
    plan: DetachPlan
    is_restored: bool = True
    """After a failed step: is everything back as it was?"""

    async def run(self) -> DetachPlan:
        """Raises RolledBack if a step failed; everything is then as before, or becomes so."""
        undo = UndoStack()
        try:
            await self._forward(undo)
        except RcmError as error:
            await self._back(undo)
            message = f"detach of {self.name} failed: {error}"
            self._report("detach-undone", f"{message}; {self._outcome()}")
            raise RolledBack(f"{message}\n{self._outcome()}") from error
        except asyncio.CancelledError:
            await self._back(undo)
            raise
        await self.clients.post_remove(self.name)
        self._report("detach", f"{self.name} was detached")
        return self.plan

    async def _forward(self, undo: UndoStack) -> None:
        undo.push(self._tell_undone)
        _refuse_all(await self.clients.pre_remove(self.name, force=self.operation.is_forced))
        self._advance(Step.LEAVING)
        undo.push(self._stay)
        self.machine.feed(Leave(self.name))
        await self._emptied()
        self._advance(Step.UNPLUMBING)
        self.machine.feed(Unplumb(self.name))
        await self._unplumbed()
        # Recorded before anybody is told: after a crash in between it must not come back.
        self._advance(Step.DONE)

    async def _back(self, undo: UndoStack) -> None:
        try:
            self._advance(Step.UNDOING)
        except RcmError as error:
            # Undoing matters more than recording it: a restart would undo it just the same.
            log.warning("%s", error)
        await undo.unwind()
        try:
            self._advance(Step.UNDONE)
        except RcmError as error:
            log.warning("%s", error)

    async def _emptied(self) -> None:
        engine = self.machine.engine
        if self.operation.is_forced:
            await self.machine.until(engine.is_settled, SETTLE_S)
            return
        is_over = await self.machine.until(
            lambda: engine.is_empty(self.name) or bool(engine.refusals(self.name)), SETTLE_S
        )
        if not engine.is_empty(self.name):
            reasons = "; ".join(engine.refusals(self.name))
            late = (
                "its addresses did not leave in time" if not is_over else "it could not be emptied"
            )
            raise StepFailed(reasons or late)

    async def _unplumbed(self) -> None:
        engine = self.machine.engine
        if not await self.machine.until(lambda: engine.is_unplumbed(self.name), SETTLE_S):
            raise StepFailed(f"{self.name} could not be unplumbed")

    async def _stay(self) -> None:
        self.machine.feed(Stay(self.name))
        engine = self.machine.engine
        self.is_restored = await self.machine.until(
            lambda: engine.is_restored(self.name), REPLUMB_S
        )

    def _outcome(self) -> str:
        if self.is_restored:
            return "the previous configuration is restored"
        return "the previous configuration is being restored; not everything is back yet"

    async def _tell_undone(self) -> None:
        await self.clients.undo_remove(self.name)

    def _advance(self, step: Step) -> None:
        self.operation = self.journal.advance(self.operation, step)

    def _report(self, kind: str, message: str) -> None:
        detail = {"caller": self.operation.caller, "forced": str(self.operation.is_forced).lower()}
        self.machine.report(Report(Severity.NOTICE, kind, self.name, message, detail))


def _refuse_all(vetoes: tuple[Veto, ...]) -> None:
    if vetoes:
        raise StepFailed("; ".join(f"{veto.client}: {veto.reason}" for veto in vetoes))


def recover(machine: Machine, journal: Journal) -> None:
    """Undo what a dead daemon left half done.

    | recorded step | what is so in the kernel          | at start                        |
    |---------------|-----------------------------------|---------------------------------|
    | started       | nothing was changed               | nothing to do                   |
    | leaving       | some or all addresses moved off   | stay: they come home            |
    | unplumbing    | addresses gone, device maybe down | stay: plumbed again, as before  |
    | undoing       | any mixture of the above          | stay                            |
    | done, undone  | the operation is over             | detached stays detached         |
    """
    for operation in journal.unfinished():
        is_touched = operation.step is not Step.STARTED
        if is_touched and operation.resource in machine.engine.scene.members:
            machine.feed(Stay(operation.resource))
        try:
            journal.advance(operation, Step.UNDONE)
        except RcmError as error:
            log.error("%s", error)
        outcome = (
            "the previous configuration is being restored"
            if is_touched
            else "nothing had been changed"
        )
        text = f"an interrupted {operation.kind} of {operation.resource} was undone; {outcome}"
        machine.report(Report(Severity.NOTICE, "detach-undone", operation.resource, text))


def tell_undone_by_reboot(machine: Machine, operations: Iterable[Operation]) -> None:
    """What was under way when the machine went down; the reboot has put every device back."""
    for operation in operations:
        text = (
            f"a {operation.kind} of {operation.resource} was under way when the machine went "
            "down; it was undone by the reboot"
        )
        machine.report(Report(Severity.NOTICE, "detach-undone", operation.resource, text))
