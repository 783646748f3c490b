"""Questions what a detach would do: open to every user, and no burden on whoever changes something.

Clients and scripts, which run as their owners, are asked for the answer, and may be slow.  So

- one question is asked at a time, the others wait for their turn;
- a user other than root has at most `MAX_PER_USER` of them, over all connections;
- while something is removed none is asked: one that is being asked is broken off, and asked anew
  when the removal is over.  A removal waits for nobody's question.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from rcmd.bus.faults import CallRefused
from rcmd.rcm.coordinator import OperationStatus
from rcmd.rcm.journal import OperationKind
from rcmd.rcm.plan import DetachPlan

MAX_PER_USER = 4

Question = Callable[[], Coroutine[Any, Any, DetachPlan]]


class DryRuns:
    def __init__(self) -> None:
        self._waiting: Counter[int] = Counter()
        self._turn = asyncio.Lock()
        self._may_ask = asyncio.Event()
        self._may_ask.set()
        self._asking: asyncio.Task[DetachPlan] | None = None

    def give_way_to(self, operations: tuple[OperationStatus, ...]) -> None:
        """These are under way now.  Nobody is asked for an attach: it is in nobody's way."""
        if all(it.operation.kind is OperationKind.ATTACH for it in operations):
            self._may_ask.set()
            return
        self._may_ask.clear()
        if self._asking is not None:
            self._asking.cancel()

    async def run(self, uid: int, question: Question) -> DetachPlan:
        """Raises CallRefused where the user has too many already, and what the question raises."""
        with self._counted(uid):
            async with self._turn:
                while True:
                    await self._may_ask.wait()
                    plan = await self._ask(question)
                    if plan is not None:
                        return plan

    @contextmanager
    def _counted(self, uid: int) -> Iterator[None]:
        if uid != 0 and self._waiting[uid] >= MAX_PER_USER:
            text = f"{MAX_PER_USER} questions of uid {uid} are under way already"
            raise CallRefused("LimitsExceeded", text)
        self._waiting[uid] += 1
        try:
            yield
        finally:
            self._waiting[uid] -= 1
            if not self._waiting[uid]:
                del self._waiting[uid]

    async def _ask(self, question: Question) -> DetachPlan | None:
        """None where it was broken off by a removal."""
        call = asyncio.current_task()
        assert call is not None
        self._asking = asyncio.ensure_future(question())
        try:
            return await self._asking
        except asyncio.CancelledError:
            if call.cancelling():
                raise
            return None
        finally:
            self._asking = None
