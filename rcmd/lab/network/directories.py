"""Where labs keep their state on the machine: /run/rcmd-lab/NAME.

A lab's keeper holds a lock on its directory as long as it lives.  A directory that nobody
locks was left by a crash, and is cleaned up when the next lab comes up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from rcmd.lab.errors import LabError

ROOT = Path("/run/rcmd-lab")
LOCK = "lock"
KEEPER = "keeper"
LOG = "log"


def create(name: str) -> tuple[Path, int]:
    """A new directory and its lock, for the keeper to inherit.  Errors: LabError if in use."""
    with _exclusive():
        _sweep()
        directory = ROOT / name
        if directory.exists():
            raise LabError(f"there is already a lab {name}: rcmd-lab down --name {name}")
        directory.mkdir()
        descriptor = os.open(directory / LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return directory, descriptor


def find(name: str) -> Path | None:
    """The directory of a living lab."""
    directory = ROOT / name
    return directory if directory.exists() and _is_locked(directory) else None


def remove(name: str) -> None:
    """Remove what a lab has left; it must have ended."""
    with _exclusive():
        shutil.rmtree(ROOT / name, ignore_errors=True)


def record_keeper(directory: Path, pid: int) -> None:
    (directory / KEEPER).write_text(f"{pid}\n")


def keeper_of(directory: Path) -> int:
    """The keeper's process id on the machine."""
    return int((directory / KEEPER).read_text())


@contextlib.contextmanager
def _exclusive() -> Iterator[None]:
    ROOT.mkdir(mode=0o755, exist_ok=True)
    descriptor = os.open(ROOT, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _sweep() -> None:
    for directory in ROOT.iterdir():
        if not _is_locked(directory):
            # A keeper that is ending removes its own; the lock goes with it.
            shutil.rmtree(directory, ignore_errors=True)


def _is_locked(directory: Path) -> bool:
    try:
        with (directory / LOCK).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
