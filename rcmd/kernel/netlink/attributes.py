"""Netlink messages and attributes, packed and taken apart by hand (linux:include/net/netlink.h).

For the rarer messages; those about links, addresses and routes have a `netlink_layout`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping

from rcmd.kernel.netlink.message import (
    HEADER,
    NLM_F_ACK,
    NLM_F_REQUEST,
    MalformedMessage,
    MessageType,
)

NESTED = 0x8000
"""NLA_F_NESTED."""
_ATTRIBUTE = struct.Struct("=HH")
_TYPE_MASK = 0x3FFF


def message(kind: MessageType, flags: int, payload: bytes) -> bytes:
    length = HEADER.size + len(payload)
    return HEADER.pack(length, kind, NLM_F_REQUEST | NLM_F_ACK | flags, 0, 0) + payload


def attribute(kind: int, payload: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(payload)
    return _ATTRIBUTE.pack(length, kind) + payload + bytes(-length % 4)


def number(kind: int, number: int) -> bytes:
    return attribute(kind, struct.pack("=I", number))


def attributes(payload: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    while offset + _ATTRIBUTE.size <= len(payload):
        length, kind = _ATTRIBUTE.unpack_from(payload, offset)
        if length < _ATTRIBUTE.size or offset + length > len(payload):
            raise MalformedMessage(f"attribute length {length}")
        yield kind & _TYPE_MASK, payload[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3


def u32(found: Mapping[int, bytes], kind: int) -> int:
    value = found.get(kind, b"")
    if len(value) < 4:
        raise MalformedMessage(f"attribute {kind} has {len(value)} bytes")
    number: int = struct.unpack_from("=I", value)[0]
    return number
