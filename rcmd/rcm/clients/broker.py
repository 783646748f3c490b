"""Everyone who may object, whatever they are: scripts, programs on the bus."""

from __future__ import annotations

import asyncio

from rcmd.errors import Veto
from rcmd.ports.coordinator import Clients


class Everybody:
    """Several `Clients` as one: asked in parallel, all answers kept, in the order given."""

    def __init__(self, *members: Clients) -> None:
        self._members = members

    async def query_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        async with asyncio.TaskGroup() as group:
            answers = [
                group.create_task(it.query_remove(resource, force=force)) for it in self._members
            ]
        return tuple(veto for answer in answers for veto in answer.result())

    async def pre_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        async with asyncio.TaskGroup() as group:
            answers = [
                group.create_task(it.pre_remove(resource, force=force)) for it in self._members
            ]
        return tuple(veto for answer in answers for veto in answer.result())

    async def usages(self, resource: str) -> tuple[str, ...]:
        async with asyncio.TaskGroup() as group:
            answers = [group.create_task(it.usages(resource)) for it in self._members]
        return tuple(text for answer in answers for text in answer.result())

    async def post_remove(self, resource: str) -> None:
        async with asyncio.TaskGroup() as group:
            for each in self._members:
                group.create_task(each.post_remove(resource))

    async def undo_remove(self, resource: str) -> None:
        async with asyncio.TaskGroup() as group:
            for each in self._members:
                group.create_task(each.undo_remove(resource))

    def awaited(self) -> tuple[str, ...]:
        return tuple(name for each in self._members for name in each.awaited())

    def pending(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for each in self._members for name in each.pending()))
