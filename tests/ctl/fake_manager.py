"""A daemon that has a given state, and answers from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rcmd.errors import RcmError, RolledBack, Unreachable, Vetoed
from rcmd.ports.plan import DetachPlan
from rcmd.ports.sockets import Session
from rcmd.ports.store import HistoryEvent

NOTHING: dict[str, Any] = {
    "groups": [],
    "interfaces": [],
    "addresses": [],
    "operations": [],
    "problems": [],
}


@dataclass
class FakeManager:
    document: dict[str, Any] = field(default_factory=lambda: NOTHING)
    past: tuple[HistoryEvent, ...] = ()
    future: tuple[HistoryEvent, ...] = ()
    targets_document: dict[str, Any] = field(default_factory=lambda: {"targets": []})
    resources_document: dict[str, Any] = field(default_factory=lambda: {"resources": []})
    scripts_document: dict[str, Any] = field(default_factory=lambda: {"scripts": []})
    future_probes: tuple[dict[str, Any], ...] = ()
    plan: DetachPlan = field(default_factory=lambda: DetachPlan("hme0"))
    error: RcmError | None = None
    may_end: asyncio.Event | None = None
    """A detach or an attach waits for it."""
    looked_at: asyncio.Event = field(default_factory=asyncio.Event)
    """Somebody has seen the operations, and shown them."""
    at_the_end: Callable[[], None] | None = None
    """Called when every future event or probe was delivered; without it the daemon ends."""
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    sessions: list[Session | None] = field(default_factory=list)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[FakeManager]:
        if isinstance(self.error, Unreachable):
            raise self.error
        yield self

    async def status(self) -> dict[str, Any]:
        return self.document

    async def history(self, since_us: int, limit: int) -> tuple[HistoryEvent, ...]:
        self.calls.append(("history", since_us, limit))
        return tuple(event for event in self.past if event.time_us >= since_us)[-limit:]

    async def targets(self) -> dict[str, Any]:
        return self.targets_document

    async def follow_probes(self) -> AsyncGenerator[dict[str, Any], None]:
        for probe in self.future_probes:
            yield probe
        await self._end()

    async def operations(self) -> dict[str, Any]:
        # Not before whoever asked had its turn.
        asyncio.get_running_loop().call_soon(self.looked_at.set)
        return {"operations": self.document["operations"]}

    async def resources(self) -> dict[str, Any]:
        return self.resources_document

    async def scripts(self) -> dict[str, Any]:
        return self.scripts_document

    async def query_detach(
        self, resource: str, *, force: bool, session: Session | None = None
    ) -> DetachPlan:
        self.sessions.append(session)
        self._do("query_detach", resource, force)
        return self.plan

    async def detach(
        self, resource: str, *, force: bool, session: Session | None = None
    ) -> DetachPlan:
        self.sessions.append(session)
        self._do("detach", resource, force)
        await self._take_time()
        if self.plan.vetoes and not force:
            raise Vetoed(self.plan.vetoes)
        return self.plan

    async def attach(self, resource: str) -> None:
        self._do("attach", resource)
        await self._take_time()

    async def cancel(self, number: int) -> None:
        self._do("cancel", number)
        if self.may_end is not None:
            self.error = RolledBack("cancelled by uid 0, pid 123")
            self.may_end.set()

    async def offline(self, name: str) -> None:
        self._do("offline", name)

    async def undo_offline(self, name: str) -> None:
        self._do("undo_offline", name)

    async def reload(self) -> None:
        self._do("reload")

    async def subscribe(self) -> None:
        self.calls.append(("subscribe",))

    async def events(self) -> AsyncIterator[HistoryEvent]:
        for event in self.future:
            yield event
        await self._end()

    async def _end(self) -> None:
        if self.at_the_end is None:
            raise Unreachable("rcmd has ended")
        self.at_the_end()
        await asyncio.Event().wait()

    async def _take_time(self) -> None:
        if self.may_end is not None:
            async with asyncio.timeout(10):
                await self.may_end.wait()
            if self.error is not None:
                raise self.error

    def _do(self, *call: Any) -> None:
        self.calls.append(call)
        if self.error is not None:
            raise self.error
