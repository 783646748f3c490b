"""Reads the configuration beside the loop: files may be of any size, and are read at any moment.

A thread shares the interpreter with the loop.  It gives way within half a millisecond, and looks
for no garbage, which would take longer; parsing makes none that is not freed at once.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass

from rcmd.configuration import Loaded, load
from rcmd.platform.files import read_tree

SWITCH_INTERVAL_S = 0.0005


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in the files at one moment."""

    settings: str
    """The text of rcmd.yaml."""
    loaded: Loaded


def read_files() -> Reading:
    """Takes up to a second or so: for a thread, or for the start."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        files = read_tree()
        return Reading(files.settings, load(files))
    finally:
        if was_enabled:
            gc.enable()


class ConfigurationReader:
    """One reading at a time; who asks while one goes on shares the next one with others."""

    def __init__(
        self, on_reading: Callable[[Reading], None], read: Callable[[], Reading] = read_files
    ) -> None:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._on_reading = on_reading
        self._read = read
        self._current: asyncio.Task[Loaded] | None = None
        self._next: asyncio.Task[Loaded] | None = None

    async def read(self) -> Loaded:
        """The files as they are now, or a little later; never as they were before."""
        if self._next is None:
            self._next = asyncio.create_task(self._after(self._current), name="configuration")
        return await asyncio.shield(self._next)

    async def _after(self, previous: asyncio.Task[Loaded] | None) -> Loaded:
        if previous is not None:
            await asyncio.wait({previous})
        # From here on it may miss what is written.
        self._current, self._next = self._next, None
        reading = await asyncio.to_thread(self._read)
        self._on_reading(reading)
        return reading.loaded
