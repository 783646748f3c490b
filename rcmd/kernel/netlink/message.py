"""What every rtnetlink message has: a header, a type, and a place in a datagram."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

NLM_F_REQUEST = 0x01
NLM_F_ACK = 0x04
NLM_F_DUMP_INTR = 0x10
NLM_F_DUMP = 0x300
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_APPEND = 0x800

HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr: length, type, flags, sequence number, port."""

_TYPE = struct.Struct("=H")
_IFINFO = struct.Struct("=BxxxiI")
"""struct ifinfomsg: family, ifindex, flags."""

RTNH_F_ONLINK = 4
RTN_UNICAST = 1
RTN_LOCAL = 2
IFF_UP = 0x1
IFF_LOWER_UP = 0x10000
FOREVER = 0xFFFFFFFF
"""A lifetime in struct ifa_cacheinfo."""


class MessageType(IntEnum):
    """nlmsg_type of the messages rcmd sends or reads."""

    NOOP = 1
    ERROR = 2
    DONE = 3
    NEWLINK = 16
    DELLINK = 17
    GETLINK = 18
    NEWADDR = 20
    DELADDR = 21
    GETADDR = 22
    NEWROUTE = 24
    DELROUTE = 25
    GETROUTE = 26
    NEWNEIGH = 28
    GETNEIGH = 30
    NEWRULE = 32
    DELRULE = 33
    GETRULE = 34
    NEWNETCONF = 80
    NEWNEXTHOP = 104
    DELNEXTHOP = 105
    GETNEXTHOP = 106


class Header(NamedTuple):
    length: int
    kind: int
    flags: int
    sequence: int
    port: int


class MalformedMessage(ValueError):
    """The bytes are not the message that their header promises."""


def split(datagram: bytes) -> Iterator[tuple[Header, bytes]]:
    """Header and payload of each message of a datagram; raises MalformedMessage at a bad length."""
    offset = 0
    while offset + HEADER.size <= len(datagram):
        header = Header._make(HEADER.unpack_from(datagram, offset))
        end = offset + header.length
        if header.length < HEADER.size or end > len(datagram):
            raise MalformedMessage(f"message length {header.length} at {offset}")
        yield header, datagram[offset + HEADER.size : end]
        offset += (header.length + 3) & ~3


def link_lost(datagram: bytes) -> int | None:
    """The ifindex if its first message says that a link has gone, or is down; nothing else is read.

    A bridge tells with the same types, in a family of its own, what happens to its ports.
    """
    if len(datagram) < HEADER.size + _IFINFO.size:
        return None
    (kind,) = _TYPE.unpack_from(datagram, 4)
    family, ifindex, flags = _IFINFO.unpack_from(datagram, HEADER.size)
    if family or kind not in (MessageType.NEWLINK, MessageType.DELLINK):
        return None
    is_there = kind == MessageType.NEWLINK and flags & IFF_UP and flags & IFF_LOWER_UP
    return None if is_there else int(ifindex)


def identity(kind: int, payload: bytes) -> tuple[int, bytes, bytes]:
    """What tells an IPv4 address message from another: type, interface, local address.

    Equal for our request and for the notification that it causes, since both begin with
    IFA_ADDRESS and IFA_LOCAL (net/ipv4/devinet.c, inet_fill_ifaddr).
    """
    return kind, payload[4:8], payload[20:24]


def identity_of_request(request: bytes) -> tuple[int, bytes, bytes]:
    """The `identity` of the notification that the request causes."""
    (kind,) = _TYPE.unpack_from(request, 4)
    return identity(kind, request[HEADER.size :])
