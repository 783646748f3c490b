"""The kernel calls that Python 3.11 does not offer: unshare, setns and mount."""

from __future__ import annotations

import ctypes
import os
from enum import IntFlag

_libc = ctypes.CDLL(None, use_errno=True)


class Kind(IntFlag):
    """What a process can have of its own; values of `linux/sched.h`."""

    FS = 0x00000200
    MOUNT = 0x00020000
    UTS = 0x04000000
    PID = 0x20000000
    NET = 0x40000000


ENTERED = (("pid", Kind.PID), ("net", Kind.NET), ("uts", Kind.UTS), ("mnt", Kind.MOUNT))
"""The kinds of namespace that make a place and their names in /proc, in the order of entering."""


class MountFlag(IntFlag):
    """Values of `linux/mount.h`."""

    NONE = 0
    READ_ONLY = 0x1
    NOSUID = 0x2
    NODEV = 0x4
    REMOUNT = 0x20
    BIND = 0x1000
    MOVE = 0x2000
    RECURSIVE = 0x4000
    PRIVATE = 0x40000


def _check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(kinds: Kind) -> None:
    """Give the calling thread new namespaces of these kinds.  Errors: OSError."""
    _check(_libc.unshare(ctypes.c_int(kinds)), f"unshare {kinds!r}")


def setns(descriptor: int, kind: Kind) -> None:
    """Move the calling thread into the namespace behind the descriptor.  Errors: OSError."""
    _check(_libc.setns(ctypes.c_int(descriptor), ctypes.c_int(kind)), f"setns {kind!r}")


def mount(
    source: str, target: str, fstype: str = "", flags: MountFlag = MountFlag.NONE, data: str = ""
) -> None:
    """mount(2).  Errors: OSError that names the target."""
    result = _libc.mount(
        source.encode(),
        target.encode(),
        fstype.encode() or None,
        ctypes.c_ulong(flags),
        data.encode() or None,
    )
    _check(result, f"mount {target}")
