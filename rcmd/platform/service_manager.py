"""What systemd is told (sd_notify(3)) and how log lines are written for its journal."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping
from typing import Self

_log = logging.getLogger(__name__)

_SYSLOG_NOTICE = 5
_NOTICE_LEVEL = 25
"""Between INFO and WARNING; syslog has a level there, logging has none."""


def watchdog_interval(environ: Mapping[str, str], *, pid: int) -> float | None:
    """Seconds between two signs of life, or None where nobody waits for one.

    Half the time-out of the service manager, as sd_watchdog_enabled(3) advises.  A WATCHDOG_PID
    of another process, or a WATCHDOG_USEC that is no positive number, means None.
    """
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    timeout_us = environ.get("WATCHDOG_USEC", "")
    if not (timeout_us.isascii() and timeout_us.isdigit()) or int(timeout_us) == 0:
        return None
    return int(timeout_us) / 2 / 1_000_000


class ServiceManager:
    """The service manager that started us, if one did.

    Datagrams are sent without waiting: a manager that does not read must not stop failover.  Each
    method returns whether the message was handed over, True where nobody listens.
    """

    def __init__(self, notify_socket: str, *, watchdog_interval_s: float | None = None) -> None:
        """`notify_socket` as in NOTIFY_SOCKET: a path, `@name` for an abstract one, or empty."""
        self.watchdog_interval_s = watchdog_interval_s
        self._address = notify_socket
        if notify_socket.startswith("@"):
            self._address = "\0" + notify_socket[1:]
        elif notify_socket and not notify_socket.startswith("/"):
            _log.warning("NOTIFY_SOCKET %r is of an unknown kind: not used", notify_socket)
            self._address = ""
        self._has_complained = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        interval_s = watchdog_interval(environ, pid=os.getpid())
        return cls(environ.get("NOTIFY_SOCKET", ""), watchdog_interval_s=interval_s)

    def ready(self) -> bool:
        """Started, or done with reloading."""
        return self._notify("READY=1")

    def stopping(self) -> bool:
        return self._notify("STOPPING=1")

    def reloading(self) -> bool:
        """Reading the configuration again; `ready` says when that is done (Type=notify-reload)."""
        return self._notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def alive(self) -> bool:
        """A sign of life, due every `watchdog_interval_s`."""
        return self._notify("WATCHDOG=1")

    def _notify(self, message: str) -> bool:
        if not self._address:
            return True
        kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        with socket.socket(socket.AF_UNIX, kind) as notifier:
            try:
                notifier.sendto(message.encode(), self._address)
            except OSError as error:
                if not self._has_complained:
                    self._has_complained = True
                    _log.warning("the service manager cannot be told: %s", error)
                return False
        self._has_complained = False
        return True


def is_journal_stream(environ: Mapping[str, str], *, descriptor: int = 2) -> bool:
    """Whether `descriptor` (stderr) goes straight to the journal.

    JOURNAL_STREAM holds `device:inode` of that stream; it is inherited, so it is believed only
    where they are those of the descriptor (systemd.exec(5)).
    """
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    if not device or not inode:
        return False
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


def syslog_level(level: int) -> int:
    """The syslog level (2 critical ... 7 debug) of a level of `logging`."""
    if level >= logging.CRITICAL:
        return 2
    if level >= logging.ERROR:
        return 3
    if level >= logging.WARNING:
        return 4
    if level >= _NOTICE_LEVEL:
        return _SYSLOG_NOTICE
    if level >= logging.INFO:
        return 6
    return 7


class JournalFormatter(logging.Formatter):
    """Puts the syslog level before every line, as sd-daemon(3) has it: `<3>message`.

    Every line, because the journal makes an entry of each: the lines of a traceback are as grave
    as their first.
    """

    def format(self, record: logging.LogRecord) -> str:
        prefix = f"<{syslog_level(record.levelno)}>"
        return "\n".join(prefix + line for line in super().format(record).split("\n"))


def log_formatter(environ: Mapping[str, str], *, descriptor: int = 2) -> logging.Formatter:
    """For the journal where `descriptor` leads there, else `LEVEL message` for a reader."""
    if is_journal_stream(environ, descriptor=descriptor):
        return JournalFormatter("%(message)s")
    return logging.Formatter("%(levelname)s %(message)s")
