"""Addresses, routes and links as rtnetlink requests.

pyroute2's message classes write the attributes (include/uapi/linux/if_addr.h, rtnetlink.h,
if_link.h).  That takes 95 us a message, hence requests are remembered.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import Any, assert_never

from rcmd.model import Family, IPAddress, KernelAddress, Route
from rcmd.system.netlink_message import (
    FOREVER,
    IFF_UP,
    NLM_F_ACK,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    NLM_F_REQUEST,
    RTN_LOCAL,
    RTN_UNICAST,
    RTNH_F_ONLINK,
    MessageType,
)
from rcmd.system.pyroute2_lite import ifaddrmsg, ifinfmsg, rtmsg

_ADDABLE_FLAGS = {
    Family.IPV4: 0x200 | 0x400,  # noprefixroute, mcautojoin
    Family.IPV6: 0x02 | 0x04 | 0x10 | 0x100 | 0x200 | 0x400,
}
"""IFA_F_ that an administrator may set: also nodad, optimistic, homeaddress, managetempaddr."""
_LABEL_MAX = 15
_RT_TABLE_COMPAT = 252
_RT_TABLE_LOCAL = 255
_RT_SCOPE_NOWHERE = 255
_RTA_METRICS = 8
_RTA_EXPIRES = 23
_RTAX_CC_ALGO = 16
_LONGEST_EXPIRY_S = 0x7FFFFFFF
_EXT_MASK_SKIP_STATS = 8


class Operation(IntEnum):
    ADD = 0
    REMOVE = 1
    CHANGE = 2
    """An address that is there already: flags, mark and lifetimes as they are given now."""


@lru_cache(maxsize=16384)
def encode(operation: Operation, item: KernelAddress | Route) -> bytes:
    """The request that adds, removes or changes the item; its sequence number is left 0.

    An addition is exclusive: an address that is there already is answered with EEXIST, and is not
    changed.  (Replacing would reset its lifetimes and its mark.)
    """
    match item:
        case KernelAddress():
            return _encode_address(operation, item)
        case Route():
            return _encode_route(operation, item)
        case _:
            assert_never(item)


def _encode_address(operation: Operation, item: KernelAddress) -> bytes:
    message = ifaddrmsg()
    message["family"] = item.family
    message["prefixlen"] = item.address.network.prefixlen
    message["index"] = item.ifindex
    # IFA_ADDRESS before IFA_LOCAL, as the kernel writes them: see `identity`.
    attributes: list[tuple[str, Any]] = [
        ("IFA_ADDRESS", str(item.peer or item.address.ip)),
        ("IFA_LOCAL", str(item.address.ip)),
    ]
    match operation:
        case Operation.REMOVE:
            kind, flags = MessageType.DELADDR, 0
        case Operation.ADD:
            kind, flags = MessageType.NEWADDR, NLM_F_CREATE | NLM_F_EXCL
            message["scope"] = item.scope
            attributes += _addition_attributes(item)
        case Operation.CHANGE:
            kind, flags = MessageType.NEWADDR, NLM_F_REPLACE
            message["scope"] = item.scope
            attributes += _addition_attributes(item)
        case _:
            assert_never(operation)
    message["attrs"] = attributes
    return _finish(message, kind, flags)


def _addition_attributes(item: KernelAddress) -> Iterator[tuple[str, Any]]:
    if item.broadcast is not None:
        yield "IFA_BROADCAST", str(item.broadcast)
    if item.label and item.family is Family.IPV4 and len(item.label) <= _LABEL_MAX:
        yield "IFA_LABEL", item.label
    if flags := item.flags & _ADDABLE_FLAGS[item.family]:
        yield "IFA_FLAGS", flags
    if item.protocol:
        yield "IFA_PROTO", item.protocol
    if item.metric:
        yield "IFA_RT_PRIORITY", item.metric
    if item.valid_s is not None or item.preferred_s is not None:
        lifetimes = {
            "ifa_preferred": FOREVER if item.preferred_s is None else item.preferred_s,
            "ifa_valid": FOREVER if item.valid_s is None else item.valid_s,
        }
        yield "IFA_CACHEINFO", lifetimes


def _encode_route(operation: Operation, item: Route) -> bytes:
    message = rtmsg()
    message["family"] = item.family
    message["dst_len"] = item.destination.prefixlen
    message["tos"] = item.tos
    message["table"] = item.table if item.table < 256 else _RT_TABLE_COMPAT
    message["type"] = RTN_UNICAST
    message["flags"] = RTNH_F_ONLINK if item.is_onlink else 0
    message["attrs"] = list(_route_attributes(item))
    match operation:
        case Operation.REMOVE:
            # Scope nowhere matches any scope (net/ipv4/fib_trie.c, fib_table_delete).
            message["scope"] = _RT_SCOPE_NOWHERE
            # IPv6 shows siblings with the protocol of the first, and never has two that differ
            # in nothing else.
            message["proto"] = item.protocol if item.family is Family.IPV4 else 0
            return _finish(message, MessageType.DELROUTE, 0)
        case Operation.ADD:
            message["scope"] = item.scope
            message["proto"] = item.protocol
            # Neither exclusive nor replacing: a route of the same metric through another device
            # stays beside it until that one is removed.
            request = _finish(message, MessageType.NEWROUTE, NLM_F_CREATE | NLM_F_APPEND)
            if item.metrics or item.congestion:
                return _append(request, _RTA_METRICS, _encode_metrics(item))
            return request
        case Operation.CHANGE:
            raise ValueError("only an address can be changed")
        case _:
            assert_never(operation)


@lru_cache(maxsize=1024)
def encode_let_out(address: KernelAddress) -> bytes:
    """RTM_DELROUTE for the local route of an address for a multicast group (`group_routes`)."""
    message = rtmsg()
    message["family"] = address.family
    message["dst_len"] = address.address.ip.max_prefixlen
    message["table"] = _RT_TABLE_LOCAL
    message["type"] = RTN_LOCAL
    message["scope"] = _RT_SCOPE_NOWHERE
    message["attrs"] = [("RTA_DST", str(address.address.ip)), ("RTA_OIF", address.ifindex)]
    return _finish(message, MessageType.DELROUTE, 0)


def _route_attributes(item: Route) -> Iterator[tuple[str, Any]]:
    yield "RTA_OIF", item.ifindex
    if item.destination.prefixlen:
        yield "RTA_DST", str(item.destination.network_address)
    if item.gateway is not None:
        yield _gateway_attribute(item.family, item.gateway)
    if item.priority:
        yield "RTA_PRIORITY", item.priority
    if item.table > 255:
        yield "RTA_TABLE", item.table
    if item.source is not None:
        yield "RTA_PREFSRC", str(item.source)
    if item.preference:
        yield "RTA_PREF", item.preference
    if item.realm:
        yield "RTA_FLOW", item.realm


def _gateway_attribute(family: Family, gateway: IPAddress) -> tuple[str, Any]:
    if gateway.version == 6 and family is Family.IPV4:  # RFC 8950
        return "RTA_VIA", {"family": int(Family.IPV6), "addr": str(gateway)}
    return "RTA_GATEWAY", str(gateway)


def _encode_metrics(route: Route) -> bytes:
    numbers = b"".join(struct.pack("=HHI", 8, number, value) for number, value in route.metrics)
    if not route.congestion:
        return numbers
    name = route.congestion.encode() + b"\0"
    head = struct.pack("=HH", 4 + len(name), _RTAX_CC_ALGO)
    return numbers + head + name + bytes(-len(name) % 4)


def encode_expiry(request: bytes, left_s: float) -> bytes:
    """The request to add an IPv6 route, which then ends by itself in so many seconds, rounded up.

    Were it rounded down, the kernel might end it before we expect that, and it would be put back.
    """
    seconds = max(1, min(math.ceil(left_s), _LONGEST_EXPIRY_S))
    return _append(request, _RTA_EXPIRES, struct.pack("=I", seconds))


def _append(message: bytes, kind: int, payload: bytes) -> bytes:
    """The message with one more attribute; `payload` must be a multiple of 4 bytes."""
    longer = bytearray(message + struct.pack("=HH", 4 + len(payload), kind) + payload)
    struct.pack_into("=I", longer, 0, len(longer))
    return bytes(longer)


def _finish(message: Any, kind: MessageType, flags: int) -> bytes:
    message["header"]["type"] = int(kind)
    message["header"]["flags"] = NLM_F_REQUEST | NLM_F_ACK | flags
    message.encode()
    return bytes(message.data)


def encode_set_link(
    ifindex: int, *, is_up: bool | None, mtu: int | None, hardware_address: str | None
) -> bytes:
    """RTM_NEWLINK for an existing device; None leaves the property as it is."""
    message = ifinfmsg()
    message["index"] = ifindex
    if is_up is not None:
        message["change"] = IFF_UP
        message["flags"] = IFF_UP if is_up else 0
    attributes: list[tuple[str, Any]] = []
    if mtu is not None:
        attributes.append(("IFLA_MTU", mtu))
    if hardware_address is not None:
        attributes.append(("IFLA_ADDRESS", hardware_address))
    message["attrs"] = attributes
    return _finish(message, MessageType.NEWLINK, 0)


@lru_cache(maxsize=256)
def encode_get_link(ifindex: int) -> bytes:
    """RTM_GETLINK of one device, or of all where `ifindex` is 0; without statistics."""
    message = ifinfmsg()
    message["index"] = ifindex
    message["attrs"] = [("IFLA_EXT_MASK", _EXT_MASK_SKIP_STATS)]
    if ifindex:
        return _finish(message, MessageType.GETLINK, 0)
    return _finish(message, MessageType.GETLINK, NLM_F_DUMP)


def encode_dump_addresses() -> bytes:
    return _finish(ifaddrmsg(), MessageType.GETADDR, NLM_F_DUMP)


def encode_dump_routes(family: Family) -> bytes:
    """RTM_GETROUTE for unicast routes; the kernel filters where checking is strict."""
    message = rtmsg()
    message["family"] = family
    message["type"] = RTN_UNICAST
    message["attrs"] = []
    return _finish(message, MessageType.GETROUTE, NLM_F_DUMP)
