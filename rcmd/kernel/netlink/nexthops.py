"""Nexthops, groups and routes through groups as rtnetlink messages, and out of them.

include/uapi/linux/nexthop.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from enum import IntEnum
from ipaddress import ip_address, ip_network
from typing import assert_never

from rcmd.ipmp.api.nexthops import (
    SPREAD_PROTOCOL,
    GroupRoute,
    Nexthop,
    NexthopGroup,
    Path,
    PinnedRoute,
    PinRule,
    Sibling,
    SpreadItem,
    SpreadRoute,
)
from rcmd.kernel.netlink import encoding, rules
from rcmd.kernel.netlink.attributes import NESTED, attribute, attributes, message, number, u32
from rcmd.kernel.netlink.encoding import Operation
from rcmd.kernel.netlink.message import (
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_REPLACE,
    RTN_UNICAST,
    MalformedMessage,
    MessageType,
)
from rcmd.model.network import RCMD_PROTOCOL, Family, IPAddress, Route

_NHMSG = struct.Struct("=BBBBI")
"""struct nhmsg: family, scope, protocol, reserved, flags."""
_RTMSG = struct.Struct("=8BI")
"""struct rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type,
flags."""
_SHARE = struct.Struct("=IBBH")
"""struct nexthop_grp: id, weight less one, its high byte, reserved."""
_RT_TABLE_COMPAT = 252
_RT_SCOPE_NOWHERE = 255
_RTM_F_CLONED = 0x200
_GROUP_RESILIENT = 1
_BUCKETS = 256
"""Of a resilient group: so many shares of the traffic can move on their own."""
_IDLE_S = 10
"""What has been idle for so long may go to a member that is back."""
_UNBALANCED_S = 120
"""So long a member that is back waits for that; then it gets its part of the busy ones, too."""
_CLOCK_HZ = 100
"""clock_t, in which the kernel takes these times."""
_RTNH = struct.Struct("=HBBi")
"""struct rtnexthop: length, flags, weight less one, ifindex."""


class _Nha(IntEnum):
    ID = 1
    GROUP = 2
    GROUP_TYPE = 3
    OIF = 5
    GATEWAY = 6
    RES_GROUP = 12


_RES_BUCKETS = 1
_RES_IDLE_TIMER = 2
_RES_UNBALANCED_TIMER = 3


class _Rta(IntEnum):
    DST = 1
    OIF = 4
    GATEWAY = 5
    PRIORITY = 6
    METRICS = 8
    MULTIPATH = 9
    TABLE = 15
    NH_ID = 30


def encode_addition(item: SpreadItem) -> bytes:
    """The request; nexthops and groups take the place of what has their number."""
    match item:
        case Nexthop():
            flags, payload = NLM_F_CREATE | NLM_F_REPLACE, _nexthop(item)
        case NexthopGroup():
            flags, payload = NLM_F_CREATE | NLM_F_REPLACE, _group(item)
        case GroupRoute():
            # Before what is in the same place.
            payload = _route(item, item.scope, number(_Rta.NH_ID, item.group))
            return message(MessageType.NEWROUTE, NLM_F_CREATE, payload)
        case Sibling():
            payload = _sibling(item)
            return message(MessageType.NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, payload)
        case PinnedRoute(route=route):
            return encoding.encode(Operation.ADD, route)
        case PinRule():
            return rules.encode(MessageType.NEWRULE, item)
        case _:
            assert_never(item)
    return message(MessageType.NEWNEXTHOP, flags, payload)


def encode_removal(item: SpreadItem) -> bytes:
    match item:
        case Nexthop() | NexthopGroup():
            payload = _NHMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + number(_Nha.ID, item.id)
            return message(MessageType.DELNEXTHOP, 0, payload)
        case GroupRoute():
            way = number(_Rta.NH_ID, item.group)
            return message(MessageType.DELROUTE, 0, _route(item, _RT_SCOPE_NOWHERE, way))
        case Sibling():
            return message(MessageType.DELROUTE, 0, _sibling(item))
        case PinnedRoute(route=route):
            return encoding.encode(Operation.REMOVE, route)
        case PinRule():
            return rules.encode(MessageType.DELRULE, item)
        case _:
            assert_never(item)


def encode_dump_nexthops() -> bytes:
    payload = _NHMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
    return message(MessageType.GETNEXTHOP, NLM_F_DUMP, payload)


def _nexthop(hop: Nexthop) -> bytes:
    path = hop.path
    head = _NHMSG.pack(path.family, 0, RCMD_PROTOCOL, 0, 0)
    body = number(_Nha.ID, hop.id) + number(_Nha.OIF, path.ifindex)
    if path.gateway is not None:
        body += attribute(_Nha.GATEWAY, path.gateway.packed)
    return head + body


def _group(group: NexthopGroup) -> bytes:
    head = _NHMSG.pack(socket.AF_UNSPEC, 0, RCMD_PROTOCOL, 0, 0)
    shares = b"".join(_SHARE.pack(number, weight - 1, 0, 0) for number, weight in group.shares)
    body = number(_Nha.ID, group.id) + attribute(_Nha.GROUP, shares)
    if group.is_resilient:
        buckets = attribute(_RES_BUCKETS, struct.pack("=H", _BUCKETS))
        buckets += number(_RES_IDLE_TIMER, _IDLE_S * _CLOCK_HZ)
        buckets += number(_RES_UNBALANCED_TIMER, _UNBALANCED_S * _CLOCK_HZ)
        body += attribute(_Nha.GROUP_TYPE, struct.pack("=H", _GROUP_RESILIENT))
        body += attribute(_Nha.RES_GROUP | NESTED, buckets)
    return head + body


def _sibling(sibling: Sibling) -> bytes:
    """As a multipath route with one way, which is the only kind that has a weight."""
    route = sibling.route
    assert route.gateway is not None
    gateway = attribute(_Rta.GATEWAY, route.gateway.packed)
    hop = _RTNH.pack(_RTNH.size + len(gateway), 0, sibling.weight - 1, route.ifindex) + gateway
    return _route(route, 0, attribute(_Rta.MULTIPATH, hop))


def _route(route: GroupRoute | Route, scope: int, way: bytes) -> bytes:
    body = way
    if route.destination.prefixlen:
        body += attribute(_Rta.DST, route.destination.network_address.packed)
    if route.priority:
        body += number(_Rta.PRIORITY, route.priority)
    if route.table > 255:
        body += number(_Rta.TABLE, route.table)
    if route.metrics:
        metrics = b"".join(number(kind, value) for kind, value in route.metrics)
        body += attribute(_Rta.METRICS | NESTED, metrics)
    table = route.table if route.table < 256 else _RT_TABLE_COMPAT
    length = route.destination.prefixlen
    protocol = SPREAD_PROTOCOL if isinstance(route, Route) else RCMD_PROTOCOL
    head = _RTMSG.pack(route.family, length, 0, route.tos, table, protocol, scope, RTN_UNICAST, 0)
    return head + body


# --- out of messages ---


def decode_number(payload: bytes) -> int:
    """Of the nexthop or group that a message is about.  Raises MalformedMessage."""
    return u32(dict(attributes(payload, _NHMSG.size)), _Nha.ID)


def decode_nexthop(payload: bytes) -> Nexthop | NexthopGroup | None:
    """Ours; None for one of somebody else's.  Raises MalformedMessage."""
    if len(payload) < _NHMSG.size:
        raise MalformedMessage("short nexthop message")
    family, _, protocol, _, _ = _NHMSG.unpack_from(payload)
    if protocol != RCMD_PROTOCOL:
        return None
    found = dict(attributes(payload, _NHMSG.size))
    number = u32(found, _Nha.ID)
    if _Nha.GROUP in found:
        return _decode_group(number, found)
    if _Nha.OIF not in found:
        # A blackhole, which we never make.
        return None
    if family not in list(Family):
        raise MalformedMessage(f"nexthop {number} of family {family}")
    gateway = _address(found[_Nha.GATEWAY]) if _Nha.GATEWAY in found else None
    return Nexthop(number, Path(Family(family), u32(found, _Nha.OIF), gateway))


