"""Five seconds: a slot is about to lose its power, and its interfaces are emptied before that.

Somebody pressed the attention button, or the hypervisor did.  The kernel says so in its log, waits
five seconds and takes the card away (linux:drivers/pci/hotplug/pciehp_ctrl.c).  Nobody can refuse
that; all that can be done is to be gone in time, make before break, and to come back where the
button is pressed a second time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, assert_never

from rcmd.errors import RcmError
from rcmd.ipmp.api.commands import Report, Severity
from rcmd.ipmp.api.events import Leave, Stay, Together, Unplumb
from rcmd.ports.store import OperationKind, Step
from rcmd.rcm.operations.context import Stage
from rcmd.rcm.operations.queue import Running
from rcmd.rcm.operations.slot_notice import NoticeKind, SlotNotice
from rcmd.rcm.operations.uninterrupted import to_the_end
from rcmd.rcm.resources.removal import Removal, find_removal
from rcmd.rcm.runtime import REPLUMB_S, SETTLE_S

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
        is_under_way = awaited is not None and not awaited.done()
        match notice.kind:
            case NoticeKind.BUTTON if is_under_way:
                log.info("slot %s: told again that it will lose its power", notice.slot)
            case NoticeKind.BUTTON:
                self.begin(notice.slot, PATIENCE_S)
            case NoticeKind.CANCELLED | NoticeKind.POWER_FAILED:
                _set(awaited, Outcome.STAYS)
            case NoticeKind.POWERED_OFF | NoticeKind.CARD_GONE:
                _set(awaited, Outcome.GONE)
            case _:
                assert_never(notice.kind)

    def begin(self, slot: str, patience_s: float) -> bool:
        """It loses its power in five seconds; if nothing has happened in `patience_s`, it stays.

        False where nothing of ours is in it.
        """
        try:
            removal = find_removal(self.stage.engine, self.stage.hardware.survey(), f"slot:{slot}")
        except RcmError as error:
            log.info("slot %s is about to lose its power; not ours: %s", slot, error)
            return False
        if not removal.emptied:
            log.info("slot %s is about to lose its power; there is nothing of ours in it", slot)
            return False
        loop = asyncio.get_running_loop()
        self._awaited[slot] = loop.create_future()
        work = self._run(removal, self._awaited[slot], patience_s)
        task = loop.create_task(work, name=f"drain of slot {slot}")
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return True

    async def close(self) -> None:
        """What is under way is left as it is: the next process finds it in the journal."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.on_fatal(error)

    async def _run(
        self, removal: Removal, announced: asyncio.Future[Outcome], patience_s: float
    ) -> None:
        operations = self.stage.operations
        # What another operation has begun to move, it moves; whoever only asks comes too late.
        moving: set[str] = set()
        holders = operations.holders(removal.names)
        for holder in holders:
            if holder.operation.step in (Step.ASKING, Step.PREPARING):
                holder.cancel(f"the {CALLER} of {_words(removal.name)}")
            elif holder.is_going:
                moving |= {*holder.operation.interfaces}
        members = tuple(name for name in removal.members if name not in moving)
        with operations.run(
            OperationKind.DRAIN,
            removal.name,
            CALLER,
            held=removal.names,
            interfaces=members,
        ) as running:
            await Drain(self.stage, running, removal, announced, patience_s, holders).run()


def _set(awaited: asyncio.Future[Outcome] | None, outcome: Outcome) -> None:
    if awaited is not None and not awaited.done():
        awaited.set_result(outcome)


def _words(resource: str) -> str:
    """`slot:1` -> `slot 1`."""
    return resource.replace(":", " ", 1)


