"""Acting in a place of the lab: the host, the switch, the router, a neighbour.

A thread may change its own namespaces; what it forks afterwards lives there.  So a process is
started in a place as a direct child of ours: signals, exit status and waiting work as ever,
which a wrapper like nsenter would spoil.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, TypeVar

from rcmd.lab.network.syscalls import ENTERED, Kind, setns, unshare

T = TypeVar("T")

Stream = int | IO[str] | None


def in_thread(prepare: Callable[[], None], function: Callable[[], T]) -> T:
    """Call both in a thread that ends with them, so that nothing it entered sticks to us."""

    def work() -> T:
        # A mount namespace cannot be entered while the thread shares its working directory.
        unshare(Kind.FS)
        prepare()
        return function()

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(work).result()


@dataclass(frozen=True, slots=True)
class Place:
    """Open descriptors of the namespaces of one place, in the order of `ENTERED`."""

    name: str
    descriptors: tuple[int, ...]

    def call(self, function: Callable[[], T]) -> T:
        """The function's result, called there."""
        return in_thread(self._enter, function)

    def popen(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        stdin: Stream = subprocess.DEVNULL,
        stdout: Stream = None,
        stderr: Stream = None,
        start_new_session: bool = False,
    ) -> subprocess.Popen[str]:
        """A process started there.  Errors: OSError when the program cannot be started."""
        return self.call(
            lambda: subprocess.Popen(
                command,
                env=dict(env),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                cwd="/",
                start_new_session=start_new_session,
                text=True,
            )
        )

    def close(self) -> None:
        for descriptor in self.descriptors:
            os.close(descriptor)

    def _enter(self) -> None:
        for descriptor, (_, kind) in zip(self.descriptors, ENTERED, strict=True):
            setns(descriptor, kind)
