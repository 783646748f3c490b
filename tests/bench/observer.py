"""Watches a namespace from outside any product code: what the kernel announced, and when.

It runs in a real-time thread, so that its clock is right even on a machine that is busy.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address
from types import TracebackType

from rcmd.lab.lab import Lab

SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
BUFFER = 64 << 20
ETH_P_ARP = 0x0806
RTMGRP_LINK = 0x1
RTMGRP_IPV4_IFADDR = 0x10
RTMGRP_IPV4_ROUTE = 0x40
IFA_LOCAL = 2
RTA_OIF = 4
RT_TABLE_LOCAL = 255
IFF_LOWER_UP = 1 << 16
ARP_SENDER_AT = 14 + 14
ARP_TARGET_AT = 14 + 24
PRIORITY = 50


class What(IntEnum):
    """Types of rtnetlink messages."""

    LINK = 16
    ADDED = 20
    REMOVED = 21
    ROUTE_ADDED = 24
    ROUTE_REMOVED = 25


@dataclass(frozen=True, slots=True)
class Seen:
    """`at_s` on the monotonic clock."""

    at_s: float
    what: What
    ifindex: int
    address: IPv4Address | None
    has_carrier: bool


class Observer:
    """rtnetlink in the host, and the ARP announcements that reach the router."""

    def __init__(self, lab: Lab) -> None:
        self._kernel = lab.place("host").call(_kernel_news)
        self._wire = lab.place("router").call(_arp_on_the_wire)
        self._end, self._ended = os.pipe()
        self._datagrams: list[tuple[float, bytes]] = []
        self._seen: list[Seen] = []
        self._decoded = 0
        self._announced: dict[IPv4Address, float] = {}
        self._thread = threading.Thread(target=self._listen)

    def __enter__(self) -> Observer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._ended)
        self._thread.join()
        self._kernel.close()
        self._wire.close()
        os.close(self._end)

    @property
    def heard(self) -> int:
        """How many datagrams of the kernel; to know that costs nothing."""
        return len(self._datagrams)

    def seen(self) -> list[Seen]:
        for at_s, datagram in self._datagrams[self._decoded :]:
            self._decoded += 1
            self._seen += _decoded(at_s, datagram)
        return self._seen

    def announced(self) -> dict[IPv4Address, float]:
        """When each address was announced first, as the router's kernel saw it."""
        behind_s = time.clock_gettime(time.CLOCK_REALTIME) - time.monotonic()
        while select.select((self._wire,), (), (), 0)[0]:
            frame, ancillary, _, _ = self._wire.recvmsg(128, 64)
            seconds, nanoseconds = struct.unpack("@ll", ancillary[0][2])
            sender = frame[ARP_SENDER_AT : ARP_SENDER_AT + 4]
            if sender == frame[ARP_TARGET_AT : ARP_TARGET_AT + 4]:
                at_s = seconds + nanoseconds / 1e9 - behind_s
                self._announced.setdefault(IPv4Address(sender), at_s)
        return self._announced

    def _listen(self) -> None:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
        while True:
            readable, _, _ = select.select((self._kernel, self._end), (), ())
            now = time.monotonic()
            if self._kernel in readable:
                self._datagrams.append((now, self._kernel.recv(65536)))
            if self._end in readable:
                return


def _kernel_news() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    sock.bind((0, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE))
    return sock


def _arp_on_the_wire() -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ARP))
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.bind(("lan0", ETH_P_ARP))
    return sock


def _decoded(at_s: float, datagram: bytes) -> Iterator[Seen]:
    offset = 0
    while offset + 16 <= len(datagram):
        length, kind = struct.unpack_from("=IH", datagram, offset)
        body = datagram[offset + 16 : offset + length]
        match kind:
            case What.LINK:
                ifindex, flags = struct.unpack_from("=iI", body, 4)
                yield Seen(at_s, What.LINK, ifindex, None, bool(flags & IFF_LOWER_UP))
            case What.ADDED | What.REMOVED:
                (ifindex,) = struct.unpack_from("=I", body, 4)
                yield Seen(at_s, What(kind), ifindex, _local(body), has_carrier=True)
            case What.ROUTE_ADDED | What.ROUTE_REMOVED if body[4] != RT_TABLE_LOCAL:
                yield Seen(at_s, What(kind), _device(body), None, has_carrier=True)
        offset += (length + 3) & ~3


def _local(body: bytes) -> IPv4Address | None:
    value = _attribute(body, 8, IFA_LOCAL)
    return None if value is None else IPv4Address(value)


def _device(body: bytes) -> int:
    value = _attribute(body, 12, RTA_OIF)
    return 0 if value is None else int(struct.unpack("=I", value)[0])


def _attribute(body: bytes, offset: int, wanted: int) -> bytes | None:
    """The first four bytes of it."""
    while offset + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, offset)
        if kind == wanted:
            return body[offset + 4 : offset + 8]
        offset += (length + 3) & ~3
    return None
