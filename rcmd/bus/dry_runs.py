"""Questions what a detach would do: open to every user, and no burden on whoever changes something.

Clients and scripts, which run as their owners, are asked for the answer, and may be slow.  So

- one question is asked at a time, the others wait for their turn;
- a user other than root has at most `MAX_PER_USER` of them, over all connections, and all of them
  at most `MAX_OF_OTHERS`;
- while something is removed none is asked: one that is being asked is broken off, and asked anew
  when the removal is over.  A removal waits for nobody's question;
- nor does a question of root, for which those of others are broken off in the same way.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from rcmd.bus.faults import CallRefused
from rcmd.bus.waiting import ROOT_UID
from rcmd.ports.coordinator import OperationStatus
from rcmd.ports.plan import DetachPlan
from rcmd.ports.store import OperationKind

MAX_PER_USER = 4
MAX_OF_OTHERS = 32

Question = Callable[[], Coroutine[Any, Any, DetachPlan]]


class DryRuns:
    def __init__(self) -> None:
        self._waiting: Counter[int] = Counter()
        self._is_removing = False
        self._lanes = {is_root: _Lane() for is_root in (True, False)}

    def give_way_to(self, operations: tuple[OperationStatus, ...]) -> None:
        """These are under way now.  Nobody is asked for an attach: it is in nobody's way."""
        self._is_removing = any(it.operation.kind is not OperationKind.ATTACH for it in operations)
        self._direct()

    async def run(self, uid: int, question: Question) -> DetachPlan:
        """Raises CallRefused where the user has too many already, and what the question raises."""
        with self._counted(uid):
            return await self._lanes[uid == ROOT_UID].run(question)

    def _direct(self) -> None:
        """Open the lanes that may be used now, and clear the others."""
        self._lanes[True].open(not self._is_removing)
        self._lanes[False].open(not self._is_removing and not self._waiting[ROOT_UID])

    @contextmanager
    def _counted(self, uid: int) -> Iterator[None]:
        self.check_room(uid)
        self._waiting[uid] += 1
        self._direct()
        try:
            yield
        finally:
            self._waiting[uid] -= 1
            if not self._waiting[uid]:
                del self._waiting[uid]
            self._direct()

    def check_room(self, uid: int) -> None:
        """Raises CallRefused."""
        if uid == ROOT_UID:
            return
        text = ""
        if self._waiting[uid] >= MAX_PER_USER:
            text = f"{MAX_PER_USER} questions of uid {uid} are under way already"
        elif self._waiting.total() - self._waiting[ROOT_UID] >= MAX_OF_OTHERS:
            text = f"{MAX_OF_OTHERS} questions are under way already"
        if text:
            raise CallRefused("LimitsExceeded", text)


class _Lane:
    """Questions of which one is asked at a time, as long as it is open."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._may_ask = asyncio.Event()
        self._may_ask.set()
        self._asking: asyncio.Task[DetachPlan] | None = None

    def open(self, is_open: bool) -> None:  # noqa: FBT001
        if is_open:
            self._may_ask.set()
            return
        self._may_ask.clear()
        if self._asking is not None:
            self._asking.cancel()

    async def run(self, question: Question) -> DetachPlan:
        async with self._turn:
            while True:
                await self._may_ask.wait()
                plan = await self._ask(question)
                if plan is not None:
                    return plan

    async def _ask(self, question: Question) -> DetachPlan | None:
        """None where it was broken off."""
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
