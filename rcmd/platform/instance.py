"""One daemon at a time, and which boot this is: the two small files in /run/rcmd."""

from __future__ import annotations

import fcntl
import os
import uuid
from pathlib import Path
from types import TracebackType

from rcmd.errors import RcmError

RUN_DIRECTORY = Path("/run/rcmd")


class AlreadyRunning(RcmError):
    """Another rcmd holds the lock."""


class InstanceLock:
    """An flock on `RUN/lock`: held until `release`, or until the process ends in whatever way.

    The file names the holder's process id, for the message only; it is never removed, because a
    removed file could be locked twice.
    """

    def __init__(self, run: Path = RUN_DIRECTORY) -> None:
        """Take the lock.  AlreadyRunning where another process has it; OSError without access."""
        run.mkdir(mode=0o755, parents=True, exist_ok=True)
        descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise AlreadyRunning(
                f"another rcmd is already running (pid {holder or 'unknown'})"
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next one in.  A second call does nothing."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> InstanceLock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()


def boot_id(run: Path = RUN_DIRECTORY) -> str:
    """Return what names this boot: a random UUID in `RUN/boot-id`, made where there is none.

    It ends with the boot because /run does.  The kernel's own boot_id would not do: a container or
    a virtual host of `rcmd-lab` restarts without it changing.  Raises OSError without access.
    """
    path = run / "boot-id"
    try:
        return str(uuid.UUID(path.read_text(encoding="ascii", errors="replace").strip()))
    except (FileNotFoundError, ValueError):
        pass
    run.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = str(uuid.uuid4())
    # Renamed into place, so that a crash leaves a whole file or none.
    partial = run / "boot-id.new"
    partial.write_text(f"{fresh}\n", encoding="ascii")
    partial.replace(path)
    return fresh
