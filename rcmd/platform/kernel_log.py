"""What the kernel logs from now on, record by record.

linux:Documentation/ABI/testing/dev-kmsg: a read of /dev/kmsg gives one record,
`priority,sequence,microseconds,flags[,...];message`, and below it lines that begin with a space and
tell of the device.  A read after records were overwritten fails once with EPIPE and then goes on
with the oldest that is left.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import Self

from rcmd.foreign_text import from_bytes
from rcmd.ports.kernel_log import KernelLogLine

_log = logging.getLogger(__name__)

KERNEL_LOG = Path("/dev/kmsg")
_RECORD_MAX = 16384
"""Longer than any record: a read into less fails with EINVAL."""
_READS_AT_ONCE = 500
"""Whoever floods the log must not keep us from everything else; the rest is read next time."""
_JUNK_MAX = 65536


class KernelLog:
    """Records that appear after it was opened.  Made by `open`."""

    def __init__(self, descriptor: int) -> None:
        """Takes the descriptor over, which must not block."""
        self._descriptor = descriptor
        self._begun = b""
        """Of a record whose end has not been read: a pipe gives bytes, not records."""

    @classmethod
    def open(cls, path: Path = KERNEL_LOG) -> Self | None:
        """Listen from here on; None, with a warning, where that is not possible."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            _log.warning(
                "no kernel log, the five seconds' notice of a PCIe slot is not heard: %s", error
            )
            return None
        try:
            os.lseek(descriptor, 0, os.SEEK_END)
        except OSError as error:
            # A pipe has no past to skip.
            _log.debug("%s: %s", path, error)
        return cls(descriptor)

    def fileno(self) -> int:
        """Readable when `read` has something to tell."""
        return self._descriptor

    def close(self) -> None:
        os.close(self._descriptor)

    def read(self) -> list[KernelLogLine]:
        """What has arrived, without waiting.

        Raises OSError where the log fails for good, EOFError at its end: that of a pipe nobody
        writes into any more, which is readable for ever.
        """
        lines: list[KernelLogLine] = []
        for _ in range(_READS_AT_ONCE):
            try:
                data = os.read(self._descriptor, _RECORD_MAX)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.EPIPE:
                    raise
                _log.warning("records of the kernel log were lost: too many at a time")
                self._begun = b""
                continue
            if not data and not lines:
                raise EOFError("it has ended")
            if not data:
                break
            lines += self._records(data)
        return lines

    def _records(self, data: bytes) -> list[KernelLogLine]:
        *whole, self._begun = (self._begun + data).split(b"\n")
        if len(self._begun) > _JUNK_MAX:
            self._begun = b""
        return [line for text in whole if (line := parse(text)) is not None]


def parse(record: bytes) -> KernelLogLine | None:
    """The first line of a record; None for one that continues it, or is none at all.

    The kernel escapes what is not printable, newlines in the message included.
    """
    header, semicolon, message = record.partition(b";")
    fields = header.split(b",")
    if not semicolon or len(fields) < 4 or not all(map(_is_number, fields[:3])):
        return None
    priority, sequence, time_us = (int(field) for field in fields[:3])
    return KernelLogLine(priority, sequence, time_us, from_bytes(message))


def _is_number(field: bytes) -> bool:
    """Of 64 bits at most: longer ones are none of the kernel's, and take long to read."""
    return field.isdigit() and len(field) <= 20
