"""Whom this machine has talked to on its links: the kernel's neighbour table.

A table may have thousands of entries, and nothing waits for it: it is read a datagram at a time,
whenever one is there, and only the best of each device are kept.  The kernel sends the entries of
the devices that are asked for and no others (linux:net/core/neighbour.c, neigh_dump_table).
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
from collections import deque
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from rcmd.ipmp.api.events import Neighbour, NeighboursSeen
from rcmd.kernel.netlink.attributes import attributes, message, number
from rcmd.kernel.netlink.message import NLM_F_DUMP, MalformedMessage, MessageType, split
from rcmd.model.network import Family

_log = logging.getLogger(__name__)

MOST_KEPT: Final = 32
"""Of each device and family; those confirmed last."""
LATELY_S: Final = 300.0
"""So long after it was confirmed a neighbour counts as one that is talked to."""

_SOL_NETLINK: Final = 270
_NETLINK_GET_STRICT_CHK: Final = 12
_RECEIVE_BUFFER: Final = 1 << 20
_DATAGRAM: Final = 16384
"""About two hundred entries, and less than a millisecond."""
_NDMSG: Final = struct.Struct("=BxxxiHBB")
_CACHEINFO: Final = struct.Struct("=III")
"""Ticks since it was confirmed, used and updated (struct nda_cacheinfo)."""
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_NDA_DST: Final = 1
_NDA_LLADDR: Final = 2
_NDA_CACHEINFO: Final = 3
_NDA_IFINDEX: Final = 8
_REACHABLE: Final = 0x02
_ONCE_REACHABLE: Final = 0x04 | 0x08 | 0x10
"""NUD_STALE, NUD_DELAY, NUD_PROBE: what was confirmed once, and may be so again."""
_NTF_ROUTER: Final = 0x80
_ETHERNET_LENGTH: Final = 6
_LENGTHS: Final = {Family.IPV4: 4, Family.IPV6: 16}

_Entry = tuple[float, Neighbour]
"""How long ago it was confirmed, in seconds; and who it is."""


class NeighbourTable:
    """One network namespace: the one of the thread that opens it."""

    def __init__(self) -> None:
        flags = socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
        self._socket = socket.socket(socket.AF_NETLINK, flags, socket.NETLINK_ROUTE)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        self._socket.bind((0, 0))
        self._sequence = 0
        self._asked: frozenset[int] = frozenset()
        """Where is being looked now; empty while nobody asks."""
        self._wanted: frozenset[int] = frozenset()
        """Where to look after that."""
        self._to_do: deque[tuple[int, Family]] = deque()
        self._found: dict[tuple[int, Family], list[_Entry]] = {}

    def fileno(self) -> int:
        """Readable when `read` has something to do."""
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def look(self, ifindexes: Iterable[int]) -> None:
        """Begin to read the entries of these devices; `read` has them one day."""
        self._wanted |= frozenset(ifindexes)
        if not self._asked:
            self._begin()

    def _begin(self) -> None:
        self._asked, self._wanted = self._wanted, frozenset()
        self._found = {}
        self._to_do = deque((ifindex, family) for ifindex in self._asked for family in Family)
        self._ask_next()

    def _ask_next(self) -> None:
        if not self._to_do:
            return
        ifindex, family = self._to_do.popleft()
        body = _NDMSG.pack(family, 0, 0, 0, 0) + number(_NDA_IFINDEX, ifindex)
        request = message(MessageType.GETNEIGH, NLM_F_DUMP, body)
        self._sequence = (self._sequence + 1) & 0x7FFFFFFF
        buffer = bytearray(request)
        struct.pack_into("=I", buffer, 8, self._sequence)
        self._socket.sendto(buffer, (0, 0))

    def read(self) -> NeighboursSeen | None:
        """One datagram; what was found once all has been read, None before."""
        try:
            datagram, sender = self._socket.recvfrom(_DATAGRAM)
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            return self._end_dump()
        if sender[0] != 0:
            return None
        is_over = False
        try:
            for header, payload in split(datagram):
                if header.sequence != self._sequence:
                    continue
                if header.kind in (MessageType.DONE, MessageType.ERROR):
                    is_over = True
                elif header.kind == MessageType.NEWNEIGH:
                    self._keep(payload)
        except MalformedMessage as error:
            _log.warning("ignored a malformed neighbour: %s", error)
        return self._end_dump() if is_over else None

    def _keep(self, payload: bytes) -> None:
        entry = _decode(payload)
        if entry is None:
            return
        _, neighbour = entry
        family = Family.IPV4 if neighbour.address.version == 4 else Family.IPV6
        kept = self._found.setdefault((neighbour.ifindex, family), [])
        kept.append(entry)
        if len(kept) >= 2 * MOST_KEPT:
            kept[:] = _best(kept)

    def _end_dump(self) -> NeighboursSeen | None:
        if self._to_do:
            self._ask_next()
            return None
        entries = [entry for kept in self._found.values() for entry in _best(kept)]
        seen = NeighboursSeen(self._asked, tuple(neighbour for _, neighbour in entries))
        self._asked, self._found = frozenset(), {}
        if self._wanted:
            self._begin()
        return seen


def _best(entries: list[_Entry]) -> list[_Entry]:
    """Routers, then those confirmed last."""
    return sorted(entries, key=lambda entry: (not entry[1].is_router, entry[0]))[:MOST_KEPT]


def _decode(payload: bytes) -> _Entry | None:
    """None where it is nobody to whom this machine has talked lately."""
    if len(payload) < _NDMSG.size:
        raise MalformedMessage("short neighbour")
    family, ifindex, state, flags, _ = _NDMSG.unpack_from(payload)
    if not state & (_REACHABLE | _ONCE_REACHABLE):
        return None
    found = dict(attributes(payload, _NDMSG.size))
    hardware, packed = found.get(_NDA_LLADDR, b""), found.get(_NDA_DST, b"")
    cacheinfo = found.get(_NDA_CACHEINFO, b"")
    is_whole = len(packed) == _LENGTHS.get(family) and len(cacheinfo) >= _CACHEINFO.size
    if not is_whole or len(hardware) != _ETHERNET_LENGTH:
        return None
    confirmed_s = _CACHEINFO.unpack_from(cacheinfo)[0] / _TICKS_PER_S
    if not state & _REACHABLE and confirmed_s > LATELY_S:
        return None
    address = IPv4Address(packed) if family == Family.IPV4 else IPv6Address(packed)
    is_router = bool(flags & _NTF_ROUTER)
    return confirmed_s, Neighbour(ifindex, address, hardware.hex(":"), is_router)
