"""What is known of scripts while the machine is up: two small files in /run/rcmd.

`scripts` lists the processes of running scripts, so that a daemon that starts can end what a dead
one left behind.  `scripts-asked` lists who was told to let go of what.
"""

from __future__ import annotations

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from rcmd.platform.instance import RUN_DIRECTORY
from rcmd.ports.scripts import Asked

_log = logging.getLogger(__name__)


MARK = "RCM_ENV_MARK"
"""In the environment of every script: by it one is found that was not listed in time."""
STARTING = "starting"


@dataclass(frozen=True, slots=True)
class Start:
    """A script that is about to run."""

    environment: Mapping[str, str]
    """What it has to have in its environment."""
    succeeded: Callable[[int], None]
    """Say its process id."""


class RunningScripts:
    """The leaders of the sessions that scripts run in: one `PID STARTED NAME` a line.

    STARTED, in clock ticks since the machine came up, tells the process from a later one with the
    same number (proc_pid_stat(5), field 22).  Where the leader has died, its number is nobody
    else's as long as anybody of its session lives.  Before it has a number its line is
    `starting MARK NAME`: a daemon that dies between the start and the next line leaves that.
    """

    def __init__(self, run: Path = RUN_DIRECTORY) -> None:
        self._path = run / "scripts"
        self._lines: dict[int | str, str] = {}

    @contextmanager
    def starting(self, name: str) -> Iterator[Start]:
        mark = token_hex(8)
        self._lines[mark] = f"{STARTING} {mark} {name}\n"
        self._write()
        try:
            yield Start({MARK: mark}, lambda pid: self._started(pid, mark, name))
        finally:
            if self._lines.pop(mark, None) is not None:
                self._write()

    def _started(self, pid: int, mark: str, name: str) -> None:
        del self._lines[mark]
        self.add(pid, name)

    def add(self, pid: int, name: str) -> None:
        started = start_time(pid)
        if started is not None:
            self._lines[pid] = f"{pid} {started} {name}\n"
        self._write()

    def remove(self, pid: int) -> None:
        if self._lines.pop(pid, None) is not None:
            self._write()

    def end_leftovers(self) -> tuple[int, ...]:
        """Kill what a daemon that died has left running.  Returns the process ids."""
        lines = [line for found in _lines(self._path) for line in _with_number(found)]
        ended = tuple(pid for pid in map(_leftover, lines) if pid is not None)
        self._write()
        return ended

    def _write(self) -> None:
        _replace(self._path, "".join(self._lines.values()))


def start_time(pid: int) -> int | None:
    """When the process started, in clock ticks; None where there is none."""
    process = _process(pid)
    return None if process is None else process.started


@dataclass(frozen=True, slots=True)
class _Process:
    group: int
    session: int
    started: int


def _process(pid: int) -> _Process | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name, in parentheses, may contain anything.
    fields = text.rpartition(")")[2].split()
    if len(fields) < 20:
        return None
    return _Process(group=int(fields[2]), session=int(fields[3]), started=int(fields[19]))


def _with_number(line: str) -> Iterator[str]:
    """The line as it is, or, of a start that was cut short, one for each session it has made."""
    words = line.split(maxsplit=2)
    if len(words) < 3 or words[0] != STARTING:
        yield line
        return
    for session in sorted(_sessions_marked(f"{MARK}={words[1]}".encode())):
        if (started := start_time(session)) is not None:
            yield f"{session} {started} {words[2]}"


def _sessions_marked(variable: bytes) -> set[int]:
    """The sessions of all processes with this in their environment."""
    found = set()
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            variables = (directory / "environ").read_bytes().split(b"\0")
        except OSError:
            # It ended while we looked.
            continue
        process = _process(int(directory.name)) if variable in variables else None
        if process is not None:
            found.add(process.session)
    return found


def _leftover(line: str) -> int | None:
    words = line.split(maxsplit=2)
    if len(words) < 3 or not all(word.isascii() and word.isdigit() for word in words[:2]):
        return None
    pid, started, name = int(words[0]), int(words[1]), words[2]
    groups = _groups_of(pid, started) if pid > 1 else set()
    if not groups:
        return None
    _log.warning("script %s (pid %d) of an rcmd that died is killed", name, pid)
    try:
        for group in groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
    except OSError as error:
        _log.error("script %s (pid %d) could not be killed: %s", name, pid, error.strerror)
        return None
    return pid


def _groups_of(session: int, started: int) -> set[int]:
    """The process groups of what is left of the session that began at this time."""
    leader = start_time(session)
    if leader not in (started, None):
        return set()
    numbers = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal())
    # A session that came later, and whose leader died too, is not of our control group.
    ours = _control_group("self")
    return {
        process.group
        for pid in numbers
        if (process := _process(pid)) is not None
        and process.session == session
        and process.started >= started
        and (leader is not None or _control_group(str(pid)) == ours)
    }


def _control_group(process: str) -> str:
    try:
        return Path(f"/proc/{process}/cgroup").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


class AskedFile:
    """`rcmd.ports.scripts.AskedMemory` in a file."""

    def __init__(self, run: Path = RUN_DIRECTORY) -> None:
        self._path = run / "scripts-asked"

    def recall(self) -> tuple[Asked, ...]:
        return tuple(asked for asked in map(_asked, _lines(self._path)) if asked is not None)

    def keep(self, asked: tuple[Asked, ...]) -> None:
        rows = (json.dumps([each.script, each.resource, each.is_released]) for each in asked)
        _replace(self._path, "".join(f"{row}\n" for row in rows))


def _asked(line: str) -> Asked | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    match row:
        case [str(script), str(resource), bool(is_released)]:
            return Asked(script, resource, is_released)
        case _:
            return None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        _log.error("%s cannot be read: %s", path, error.strerror)
        return []


def _replace(path: Path, text: str) -> None:
    """Whole or not at all.  A machine must come up: without the file we go on, and say so."""
    partial = path.with_name(f"{path.name}.new")
    try:
        if not text:
            with suppress(FileNotFoundError):
                path.unlink()
            return
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8", errors="replace")
        partial.replace(path)
    except OSError as error:
        _log.error("%s cannot be written: %s", path, error.strerror)
