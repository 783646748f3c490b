"""UDP and TCP echo (RFC 862) on every address, IPv4 and IPv6.

A datagram is answered from the address it was sent to, wherever that address lives at the
moment; when it lives nowhere the answer is lost, and the sender counts it as such.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Callable

PORT = 7
RECEIVE_BUFFER = 8 * 1024 * 1024
"""Bytes; holds what arrives while this process waits for a busy machine."""

SO_RCVBUFFORCE = 33
IP_PKTINFO = 8
_IPV4_INFO = struct.Struct("=i4s4s")
_IPV6_INFO = struct.Struct("=16sI")

Ancillary = tuple[int, int, bytes]
"""Level, type and data of what comes and goes with a datagram."""


class EchoServer:
    """Bound when made; `serve` never returns."""

    def __init__(self, port: int = PORT) -> None:
        self._ipv4 = _udp(socket.AF_INET, port)
        self._ipv6 = _udp(socket.AF_INET6, port)
        self._listeners = (_tcp(socket.AF_INET, port), _tcp(socket.AF_INET6, port))

    def serve(self) -> None:
        for listener in self._listeners:
            threading.Thread(target=_accept, args=(listener,), daemon=True).start()
        while True:
            readable, _, _ = select.select((self._ipv4, self._ipv6), (), ())
            if self._ipv4 in readable:
                _answer(self._ipv4, _ipv4_source)
            if self._ipv6 in readable:
                _answer(self._ipv6, _ipv6_source)


def _udp(family: int, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
    sock.settimeout(0)
    if family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    sock.bind(("", port))
    return sock


def _tcp(family: int, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("", port))
    sock.listen()
    return sock


def _ipv4_source(level: int, kind: int, data: bytes) -> Ancillary | None:
    if (level, kind) != (socket.IPPROTO_IP, IP_PKTINFO):
        return None
    _, local, _ = _IPV4_INFO.unpack(data)
    return level, kind, _IPV4_INFO.pack(0, local, b"\0" * 4)


def _ipv6_source(level: int, kind: int, data: bytes) -> Ancillary | None:
    if (level, kind) != (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO):
        return None
    local, interface = _IPV6_INFO.unpack(data)
    is_link_local = local[0] == 0xFE and local[1] & 0xC0 == 0x80
    return level, kind, _IPV6_INFO.pack(local, interface if is_link_local else 0)


def _answer(sock: socket.socket, source_of: Callable[[int, int, bytes], Ancillary | None]) -> None:
    while True:
        try:
            data, ancillary, _, peer = sock.recvmsg(65536, 256)
        except BlockingIOError:
            return
        answer_from = [info for item in ancillary if (info := source_of(*item)) is not None]
        with contextlib.suppress(OSError):
            sock.sendmsg([data], answer_from, 0, peer)


def _accept(listener: socket.socket) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer_stream, args=(connection,), daemon=True).start()


def _answer_stream(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection, contextlib.suppress(OSError):
        while data := connection.recv(65536):
            connection.sendall(data)
