"""Two ways to talk rtnetlink: a socket that listens and a socket that asks.

They are apart because the answers to requests and the notifications would otherwise be mixed, and
because an overrun of the notifications must not cost an answer (linux:netlink(7)).
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from rcmd.errors import RcmError
from rcmd.foreign_text import from_bytes
from rcmd.kernel.netlink.message import (
    HEADER,
    NLM_F_ACK,
    NLM_F_DUMP_INTR,
    Header,
    MalformedMessage,
    MessageType,
    split,
)
from rcmd.kernel.netlink.route_filter import let_routes_in

CHUNK = 50
"""Messages in one send: the kernel works for about 1 ms on them, with the network lock held."""

_DATAGRAM_MAX = 65536
_ANSWER_TIMEOUT_S = 5
_SOL_NETLINK = 270
_NETLINK_ADD_MEMBERSHIP = 1
_NETLINK_CAP_ACK = 10
_NETLINK_EXT_ACK = 11
_NETLINK_GET_STRICT_CHK = 12
_SO_RCVBUFFORCE = 33
_GROUPS = (1, 5, 7, 8, 9, 11, 24, 25, 32)
"""RTNLGRP_LINK, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE, IPV4_NETCONF,
IPV6_NETCONF, NEXTHOP."""
_NLMSGERR_ATTR_MSG = 1
_FLAGS = struct.Struct("=H")
_FLAGS_AT = 6
_ACK_ATTRIBUTES_AT = 4 + HEADER.size


class Overrun(RcmError):
    """The kernel dropped notifications: what we know is unknown.  Reopen and dump everything."""


class KernelRefused(OSError):
    """The kernel would not do it; `strerror` is its own explanation where it gave one."""


class DumpInterrupted(Exception):
    """The table changed while it was dumped: entries may be missing or doubled."""


class Ack(NamedTuple):
    """The kernel's verdict on one request; `error` is an errno, 0 for success."""

    sequence: int
    error: int
    reason: str = ""


class EventSocket:
    """Notifications about links, addresses and routes."""

    def __init__(self, receive_buffer: int) -> None:
        """`receive_buffer` in bytes, beyond net.core.rmem_max where the process may."""
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        try:
            _grow(self._socket, receive_buffer)
            self._socket.settimeout(0)
            self._socket.bind((0, 0))
            for group in _GROUPS:
                self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)
        except OSError:
            self._socket.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def let_routes_in(self, ifindexes: Iterable[int], own_port: int) -> None:
        """Of unicast routes only those of these devices; see `route_filter`."""
        let_routes_in(self._socket, ifindexes, own_port)

    def receive(self) -> bytes | None:
        """One datagram of the kernel, None where there is none; raises Overrun."""
        while True:
            try:
                datagram, sender = self._socket.recvfrom(_DATAGRAM_MAX)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise Overrun("netlink notifications were lost") from error
                raise
            if sender[0] == 0:  # a process with CAP_NET_ADMIN could send to us as well
                return datagram


