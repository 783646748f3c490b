"""Five seconds: a slot is about to lose its power, and its interfaces are emptied before that.

Somebody pressed the attention button, or the hypervisor did.  The kernel says so in its log, waits
five seconds and takes the card away (linux:drivers/pci/hotplug/pciehp_ctrl.c).  Nobody can refuse
that; all that can be done is to be gone in time, make before break, and to come back where the
button is pressed a second time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, assert_never

from rcmd.errors import Busy, RcmError, Veto
from rcmd.ipmp.commands import Report, Severity
from rcmd.ipmp.events import Leave, Stay, Together, Unplumb
from rcmd.rcm.journal import OperationKind, Step
from rcmd.rcm.machine import REPLUMB_S, SETTLE_S
from rcmd.rcm.operations import Running
from rcmd.rcm.removal import Removal, removal_of
from rcmd.rcm.slot_notice import NoticeKind, SlotNotice
from rcmd.rcm.stage import Stage
from rcmd.rcm.uninterrupted import uninterrupted

log = logging.getLogger(__name__)

PATIENCE_S = 15.0
"""Three times the notice: a card that is there after that is going to stay."""
CALLER = "attention button"


class Outcome(Enum):
    GONE = auto()
    STAYS = auto()


@dataclass(slots=True)
class Drains:
    """The slots that are about to lose their power."""

    stage: Stage
    on_fatal: Callable[[BaseException], None]
    _awaited: dict[str, asyncio.Future[Outcome]] = field(default_factory=dict)
    """Slot -> what becomes of it."""
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def hear(self, notice: SlotNotice) -> None:
        awaited = self._awaited.get(notice.slot)
        match notice.kind:
            case NoticeKind.BUTTON if awaited is None:
                self._begin(notice.slot)
            case NoticeKind.BUTTON:
                log.info("slot %s: told again that it will lose its power", notice.slot)
            case NoticeKind.CANCELLED | NoticeKind.POWER_FAILED:
                _set(awaited, Outcome.STAYS)
            case NoticeKind.POWERED_OFF | NoticeKind.CARD_GONE:
                _set(awaited, Outcome.GONE)
            case _:
                assert_never(notice.kind)

    async def close(self) -> None:
        """What is under way is left as it is: the next process finds it in the journal."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, slot: str) -> None:
        try:
            removal = removal_of(self.stage.engine, self.stage.hardware, f"slot:{slot}")
        except RcmError as error:
            log.info("slot %s is about to lose its power; not ours: %s", slot, error)
            return
        if not removal.members:
            log.info("slot %s is about to lose its power; there is nothing of ours in it", slot)
            return
        loop = asyncio.get_running_loop()
        self._awaited[slot] = loop.create_future()
        task = loop.create_task(self._run(slot, removal), name=f"drain of slot {slot}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.on_fatal(error)

    async def _run(self, slot: str, removal: Removal) -> None:
        operations = self.stage.operations
        try:
            with operations.run(
                OperationKind.DRAIN,
                removal.name,
                CALLER,
                held=removal.names,
                interfaces=removal.members,
                is_forced=True,
            ) as running:
                await Drain(self.stage, running, removal, self._awaited[slot]).run()
        except Busy as error:
            log.info("slot %s is about to lose its power: %s", slot, error)
        finally:
            del self._awaited[slot]


def _set(awaited: asyncio.Future[Outcome] | None, outcome: Outcome) -> None:
    if awaited is not None and not awaited.done():
        awaited.set_result(outcome)


@dataclass(slots=True)
class Drain:
    """One of them, from the notice to the end of the matter."""

    stage: Stage
    running: Running
    removal: Removal
    announced: asyncio.Future[Outcome]

    async def run(self) -> None:
        members = ", ".join(self.removal.members)
        self._feed(Leave)
        self._tell(
            "drain",
            f"{self._name} is about to lose its power: everything moves off {members};"
            " this could not be vetoed",
        )
        self.running.awaits = lambda: ("the power to be cut",)
        telling = asyncio.ensure_future(self._tell_clients())
        try:
            outcome = await self._outcome()
        except asyncio.CancelledError:
            if not self.running.cancelled_by:
                raise
            outcome = Outcome.STAYS
        finally:
            telling.cancel()
            told = await asyncio.gather(telling, return_exceptions=True)
        log.debug("clients of %s: %s", self._name, told)
        match outcome:
            case Outcome.GONE:
                await uninterrupted(self._gone(members))
            case Outcome.STAYS:
                await uninterrupted(self._stays(members))
            case _:
                assert_never(outcome)

    @property
    def _name(self) -> str:
        return self.removal.name.replace(":", " ", 1)

    async def _outcome(self) -> Outcome:
        going = asyncio.ensure_future(self.stage.machine.until(self._is_gone, PATIENCE_S))
        try:
            either: set[asyncio.Future[Any]] = {going, self.announced}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            going.cancel()
        if self.announced.done() and not self._is_gone():
            return self.announced.result()
        return Outcome.GONE if self._is_gone() else Outcome.STAYS

    def _is_gone(self) -> bool:
        view = self.stage.engine.scene.view
        return not any(view.link_named(name) for name in self.removal.members)

    async def _tell_clients(self) -> tuple[Veto, ...]:
        """They may let go of it; what they say against it comes too late."""
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(self.stage.clients.pre_remove(name, force=True))
                for name in self.removal.asked_about
            ]
        vetoes = tuple(veto for task in asked for veto in task.result())
        for veto in vetoes:
            log.warning("%s; that cannot be respected", veto)
        return vetoes

    async def _gone(self, members: str) -> None:
        await self.stage.machine.until(self._is_gone, SETTLE_S)
        # That it was asked to go must be known when it returns.
        self._feed(Unplumb)
        self.stage.operations.try_advance(self.running, Step.DONE)
        self._tell("detach", f"{self._name} lost its power: {members} went, empty")
        for name in self.removal.asked_about:
            await self.stage.clients.post_remove(name)

    async def _stays(self, members: str) -> None:
        self.stage.operations.try_advance(self.running, Step.UNDOING)
        self._feed(Stay)
        engine = self.stage.engine
        await self.stage.machine.until(
            lambda: all(engine.is_restored(it) for it in self.removal.members), REPLUMB_S
        )
        self.stage.operations.try_advance(self.running, Step.UNDONE)
        self._tell("drain-undone", f"{self._name} keeps its power: {members} serves again")
        for name in reversed(self.removal.asked_about):
            await self.stage.clients.undo_remove(name)

    def _feed(self, event: type[Leave] | type[Stay] | type[Unplumb]) -> None:
        self.stage.machine.feed(Together(tuple(event(name) for name in self.removal.members)))

    def _tell(self, kind: str, text: str) -> None:
        detail = {"caller": CALLER}
        report = Report(Severity.NOTICE, kind, self.removal.name, text, detail)
        self.stage.machine.report(report)