def _decode_group(number: int, found: dict[int, bytes]) -> NexthopGroup:
    shares = found[_Nha.GROUP]
    if len(shares) % _SHARE.size:
        raise MalformedMessage(f"nexthop group {number} with {len(shares)} bytes of members")
    members = sorted((hop, low + 1) for hop, low, _, _ in _SHARE.iter_unpack(shares))
    kind = found.get(_Nha.GROUP_TYPE, b"\0\0")[:2]
    return NexthopGroup(number, tuple(members), struct.unpack("=H", kind)[0] == _GROUP_RESILIENT)


def decode_spread_routes(payload: bytes) -> tuple[SpreadRoute | PinnedRoute, ...]:
    """Ours that share or pin traffic; none for any other route.  Raises MalformedMessage."""
    if len(payload) < _RTMSG.size:
        raise MalformedMessage("short route message")
    family, length, _, tos, table, protocol, scope, kind, flags = _RTMSG.unpack_from(payload)
    if protocol not in (RCMD_PROTOCOL, SPREAD_PROTOCOL) or family not in list(Family):
        return ()
    if kind != RTN_UNICAST or flags & _RTM_F_CLONED:
        return ()
    found = dict(attributes(payload, _RTMSG.size))
    if protocol == RCMD_PROTOCOL and _Rta.NH_ID not in found:
        return ()
    anywhere = bytes(4 if family == Family.IPV4 else 16)
    try:
        destination = ip_network((ip_address(found.get(_Rta.DST, anywhere)), length))
    except ValueError as error:
        raise MalformedMessage(str(error)) from error
    metrics = attributes(found.get(_Rta.METRICS, b""), 0)
    shared = GroupRoute(
        u32(found, _Rta.NH_ID) if _Rta.NH_ID in found else 0,
        destination,
        table=u32(found, _Rta.TABLE) if _Rta.TABLE in found else table,
        priority=u32(found, _Rta.PRIORITY) if _Rta.PRIORITY in found else 0,
        tos=tos,
        scope=scope,
        metrics=tuple(sorted((kind, u32({kind: value}, kind)) for kind, value in metrics)),
    )
    if protocol == RCMD_PROTOCOL:
        return (shared,)
    if family == Family.IPV4:
        gateway = _address(found[_Rta.GATEWAY]) if _Rta.GATEWAY in found else None
        return (PinnedRoute(shared.through(u32(found, _Rta.OIF), gateway)),)
    return tuple(
        Sibling(shared.through(ifindex, gateway), weight)
        for ifindex, gateway, weight in _ways(found)
    )


def _ways(found: dict[int, bytes]) -> Iterator[tuple[int, IPAddress, int]]:
    """Device, gateway and weight of each of the siblings that a message shows as one route."""
    if _Rta.OIF in found and _Rta.GATEWAY in found:
        yield u32(found, _Rta.OIF), _address(found[_Rta.GATEWAY]), 1
    hops, offset = found.get(_Rta.MULTIPATH, b""), 0
    while offset + _RTNH.size <= len(hops):
        length, _, weight, ifindex = _RTNH.unpack_from(hops, offset)
        if length < _RTNH.size:
            raise MalformedMessage(f"nexthop length {length}")
        way = dict(attributes(hops[offset : offset + length], _RTNH.size))
        if _Rta.GATEWAY in way:
            yield ifindex, _address(way[_Rta.GATEWAY]), weight + 1
        offset += (length + 3) & ~3


def _address(packed: bytes) -> IPAddress:
    try:
        return ip_address(packed)
    except ValueError as error:
        raise MalformedMessage(str(error)) from error
