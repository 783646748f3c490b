"""Four connections ask for everything, five hundred times at once each."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rcmd.bus.connection import Connection
from rcmd.bus.names import MANAGER, OBJECT_MANAGER, ROOT, SERVICE
from rcmd.model.status import InterfaceState

from .fakes import Stage, ask_bus, interface, stage, status

CLIENTS, OUTSTANDING = 4, 500


async def owner(peer: Connection) -> str:
    (name,) = await ask_bus(peer, "GetNameOwner", "s", SERVICE)
    return str(name)


def test_every_call_of_a_flood_is_answered(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peers = [await on.peer() for _ in range(CLIENTS)]
            before = await owner(peers[0])
            answers = await asyncio.gather(
                *(
                    peer.call(SERVICE, ROOT, OBJECT_MANAGER, "GetManagedObjects")
                    for peer in peers
                    for _ in range(OUTSTANDING)
                )
            )
            assert len(answers) == CLIENTS * OUTSTANDING
            assert all(len(answer[0]) == 3 for answer in answers)
            assert await owner(peers[0]) == before

    asyncio.run(scenario())


@dataclass(frozen=True, slots=True)
class Lag:
    """How late (s) a timer of a millisecond was."""

    on_the_clock: float
    """Other processes on this machine count, too."""
    by_our_work: float
    """Processor time of our own that passed meanwhile."""


async def measure_lags(seconds: float) -> list[Lag]:
    end = time.monotonic() + seconds
    lags = []
    while (now := time.monotonic()) < end:
        busy = time.thread_time()
        await asyncio.sleep(0.001)
        lags.append(Lag(time.monotonic() - now - 0.001, time.thread_time() - busy))
    return lags


def describe(values: Iterable[float]) -> str:
    ordered = sorted(values)
    return f"p99 {ordered[len(ordered) * 99 // 100] * 1e3:.1f} ms, max {ordered[-1] * 1e3:.1f} ms"


async def change_now_and_then(on: Stage) -> None:
    """A picture that changes, so that nothing can be cached for long."""
    states = [InterfaceState.RUNNING, InterfaceState.FAILED]
    number = 0
    while True:
        number += 1
        members = [interface(f"eth{index}") for index in range(1, 20)]
        on.service.publish(status(interface("eth0", states[number % 2]), *members), {})
        await asyncio.sleep(0.01)


@pytest.mark.bench
def test_the_loop_stays_responsive_in_a_flood(
    address: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def scenario() -> tuple[list[Lag], int]:
        async with stage(address) as on:
            peer = await on.peer()
            before = await owner(peer)
            changing = asyncio.ensure_future(change_now_and_then(on))
            rude = [
                await asyncio.create_subprocess_exec(
                    sys.executable,
                    str(Path(__file__).with_name("flood.py")),
                    address,
                    str(OUTSTANDING),
                    "4",
                    stdout=subprocess.PIPE,
                )
                for _ in range(CLIENTS)
            ]
            lags = await measure_lags(5)
            outputs = await asyncio.gather(*(client.communicate() for client in rude))
            changing.cancel()
            await asyncio.gather(changing, return_exceptions=True)
            assert await owner(peer) == before
            await peer.call(SERVICE, ROOT, MANAGER, "GetStatus")
            return lags, sum(int(output) for output, _ in outputs)

    # The test framework's many objects are none of the daemon's: do not look through them.
    gc.collect()
    gc.freeze()
    try:
        lags, count = asyncio.run(scenario())
    finally:
        gc.unfreeze()
    with capsys.disabled():
        print(f"\nflood: {count} answers")
        print("lag on the clock:", describe(lag.on_the_clock for lag in lags))
        print("lag by our work:", describe(lag.by_our_work for lag in lags))
    assert count > CLIENTS * OUTSTANDING
    assert max(lag.by_our_work for lag in lags) < 0.020
