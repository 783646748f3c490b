"""How changes get into the tables: at once, or behind, by a thread that the disk may hold up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from rcmd.platform.store.changes import Changes
from rcmd.platform.store.database import StoreError
from rcmd.platform.store.hand_over import HandOver
from rcmd.platform.store.tables import Tables
from rcmd.ports.store import HistoryEvent

RETRY_S = 20.0
"""Until the next attempt where the tables cannot be written."""

_log = logging.getLogger(__name__)

OnFailure = Callable[[StoreError | None], None]
"""Told when the tables cannot be written, and, with None, when they can again."""


class Writer(Protocol):
    def accept(self, changes: Changes) -> None:
        """They will be written, and survive this process; does not wait, and does not fail."""

    async def on_disk(self) -> None:
        """Return when all that was accepted is on disk.  Raises StoreError."""

    async def since(self, time_us: int, *, limit: int, skip: int) -> tuple[HistoryEvent, ...]:
        """`Tables.since`, with all that was accepted, if it can be written.  Raises StoreError."""


class WriteNow:
    """For whoever has no loop, and may wait."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._pending = Changes()
        self._is_failing = False

    def accept(self, changes: Changes) -> None:
        self._pending.add(changes)
        try:
            self._write()
        except StoreError as error:
            if not self._is_failing:
                _log.error("what happens cannot be recorded: %s", error)
            self._is_failing = True

    async def on_disk(self) -> None:
        self._write()

    async def since(self, time_us: int, *, limit: int, skip: int) -> tuple[HistoryEvent, ...]:
        return self._tables.since(time_us, limit=limit, skip=skip)

    def _write(self) -> None:
        if self._pending:
            self._tables.apply(self._pending)
        self._pending = Changes()
        self._is_failing = False


@dataclass(slots=True, eq=False)
class _Waiter:
    number: int
    """Of the last batch that it waits for."""
    done: asyncio.Future[None]


class WriteBehind:
    """From now on only the thread of this uses the tables.

    What is accepted while a batch is being written is the next batch.  One that cannot be written
    is tried again with whatever has come since: in a while, or as soon as somebody waits for it.
    """

    def __init__(self, tables: Tables, hand_over: HandOver | None, on_failure: OnFailure) -> None:
        """Without a hand-over there is no next process to find anything."""
        self._tables = tables
        self._hand_over = hand_over
        self._on_failure = on_failure
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._pending = Changes()
        self._batch = Changes()
        self._accepted = self._written = self._in_batch = 0
        """Numbers of what was accepted, has been written, and is being written."""
        self._waiters: list[_Waiter] = []
        self._writing: asyncio.Future[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._is_failing = False

    def accept(self, changes: Changes) -> None:
        if not changes:
            return
        self._pending.add(changes)
        self._accepted += 1
        if self._hand_over is not None:
            self._hand_over.add(changes, self._unwritten())
        if self._retry is None:
            self._write()

    async def on_disk(self) -> None:
        if self._written == self._accepted:
            return
        waiter = _Waiter(self._accepted, self._loop.create_future())
        self._waiters.append(waiter)
        self._write()
        try:
            await waiter.done
        finally:
            self._waiters.remove(waiter)

    async def since(self, time_us: int, *, limit: int, skip: int) -> tuple[HistoryEvent, ...]:
        try:
            await self.on_disk()
        except StoreError as error:
            _log.debug("the history without what cannot be written: %s", error)
        return await self._loop.run_in_executor(
            self._thread, lambda: self._tables.since(time_us, limit=limit, skip=skip)
        )

    async def close(self, patience_s: float) -> None:
        """Write what can be in this time; the rest is handed over."""
        try:
            async with asyncio.timeout(patience_s):
                await self.on_disk()
        except (StoreError, TimeoutError) as error:
            _log.error("not all of what happened is on disk: %s", error or "it takes too long")
        if self._retry is not None:
            self._retry.cancel()
        if self._writing is not None:
            self._writing.cancel()
        self._thread.shutdown(wait=False)
        if self._hand_over is not None:
            self._hand_over.close()

    @property
    def is_idle(self) -> bool:
        """Nobody uses the tables now."""
        return self._writing is None

    # --- inside ---

    def _unwritten(self) -> Changes:
        everything = Changes()
        everything.add(self._batch)
        everything.add(self._pending)
        return everything

    def _write(self) -> None:
        if self._writing is not None or not self._pending:
            return
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        self._batch, self._pending = self._pending, Changes()
        self._in_batch = self._accepted
        self._writing = asyncio.wrap_future(self._submit(self._batch), loop=self._loop)
        self._writing.add_done_callback(self._ended)

    def _submit(self, batch: Changes) -> Future[None]:
        return self._thread.submit(self._tables.apply, batch)

    def _ended(self, writing: asyncio.Future[None]) -> None:
        self._writing = None
        if writing.cancelled():
            return
        match writing.exception():
            case None:
                self._succeeded()
            case StoreError() as error:
                self._failed(error)
            case error:
                raise error

    def _succeeded(self) -> None:
        self._batch = Changes()
        self._written = self._in_batch
        for waiter in self._waiters:
            if waiter.number <= self._written and not waiter.done.done():
                waiter.done.set_result(None)
        if self._is_failing:
            self._is_failing = False
            self._on_failure(None)
        if self._pending:
            self._write()
        elif self._hand_over is not None:
            self._hand_over.clear()

    def _failed(self, error: StoreError) -> None:
        self._batch.add(self._pending)
        self._pending, self._batch = self._batch, Changes()
        for waiter in self._waiters:
            if not waiter.done.done():
                waiter.done.set_exception(StoreError(str(error)))
        if not self._is_failing:
            self._is_failing = True
            _log.error("what happens cannot be recorded: %s", error)
            self._on_failure(error)
        self._retry = self._loop.call_later(RETRY_S, self._write)
