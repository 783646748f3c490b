"""Runs in the switch's namespace: echo requests at a steady rate, answered by the guest's kernel.

Arguments: the address, requests per second, the name of the switch.  Ends when its standard
input is closed, a moment later, with JSON: when each request was sent (monotonic clock, s), when
it was answered or null, and at which port of the switch the address was announced (ARP), and when.
"""

from __future__ import annotations

import array
import contextlib
import json
import os
import select
import socket
import struct
import sys
from time import monotonic

GRACE_S = 0.5
ECHO_REPLY = 0
ECHO_REQUEST = 8
ALL_PROTOCOLS = 0x0003
IP = 0x0800
ARP = 0x0806
ARP_SENDER = slice(14, 18)
"""The sender's protocol address (RFC 826)."""
SOL_PACKET = 263
PACKET_IGNORE_OUTGOING = 23
BUFFER = 8 << 20
SO_RCVBUFFORCE = 33
PRIORITY = 20

_ECHO = struct.Struct("!BBHHHI20x")
"""Type, code, checksum, identifier, sequence number; then the whole number of the request."""
_IP_HEADER = 20


class Pinger:
    def __init__(self, address: str, interval_s: float, bridge: str) -> None:
        self._target = (address, 0)
        self._source = socket.inet_aton(address)
        self._interval_s = interval_s
        self._bridge = bridge
        self._identifier = os.getpid() & 0xFFFF
        self._out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        # All ports at once: each frame is seen where it comes in.
        self._in = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ALL_PROTOCOLS))
        self._in.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
        self._in.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER)
        self._in.setblocking(False)
        self._sent: list[float] = []
        self._answered: list[float | None] = []
        self._announced: list[tuple[float, str]] = []

    def run(self) -> None:
        due = monotonic()
        while not select.select((sys.stdin,), (), (), 0)[0]:
            due += self._interval_s
            self._listen_until(due)
            self._send()
        self._listen_until(monotonic() + GRACE_S)

    def tell(self) -> None:
        told = {"sent": self._sent, "answered": self._answered, "announced": self._announced}
        json.dump(told, sys.stdout)

    def _send(self) -> None:
        number = len(self._sent)
        fields = (self._identifier, number & 0xFFFF, number)
        check = _checksum(_ECHO.pack(ECHO_REQUEST, 0, 0, *fields))
        self._sent.append(monotonic())
        self._answered.append(None)
        # No neighbour: not sent, therefore lost.
        with contextlib.suppress(OSError):
            self._out.sendto(_ECHO.pack(ECHO_REQUEST, 0, check, *fields), self._target)

    def _listen_until(self, deadline: float) -> None:
        while (remaining := deadline - monotonic()) > 0:
            if select.select((self._in,), (), (), remaining)[0]:
                self._receive()

    def _receive(self) -> None:
        while True:
            try:
                packet, (port, protocol, *_) = self._in.recvfrom(128)
            except BlockingIOError:
                return
            if port == self._bridge:
                continue
            if protocol == ARP and packet[ARP_SENDER] == self._source:
                self._announced.append((monotonic(), port))
            elif protocol == IP and packet[9] == socket.IPPROTO_ICMP:
                self._take_answer(packet)

    def _take_answer(self, packet: bytes) -> None:
        if len(packet) < _IP_HEADER + _ECHO.size or packet[12:16] != self._source:
            return
        kind, _, _, identifier, _, number = _ECHO.unpack_from(packet, _IP_HEADER)
        if kind == ECHO_REPLY and identifier == self._identifier:
            self._answered[number] = self._answered[number] or monotonic()


def _checksum(data: bytes) -> int:
    """RFC 1071; the words are summed as they lie in memory, and so is the result."""
    total = sum(array.array("H", data))
    total = (total >> 16) + (total & 0xFFFF)
    total += total >> 16
    return socket.ntohs(~total & 0xFFFF)


def main() -> None:
    address, rate, bridge = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    pinger = Pinger(address, 1 / rate, bridge)
    sys.stdout.write("started\n")
    sys.stdout.flush()
    pinger.run()
    pinger.tell()


if __name__ == "__main__":
    main()
