"""A lab from outside: bring it up, act in it, break its cables, take it down."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_network
from pathlib import Path
from types import TracebackType
from typing import Any

from rcmd.lab.errors import LabError
from rcmd.lab.measuring.flow_sender import Order
from rcmd.lab.measuring.flows import Flows
from rcmd.lab.measuring.traffic import Stream, TcpSession
from rcmd.lab.network import bringing_up, control, directories
from rcmd.lab.network.daemon_process import DaemonProcess
from rcmd.lab.network.node import limiting
from rcmd.lab.network.places import Place
from rcmd.lab.network.places import Stream as StandardStream
from rcmd.lab.network.plan import OUTSIDE_ADDRESSES, NicKind

DAEMON_LOG = "daemon.log"
POLL_INTERVAL = 0.005
PATIENCE_S = 60.0
"""Only what does not come is waited for so long, however busy the machine is."""
FLOWS_PREFIX = "198.18.0.0/16"
"""Of the addresses for measurements (RFC 2544)."""
_serial = itertools.count(1)


class Lab:
    """A virtual host with its switch, router and outside host; see `Lab.up`."""

    def __init__(self, directory: Path, keeper: subprocess.Popen[bytes] | None) -> None:
        self._directory = directory
        self._keeper = keeper
        self._places: dict[str, Place] = {}
        self._processes: list[subprocess.Popen[str]] = []
        self._traffic: list[Stream | TcpSession | Flows] = []
        self._daemon: DaemonProcess | None = None

    @classmethod
    def up(
        cls,
        nics: Sequence[str] = ("hme0", "hme1"),
        tap: Sequence[str] = (),
        *,
        macs: Mapping[str, str] | None = None,
    ) -> Lab:
        """A lab that ends with `down`, with its `with` block or with this process.

        NICs are veth, those named in `tap` (too) TAP; their MACs 02:00:00:00:00:01 and on, in
        order.  All are plugged, and down in the host.  Errors: LabError.
        """
        name = f"{os.getpid()}-{next(_serial)}"
        directory, keeper = bringing_up.start(
            name, bringing_up.nics(nics, tap, macs or {}), ends_with_creator=True
        )
        return cls(directory, keeper)._settled()

    @classmethod
    def up_to_stay(cls, name: str, nics: Sequence[str], tap: Sequence[str] = ()) -> Lab:
        """A lab that stays until `down`, whatever becomes of this process.  Errors: LabError."""
        directory, keeper = bringing_up.start(
            name, bringing_up.nics(nics, tap, {}), ends_with_creator=False
        )
        return cls(directory, keeper)._settled()

    @classmethod
    def find(cls, name: str) -> Lab | None:
        """The lab of that name that was brought up to stay."""
        directory = directories.find(name)
        return None if directory is None else cls(directory, None)

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.down()

    @property
    def name(self) -> str:
        return self._directory.name

    def down(self) -> None:
        """End everything in the lab and forget it.  May be called twice."""
        for traffic in self._traffic:
            traffic.kill()
        if self._daemon is not None:
            self.kill_daemon()
        for place in self._places.values():
            place.close()
        self._places.clear()
        # The kernel ends a PID namespace only when each process in it has been waited for.
        for process in self._processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        self._processes.clear()
        bringing_up.end(self._directory, self._keeper)

    # The host's files

    def write(self, path: str, text: str) -> None:
        """Write a file of the host; its directory is made when missing."""

        def work() -> None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_text(text)

        self.place("host").call(work)

    def read(self, path: str) -> str:
        """Errors: OSError."""
        return self.place("host").call(Path(path).read_text)

    def remove(self, path: str) -> None:
        """Errors: OSError."""
        self.place("host").call(Path(path).unlink)

    # Processes

    def run(
        self,
        command: Sequence[str],
        *,
        where: str = "host",
        check: bool = False,
        stdin: str | None = None,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end, with its output.

        Errors: LabError with what it said when `check` and it failed; TimeoutExpired.
        """
        process = self.place(where).popen(
            command,
            env=self.environment(),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            output, errors = process.communicate(stdin, timeout)
        finally:
            if process.returncode is None:
                process.kill()
                process.communicate()
        if check and process.returncode != 0:
            what = " ".join(command)
            raise LabError(f"{what}: exit status {process.returncode}\n{output}{errors}")
        return subprocess.CompletedProcess(command, process.returncode, output, errors)

    def popen(
        self,
        command: Sequence[str],
        *,
        where: str = "host",
        stdin: StandardStream = subprocess.DEVNULL,
        stdout: StandardStream = None,
        stderr: StandardStream = None,
    ) -> subprocess.Popen[str]:
        """Start it; what still runs when the lab goes down is ended with it."""
        process = self.place(where).popen(
            command, env=self.environment(), stdin=stdin, stdout=stdout, stderr=stderr
        )
        self._processes.append(process)
        return process

    def place(self, name: str) -> Place:
        """The host, switch, router, outside or a neighbour, for what has no verb here."""
        if name not in self._places:
            self._places[name] = Place(name, control.request(self._directory, "enter", place=name))
        return self._places[name]

    def environment(self) -> dict[str, str]:
        """For processes in the lab: ours, without our service manager and bus."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
            and not name.startswith("DBUS_")
        }
        scripts = str(Path(sys.executable).parent)
        path = f"{scripts}:{kept.get('PATH', '')}:/usr/sbin:/usr/bin:/sbin:/bin"
        return {**kept, "PATH": path, "RCMD_LAB": self.name}

    # rcmd

    def start_daemon(
        self, *args: str, argv: Sequence[str] | None = None, timeout: float = 15.0
    ) -> None:
        """Run rcmd with these arguments, or argv, until it is ready.

        Errors: LabError with its log when it is not ready in time or ends before.
        """
        if self._daemon is not None and self._daemon.is_running():
            raise LabError("the daemon is running")
        self._daemon = DaemonProcess(
            self.place("host"),
            argv if argv is not None else [sys.executable, "-m", "rcmd", *args],
            self.environment(),
            self._directory / DAEMON_LOG,
            timeout,
        )

    def stop_daemon(self, timeout: float = 10.0) -> int:
        """End it as systemd does; its exit status."""
        return self._end_daemon(signal.SIGTERM, timeout)

    def kill_daemon(self) -> None:
        """SIGKILL."""
        self._end_daemon(signal.SIGKILL, 10.0)

    def daemon(self) -> DaemonProcess:
        """The daemon that was started.  Errors: LabError if none was."""
        if self._daemon is None:
            raise LabError("the daemon was not started")
        return self._daemon

    def daemon_log(self) -> str:
        """What it wrote, since the lab came up."""
        log = self._directory / DAEMON_LOG
        return log.read_text() if log.exists() else ""

    def rcmctl(self, *args: str, timeout: float = 60.0) -> subprocess.CompletedProcess[str]:
        return self.run([sys.executable, "-m", "rcmd.ctl.main", *args], timeout=timeout)

    # What the kernel says

    def addresses(self, nic: str, *, where: str = "host") -> list[dict[str, Any]]:
        """The `addr_info` of iproute2's JSON; nothing if there is no such device."""
        done = self.run(["ip", "-j", "addr", "show", "dev", nic], where=where)
        if done.returncode != 0:
            return []
        return [info for link in json.loads(done.stdout) for info in link.get("addr_info", ())]

    def routes(self, *, where: str = "host") -> list[dict[str, Any]]:
        """The main tables, IPv4 and then IPv6, as in iproute2's JSON."""
        return [
            route
            for family in ("-4", "-6")
            for route in json.loads(
                self.run(["ip", "-j", family, "route"], where=where, check=True).stdout
            )
        ]

    def settle(self) -> None:
        """Wait until udevd has handled what has happened so far."""
        self.run(["udevadm", "settle", "--timeout=20"], check=True)

    def wait_for(
        self, predicate: Callable[[], bool], timeout: float = PATIENCE_S, what: str = "it"
    ) -> None:
        """Ask again and again until it is so.  Errors: LabError when it is not in time."""
        deadline = time.monotonic() + timeout
        while not predicate():
            if time.monotonic() > deadline:
                raise LabError(f"waited {timeout} s for {what}; daemon log:\n{self.daemon_log()}")
            time.sleep(POLL_INTERVAL)

    # Cables

    def pull(self, nic: str) -> None:
        """The cable: carrier lost."""
        control.request(self._directory, "pull", nic=nic)

    def plug(self, nic: str) -> None:
        control.request(self._directory, "plug", nic=nic)

    def black_hole(self, nic: str) -> None:
        """The carrier stays, all traffic is lost."""
        control.request(self._directory, "black_hole", nic=nic)

    def restore(self, nic: str) -> None:
        """End the black hole."""
        control.request(self._directory, "restore", nic=nic)

    def tear_out(self, nic: str) -> None:
        """The device disappears, as in a surprise removal."""
        control.request(self._directory, "tear_out", nic=nic)

    def put_back(self, nic: str) -> None:
        """A new device of the same name and MAC, plugged."""
        control.request(self._directory, "put_back", nic=nic)

    def add_nic(self, nic: str, mac: str, kind: NicKind = NicKind.VETH) -> None:
        """A NIC that the host never had."""
        control.request(self._directory, "add_nic", nic=nic, mac=mac, kind=kind.value)

    def limit(self, nic: str, mbit_s: int) -> None:
        """Let the cable carry so much, each way and in order, until its NIC is torn out.

        Needs the kernel's token bucket filter (sch_tbf).  Errors: LabError.
        """
        self.run(["tc", *limiting(nic, mbit_s)], check=True)
        control.request(self._directory, "limit", nic=nic, mbit_s=mbit_s)

    # Neighbours and traffic

    def add_neighbour(self, name: str, *addresses: str) -> None:
        """A further machine on the switch, with echo servers; its device is lan0."""
        control.request(self._directory, "add_neighbour", name=name, addresses=addresses)

    def stream(
        self,
        address: str,
        port: int = 7,
        *,
        rate: int = 1000,
        source: str = "router",
        bound_to: str | None = None,
    ) -> Stream:
        """Datagrams from the source to an address, `rate` a second; call its `start`.

        Its socket is bound to one address of the source, or to none.
        """
        stream = Stream(self.place(source), self.environment(), address, port, rate, bound_to)
        self._traffic.append(stream)
        return stream

    def flows(
        self,
        count: int,
        prefix: str = FLOWS_PREFIX,
        *,
        rate: int = 10_000,
        size: int = 64,
        batch: int = 1,
        bound_to: str | None = None,
    ) -> Flows:
        """So many UDP flows from the host to all over a prefix, which is put behind the router.

        `rate` datagrams a second of all together, each of `size` bytes; a flow sends `batch` of
        them at once.  Their sockets are bound to one address of the host, or to none.  Call its
        `start`.
        """
        version = ip_network(prefix).version
        there = OUTSIDE_ADDRESSES[0] if version == 4 else OUTSIDE_ADDRESSES[1]
        for where, route in (
            ("outside", f"local {prefix} dev lo"),
            ("router", f"{prefix} via {there.partition('/')[0]}"),
        ):
            command = ["ip", f"-{version}", "route", "replace", *route.split()]
            self.run(command, where=where, check=True)
        places = {name: self.place(name) for name in ("host", "router", "outside")}
        order = Order(next(_serial), count, prefix, rate, size, batch, bound_to)
        flows = Flows(places, self.environment(), order)
        self._traffic.append(flows)
        return flows

    def tcp_session(self, address: str, port: int = 7, *, source: str = "router") -> TcpSession:
        """A connection to the host's echo server, in use all the time."""
        session = TcpSession(self.place(source), self.environment(), address, port)
        self._traffic.append(session)
        return session

    def _settled(self) -> Lab:
        try:
            self.settle()
        except LabError:
            self.down()
            raise
        return self

    def _end_daemon(self, number: signal.Signals, timeout: float) -> int:
        daemon = self.daemon()
        self._daemon = None
        return daemon.end(number, timeout)
