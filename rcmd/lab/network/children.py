"""Forked children of the keeper, each with namespaces of its own and a socket to talk over."""

from __future__ import annotations

import os
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from rcmd.lab.errors import LabError
from rcmd.lab.network.syscalls import Kind, setns, unshare


@dataclass(frozen=True, slots=True)
class Child:
    """One forked child.  Both sides say single bytes to each other."""

    name: str
    pid: int
    link: socket.socket

    def expect(self, said: bytes) -> None:
        """Wait for this byte.  Errors: LabError when the child ended instead."""
        heard = self.link.recv(1)
        if heard != said:
            raise LabError(f"{self.name} did not come up; its reason is in the lab's log")

    def say(self, said: bytes) -> None:
        self.link.sendall(said)


def fork(name: str, kinds: Kind, body: Callable[[socket.socket], None]) -> Child:
    """Run the body in a child with new namespaces of these kinds; the child ends with it."""
    ours, theirs = socket.socketpair()
    home = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    if Kind.PID in kinds:
        # A new PID namespace begins with the next child, and would hold all later ones too.
        unshare(Kind.PID)
    pid = os.fork()
    if pid == 0:
        _run(kinds & ~Kind.PID, body, ours, theirs)
    if Kind.PID in kinds:
        setns(home, Kind.PID)
    os.close(home)
    theirs.close()
    return Child(name, pid, ours)


def _run(
    kinds: Kind,
    body: Callable[[socket.socket], None],
    ours: socket.socket,
    theirs: socket.socket,
) -> None:
    try:
        ours.close()
        if kinds:
            unshare(kinds)
        body(theirs)
    finally:
        # The child must never return into the keeper's code, whatever happened.
        if sys.exc_info()[0] is not None:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
