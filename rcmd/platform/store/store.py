"""What survives a crash and a reboot: the journal and the history of `ports.store`.

All but the history is kept in memory as well, so that whoever asks waits for nothing.  What is
recorded is accepted at once, survives the process from then on, and is written by a `Writer`;
`on_disk` is for those who have to wait for that.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rcmd.foreign_text import escaped
from rcmd.model.network import Identity
from rcmd.platform.store.changes import NICS_KEPT, Changes
from rcmd.platform.store.database import StoreError
from rcmd.platform.store.hand_over import HandOver
from rcmd.platform.store.tables import Tables
from rcmd.platform.store.writers import OnFailure, WriteBehind, WriteNow, Writer
from rcmd.ports.store import (
    FINISHED,
    FIRST_STEP,
    HistoryEvent,
    Operation,
    OperationKind,
    SavedSysctls,
    Step,
)

__all__ = ["Store", "StoreError"]

CLOSING_S = 5.0
"""How long the end of a process waits for the disk."""


class Store:
    """Implements `ports.store.Journal` and `ports.store.History`."""

    def __init__(self, tables: Tables, boot: str, hand_over: HandOver | None = None) -> None:
        """What was kept for another boot is dropped, and its unfinished operations count as undone,
        because a reboot puts every device back.  Raises StoreError.
        """
        self._tables = tables
        self.undone_by_reboot = tables.enter_boot(boot)
        """What was under way when the machine went down, already marked UNDONE."""
        self._hand_over = hand_over
        if hand_over is not None:
            tables.apply(hand_over.read())
            hand_over.clear()
        self._contents = tables.load()
        self._behind: WriteBehind | None = None
        self._writer: Writer = WriteNow(tables)

    @classmethod
    def open(cls, path: Path, boot: str, hand_over: HandOver | None = None) -> Store:
        """Open or begin the store; `boot` names this boot (`platform.instance.boot_id`).

        Raises StoreError.
        """
        tables = Tables.open(path)
        try:
            return cls(tables, boot, hand_over)
        except StoreError:
            tables.close()
            raise

    @classmethod
    def volatile(cls, boot: str) -> Store:
        """A store that forgets everything at `close`, for a machine whose disk cannot be used."""
        return cls(Tables.volatile(), boot)

    def write_behind(self, on_failure: OnFailure) -> None:
        """From here on nothing waits for the disk but `on_disk`.  Needs a running loop."""
        self._behind = WriteBehind(self._tables, self._hand_over, on_failure)
        self._writer = self._behind

    async def end(self) -> None:
        """Write what is waiting, and close."""
        if self._behind is not None:
            await self._behind.close(CLOSING_S)
            if not self._behind.is_idle:
                # The disk still holds it; what it does not get is handed over.
                return
        self.close()

    def close(self) -> None:
        self._tables.close()

    async def on_disk(self) -> None:
        await self._writer.on_disk()

    # --- Journal --------------------------------------------------------------------------------

    def begin(
        self,
        kind: OperationKind,
        resource: str,
        caller: str,
        *,
        is_forced: bool = False,
        interfaces: tuple[str, ...] = (),
    ) -> Operation:
        self._contents.last_operation += 1
        operation = Operation(
            number=self._contents.last_operation,
            kind=kind,
            resource=resource,
            caller=caller,
            step=FIRST_STEP[kind],
            started_us=time.time_ns() // 1000,
            is_forced=is_forced,
            interfaces=interfaces,
        )
        self._record(operation)
        return operation

    def advance(self, operation: Operation, step: Step) -> Operation:
        operation = replace(operation, step=step)
        self._record(operation)
        return operation

    def _record(self, operation: Operation) -> None:
        if operation.step in FINISHED:
            self._contents.unfinished.pop(operation.number, None)
        else:
            self._contents.unfinished[operation.number] = operation
        self._writer.accept(Changes(operations={operation.number: operation}))

    def unfinished(self) -> tuple[Operation, ...]:
        return tuple(self._contents.unfinished[it] for it in sorted(self._contents.unfinished))

    def remember(self, key: str, text: str) -> None:
        text = escaped(text)
        self._contents.remembered[key] = text
        self._writer.accept(Changes(remembered={key: text}))

    def recall(self, key: str) -> str | None:
        return self._contents.remembered.get(key)

    def save_sysctls(self, saved: SavedSysctls) -> None:
        earlier = self._of_device(saved.name, saved.ifindex)
        changed: dict[tuple[str, int], SavedSysctls | None] = {}
        if earlier is not None:
            del self._contents.sysctls[earlier.key]
            changed[earlier.key] = None
            values = {**saved.values, **earlier.called(saved.name).values}
            saved = replace(saved, values=values)
        changed[saved.key] = self._contents.sysctls[saved.key] = saved
        self._writer.accept(Changes(sysctls=changed))

    def saved_sysctls(self, name: str, ifindex: int) -> SavedSysctls | None:
        saved = self._of_device(name, ifindex)
        return None if saved is None else saved.called(name)

    def _of_device(self, name: str, ifindex: int) -> SavedSysctls | None:
        """Under the name that it had then."""
        if not ifindex:
            return self._contents.sysctls.get((name, ifindex))
        saved = self._contents.sysctls.values()
        return next((it for it in saved if it.ifindex == ifindex), None)

    def take_sysctls(self, name: str, ifindex: int) -> SavedSysctls | None:
        saved = self._of_device(name, ifindex)
        if saved is None:
            return None
        del self._contents.sysctls[saved.key]
        self._writer.accept(Changes(sysctls={saved.key: None}))
        return saved.called(name)

    def know(self, identity: Identity) -> None:
        """Record (or update) a NIC, across boots: one record for each name."""
        nics = self._contents.nics
        nics.pop(identity.name, None)
        nics[identity.name] = identity
        while len(nics) > NICS_KEPT:
            del nics[next(iter(nics))]
        self._writer.accept(Changes(nics={identity.name: identity}))

    def known(self) -> tuple[Identity, ...]:
        """Return every recorded NIC, the one recorded last first."""
        return tuple(reversed(self._contents.nics.values()))

    def keep_settings(self, text: str) -> None:
        self._contents.settings = escaped(text)
        self._writer.accept(Changes(settings=self._contents.settings))

    def last_good_settings(self) -> str | None:
        return self._contents.settings

    # --- History --------------------------------------------------------------------------------

    def append(self, events: Iterable[HistoryEvent]) -> None:
        first = self._contents.last_event + 1
        numbered = dict(enumerate(events, first))
        self._contents.last_event += len(numbered)
        self._writer.accept(Changes(events=numbered))

    async def since(self, time_us: int, *, limit: int, skip: int = 0) -> tuple[HistoryEvent, ...]:
        """The newest `limit` events at or after the time, less the newest `skip` of them.

        In the order in which they happened.  Raises StoreError.
        """
        return await self._writer.since(time_us, limit=limit, skip=skip)
