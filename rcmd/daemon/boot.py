"""When is the boot over?  Then what has not appeared is missing, and its addresses go elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rcmd.ipmp.api.events import BootSettled
from rcmd.rcm.runtime import Machine

POLL_S = 0.1
QUIET_POLLS = 3
"""udev starts on a device some time after the kernel announced it: an empty queue must last."""


async def settle(machine: Machine, has_settled: Callable[[], bool | None], wait_s: float) -> None:
    """Tell the engine as soon as everything is here, or udev's queue is empty, or `wait_s` is over.

    `has_settled` is None where no udevd runs; then only time tells.
    """
    if machine.engine.scene.has_settled:
        return
    quiet = 0
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait_s
    while loop.time() < deadline and quiet < QUIET_POLLS:
        if all(member.ifindex for member in machine.engine.scene.members.values()):
            break
        quiet = quiet + 1 if has_settled() else 0
        await asyncio.sleep(min(POLL_S, max(0.0, deadline - loop.time())))
    machine.feed(BootSettled())
