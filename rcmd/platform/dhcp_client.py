"""The DHCP client: udhcpc of busybox, a child process for each lease.

Why this one: it configures nothing.  A script is told what the server said, and what is not in the
script is not done: no address, no route, no resolv.conf, no lease file, no pid file.  It stays in
the foreground, takes any client identifier, and any number of it may ask through one interface,
which happens as soon as one member hosts what two members had.  It is maintained with busybox.

The others: dhcpcd (9.4, tried in the lab) can be kept from configuring (`--noconfigure`), but a
second one for an interface only hands its command line to the first, its leases are kept by
interface name, and by default it probes the address that it is given (RFC 5227), for which the
sibling still answers while it moves.  dhclient is not maintained any more: ISC ended that in 2022.

It never sends INIT-REBOOT: to resume it sends a DISCOVER that asks for the old address.  A server
that goes by the client identifier offers that one, in one more exchange.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from rcmd.configuration import Loaded
from rcmd.errors import RcmError
from rcmd.foreign_text import from_bytes
from rcmd.ipmp.dhcp.clients import ClientOrder
from rcmd.model.settings import Fault
from rcmd.platform import udhcpc_words
from rcmd.platform.scripts.output import LineReader
from rcmd.ports.lease_client import ClientNews, Ended, RanOut, Refused, Unanswered

_log = logging.getLogger(__name__)

PROGRAM = "udhcpc"
PACKAGE = "udhcpc"
"""Of Debian and its children."""
MISSING = f"the DHCP client {PROGRAM} is not installed (Debian package {PACKAGE})"
SCRIPT = Path(__file__).with_name("udhcpc-script")
DIRECTORIES = ("/usr/sbin", "/sbin", "/usr/bin", "/bin")
"""Where programs are looked for, whatever our own environment says."""
_OPTIONS_ASKED = (1, 3, 6, 12, 15, 28, 42, 119, 121)
"""Subnet mask, routers, DNS, host name, domain, broadcast, NTP, search list, classless routes."""
_TRIES, _PAUSE_S, _REST_S = 4, 2, 15
"""DISCOVERs in a row, seconds between them, and seconds until the next row."""
_LONGEST_RECORD = 1 << 16
_CHUNK = 1 << 12
_KILL_AFTER_S = 3.0
_BRIEFLY_S = 1.0


class ClientUnavailable(RcmError):
    """It cannot be started; the message says why."""


def find_program(name: str) -> str | None:
    paths = (Path(directory, name) for directory in DIRECTORIES)
    return next((str(path) for path in paths if os.access(path, os.X_OK)), None)


def missing_client(loaded: Loaded) -> tuple[Fault, ...]:
    """A warning for each interface that would wait in vain."""
    if find_program(PROGRAM) is not None:
        return ()
    return tuple(
        Fault(f"/etc/hostname.{config.name}", 1, MISSING, is_warning=True)
        for config in loaded.configuration.interfaces.values()
        if config.wants_dhcp
    )


def command_line(order: ClientOrder) -> list[str]:
    """Raises ClientUnavailable."""
    program, setpriv = find_program(PROGRAM), find_program("setpriv")
    if program is None:
        raise ClientUnavailable(MISSING)
    if not os.access(SCRIPT, os.X_OK):
        raise ClientUnavailable(f"{SCRIPT} is not there, or is not executable")
    # It ends with us, however we end; without a word to the server.
    words = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv is not None else []
    words += [program, "-f", "-i", order.interface, "-s", str(SCRIPT)]
    words += ["-t", str(_TRIES), "-T", str(_PAUSE_S), "-A", str(_REST_S)]
    words += ["-C", "-x", f"0x3d:{order.client_id}", "-o"]
    for number in _OPTIONS_ASKED:
        words += ["-O", str(number)]
    if order.hostname:
        words += ["-x", f"hostname:{order.hostname}"]
    if order.requested is not None:
        words += ["-r", str(order.requested)]
    return words


class DhcpClient:
    """One that runs; implements `ports.lease_client.LeaseClient`."""

    def __init__(self, order: ClientOrder, hear: Callable[[ClientNews], None]) -> None:
        """Raises ClientUnavailable.  What it says comes from the event loop, never from here."""
        try:
            self._process = subprocess.Popen(
                command_line(order),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env={"PATH": ":".join(DIRECTORIES), "LC_ALL": "C"},
                start_new_session=True,
            )
        except OSError as error:
            raise ClientUnavailable(f"{PROGRAM} cannot be run: {error.strerror}") from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._loop = asyncio.get_running_loop()
        self._order = order
        self._hear = hear
        self._has_lease = False
        self._buffer = bytearray()
        self._killing: asyncio.TimerHandle | None = None
        self._stdout = self._process.stdout.fileno()
        os.set_blocking(self._stdout, False)
        self._loop.add_reader(self._stdout, self._readable)
        self._stderr = LineReader(self._process.stderr.fileno(), self._said)
        self._pidfd = os.pidfd_open(self._process.pid)
        self._loop.add_reader(self._pidfd, self._exited)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._hear = _ignore
        self._deafen()
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)
        self._killing = self._loop.call_later(_KILL_AFTER_S, self._process.kill)

    def wait(self) -> None:
        if self._process.returncode is not None:
            return
        try:
            self._process.wait(_BRIEFLY_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._forget()

    def _exited(self) -> None:
        status = self._process.wait()
        hear = self._hear
        self._deafen()
        self._forget()
        hear(Ended(f"{PROGRAM} ended with status {status}"))

    def _deafen(self) -> None:
        self._loop.remove_reader(self._stdout)
        self._stderr.close()

    def _forget(self) -> None:
        if self._killing is not None:
            self._killing.cancel()
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    # --- what it says ---

    def _readable(self) -> None:
        try:
            data = os.read(self._stdout, _CHUNK)
        except BlockingIOError:
            return
        if not data:
            self._loop.remove_reader(self._stdout)
            return
        self._buffer += data
        if len(self._buffer) > _LONGEST_RECORD:
            _log.error("%s on %s says too much; it is ended", PROGRAM, self._order.interface)
            self._loop.remove_reader(self._stdout)
            self._process.kill()
            return
        *records, rest = bytes(self._buffer).split(b"\0\0")
        self._buffer = bytearray(rest)
        for record in records:
            self._tell(udhcpc_words.variables(record))

    def _tell(self, words: dict[str, str]) -> None:
        match words.get(udhcpc_words.EVENT, ""):
            case "bound" | "renew":
                try:
                    news: ClientNews = udhcpc_words.granted(words)
                except ValueError as error:
                    _log.error("a lease for %s is of no use: %s", self._order.home, error)
                    return
                self._has_lease = True
                self._hear(news)
            case "nak":
                self._has_lease = False
                self._hear(Refused())
            case "deconfig" if self._has_lease:
                # The one at its start means nothing, and the one after a refusal nothing new.
                self._has_lease = False
                self._hear(RanOut())
            case "leasefail":
                self._hear(Unanswered())

    def _said(self, line: bytes) -> None:
        _log.debug("%s: %s", self._order.interface, from_bytes(line))


def _ignore(_: ClientNews) -> None:
    """Nobody listens any more."""
