"""What is under way: what it holds, how far it got, what it waits for, and how it is cancelled."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import takewhile

from rcmd.errors import Busy, NoSuchResource, RcmError
from rcmd.rcm.coordinator import Caller, OperationStatus
from rcmd.rcm.journal import FINISHED, Journal, Operation, OperationKind, Step

log = logging.getLogger(__name__)

VERBS = {
    OperationKind.DETACH: "a detach",
    OperationKind.ATTACH: "an attach",
    OperationKind.DRAIN: "a power-off",
}


@dataclass(slots=True, eq=False)
class Running:
    """One operation while it runs."""

    operation: Operation
    held: frozenset[str]
    """The names of the resources that nobody else may work on."""
    task: asyncio.Task[object] | None
    awaits: Callable[[], Sequence[str]] = tuple
    """Whom or what it waits for, now."""
    cancelled_by: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_going(self) -> bool:
        """Its interfaces are about to go: they help nobody any more."""
        return self.operation.kind is not OperationKind.ATTACH and self.operation.step not in (
            Step.UNDOING,
            *FINISHED,
        )


class Operations:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._running: list[Running] = []
        self._recovering: frozenset[str] = frozenset()
        self.on_change: list[Callable[[], None]] = []

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

        Raises Busy at once where another operation holds one of them, StoreError where it cannot
        be recorded.
        """
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
            if running.operation.step not in FINISHED:
                self.try_advance(running, Step.UNDONE)
            raise
        finally:
            self._running.remove(running)
            running.over.set()
            self.changed()

    def hold_for_recovery(self, names: Iterable[str]) -> None:
        """What a dead daemon left half done; replaces what was held so before.

        Nobody may begin anything with it before it is put right, and who let go of it knows: else
        he might be told in the middle of it that it stays.
        """
        self._recovering = frozenset(names)
        self.changed()

    def advance(self, running: Running, step: Step) -> None:
        """Recorded when this returns.  Raises StoreError."""
        running.operation = self._journal.advance(running.operation, step)
        self.changed()

    def try_advance(self, running: Running, step: Step) -> None:
        """Where the change matters more than its record: a restart would do the same again."""
        try:
            self.advance(running, step)
        except RcmError as error:
            log.warning("%s", error)

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
        return any(name in running.held for running in self._running)

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
            if running.operation.number == number and running.task is not None:
                if not running.cancelled_by and running.operation.step is not Step.DONE:
                    running.cancelled_by = str(caller)
                    running.task.cancel()
                await running.over.wait()
                return
        raise NoSuchResource(f"operation {number} is not under way")
