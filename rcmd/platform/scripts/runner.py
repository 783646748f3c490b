"""Runs the commands of RCM scripts (solaris.md 4.7)."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

from rcmd.foreign_text import from_bytes
from rcmd.platform.instance import RUN_DIRECTORY
from rcmd.platform.scripts.files import DIRECTORIES, UnsafeScript, open_script, survey
from rcmd.platform.scripts.output import LineReader
from rcmd.platform.scripts.process import Grace, ScriptProcess
from rcmd.platform.scripts.state import RunningScripts
from rcmd.ports.script_protocol import (
    MAX_LINE,
    Answer,
    Dialogue,
    Level,
    ScriptFailed,
    environment,
    one_line,
    timeout_error,
)
from rcmd.ports.scripts import Request, ScriptFile

_log = logging.getLogger(__name__)

AT_ONCE = 64
"""So many scripts run in parallel (solaris.md 4.7)."""
STDERR_LINES = 256
"""Lines of one command that are logged."""
_LEVELS = {
    Level.ERROR: logging.ERROR,
    Level.WARNING: logging.WARNING,
    Level.INFO: logging.INFO,
    Level.DEBUG: logging.DEBUG,
}
_DEBUG_LEVELS = {logging.DEBUG: 5, logging.INFO: 3, logging.WARNING: 1}
"""Of `logging` and of rcm_daemon (solaris.md 4.1)."""


class ScriptRunner:
    """Implements `rcmd.ports.scripts.Runner`."""

    def __init__(
        self,
        directories: tuple[Path, ...] = DIRECTORIES,
        run: Path = RUN_DIRECTORY,
        *,
        grace: Grace | None = None,
        at_once: int = AT_ONCE,
        is_place_trusted: bool = False,
    ) -> None:
        """A trusted place is for scripts that somebody tries out before they are installed."""
        self._directories = directories
        self._grace = grace or Grace()
        self._slots = asyncio.Semaphore(at_once)
        self._starting = asyncio.Lock()
        self._running = RunningScripts(run)
        self._is_place_trusted = is_place_trusted

    def end_leftovers(self) -> tuple[int, ...]:
        """Kill the scripts of a daemon that died; once, at the start."""
        return self._running.end_leftovers()

    def survey(self) -> tuple[ScriptFile, ...]:
        return survey(self._directories)

    async def run(self, request: Request) -> Answer:
        """Raises ScriptFailed.  Time spent waiting for a place among the 64 does not count."""
        async with self._slots:
            async with self._starting:
                # Each takes some milliseconds: others have their turn in between.
                await asyncio.sleep(0)
                process = self._start(request)
            return await _Run(request, process, self._grace).complete(self._running.remove)

    def _start(self, request: Request) -> ScriptProcess:
        words = [request.path, request.command]
        if request.resource:
            words.append(request.resource)
        values = environment(
            request.command, os.environ, debug_level=_debug_level(), is_forced=request.is_forced
        )
        path = Path(request.path)
        with self._running.starting(request.script) as start:
            try:
                with open_script(path, is_place_trusted=self._is_place_trusted) as script:
                    process = ScriptProcess.start(script, words, {**values, **start.environment})
            except UnsafeScript as error:
                raise ScriptFailed(f"rcm script {request.script}: {error}") from error
            except OSError as error:
                reason = f"cannot be run: {error.strerror}"
                raise ScriptFailed(f"rcm script {request.script}: {reason}") from error
            start.succeeded(process.pid)
        return process


class _Run:
    """One command under way."""

    def __init__(self, request: Request, process: ScriptProcess, grace: Grace) -> None:
        self._request = request
        self._process = process
        self._grace = grace
        self._dialogue = Dialogue(request.script, request.command)
        self._is_over = asyncio.Event()
        self._violation: ScriptFailed | None = None
        self._complaints = 0
        self._stdout = LineReader(process.stdout, self._printed)
        self._stderr = LineReader(process.stderr, self._complained)

    async def complete(self, when_gone: Callable[[int], None]) -> Answer:
        pid = self._process.pid
        try:
            return await self._converse()
        finally:
            self._stdout.close()
            self._stderr.close()
            self._process.close(lambda: when_gone(pid))

    async def _converse(self) -> Answer:
        limit_s = self._request.timeout_s or None
        exited = asyncio.ensure_future(self._wait_for_exit())
        try:
            async with asyncio.timeout(limit_s):
                await self._is_over.wait()
        except TimeoutError:
            await self._end()
            raise timeout_error(self._request.script) from None
        except asyncio.CancelledError:
            await self._end()
            raise
        finally:
            exited.cancel()
        if self._violation is None:
            await self._stdout.drain()
            await self._stderr.drain()
        if self._violation is not None:
            await self._end()
            raise self._violation
        return self._dialogue.finish(self._process.status())

    async def _wait_for_exit(self) -> None:
        await self._process.has_exited.wait()
        self._is_over.set()

    async def _end(self) -> None:
        """Nothing more is read, so that a flood ends at once."""
        self._stdout.close()
        self._stderr.close()
        try:
            is_gone = await self._process.end(self._grace)
        except asyncio.CancelledError:
            # Whoever loses patience with us does not save the script.
            self._process.signal(signal.SIGKILL)
            raise
        if not is_gone:
            _log.error("rcm script %s (pid %d) could not be ended", *self._who())

    def _printed(self, line: bytes) -> None:
        if self._violation is not None:
            return
        try:
            remark = self._dialogue.take(line)
        except ScriptFailed as error:
            self._violation = error
            self._is_over.set()
            return
        if remark is not None:
            _log.log(_LEVELS[remark.level], "rcm script %s: %s", self._request.script, remark.text)

    def _complained(self, line: bytes) -> None:
        text = one_line(from_bytes(line[:MAX_LINE]))
        if not text:
            return
        self._complaints += 1
        if self._complaints > STDERR_LINES:
            _log.error("rcm script %s (pid %d): the rest of its errors is dropped", *self._who())
            self._stderr.drop_the_rest()
            return
        _log.error("rcm script %s: %s", self._request.script, text)

    def _who(self) -> tuple[str, int]:
        return self._request.script, self._process.pid


def _debug_level() -> int:
    level = logging.getLogger("rcmd").getEffectiveLevel()
    return max((it for bound, it in _DEBUG_LEVELS.items() if level <= bound), default=0)
