"""The remote session that a process sits in, from what /proc tells of it and its ancestors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rcmd.ports.sockets import Session, ssh_session

_VARIABLE = b"SSH_CONNECTION="
_GENERATIONS_MAX = 64
_ENVIRONMENT_MAX = 1 << 20
"""Bytes; what sshd sets is at the beginning."""


def session_of(pid: int, proc: Path = Path("/proc")) -> Session | None:
    """The session of the nearest that has one: the process, its parent, and so on.

    sudo and the like take the variable away, hence the ancestors.  To read the environment of a
    process takes what it takes to trace it (proc(5)): one that may not be read, has ended, or says
    nonsense is passed over.
    """
    for ancestor in _line_of(pid, proc):
        session = _session_in(_environment(proc / str(ancestor)))
        if session is not None:
            return session
    return None


def _line_of(pid: int, proc: Path) -> Iterator[int]:
    """The process and its ancestors, the first of all excepted."""
    for _ in range(_GENERATIONS_MAX):
        if pid <= 1:
            return
        yield pid
        pid = _parent(proc / str(pid))


def _parent(process: Path) -> int:
    """0 where there is none, or none can be told."""
    try:
        status = (process / "status").read_bytes()
    except OSError:
        return 0
    for line in status.splitlines():
        name, _, value = line.partition(b":")
        if name == b"PPid" and value.strip().isdigit():
            return int(value)
    return 0


def _environment(process: Path) -> bytes:
    try:
        with (process / "environ").open("rb") as file:
            return file.read(_ENVIRONMENT_MAX)
    except OSError:
        return b""


def _session_in(environment: bytes) -> Session | None:
    for variable in environment.split(b"\0"):
        if variable.startswith(_VARIABLE):
            return ssh_session(variable.removeprefix(_VARIABLE).decode(errors="replace"))
    return None
