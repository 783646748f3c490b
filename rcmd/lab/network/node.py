"""A simple machine on the wires: a network namespace, addresses and echo servers."""

from __future__ import annotations

import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rcmd.lab.errors import LabError
from rcmd.lab.network import children
from rcmd.lab.network.children import Child
from rcmd.lab.network.echo import EchoServer
from rcmd.lab.network.syscalls import Kind

NAMESPACE_READY = b"n"
WIRED = b"w"
UP = b"u"
BUCKET = 15_000
QUEUE = 125_000
"""Bytes: what a cable of 100 Mbit/s carries in 1.2 ms and in 10 ms."""


@dataclass(frozen=True, slots=True)
class NodePlan:
    """`setup` is for `ip -batch`, run once the cables are there."""

    name: str
    setup: tuple[str, ...]
    forwards: bool


def ip_batch(lines: tuple[str, ...]) -> None:
    """Run iproute2 on these lines.  Errors: LabError with what it said."""
    done = subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True, capture_output=True
    )
    if done.returncode != 0:
        raise LabError(f"ip: {done.stderr.strip()}")


def tc(words: tuple[str, ...]) -> None:
    """Errors: LabError with what tc said."""
    done = subprocess.run(["tc", *words], text=True, capture_output=True)
    if done.returncode != 0:
        raise LabError(f"tc: {done.stderr.strip()}")


def limiting(device: str, mbit_s: int) -> tuple[str, ...]:
    """Arguments of tc: what leaves the device waits until it may, and is lost when `QUEUE` waits.

    The bucket is smaller than datagrams that were sent at once: those are taken apart here, as by
    a NIC.
    """
    tbf = f"tbf rate {mbit_s}mbit burst {BUCKET} limit {QUEUE}"
    return ("qdisc", "replace", "dev", device, "root", *tbf.split())


def write_sysctl(name: str, value: int) -> None:
    Path("/proc/sys", name).write_text(f"{value}\n")


def fork_node(plan: NodePlan) -> Child:
    """Start it; it says when its namespace is there, and waits to be told that it is wired."""

    def body(link: socket.socket) -> None:
        # Nobody else has these addresses, so there is no reason to wait a second for DAD.
        for scope in ("all", "default"):
            write_sysctl(f"net/ipv6/conf/{scope}/accept_dad", 0)
        for name in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
            write_sysctl(name, int(plan.forwards))
        link.sendall(NAMESPACE_READY)
        if link.recv(1) != WIRED:
            return
        ip_batch(plan.setup)
        server = EchoServer()
        link.sendall(UP)
        server.serve()

    return children.fork(plan.name, Kind.NET, body)
