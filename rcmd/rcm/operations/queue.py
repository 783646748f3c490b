"""What is under way: what it holds, how far it got, what it waits for, and how it is cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile

from rcmd.errors import Busy, NoSuchResource, RcmError
from rcmd.ports.coordinator import Caller, OperationStatus
from rcmd.ports.store import FINISHED, Journal, Operation, OperationKind, Step

log = logging.getLogger(__name__)

VERBS = {
    OperationKind.DETACH: "a detach",
    OperationKind.ATTACH: "an attach",
    OperationKind.DRAIN: "a power-off",
}
Awaits = Callable[[], Sequence[str]]


@dataclass(slots=True, eq=False)
class Running:
    """One operation while it runs."""

    operation: Operation
    held: frozenset[str]
    """The names of the resources that nobody else may work on."""
    task: asyncio.Task[object] | None
    awaits: Awaits = tuple
    """Whom or what it waits for, now."""
    cancelled_by: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_finished(self) -> bool:
        """Its outcome is known; there may still be somebody to be told."""
        return self.operation.step in FINISHED

    @property
    def is_going(self) -> bool:
        """Its interfaces are about to go: they help nobody any more."""
        is_coming = self.operation.kind is OperationKind.ATTACH
        return not (is_coming or self.is_finished or self.operation.step is Step.UNDOING)

    def cancel(self, who: str) -> None:
        if self.task is not None and not self.cancelled_by and not self.is_finished:
            self.cancelled_by = who
            self.task.cancel()


class Operations:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._running: list[Running] = []
        self._recovering: frozenset[str] = frozenset()
        self._recovered = asyncio.Event()
        self._recovered.set()
        self.on_change: list[Callable[[], None]] = []
        self.on_release: list[Callable[[frozenset[str]], None]] = []
        """Called with what was held as soon as the outcome of an operation is known."""

    @contextmanager
    def run(
        self,
        kind: OperationKind,
        resource: str,
        caller: str,
        *,
        held: Sequence[str],
        interfaces: tuple[str, ...],
        is_forced: bool = False,
    ) -> Iterator[Running]:
        """Hold the resources as long as the block runs.

        Raises Busy at once where another operation holds one of them.  A drain asks nobody.
        """
        if kind is not OperationKind.DRAIN:
            self.check_free(held)
        operation = self._journal.begin(
            kind, resource, caller, is_forced=is_forced, interfaces=interfaces
        )
        running = Running(operation, frozenset(held), asyncio.current_task())
        self._running.append(running)
        try:
            self.changed()
            yield running
        except RcmError:
            if not running.is_finished:
                self.advance(running, Step.UNDONE)
            raise
        finally:
            self._running.remove(running)
            running.over.set()
            self._released(running)
            self.changed()

    def hold_for_recovery(self, names: Iterable[str]) -> None:
        """What a dead daemon left half done; replaces what was held so before.

        Nobody may begin anything with it before it is put right, and who let go of it knows: else
        he might be told in the middle of it that it stays.
        """
        self._recovering = frozenset(names)
        if self._recovering:
            self._recovered.clear()
        else:
            self._recovered.set()
        self.changed()

    async def recovered(self) -> None:
        """Return when nothing is held so: who let go of something was told what became of it."""
        await self._recovered.wait()

    def advance(self, running: Running, step: Step, awaits: Awaits = tuple) -> None:
        running.operation = self._journal.advance(running.operation, step)
        if running.is_finished:
            self._released(running)
        self.await_now(running, awaits)

    async def on_disk(self) -> None:
        """Return when every step is.  Raises StoreError."""
        await self._journal.on_disk()

    def await_now(self, running: Running, awaits: Awaits) -> None:
        running.awaits = awaits
        self.changed()

    def _released(self, running: Running) -> None:
        for listener in self.on_release:
            listener(running.held)

    def changed(self) -> None:
        """Something awaited has happened, or a step was taken."""
        for listener in self.on_change:
            listener()

    # --- questions ---

    def statuses(self) -> tuple[OperationStatus, ...]:
        return tuple(OperationStatus(it.operation, tuple(it.awaits())) for it in self._running)

    def check_free(self, names: Sequence[str]) -> None:
        """Raises Busy."""
        busy = self.obstacle(names)
        if busy:
            raise Busy(busy)

    def obstacle(self, names: Sequence[str]) -> str:
        """`eth0: a detach is under way`; empty where nothing is in the way."""
        for name in names:
            if name in self._recovering:
                return f"{name}: what was interrupted is being put right"
        for running in self._running:
            for name in names:
                if name in running.held:
                    of = running.operation.resource
                    what = VERBS[running.operation.kind]
                    return f"{name}: {what}{'' if of == name else f' of {of}'} is under way"
        return ""

    def holds(self, name: str) -> bool:
        """Does an operation decide what becomes of a device of this name?"""
        return any(name in running.held and not running.is_finished for running in self._running)

    def holders(self, names: Sequence[str]) -> list[Running]:
        """The operations that work on any of these, or still tell somebody about them."""
        return [it for it in self._running if it.held & {*names}]

    def going(self, before: Running | None = None) -> frozenset[str]:
        """The interfaces that are about to go; only those of operations begun before this one."""
        earlier = takewhile(lambda other: other is not before, self._running)
        return frozenset(
            name for other in earlier if other.is_going for name in other.operation.interfaces
        )

    # --- cancelling ---

    async def cancel(self, number: int, caller: Caller) -> None:
        """Returns when it is undone, or over.  Raises NoSuchResource."""
        for running in self._running:
            if running.operation.number == number:
                running.cancel(str(caller))
                await running.over.wait()
                return
        raise NoSuchResource(f"operation {number} is not under way")
