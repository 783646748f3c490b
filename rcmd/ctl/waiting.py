"""A request that takes its time: told on a terminal what it waits for, and cancelled by Ctrl-C."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from typing import Any, TypeVar

from rcmd.ctl.output import Output
from rcmd.ctl.picture import Underway, operations_of
from rcmd.ctl.verb import Manager
from rcmd.errors import NoSuchResource, RcmError
from rcmd.ports.coordinator import Caller

_EVERY_S = 0.5
"""How often to look what is awaited."""

T = TypeVar("T")


async def outcome(request: Coroutine[Any, Any, T], manager: Manager, output: Output) -> T:
    """What comes of the request: its result, or the error that it raises.

    The first Ctrl-C has rcmd cancel the operation, and what comes of that is waited for.  The
    second, or the first while there is no operation yet, leaves at once; rcmd gives up the call of
    a caller that leaves.
    """
    answer = asyncio.ensure_future(request)
    watching = asyncio.ensure_future(_show(manager, output)) if output.shows_progress else None
    try:
        try:
            # Shielded: Ctrl-C cancels this task, and the answer is still of interest.
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            if not await _cancel(manager, output):
                raise
        return await answer
    finally:
        tasks = [task for task in (answer, watching) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        output.progress("")


async def _cancel(manager: Manager, output: Output) -> bool:
    """Have our operation undone; False if there is none, or it cannot be asked for."""
    try:
        mine = await _mine(manager)
        if mine is None:
            return False
        output.progress("")
        output.complain(f"rcmctl: cancelling operation {mine.number}; Ctrl-C again to leave")
        await manager.cancel(mine.number)
    except NoSuchResource:
        # It is over; what came of it is on its way.
        return True
    except RcmError as error:
        output.complain(f"rcmctl: {error}")
        return False
    return True


async def _show(manager: Manager, output: Output) -> None:
    loop = asyncio.get_running_loop()
    begin = loop.time()
    while True:
        try:
            mine = await _mine(manager)
        except RcmError:
            # The request itself meets the same and tells it.
            return
        output.progress(_line(mine, loop.time() - begin) if mine else "")
        await asyncio.sleep(_EVERY_S)


def _line(operation: Underway, seconds: float) -> str:
    """`eth0: asking: waiting for backup (3 s)`."""
    parts = [operation.resource, operation.step]
    if operation.waiting_for:
        parts.append(f"waiting for {', '.join(operation.waiting_for)}")
    return f"{': '.join(parts)} ({seconds:.0f} s)"


async def _mine(manager: Manager) -> Underway | None:
    """The operation that this process has asked for: it has only one at a time."""
    caller = str(Caller(bus_name="", uid=os.geteuid(), pid=os.getpid()))
    operations = operations_of(await manager.operations())
    return next((one for one in operations if one.caller == caller), None)
