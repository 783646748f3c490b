"""What proves that nothing, or exactly the right thing, was changed; and programs on the bus."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from scenes import ROUTER, ROUTER6, write_files

from rcmd.lab import kernel_state
from rcmd.lab.errors import LabError
from rcmd.lab.kernel_state import difference
from rcmd.lab.lab import Lab

HERE = Path(__file__).parent
AS_NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def dump(lab: Lab) -> dict[str, str]:
    """What the kernel holds, once rcmd is done.

    An address is told of before the last of what belongs to its move is done (a sysctl, say);
    by the time an answer comes from the bus, that is over.
    """
    lab.rcmctl("status")
    return kernel_state.dump(lab)


def essence(lab: Lab) -> list[str]:
    """As `dump`, without the order in which the kernel met things."""
    lab.rcmctl("status")
    return kernel_state.essence(lab)


def await_as(lab: Lab, before: list[str]) -> None:
    """Wait until everything is as it was, and show what is not."""
    with contextlib.suppress(LabError):
        lab.wait_for(lambda: kernel_state.essence(lab) == before)
    after = kernel_state.essence(lab)
    assert difference(before, after) == []
    assert after == before


def begin(lab: Lab, files: dict[str, str], *argv: str) -> Lab:
    """Configure the host, and run rcmd on it until nothing changes any more.

    Nobody else has its IPv6 addresses: duplicate detection would only cost seconds.
    """
    no_detection = "for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $f; done"
    lab.run(["sh", "-c", no_detection], check=True)
    write_files(lab, files)
    lab.start_daemon(argv=argv or None)
    nics = {name.partition(".")[2] for name in files if name.startswith("hostname")}
    lab.wait_for(lambda: all(_has_link_local(lab, nic) for nic in nics), what="IPv6")
    return lab


def _has_link_local(lab: Lab, nic: str) -> bool:
    held = lab.addresses(nic)
    return not held or any(info["local"].startswith("fe80") for info in held)


def begin_with_routes(lab: Lab, files: dict[str, str], *argv: str) -> Lab:
    """With default routes and one more through hme0, as an administrator would have set them."""
    begin(lab, files, *argv)
    lab.run(["ip", "route", "add", "default", "via", ROUTER, "dev", "hme0"], check=True)
    lab.run(["ip", "route", "add", "10.9.0.0/16", "via", ROUTER, "dev", "hme0"], check=True)
    if any(name.startswith("hostname6") for name in files):
        lab.run(["ip", "-6", "route", "add", "default", "via", ROUTER6, "dev", "hme0"], check=True)
    return lab


class Monitor:
    """What the kernel tells of addresses and routes from now on until `news`."""

    _FILE = "/run/monitor"

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        lab.popen(["sh", "-c", f"exec ip monitor address route > {self._FILE}"])
        lab.wait_for(lambda: self._sees("192.0.2.1"), what="ip monitor")

    def _sees(self, address: str) -> bool:
        """Something happens to lo, which nobody else touches."""
        for verb in ("add", "del"):
            self._lab.run(["ip", "addr", verb, f"{address}/32", "dev", "lo"], check=True)
        return f" {address}/32 " in self._text()

    def _text(self) -> str:
        return self._lab.run(["cat", self._FILE]).stdout

    def news(self) -> list[str]:
        self._lab.wait_for(lambda: self._sees("192.0.2.2"), what="ip monitor")
        foreign = ("192.0.2.1", "192.0.2.2", "valid_lft")
        return [
            line for line in self._text().splitlines() if not any(word in line for word in foreign)
        ]


class Peer:
    """A `bus_peer.py` in the host."""

    def __init__(self, lab: Lab, *arguments: str) -> None:
        self._process = lab.popen(
            [sys.executable, str(HERE / "bus_peer.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.next()

    def next(self) -> dict[str, Any]:
        """What it says next, whenever that is."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the peer has ended"
        said: dict[str, Any] = json.loads(line)
        return said

    def until(self, member: str) -> list[dict[str, Any]]:
        """Everything up to the first with that member."""
        said = [self.next()]
        while said[-1]["member"] != member:
            said.append(self.next())
        return said

    def release(self) -> None:
        """Answer what was held."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def client(lab: Lab, name: str, *options: str) -> Peer:
    """A registered client that cares about hme0; it has been told so."""
    return Peer(lab, "client", name, "hme0", *options)


def rcmctl_in_background(lab: Lab, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "rcmd.ctl.main", *arguments]
    return lab.popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status, output, errors."""
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors
