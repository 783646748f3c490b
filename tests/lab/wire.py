"""What goes over a cable: probes and their answers, as a device there sees them."""

from __future__ import annotations

import errno
import socket
import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from rcmd.lab.lab import Lab

ETH_P_ALL = 0x0003
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
BUFFER = 16 << 20
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
ICMP, ICMPV6 = 1, 58
REQUESTS, REPLIES = (8, 128), (0, 129)


@dataclass(frozen=True, slots=True)
class Echo:
    """`at_us` on the wall clock, as the history has it."""

    at_us: int
    is_reply: bool
    mac: str
    """Who put it on the wire."""
    source: str
    target: str
    hops: int
    """TTL or hop limit."""


@dataclass(frozen=True, slots=True)
class ArpRequest:
    mac: str
    source: str
    target: str


class Wire:
    """Listens on a device of one place, both directions."""

    def __init__(self, lab: Lab, where: str = "router", device: str = "lan0") -> None:
        def listen() -> socket.socket:
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            sock.bind((device, ETH_P_ALL))
            sock.setblocking(False)
            return sock

        self._socket = lab.place(where).call(listen)
        self._echoes: list[Echo] = []
        self._arp: list[ArpRequest] = []

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def requests(self, source: str | None = None) -> list[Echo]:
        """Everything that was asked, or by this source."""
        found = self._read()
        return [it for it in found if not it.is_reply and source in (None, it.source)]

    def replies(self, target: str | None = None) -> list[Echo]:
        return [it for it in self._read() if it.is_reply and target in (None, it.target)]

    def asked_by_arp(self, target: str) -> list[ArpRequest]:
        self._read()
        return [it for it in self._arp if it.target == target]

    def _read(self) -> list[Echo]:
        while True:
            try:
                frame, control, _, _ = self._socket.recvmsg(256, 64)
            except BlockingIOError:
                return self._echoes
            except OSError as error:
                if error.errno != errno.ENETDOWN:
                    raise
                # Said once for each time that the device was set down; it is listened to again.
                continue
            seconds, nanoseconds = struct.unpack("@ll", control[0][2])
            self._take(seconds * 1_000_000 + nanoseconds // 1000, frame)

    def _take(self, at_us: int, frame: bytes) -> None:
        mac = frame[6:12].hex(":")
        (kind,) = struct.unpack_from("!H", frame, 12)
        if kind == ARP and frame[21] == 1:
            sender, target = (str(IPv4Address(frame[at : at + 4])) for at in (28, 38))
            self._arp.append(ArpRequest(mac, sender, target))
        elif kind == IPV4 and frame[23] == ICMP:
            source, target = (str(IPv4Address(frame[at : at + 4])) for at in (26, 30))
            code = frame[14 + 4 * (frame[14] & 15)]
            self._note(Echo(at_us, code == REPLIES[0], mac, source, target, frame[22]), code)
        elif kind == IPV6 and frame[20] == ICMPV6:
            source, target = (str(IPv6Address(frame[at : at + 16])) for at in (22, 38))
            code = frame[54]
            self._note(Echo(at_us, code == REPLIES[1], mac, source, target, frame[21]), code)

    def _note(self, echo: Echo, code: int) -> None:
        if code in REQUESTS + REPLIES:
            self._echoes.append(echo)
