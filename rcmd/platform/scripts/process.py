"""One process of a script: started from an opened file, in a session of its own, ended for sure."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rcmd.platform.scripts.files import OpenScript

_log = logging.getLogger(__name__)

_UMASK = 0o022
_ROOT_DIRECTORY = "/var/run"
_USER_DIRECTORY = "/tmp"


@dataclass(frozen=True, slots=True)
class Grace:
    """How long a script that is to end may take, in seconds (solaris.md 4.7)."""

    abort_s: float = 10.0
    """From SIGABRT to SIGKILL."""
    kill_s: float = 3.0
    """From SIGKILL until it is no longer waited for."""


class ScriptProcess:
    """It leads its process group, and stays a zombie until `close`: the number of the group
    cannot become another's while it may still get a signal."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid
        self._process = process
        self._pidfd = os.pidfd_open(process.pid)
        self._loop = asyncio.get_running_loop()
        self.has_exited = asyncio.Event()
        self._loop.add_reader(self._pidfd, self._exited)

    @classmethod
    def start(
        cls, script: OpenScript, arguments: Sequence[str], environment: Mapping[str, str]
    ) -> ScriptProcess:
        """Raises OSError.

        `#!` makes the kernel hand the path to an interpreter, which opens it once more: the path
        leads through the inherited descriptor to the very file that was checked.
        """
        directory = _ROOT_DIRECTORY if script.uid == 0 else _USER_DIRECTORY
        user, group, groups = _identity(script)
        process = subprocess.Popen(
            list(arguments),
            executable=f"/proc/self/fd/{script.descriptor}",
            pass_fds=(script.descriptor,),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory if Path(directory).is_dir() else "/",
            env=dict(environment),
            start_new_session=True,
            umask=_UMASK,
            user=user,
            group=group,
            extra_groups=groups,
        )
        try:
            return cls(process)
        except OSError:
            process.kill()
            process.communicate()
            raise

    @property
    def stdout(self) -> int:
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    @property
    def stderr(self) -> int:
        assert self._process.stderr is not None
        return self._process.stderr.fileno()

    def signal(self, number: signal.Signals) -> None:
        """To the whole group.  One that nobody is left in is no error."""
        try:
            os.killpg(self.pid, number)
        except ProcessLookupError:
            return
        except PermissionError as error:
            _log.error("script with pid %d: %s: %s", self.pid, number.name, error.strerror)

    async def end(self, grace: Grace) -> bool:
        """SIGABRT, SIGKILL; whether it is gone then.  What it left in its group goes along."""
        self.signal(signal.SIGABRT)
        await self._wait(grace.abort_s)
        self.signal(signal.SIGKILL)
        return await self._wait(grace.kill_s)

    def status(self) -> int:
        """The exit status of one that has exited, minus the signal if one ended it."""
        return self._process.wait()

    def close(self, when_gone: Callable[[], None]) -> None:
        """Let go of it; `when_gone` is called when there is no such process any more."""
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
        if self.has_exited.is_set():
            self._reap(when_gone)
        else:
            # It hangs in the kernel; its zombie is collected whenever that ends.
            self._loop.add_reader(self._pidfd, self._reap, when_gone)

    def _reap(self, when_gone: Callable[[], None]) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._process.wait()
        when_gone()

    def _exited(self) -> None:
        self._loop.remove_reader(self._pidfd)
        self.has_exited.set()

    async def _wait(self, timeout_s: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self.has_exited.wait()
        return self.has_exited.is_set()


def _identity(script: OpenScript) -> tuple[int | None, int | None, list[int] | None]:
    """User, group and further groups to become; None where we are that already.

    Becoming what one is takes capabilities too, which a confined daemon may not have.
    """
    user = None if script.uid == os.geteuid() == os.getuid() else script.uid
    group = None if script.gid == os.getegid() == os.getgid() else script.gid
    if os.geteuid() != 0:
        return user, None, None
    has_others = bool(set(os.getgroups()) - {script.gid})
    groups: list[int] | None = [] if has_others or group is not None else None
    return user, group, groups
