"""What has begun and must not be left half done, whoever loses patience meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Do it to its end; a cancellation that came meanwhile is raised when it is done."""
    task, interruption = await _wait_for(work)
    if interruption is not None:
        raise interruption from task.exception()
    return task.result()


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Do it to its end, for one who is about to end anyhow: a cancellation changes nothing."""
    task, _ = await _wait_for(work)
    return task.result()


async def _wait_for(
    work: Coroutine[Any, Any, T],
) -> tuple[asyncio.Task[T], asyncio.CancelledError | None]:
    task = asyncio.ensure_future(work)
    interruption: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            interruption = error
    return task, interruption
