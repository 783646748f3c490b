"""rcmd that is killed, as by `kill -9`, at a certain moment of a detach; run by tests.

    fatal_daemon.py MOMENT [MARK]

A moment is just before or just after a write to the store or a request to the kernel, counted from
1 on once a detach has begun (with MARK: once that file exists); some have names, such as `after
advance done`.  Moment 0 never comes.  The last that was reached is written to /run/rcmd-moment.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rcmd.__main__ import main
from rcmd.kernel import sysctls
from rcmd.kernel.netlink.sockets import CommandSocket
from rcmd.platform.store.store import Store
from rcmd.ports.store import Step

REACHED = Path("/run/rcmd-moment")


class Fate:
    def __init__(self, moment: str, mark: Path | None) -> None:
        self._moment = moment
        self._mark = mark
        self._has_begun = False
        self._count = 0

    def begin(self) -> None:
        self._has_begun = True

    def reach(self, what: str) -> None:
        if not self._has_begun and not (self._mark and self._mark.exists()):
            return
        self._count += 1
        REACHED.write_text(f"{self._count} {what}")
        if self._moment in (str(self._count), what):
            os.kill(os.getpid(), signal.SIGKILL)


def watch(fate: Fate, owner: Any, name: str) -> None:
    """Make a moment before and one after every call."""
    original: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if name == "begin":
            fate.begin()
        what = " ".join([name, *(argument for argument in args if isinstance(argument, Step))])
        fate.reach(f"before {what}")
        answer = original(*args, **kwargs)
        fate.reach(f"after {what}")
        return answer

    setattr(owner, name, call)


def arm(fate: Fate) -> None:
    for name in ("begin", "advance", "remember", "save_sysctls", "take_sysctls"):
        watch(fate, Store, name)
    # One request for the kernel, or one chunk of 50 of them.
    watch(fate, CommandSocket, "_send")
    watch(fate, sysctls, "_write")


if __name__ == "__main__":
    mark = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    arm(Fate(sys.argv[1], mark))
    sys.argv = ["rcmd"]
    sys.exit(main())
