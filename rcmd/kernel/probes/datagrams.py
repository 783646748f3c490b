"""What the probe sockets have in common: how they are opened, and emptied."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from rcmd.kernel.probes.times import ReadMoment
from rcmd.kernel.probes.values import Answer, Ignored, Probe, ProbedInterface

Control = list[tuple[int, int, bytes]]
"""Ancillary data: level, type, content."""

SO_TIMESTAMPNS_NEW: Final = 64
"""Stamps of 64 bits on every architecture (linux/socket.h)."""
_TIMESPEC: Final = struct.Struct("=qq")
_SO_SNDBUFFORCE: Final = 32
_SO_RCVBUFFORCE: Final = 33
_SEND_BUFFER: Final = 64 << 20
"""One dead NIC may keep thousands of probes in its queues; those of the others must still go."""
_RECEIVE_BUFFER: Final = 8 << 20
_LONGEST: Final = 256
"""Octets of a packet that matter."""
_CONTROL: Final = 256
_AT_ONCE: Final = 8192
"""Packets that are read without a pause; what is left wakes the reader again."""


class ProbeSocket(Protocol):
    """Sends and receives the probes of one kind, for all interfaces together."""

    def fileno(self) -> int: ...

    def send(self, interface: ProbedInterface, probe: Probe) -> None:
        """Raises OSError where it did not leave."""

    def read(
        self, interfaces: Mapping[int, ProbedInterface], moment: ReadMoment
    ) -> Iterator[Answer | Ignored]: ...

    def forget(self, ifindex: int) -> None: ...

    def close(self) -> None: ...


def open_socket(family: int, protocol: int) -> socket.socket:
    """A raw socket that never waits and stamps what it receives.  Needs CAP_NET_RAW.

    The kernel begins to stamp a moment after the first socket of the host asks for it; until then
    a packet has the time at which it is read.
    """
    flags = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
    opened = socket.socket(family, flags, protocol)
    opened.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS_NEW, 1)
    try:
        opened.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _SEND_BUFFER)
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
    except PermissionError:  # needs CAP_NET_ADMIN; up to the limits of net.core nobody asks
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    return opened


def drain(receiver: socket.socket) -> Iterator[tuple[bytes, Control, Any]]:
    """Everything that waits: the packet, what the kernel says about it, the sender."""
    for _ in range(_AT_ONCE):
        try:
            packet, control, _, sender = receiver.recvmsg(_LONGEST, _CONTROL)
        except BlockingIOError:
            return
        yield packet, control, sender


def find(control: Control, level: int, kind: int) -> bytes | None:
    for found_level, found_kind, content in control:
        if found_kind == kind and found_level == level:
            return content
    return None


def stamp_of(control: Control) -> int | None:
    """When the kernel received the packet: nanoseconds of the wall clock."""
    content = find(control, socket.SOL_SOCKET, SO_TIMESTAMPNS_NEW)
    if content is None:
        return None
    seconds, nanoseconds = _TIMESPEC.unpack(content)
    return int(seconds * 1_000_000_000 + nanoseconds)