class CommandSocket:
    """Requests and their answers, one conversation at a time.

    The kernel works while we send, so answers are there when the send returns: reading them
    does not wait.
    """

    def __init__(self, protocol: int = socket.NETLINK_ROUTE) -> None:
        """`protocol` is the NETLINK_ family to talk to."""
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol
        )
        try:
            _grow(self._socket, 1 << 20)
            for option in (_NETLINK_EXT_ACK, _NETLINK_CAP_ACK, _NETLINK_GET_STRICT_CHK):
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            self._socket.setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _ANSWER_TIMEOUT_S, 0)
            )
            self._socket.bind((0, 0))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[0]
        self._sequence = 0
        self.is_dumping = False
        """A table is being told: the kernel tells no other before it is over."""

    def close(self) -> None:
        self._socket.close()

    def execute(self, requests: Sequence[bytes]) -> Iterator[Ack]:
        """Send the requests in chunks; one acknowledgement each, in the order of the requests.

        The kernel is asked for that of the last in each chunk; of the others it tells only what
        it refuses.
        """
        for start in range(0, len(requests), CHUNK):
            yield from self._execute_chunk(requests[start : start + CHUNK])

    def _execute_chunk(self, requests: Sequence[bytes]) -> list[Ack]:
        sequences = self._send((*map(_unacknowledged, requests[:-1]), requests[-1]))
        told: dict[int, Ack] = {}
        is_over = False
        while not is_over:
            for header, payload in self._receive():
                if header.kind == MessageType.ERROR and header.sequence in sequences:
                    is_over = header.sequence == sequences[-1]
                    told[header.sequence] = _decode_ack(header, payload)
        return [told.get(sequence) or Ack(sequence, 0) for sequence in sequences]

    def ask(self, request: bytes) -> list[bytes]:
        """The payloads that one request is answered with, before its acknowledgement.

        Raises KernelRefused.
        """
        (sequence,) = self._send((request,))
        payloads: list[bytes] = []
        while True:
            for header, payload in self._receive():
                if header.sequence != sequence:
                    continue
                if header.kind == MessageType.ERROR:
                    raise_if_refused(_decode_ack(header, payload))
                    return payloads
                payloads.append(payload)

    def dump(self, request: bytes) -> list[bytes]:
        """The payloads of a whole table; raises KernelRefused or DumpInterrupted."""
        return [payload for part in self.dump_in_parts(request) for payload in part]

    def dump_in_parts(self, request: bytes) -> Iterator[list[bytes]]:
        """As `dump`, as the kernel tells it; nothing else may be asked before it is over."""
        (sequence,) = self._send((request,))
        flags = 0
        is_over = False
        self.is_dumping = True
        while not is_over:
            payloads: list[bytes] = []
            for header, payload in self._receive():
                if header.sequence != sequence:
                    continue
                flags |= header.flags
                if header.kind in (MessageType.ERROR, MessageType.DONE):
                    self.is_dumping = False
                    raise_if_refused(_decode_ack(header, payload))
                    is_over = True
                else:
                    payloads.append(payload)
            yield payloads
        if flags & NLM_F_DUMP_INTR:
            raise DumpInterrupted

    def _send(self, requests: Iterable[bytes]) -> range:
        """Send the requests at once; their sequence numbers."""
        buffer = bytearray()
        first = self._sequence = (self._sequence + 1) & 0x7FFFFFFF
        for request in requests:
            struct.pack_into("=I", buffer, _extend(buffer, request) + 8, self._sequence)
            self._sequence += 1
        self._socket.sendto(buffer, (0, 0))
        return range(first, self._sequence)

    def _receive(self) -> list[tuple[Header, bytes]]:
        return list(split(self._socket.recv(_DATAGRAM_MAX)))


def raise_if_refused(ack: Ack) -> None:
    if ack.error:
        raise KernelRefused(ack.error, ack.reason)


def _extend(buffer: bytearray, request: bytes) -> int:
    offset = len(buffer)
    buffer += request
    buffer += bytes(-len(request) % 4)
    return offset


def _grow(sock: socket.socket, size: int) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _unacknowledged(request: bytes) -> bytes:
    """The same, to be answered only where it is refused."""
    (flags,) = _FLAGS.unpack_from(request, _FLAGS_AT)
    rest = request[_FLAGS_AT + _FLAGS.size :]
    return request[:_FLAGS_AT] + _FLAGS.pack(flags & ~NLM_F_ACK) + rest


def _decode_ack(header: Header, payload: bytes) -> Ack:
    """NLMSG_ERROR or NLMSG_DONE, with the kernel's own words where it gave them."""
    if len(payload) < 4:
        raise MalformedMessage("short acknowledgement")
    (error,) = struct.unpack_from("=i", payload)
    if error == 0:
        return Ack(header.sequence, 0)
    return Ack(header.sequence, -error, _explanation(payload) or os.strerror(-error))


def _explanation(payload: bytes) -> str:
    offset = _ACK_ATTRIBUTES_AT  # the request is not repeated: NETLINK_CAP_ACK
    while offset + 4 <= len(payload):
        length, kind = struct.unpack_from("=HH", payload, offset)
        if length < 4:
            return ""
        if kind == _NLMSGERR_ATTR_MSG:
            return from_bytes(payload[offset + 4 : offset + length].rstrip(b"\0"))
        offset += (length + 3) & ~3
    return ""
