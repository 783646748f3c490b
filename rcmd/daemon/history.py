"""The history as the daemon keeps it: written a little later, read as if at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from rcmd.ports.store import History, HistoryEvent

HISTORY_DELAY_S = 0.05
"""The history may lag: it must never hold up a failover."""


@dataclass(slots=True)
class HistoryWriter:
    """Collects what happened, and writes it a little later in one go."""

    store: History
    loop: asyncio.AbstractEventLoop
    waiting: list[HistoryEvent]

    def __call__(self, event: HistoryEvent) -> None:
        if not self.waiting:
            self.loop.call_later(HISTORY_DELAY_S, self.flush)
        self.waiting.append(event)

    def flush(self) -> None:
        events, self.waiting = self.waiting, []
        if events:
            self.store.append(events)


class RecordedHistory:
    """The history as it is read: what waits to be written belongs to it."""

    def __init__(self, writer: HistoryWriter) -> None:
        self._writer = writer

    def append(self, events: Iterable[HistoryEvent]) -> None:
        for event in events:
            self._writer(event)

    async def since(self, time_us: int, *, limit: int, skip: int = 0) -> tuple[HistoryEvent, ...]:
        self._writer.flush()
        return await self._writer.store.since(time_us, limit=limit, skip=skip)
