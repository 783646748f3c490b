"""Detach: an interface is emptied, unplumbed and given up, as one transaction.

It never moves an address itself.  It tells the engine that the interface is leaving and waits until
it is empty.  Whatever fails, the steps taken are undone in reverse and the configuration is what it
was (overview, "Detaching NICs").
"""

from __future__ import annotations

import asyncio
import logging
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

    async def run(self) -> DetachPlan:
        """Raises RolledBack if a step failed; everything is then as before."""
        undo = UndoStack()
        try:
            await self._forward(undo)
        except RcmError as error:
            await self._back(undo)
            message = f"detach of {self.name} failed: {error}"
            self._report("detach-undone", f"{message}; the previous configuration is restored")
            raise RolledBack(f"{message}\nthe previous configuration is restored") from error
        except asyncio.CancelledError:
            await self._back(undo)
            raise
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
        await self.clients.post_remove(self.name)
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
        if not await self.machine.until(lambda: engine.is_restored(self.name), REPLUMB_S):
            log.warning("%s: not everything is back yet; it is tried again and again", self.name)

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
        if operation.resource in machine.engine.scene.members:
            machine.feed(Stay(operation.resource))
        try:
            journal.advance(operation, Step.UNDONE)
        except RcmError as error:
            log.error("%s", error)
        machine.report(
            Report(
                Severity.NOTICE,
                "detach-undone",
                operation.resource,
                f"an interrupted {operation.kind} of {operation.resource} was undone; "
                "the previous configuration is restored",
            )
        )
