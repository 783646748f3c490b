"""Every datagram of the flows as it comes off the wire at the router, with nothing left out.

The kernel writes the beginning of each frame into memory that we share with it (a TPACKET_V3 ring,
Documentation/networking/packet_mmap.rst).  A thread only copies whole blocks of it; they are
decoded when all is over.  So Python is not in the way of a hundred thousand frames a second.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from time import monotonic

from rcmd.lab.errors import LabError
from rcmd.lab.network.places import Place

PORT = 9
"""Discard (RFC 863): where the flows go."""
DEVICE = "lan0"

BLOCK_SIZE = 1 << 18
BLOCKS = 128
FRAME_SIZE = 256
RETIRED_AFTER_MS = 10
"""A block that is not full is ours after this."""
KEPT = 96
"""Bytes of each frame: all headers, and where the datagram begins."""
SILENCE_S = 0.2
"""Nothing for so long: nothing is under way any more."""

_SOL_PACKET = 263
_PACKET_RX_RING = 5
_PACKET_STATISTICS = 6
_PACKET_VERSION = 10
_PACKET_IGNORE_OUTGOING = 23
_TPACKET_V3 = 2
_SO_ATTACH_FILTER = 26
_ETH_P_ALL = 3
_USER_OWNS = 1

_BLOCK = struct.Struct("=8xIIII")
"""tpacket_block_desc: status, number of frames, offset of the first, length."""
_STATUS_AT = 8
_FRAME = struct.Struct("=IIIIIIH")
"""tpacket3_hdr: offset of the next, s, ns, length kept, length, status, where Ethernet begins."""
_ETHERTYPE_AT = 12
_IPV4 = b"\x08\x00"
_IPV4_DATAGRAM = struct.Struct("!6x6s4xH8x4s12xIII")
_IPV6_DATAGRAM = struct.Struct("!6x6s6xH2x16s24xIII")
"""Source MAC, length from the IP header, source; the numbers of run, flow and datagram."""
_IPV4_HEADERS = 20 + 8
_IPV6_HEADERS = 8
"""What the length counts that is no payload."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame; `at_ns` on the real-time clock, `length` and `payload` in bytes."""

    at_ns: int
    mac: str
    source: str
    run: int
    flow: int
    number: int
    length: int
    payload: int


class Wiretap:
    """Listens to one run of datagrams from when it is made until `end`."""

    def __init__(self, router: Place, run: int) -> None:
        self._socket = router.call(lambda: _listening(run))
        self._ring = mmap.mmap(self._socket.fileno(), BLOCK_SIZE * BLOCKS)
        self._blocks: list[bytes] = []
        self._count = 0
        self._last_at = monotonic()
        self._end, self._ended = os.pipe()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    @property
    def count(self) -> int:
        """Frames so far."""
        return self._count

    def end(self) -> Iterator[Seen]:
        """What came, in order, after what is under way has come too.

        Errors: LabError when the kernel had to leave frames out.
        """
        self._last_at = monotonic()
        while monotonic() - self._last_at < SILENCE_S:
            select.select((), (), (), SILENCE_S / 10)
        dropped = struct.unpack(
            "=III", self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 12)
        )[1]
        self.close()
        if dropped:
            raise LabError(f"the machine is too busy: {dropped} frames were not seen")
        return _decoded(self._blocks)

    def close(self) -> None:
        """May be called twice."""
        if self._socket.fileno() < 0:
            return
        os.close(self._ended)
        self._thread.join()
        os.close(self._end)
        self._ring.close()
        self._socket.close()

    def _listen(self) -> None:
        offset = 0
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._end, select.POLLIN)
        while True:
            status, count, _, length = _BLOCK.unpack_from(self._ring, offset)
            if status & _USER_OWNS:
                self._count += count
                self._blocks.append(self._ring[offset : offset + length])
                struct.pack_into("=I", self._ring, offset + _STATUS_AT, 0)
                offset = (offset + BLOCK_SIZE) % (BLOCK_SIZE * BLOCKS)
                self._last_at = monotonic()
            elif self._end in (descriptor for descriptor, _ in poll.poll()):
                return


def _filter(run: int) -> tuple[tuple[int, int, int, int], ...]:
    """Classic BPF (linux/filter.h): code, jump if true, jump if false, operand.

    Of an earlier run datagrams may still wait for a neighbour, and come in the middle of this one.
    """
    return (
        (0x28, 0, 0, 12),  # the Ethernet type
        (0x15, 0, 6, 0x0800),
        (0x30, 0, 0, 23),  # IPv4: UDP
        (0x15, 0, 12, socket.IPPROTO_UDP),
        (0x28, 0, 0, 36),  # to our port; nobody here sends options or fragments
        (0x15, 0, 10, PORT),
        (0x20, 0, 0, 42),
        (0x15, 7, 8, run),
        (0x15, 0, 7, 0x86DD),
        (0x30, 0, 0, 20),  # IPv6: UDP
        (0x15, 0, 5, socket.IPPROTO_UDP),
        (0x28, 0, 0, 56),
        (0x15, 0, 3, PORT),
        (0x20, 0, 0, 62),
        (0x15, 0, 1, run),
        (0x06, 0, 0, KEPT),
        (0x06, 0, 0, 0),
    )


def _listening(run: int) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    program = _filter(run)
    code = b"".join(struct.pack("=HBBI", *line) for line in program)
    buffer = ctypes.create_string_buffer(code)
    sock.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("@HP", len(program), ctypes.addressof(buffer)),
    )
    sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    sock.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
    frames = BLOCK_SIZE // FRAME_SIZE * BLOCKS
    ring = (BLOCK_SIZE, BLOCKS, FRAME_SIZE, frames, RETIRED_AFTER_MS, 0, 0)
    sock.setsockopt(_SOL_PACKET, _PACKET_RX_RING, struct.pack("=7I", *ring))
    sock.bind((DEVICE, _ETH_P_ALL))
    return sock


def _decoded(blocks: list[bytes]) -> Iterator[Seen]:
    for block in blocks:
        _, count, offset, _ = _BLOCK.unpack_from(block)
        for _ in range(count):
            following, seconds, nanoseconds, _, length, _, start = _FRAME.unpack_from(block, offset)
            frame = offset + start
            at_ns = seconds * 1_000_000_000 + nanoseconds
            yield _datagram(block, frame, at_ns, length)
            offset += following


def _datagram(block: bytes, frame: int, at_ns: int, length: int) -> Seen:
    source: IPv4Address | IPv6Address
    if block[frame + _ETHERTYPE_AT : frame + _ETHERTYPE_AT + 2] == _IPV4:
        mac, counted, address, run, flow, number = _IPV4_DATAGRAM.unpack_from(block, frame)
        source, payload = IPv4Address(address), counted - _IPV4_HEADERS
    else:
        mac, counted, address, run, flow, number = _IPV6_DATAGRAM.unpack_from(block, frame)
        source, payload = IPv6Address(address), counted - _IPV6_HEADERS
    return Seen(at_ns, mac.hex(":"), str(source), run, flow, number, length, payload)
