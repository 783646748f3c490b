"""Runs every target in turn, in one loop, and looks how long each turn takes and what stays behind.

A turn is measured in processor time of this thread: what others on this machine do does not count.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import selectors
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .callers import Callers, callers
from .mutation import Chance
from .targets import Target, all_targets

WARM_UP = 0.25
"""The part of a run after which memory is to stay as it is: whatever is kept has been met."""
LONGEST_TURN_S = 0.050
MOST_GROWTH = 24 * 2**20
"""Bytes: of the allocator, for something that is kept for each input would be far more."""
MOST_FAULTS = 10


@dataclass(slots=True)
class Outcome:
    inputs: Counter[str] = field(default_factory=Counter)
    faults: dict[str, str] = field(default_factory=dict)
    """Where, and a traceback with what it takes to have it again."""
    longest_s: float = 0.0
    longest_in: str = ""
    longest_of_each: dict[str, float] = field(default_factory=dict)
    growth: int = 0
    """Bytes since the end of the warm-up."""

    def __str__(self) -> str:
        slowest = sorted(self.longest_of_each.items(), key=lambda it: -it[1])
        turns = ", ".join(f"{name} {seconds * 1e3:.1f}" for name, seconds in slowest)
        inputs = ", ".join(f"{name} {count}" for name, count in self.inputs.most_common())
        return (
            f"{self.inputs.total()} inputs ({inputs})\n"
            f"longest turn {self.longest_s * 1e3:.1f} ms ({self.longest_in})\n"
            f"of each, in ms: {turns}\n"
            f"memory grew by {self.growth / 2**20:.1f} MiB; {len(self.faults)} faults"
        )


class _Watch(selectors.DefaultSelector):
    """Takes the time from one waiting to the next."""

    def __init__(self) -> None:
        super().__init__()
        self.begun: float | None = None
        self.on_turn: Callable[[float], None] = lambda _: None

    def select(self, timeout: float | None = None) -> Any:
        if self.begun is not None:
            self.on_turn(time.thread_time() - self.begun)
        events = super().select(timeout)
        self.begun = time.thread_time()
        return events


class _Tracebacks(logging.Handler):
    """An error that was caught and logged is one all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.found.append(record.exc_info[1])


class Run:
    def __init__(self, seed: str, goes_on: Callable[[Outcome], bool]) -> None:
        self.outcome = Outcome()
        self._seed = seed
        self._goes_on = goes_on
        self._current = ""
        self._number = 0
        self._tracebacks = _Tracebacks()
        self._watch = _Watch()
        self._is_measuring = False

    def run(self, address: str) -> Outcome:
        self._watch.on_turn = self._turn_ended
        loop = asyncio.SelectorEventLoop(self._watch)
        with self._listening():
            loop.run_until_complete(self._main(address))
        loop.close()
        return self.outcome

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """To the log, which pytest is not to keep."""
        ours, pyroute2 = logging.getLogger("rcmd"), logging.getLogger("pyroute2")
        ours.addHandler(self._tracebacks)
        ours.propagate, pyroute2.disabled = False, True
        try:
            yield
        finally:
            ours.removeHandler(self._tracebacks)
            ours.propagate, pyroute2.disabled = True, False

    async def _main(self, address: str) -> None:
        asyncio.get_running_loop().set_exception_handler(self._loop_failed)
        targets = all_targets()
        async with callers(address) as bus:
            await self._rounds(targets, bus)
            await bus.rest()
            for error in bus.failures:
                self._fault("bus", error)
        for target in targets.values():
            if hasattr(target, "close"):
                target.close()

    async def _rounds(self, targets: dict[str, Target], bus: Callers) -> None:
        before = 0
        begin = time.monotonic()
        while self._goes_on(self.outcome):
            self._number += 1
            for name, target in targets.items():
                await self._once(name, target)
            await self._once("bus", bus.turn)
            if self._number == 20:
                # The many objects of the test framework are not looked through any more.
                gc.collect()
                gc.freeze()
                # That was a turn of ours.
                await asyncio.sleep(0)
                self._is_measuring = True
            if not before and self._progress(begin) >= WARM_UP:
                before = _resident()
        self._current = ""
        gc.collect()
        self.outcome.growth = _resident() - before if before else 0

    def _progress(self, begin: float) -> float:
        seconds = getattr(self._goes_on, "seconds", 0.0)
        return (time.monotonic() - begin) / seconds if seconds else 0.0

    async def _once(self, name: str, target: Callable[[Chance], Any]) -> None:
        self._current = name
        self.outcome.inputs[name] += 1
        try:
            coming = target(Chance(f"{self._seed} {name} {self._number}"))
            if coming is not None:
                await coming
        except Exception as error:  # noqa: BLE001
            self._fault(name, error)
        while self._tracebacks.found:
            self._fault(name, self._tracebacks.found.pop())
        # Each in a turn of its own.
        await asyncio.sleep(0)

    def _turn_ended(self, seconds: float) -> None:
        if not self._is_measuring or not self._current:
            return
        each = self.outcome.longest_of_each
        each[self._current] = max(seconds, each.get(self._current, 0.0))
        if seconds > self.outcome.longest_s:
            self.outcome.longest_s = seconds
            self.outcome.longest_in = f"{self._current} {self._number}"

    def _loop_failed(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        self._fault(self._current or "loop", error or RuntimeError(context["message"]))

    def _fault(self, name: str, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        where = (
            f"{name}: {type(error).__name__} at {frames[-1].filename}:{frames[-1].lineno}"
            if frames
            else f"{name}: {error!r}"
        )
        text = "".join(traceback.format_exception(error))
        if len(self.outcome.faults) < MOST_FAULTS:
            self.outcome.faults.setdefault(where, f"input {self._number} of {name}\n{text}")


def _resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096