class Drain:
    """One of them, from the notice to the end of the matter."""

    def __init__(
        self,
        stage: Stage,
        running: Running,
        removal: Removal,
        announced: asyncio.Future[Outcome],
        patience_s: float,
        earlier: Sequence[Running],
    ) -> None:
        """`earlier` are the operations that held the slot before: what they began, they tell."""
        self._stage = stage
        self._earlier = earlier
        self._running = running
        self._removal = removal
        self._announced = announced
        self._patience_s = patience_s
        self._members = running.operation.interfaces
        view = stage.engine.scene.view
        links = (view.link_named(name) for name in removal.resource.interfaces())
        self._ifindexes = [link.ifindex for link in links if link is not None]

    async def run(self) -> None:
        self._feed(Leave)
        name, members = _words(self._removal.name), ", ".join(self._members + self._removal.bereft)
        self._tell(
            "drain",
            f"{name} is about to lose its power: everything moves off {members};"
            " this could not be vetoed",
        )
        self._running.awaits = lambda: ("the power to be cut",)
        telling = asyncio.ensure_future(self._tell_clients())
        try:
            outcome = await self._outcome()
        except asyncio.CancelledError:
            if not self._running.cancelled_by:
                telling.cancel()
                await asyncio.wait({telling})
                raise
            outcome = Outcome.STAYS
        _set(self._announced, outcome)
        await to_the_end(self._settle(outcome, name, members))
        await self._tell_outcome(outcome, telling)

    async def _outcome(self) -> Outcome:
        going = asyncio.ensure_future(self._stage.machine.until(self._is_gone, self._patience_s))
        try:
            either: set[asyncio.Future[Any]] = {going, self._announced}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            going.cancel()
        if self._announced.done() and not self._is_gone():
            return self._announced.result()
        return Outcome.GONE if self._is_gone() else Outcome.STAYS

    def _is_gone(self) -> bool:
        """By number: a device may be renamed meanwhile."""
        return not any(it in self._stage.engine.scene.view.links for it in self._ifindexes)

    async def _settle(self, outcome: Outcome, name: str, members: str) -> None:
        """The addresses first; whoever was told to let go comes later."""
        match outcome:
            case Outcome.GONE:
                await self._gone(name, members)
            case Outcome.STAYS:
                await self._stays(name, members)
            case _:
                assert_never(outcome)

    async def _tell_outcome(self, outcome: Outcome, telling: asyncio.Task[None]) -> None:
        """Where the process ends meanwhile, the next one tells them."""
        telling.cancel()
        await asyncio.wait({telling})
        if not telling.cancelled() and (error := telling.exception()) is not None:
            raise error
        clients = self._stage.clients
        is_gone = outcome is Outcome.GONE
        for resource in reversed(self._removal.asked_about):
            await (clients.post_remove if is_gone else clients.undo_remove)(resource)

    async def _tell_clients(self) -> None:
        """They may let go of it; what they say against it comes too late.

        Where this goes on after a restart they are told of the first time before they are asked
        again.
        """
        await self._stage.operations.recovered()
        for operation in self._earlier:
            await operation.over.wait()
        async with asyncio.TaskGroup() as group:
            asked = [
                group.create_task(self._stage.clients.pre_remove(name, force=True))
                for name in self._removal.asked_about
            ]
        for veto in (veto for task in asked for veto in task.result()):
            log.warning("%s; that cannot be respected", veto)

    async def _gone(self, name: str, members: str) -> None:
        is_gone = await self._stage.machine.until(self._is_gone, SETTLE_S)
        if not is_gone:
            log.warning("%s should have lost its power, and %s is still there", name, members)
        scene = self._stage.engine.scene
        groups = {it.group for name in self._members if (it := scene.members.get(name))}
        mine = [
            it
            for it in scene.ledger.addresses()
            if it.is_up and (it.home in self._members or (it.group and it.group in groups))
        ]
        lost = [it for it in mine if not scene.copies_of(it.key)]
        # That it was asked to go must be known when it returns.
        self._feed(Unplumb)
        self._stage.machine.feed(Together(tuple(Stay(it) for it in self._bereft())))
        self._stage.operations.advance(self._running, Step.DONE)
        went = "went, with what had nowhere to go" if lost else "went, empty"
        self._tell("detach", f"{name} lost its power: {members} {went}")

    async def _stays(self, name: str, members: str) -> None:
        self._stage.operations.advance(self._running, Step.UNDOING)
        self._feed(Stay)
        engine = self._stage.engine
        is_restored = await self._stage.machine.until(
            lambda: all(engine.is_restored(it) for it in self._members), REPLUMB_S
        )
        self._stage.operations.advance(self._running, Step.UNDONE)
        state = "in service again" if is_restored else "coming back into service"
        self._tell("drain-undone", f"{name} keeps its power: {members} {state}")

    def _feed(self, event: type[Leave] | type[Stay] | type[Unplumb]) -> None:
        names = self._members if event is Unplumb else (*self._members, *self._bereft())
        members = (it for it in names if it in self._stage.engine.scene.members)
        self._stage.machine.feed(Together(tuple(event(name) for name in members)))

    def _bereft(self) -> list[str]:
        """What only stood on it, and outlives it."""
        members = self._stage.engine.scene.members
        return [it for it in self._removal.bereft if it in members]

    def _tell(self, kind: str, text: str) -> None:
        report = Report(Severity.NOTICE, kind, self._removal.name, text, {"caller": CALLER})
        self._stage.machine.report(report)
