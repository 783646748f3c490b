"""A network namespace with two cables, for the tests of rtnetlink."""

import contextlib
import ctypes
import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any

from rcmd.ipmp.api.commands import Cause, Move
from rcmd.ipmp.api.events import KernelChange, Moved
from rcmd.kernel.rtnetlink import Rtnetlink
from rcmd.model.network import RCMD_PROTOCOL, KernelAddress, Route

CLONE_NEWNET = 0x4000_0000
PERMANENT = 0x80
DEPRECATED = 0x20
NODAD = 0x02
PATIENCE_S = 10.0

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Lab:
    """Devices `left` and `right`, up, each with a cable to `left-far` and `right-far`."""

    def __init__(self) -> None:
        ip("link set lo up")
        for name in ("left", "right"):
            ip(f"link add {name} type veth peer name {name}-far")
            for end in (name, f"{name}-far"):
                # Without a link-local address no event comes out of turn.
                ip(f"link set {end} addrgenmode none up")
        self.kernel = Rtnetlink.open()
        self.left = self.ifindex("left")
        self.right = self.ifindex("right")

    def ifindex(self, name: str) -> int:
        (found,) = (link for link in self.kernel.snapshot().links if link.name == name)
        return found.ifindex

    def addresses(self, ifindex: int) -> list[KernelAddress]:
        return list(self.kernel.snapshot({ifindex}).addresses)

    def routes(self, *, kernels_own: bool = False) -> set[Route]:
        routes = self.kernel.snapshot({self.left, self.right}).routes
        return {route for route in routes if kernels_own or route.protocol != 2}

    def add(self, *items: KernelAddress) -> None:
        moved = self.execute(add=items)
        assert not moved.refusals

    def execute(self, **parts: Any) -> Moved:
        return self.kernel.execute(move(**parts))


@contextlib.contextmanager
def lab() -> Iterator[Lab]:
    """Lead the calling thread into a namespace of its own, and back."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.unshare(CLONE_NEWNET))
        try:
            made = Lab()
            try:
                yield made
            finally:
                made.kernel.close()
        finally:
            _check(_libc.setns(home, CLONE_NEWNET))
    finally:
        os.close(home)


def ip(arguments: str) -> str:
    done = subprocess.run(["ip", *arguments.split()], check=True, capture_output=True, text=True)
    return done.stdout


def sysctl(name: str, value: int) -> None:
    Path("/proc/sys/net", name).write_text(str(value))


def move(**parts: Any) -> Move:
    return Move(Cause.FAILOVER, "left", "right", **parts)


def address(ifindex: int, text: str, **attributes: Any) -> KernelAddress:
    attributes.setdefault("protocol", RCMD_PROTOCOL)
    return KernelAddress(ifindex, ip_interface(text), **attributes)


def route(ifindex: int, destination: str, **attributes: Any) -> Route:
    attributes.setdefault("protocol", RCMD_PROTOCOL)
    return Route(ifindex, ip_network(destination), **attributes)


def await_change(
    kernel: Rtnetlink, is_awaited: Callable[[KernelChange], bool]
) -> list[KernelChange]:
    """Everything read until the awaited change, that included."""
    seen: list[KernelChange] = []
    end = time.monotonic() + PATIENCE_S
    while not any(is_awaited(change) for change in seen):
        assert select.select([kernel], [], [], max(0.0, end - time.monotonic()))[0], seen
        seen += kernel.read()
    return seen
