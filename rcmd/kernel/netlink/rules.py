"""Our policy rules as rtnetlink messages, and out of them (include/uapi/linux/fib_rules.h)."""

from __future__ import annotations

import struct
from enum import IntEnum
from ipaddress import ip_address, ip_network

from rcmd.ipmp.api.nexthops import PinRule
from rcmd.kernel.netlink.attributes import attribute, attributes, message, number, u32
from rcmd.kernel.netlink.message import (
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    MalformedMessage,
    MessageType,
)
from rcmd.model.network import RCMD_PROTOCOL, Family

_HEAD = struct.Struct("=8BI")
"""struct fib_rule_hdr: family, lengths of destination and source, tos, table, 2 reserved, action,
flags."""
_TO_TABLE = 1
"""FR_ACT_TO_TBL."""
_TCP = 6
_PORTS = struct.Struct("=HH")
"""struct fib_rule_port_range: first, last."""
_RT_TABLE_UNSPEC = 0


class _Fra(IntEnum):
    DST = 1
    SRC = 2
    PRIORITY = 6
    SUPPRESS_PREFIXLEN = 14
    TABLE = 15
    PROTOCOL = 21
    IP_PROTO = 22
    SPORT_RANGE = 23


def encode(kind: MessageType, rule: PinRule) -> bytes:
    """The request that adds or removes it."""
    bits = rule.source.max_prefixlen
    length = rule.destination.prefixlen if rule.destination else 0
    head = _HEAD.pack(Family.IPV4, length, bits, 0, _RT_TABLE_UNSPEC, 0, 0, _TO_TABLE, 0)
    body = attribute(_Fra.SRC, rule.source.packed)
    if rule.destination is not None:
        body += attribute(_Fra.DST, rule.destination.network_address.packed)
    body += number(_Fra.PRIORITY, rule.priority) + number(_Fra.TABLE, rule.table)
    if rule.is_but_default:
        body += number(_Fra.SUPPRESS_PREFIXLEN, 0)
    body += attribute(_Fra.PROTOCOL, bytes((RCMD_PROTOCOL,)))
    body += attribute(_Fra.IP_PROTO, bytes((_TCP,)))
    body += attribute(_Fra.SPORT_RANGE, _PORTS.pack(*rule.ports))
    flags = NLM_F_CREATE | NLM_F_EXCL if kind is MessageType.NEWRULE else 0
    return message(kind, flags, head + body)


def encode_dump() -> bytes:
    head = _HEAD.pack(Family.IPV4, 0, 0, 0, 0, 0, 0, 0, 0)
    return message(MessageType.GETRULE, NLM_F_DUMP, head)


def decode(payload: bytes) -> tuple[PinRule, ...]:
    """Ours; none for one of somebody else's.  Raises MalformedMessage."""
    if len(payload) < _HEAD.size:
        raise MalformedMessage("short rule message")
    family, length, _, _, table, _, _, _, _ = _HEAD.unpack_from(payload)
    found = dict(attributes(payload, _HEAD.size))
    is_ours = found.get(_Fra.PROTOCOL, b"")[:1] == bytes((RCMD_PROTOCOL,))
    if family != Family.IPV4 or not is_ours or _Fra.SRC not in found:
        return ()
    try:
        source = ip_address(found[_Fra.SRC])
        destination = ip_network((found[_Fra.DST], length)) if _Fra.DST in found else None
    except ValueError as error:
        raise MalformedMessage(str(error)) from error
    first, last = _PORTS.unpack_from(found.get(_Fra.SPORT_RANGE, b"").ljust(4, b"\0"))
    suppressed = found.get(_Fra.SUPPRESS_PREFIXLEN, b"\xff\xff\xff\xff")
    return (
        PinRule(
            source,
            (first, last),
            u32(found, _Fra.PRIORITY),
            u32(found, _Fra.TABLE) if _Fra.TABLE in found else table,
            destination,
            is_but_default=suppressed == bytes(4),
        ),
    )
