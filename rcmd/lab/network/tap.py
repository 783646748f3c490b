"""A TAP device as NIC: a pump carries frames between it and a port of the switch.

Its carrier is ours to switch (TUNSETCARRIER), and the kernel reports that as it does for a
physical NIC: up to a second late (net/core/link_watch.c), which a veth pair would hide.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import socket
import struct

from rcmd.lab.network import children
from rcmd.lab.network.children import Child
from rcmd.lab.network.syscalls import Kind

TUNSETIFF = 0x400454CA
TUNSETCARRIER = 0x400454E2
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000
FRAMES_AT_ONCE = 64

READY = b"r"
PLUGGED = b"+"
PULLED = b"-"


def open_tap(name: str) -> int:
    """A new TAP device in this network namespace; it lives as long as the descriptor."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def fork_pump(nic: str, port: str) -> Child:
    """Make both devices here and carry frames between them until the process ends."""

    def body(link: socket.socket) -> None:
        pump = _Pump(open_tap(nic), open_tap(port), link)
        link.sendall(READY)
        pump.run()

    return children.fork(f"the pump of {nic}", Kind(0), body)


class _Pump:
    def __init__(self, nic: int, port: int, link: socket.socket) -> None:
        self._nic = nic
        self._port = port
        self._link = link
        self._is_plugged = True

    def run(self) -> None:
        watched: list[socket.socket | int] = [self._link, self._nic, self._port]
        while True:
            readable, _, _ = select.select(watched, (), ())
            if self._link in readable and not self._obey():
                return
            if self._nic in readable and not self._carry(self._nic, self._port):
                return
            if self._port in readable and not self._carry(self._port, self._nic):
                return

    def _obey(self) -> bool:
        said = self._link.recv(1)
        if said not in (PLUGGED, PULLED):
            return False
        self._is_plugged = said == PLUGGED
        fcntl.ioctl(self._nic, TUNSETCARRIER, struct.pack("i", self._is_plugged))
        self._link.sendall(said)
        return True

    def _carry(self, source: int, target: int) -> bool:
        """False when the source device is gone."""
        for _ in range(FRAMES_AT_ONCE):
            try:
                frame = os.read(source, 65536)
            except BlockingIOError:
                return True
            except OSError as error:
                if error.errno == errno.EBADFD:
                    return False
                raise
            if self._is_plugged:
                # A device that is down refuses the frame: it is lost, as on a real cable.
                with contextlib.suppress(OSError):
                    os.write(target, frame)
        return True
