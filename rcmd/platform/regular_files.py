"""Reads files of others: regular ones, of a size that can be read, and never waits for them."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_CHUNK = 1 << 20


class NotRegular(OSError):
    """A FIFO, a device, a socket: to open it would hold us up for ever, or do anything."""


class TooLarge(OSError):
    """`strerror` says how much may be read."""


def read(file: Path, largest: int) -> tuple[bytes, os.stat_result]:
    """The bytes of a file, `largest` at the most, and what is known of it.

    Raises OSError: NotRegular, TooLarge, BlockingIOError where there is nothing to read now (a
    link into /proc may lead to a file that is regular, and waits), or what the system says.
    """
    _check_regular(file.stat())
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        status = os.fstat(descriptor)
        _check_regular(status)
        content = bytearray()
        while part := os.read(descriptor, min(_CHUNK, largest + 1 - len(content))):
            content += part
            if len(content) > largest:
                raise TooLarge(errno.EFBIG, f"larger than {largest} bytes")
    finally:
        os.close(descriptor)
    return bytes(content), status


def _check_regular(status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotRegular(errno.EINVAL, "not a regular file")
