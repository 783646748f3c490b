"""The messages about links, addresses and routes as the kernel lays them out (linux:rtnetlink(7)).

Each is said once, as a table: a head of fixed numbers, and the attributes by name, with the kind of
their value.  The table serves for both directions, and leaves out what nobody asks for.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from rcmd.foreign_text import from_bytes
from rcmd.kernel.netlink.message import (
    HEADER,
    NLM_F_ACK,
    NLM_F_REQUEST,
    MalformedMessage,
    MessageType,
)
from rcmd.model.network import IPAddress

_ATTRIBUTE = struct.Struct("=HH")
_TYPE_MASK = 0x3FFF
"""Without NLA_F_NESTED and NLA_F_NET_BYTEORDER."""
_CACHEINFO = struct.Struct("=IIII")
_LENGTH = struct.Struct("=I")
_PADDING = tuple(bytes(count) for count in range(4))


@dataclass(frozen=True, slots=True)
class Kind:
    """Of the value of an attribute.  `unpack` raises MalformedMessage."""

    pack: Callable[[Any], bytes]
    unpack: Callable[[bytes], Any]


def _number(form: str) -> Kind:
    number = struct.Struct(form)

    def unpack(payload: bytes) -> int:
        if len(payload) < number.size:
            raise MalformedMessage(f"a number of {len(payload)} bytes")
        value: int = number.unpack_from(payload)[0]
        return value

    return Kind(number.pack, unpack)


def unpack_address(payload: bytes) -> IPAddress:
    if len(payload) == 4:
        return IPv4Address(payload)
    if len(payload) == 16:
        return IPv6Address(payload)
    raise MalformedMessage(f"an address of {len(payload)} bytes")


def _unpack_cacheinfo(payload: bytes) -> tuple[int, ...]:
    if len(payload) < _CACHEINFO.size:
        raise MalformedMessage(f"lifetimes of {len(payload)} bytes")
    return _CACHEINFO.unpack_from(payload)


def _unpack_via(payload: bytes) -> IPAddress:
    """struct rtvia: the family, then the address."""
    return unpack_address(payload[2:])


U8 = _number("=B")
U32 = _number("=I")
IP = Kind(lambda address: address.packed, unpack_address)
TEXT = Kind(
    lambda text: text.encode() + b"\0", lambda payload: from_bytes(payload.partition(b"\0")[0])
)
BYTES = Kind(bytes, bytes)
CACHEINFO = Kind(lambda numbers: _CACHEINFO.pack(*numbers), _unpack_cacheinfo)
VIA = Kind(
    lambda address: struct.pack("=H", 10 if address.version == 6 else 2) + address.packed,
    _unpack_via,
)


class Layout:
    """Of one kind of message."""

    def __init__(self, head: str, attributes: Mapping[str, tuple[int, Kind]]) -> None:
        """`head` as for `struct`, in native order; name of an attribute -> its type and kind."""
        self.head = struct.Struct(head)
        self.known = attributes
        self._by_type = {number: (name, kind.unpack) for name, (number, kind) in attributes.items()}

    def request(
        self,
        kind: MessageType,
        flags: int,
        head: tuple[int, ...],
        attributes: Iterable[tuple[str, Any]],
    ) -> bytes:
        """A whole message that asks to be acknowledged; its sequence number is left 0."""
        parts = [b"", self.head.pack(*head)]
        length = HEADER.size + self.head.size
        # Thousands of routes are encoded in a moment that counts: no call for each attribute.
        for name, value in attributes:
            number, attribute = self.known[name]
            payload = attribute.pack(value)
            size = len(payload)
            padding = -size % 4
            parts += (_ATTRIBUTE.pack(4 + size, number), payload, _PADDING[padding])
            length += 4 + size + padding
        parts[0] = HEADER.pack(length, kind, NLM_F_REQUEST | NLM_F_ACK | flags, 0, 0)
        return b"".join(parts)

    def extended(self, message: bytes, name: str, value: Any) -> bytes:
        """The message with one more attribute."""
        longer = bytearray(message + self._attribute(name, value))
        _LENGTH.pack_into(longer, 0, len(longer))
        return bytes(longer)

    def _attribute(self, name: str, value: Any) -> bytes:
        number, kind = self.known[name]
        payload = kind.pack(value)
        length = _ATTRIBUTE.size + len(payload)
        return _ATTRIBUTE.pack(length, number) + payload + bytes(-length % 4)

    def read(self, payload: bytes) -> tuple[tuple[int, ...], dict[str, Any]]:
        """The numbers of the head, and the attributes that the table knows, the first of each.

        Raises MalformedMessage.
        """
        if len(payload) < self.head.size:
            raise MalformedMessage(f"a message of {len(payload)} bytes")
        return self.head.unpack_from(payload), self.attributes(payload, self.head.size)

    def attributes(self, payload: bytes, offset: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = {}
        by_type, end = self._by_type, len(payload)
        while offset + 4 <= end:
            length, number = _ATTRIBUTE.unpack_from(payload, offset)
            if length < 4 or offset + length > end:
                raise MalformedMessage(f"an attribute of {length} bytes at {offset} of {end}")
            known = by_type.get(number & _TYPE_MASK)
            if known is not None and known[0] not in found:
                found[known[0]] = known[1](payload[offset + 4 : offset + length])
            offset += (length + 3) & ~3
        return found


LINK = Layout(
    # struct ifinfomsg: family, type, index, flags, changed flags
    "=BxHiII",
    {
        "address": (1, BYTES),
        "name": (3, TEXT),
        "mtu": (4, U32),
        "link": (5, U32),
        "master": (10, U32),
        "operstate": (16, U8),
        "info": (18, BYTES),
        "families": (26, BYTES),
        "extensions": (29, U32),
        "link_namespace": (37, BYTES),
        "properties": (52, BYTES),
    },
)
LINK_INFO = Layout("=", {"kind": (1, TEXT)})
"""Of its attribute `info`."""
ADDRESS = Layout(
    # struct ifaddrmsg: family, prefix length, flags, scope, index
    "=BBBBI",
    {
        "address": (1, IP),
        "local": (2, IP),
        "label": (3, TEXT),
        "broadcast": (4, IP),
        "lifetimes": (6, CACHEINFO),
        "flags": (8, U32),
        "metric": (9, U32),
        "protocol": (11, U8),
    },
)
ROUTE = Layout(
    # struct rtmsg: family, lengths of destination and source, TOS, table, protocol, scope, type,
    # flags
    "=8BI",
    {
        "destination": (1, IP),
        "from": (2, BYTES),
        "device": (4, U32),
        "gateway": (5, IP),
        "priority": (6, U32),
        "source": (7, IP),
        "metrics": (8, BYTES),
        "multipath": (9, BYTES),
        "realm": (11, U32),
        "lifetimes": (12, BYTES),
        "table": (15, U32),
        "via": (18, VIA),
        "preference": (20, U8),
        "encapsulation": (22, BYTES),
        "expires": (23, U32),
        "nexthop": (30, BYTES),
    },
)
HOP = Layout("=HBBi", {"gateway": (5, IP), "via": (18, VIA)})
"""struct rtnexthop: length, flags, weight less one, ifindex; with attributes of its own."""
