"""Addresses, routes and links as rtnetlink requests."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from enum import IntEnum
from functools import lru_cache
from typing import Any, assert_never

from rcmd.kernel.netlink.layout import ADDRESS, LINK, ROUTE
from rcmd.kernel.netlink.message import (
    FOREVER,
    IFF_UP,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    RTN_LOCAL,
    RTN_UNICAST,
    RTNH_F_ONLINK,
    MessageType,
)
from rcmd.model.network import Family, KernelAddress, Route, family_of

_ADDABLE_FLAGS = {
    Family.IPV4: 0x200 | 0x400,  # noprefixroute, mcautojoin
    Family.IPV6: 0x02 | 0x04 | 0x10 | 0x100 | 0x200 | 0x400,
}
"""IFA_F_ that an administrator may set: also nodad, optimistic, homeaddress, managetempaddr."""
_LABEL_MAX = 15
_RT_TABLE_COMPAT = 252
_RT_TABLE_LOCAL = 255
_RT_SCOPE_NOWHERE = 255
_RTAX_CC_ALGO = 16
_LONGEST_EXPIRY_S = 0x7FFFFFFF
_EXT_MASK_SKIP_STATS = 8

_Attributes = Iterator[tuple[str, Any]]


class Operation(IntEnum):
    ADD = 0
    REMOVE = 1
    CHANGE = 2
    """An address that is there already: flags, mark and lifetimes as they are given now."""


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


@lru_cache(maxsize=4096)
def _encode_address(operation: Operation, item: KernelAddress) -> bytes:
    match operation:
        case Operation.REMOVE:
            kind, flags, scope = MessageType.DELADDR, 0, 0
        case Operation.ADD:
            kind, flags, scope = MessageType.NEWADDR, NLM_F_CREATE | NLM_F_EXCL, item.scope
        case Operation.CHANGE:
            kind, flags, scope = MessageType.NEWADDR, NLM_F_REPLACE, item.scope
        case _:
            assert_never(operation)
    family = family_of(item.address)
    head = (family, item.address.network.prefixlen, 0, scope, item.ifindex)
    is_removal = operation is Operation.REMOVE
    return ADDRESS.request(
        kind, flags, head, _address_attributes(item, family, is_removal=is_removal)
    )


def _address_attributes(item: KernelAddress, family: Family, *, is_removal: bool) -> _Attributes:
    # IFA_ADDRESS before IFA_LOCAL, as the kernel writes them: see `netlink_message.identity`.
    local = item.address.ip
    yield "address", item.peer or local
    yield "local", local
    if is_removal:
        return
    if item.broadcast is not None:
        yield "broadcast", item.broadcast
    if item.label and family is Family.IPV4 and len(item.label) <= _LABEL_MAX:
        yield "label", item.label
    if flags := item.flags & _ADDABLE_FLAGS[family]:
        yield "flags", flags
    if item.protocol:
        yield "protocol", item.protocol
    if item.metric:
        yield "metric", item.metric
    if item.valid_s is not None or item.preferred_s is not None:
        valid, preferred = (
            FOREVER if seconds is None else seconds for seconds in (item.valid_s, item.preferred_s)
        )
        # struct ifa_cacheinfo: preferred, valid, and two that only the kernel tells.
        yield "lifetimes", (preferred, valid, 0, 0)


def _encode_route(operation: Operation, item: Route) -> bytes:
    family = family_of(item.destination)
    match operation:
        case Operation.REMOVE:
            kind, flags = MessageType.DELROUTE, 0
            # Scope nowhere matches any scope (net/ipv4/fib_trie.c, fib_table_delete).
            scope = _RT_SCOPE_NOWHERE
            # IPv6 shows siblings with the protocol of the first, and never has two that differ
            # in nothing else.
            protocol = item.protocol if family is Family.IPV4 else 0
        case Operation.ADD:
            # Neither exclusive nor replacing: a route of the same metric through another device
            # stays beside it until that one is removed.
            kind, flags = MessageType.NEWROUTE, NLM_F_CREATE | NLM_F_APPEND
            scope, protocol = item.scope, item.protocol
        case Operation.CHANGE:
            raise ValueError("only an address can be changed")
        case _:
            assert_never(operation)
    table = item.table if item.table < 256 else _RT_TABLE_COMPAT
    onlink = RTNH_F_ONLINK if item.is_onlink else 0
    length = item.destination.prefixlen
    head = (family, length, 0, item.tos, table, protocol, scope, RTN_UNICAST, onlink)
    attributes = _route_attributes(item, family)
    if operation is Operation.ADD and (item.metrics or item.congestion):
        attributes.append(("metrics", _encode_metrics(item)))
    return ROUTE.request(kind, flags, head, attributes)


def _route_attributes(item: Route, family: Family) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = [("device", item.ifindex)]
    if item.destination.prefixlen:
        found.append(("destination", item.destination.network_address))
    if item.gateway is not None:
        is_foreign = item.gateway.version == 6 and family is Family.IPV4  # RFC 8950
        found.append(("via" if is_foreign else "gateway", item.gateway))
    if item.priority:
        found.append(("priority", item.priority))
    if item.table > 255:
        found.append(("table", item.table))
    if item.source is not None:
        found.append(("source", item.source))
    if item.preference:
        found.append(("preference", item.preference))
    if item.realm:
        found.append(("realm", item.realm))
    return found


def _encode_metrics(route: Route) -> bytes:
    numbers = b"".join(struct.pack("=HHI", 8, number, value) for number, value in route.metrics)
    if not route.congestion:
        return numbers
    name = route.congestion.encode() + b"\0"
    head = struct.pack("=HH", 4 + len(name), _RTAX_CC_ALGO)
    return numbers + head + name + bytes(-len(name) % 4)


def encode_let_out(address: KernelAddress) -> bytes:
    """RTM_DELROUTE for the local route of an address for a multicast group (`group_routes`)."""
    key = address.address.ip
    head = (
        address.family,
        key.max_prefixlen,
        0,
        0,
        _RT_TABLE_LOCAL,
        0,
        _RT_SCOPE_NOWHERE,
        RTN_LOCAL,
        0,
    )
    attributes = (("destination", key), ("device", address.ifindex))
    return ROUTE.request(MessageType.DELROUTE, 0, head, attributes)


def encode_expiry(request: bytes, left_s: float) -> bytes:
    """The request to add an IPv6 route, which then ends by itself in so many seconds, rounded up.

    Were it rounded down, the kernel might end it before we expect that, and it would be put back.
    """
    seconds = max(1, min(math.ceil(left_s), _LONGEST_EXPIRY_S))
    return ROUTE.extended(request, "expires", seconds)


def encode_set_link(
    ifindex: int, *, is_up: bool | None, mtu: int | None, hardware_address: str | None
) -> bytes:
    """RTM_NEWLINK for an existing device; None leaves the property as it is."""
    changed = 0 if is_up is None else IFF_UP
    head = (0, 0, ifindex, IFF_UP if is_up else 0, changed)
    attributes: list[tuple[str, Any]] = []
    if mtu is not None:
        attributes.append(("mtu", mtu))
    if hardware_address is not None:
        attributes.append(("address", bytes.fromhex(hardware_address.replace(":", ""))))
    return LINK.request(MessageType.NEWLINK, 0, head, attributes)


def encode_get_link(ifindex: int) -> bytes:
    """RTM_GETLINK of one device, or of all where `ifindex` is 0; without statistics."""
    flags = 0 if ifindex else NLM_F_DUMP
    attributes = (("extensions", _EXT_MASK_SKIP_STATS),)
    return LINK.request(MessageType.GETLINK, flags, (0, 0, ifindex, 0, 0), attributes)


def encode_dump_addresses(ifindex: int = 0) -> bytes:
    """RTM_GETADDR of one device, or of all where `ifindex` is 0.

    The kernel filters where checking is strict.
    """
    return ADDRESS.request(MessageType.GETADDR, NLM_F_DUMP, (0, 0, 0, 0, ifindex), ())


def encode_dump_routes(family: Family, ifindex: int = 0) -> bytes:
    """RTM_GETROUTE for unicast routes, through one device, or all where `ifindex` is 0.

    The kernel filters where checking is strict.
    """
    head = (family, 0, 0, 0, 0, 0, 0, RTN_UNICAST, 0)
    device = (("device", ifindex),) if ifindex else ()
    return ROUTE.request(MessageType.GETROUTE, NLM_F_DUMP, head, device)
