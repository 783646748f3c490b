"""Links, addresses and routes out of rtnetlink messages."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, IPv6Network
from typing import Any, NamedTuple

from rcmd.foreign_text import from_bytes
from rcmd.kernel.netlink.attributes import attributes
from rcmd.kernel.netlink.layout import ADDRESS, HOP, LINK, LINK_INFO, ROUTE
from rcmd.kernel.netlink.link_families import is_passthru, switched_off
from rcmd.kernel.netlink.message import (
    FOREVER,
    IFF_LOWER_UP,
    IFF_UP,
    RTN_UNICAST,
    RTNH_F_ONLINK,
    MalformedMessage,
)
from rcmd.model.network import Family, IPAddress, IPInterface, IPNetwork, KernelAddress, Link, Route

_IFA_F_DEPRECATED = 0x20
_RT_TABLE_LOCAL = 255
_RTM_F_CLONED = 0x200
_INDESCRIBABLE = ("from", "encapsulation", "nexthop")
"""What a `Route` has no word for."""
_RTAX_CC_ALGO = 16
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IFLA_ALT_IFNAME = 53
_CARRYING = (0, 6)
"""IF_OPER_UNKNOWN, IF_OPER_UP."""
_STACKING = frozenset(
    {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "ipoib", "macsec", "vxlan"}
)
"""Kinds whose IFLA_LINK is the device below; that of a veth is its peer."""
_MACVLANS = frozenset({"macvlan", "macvtap"})
_FAMILIES = {int(family): family for family in Family}


def decode_link(payload: bytes) -> Link | None:
    """The device; None for a message about a bridge port, which is not a device's own."""
    if payload[:1] != b"\0":
        return None
    (_, medium, ifindex, flags, _), found = LINK.read(payload)
    if "name" not in found:
        raise MalformedMessage("a device without a name")
    information = found.get("info", b"")
    kind = LINK_INFO.attributes(information).get("kind", "")
    is_stacked_here = kind in _STACKING and "link_namespace" not in found
    return Link(
        ifindex=ifindex,
        name=found["name"],
        hardware_address=found.get("address", b"").hex(":"),
        medium=medium,
        mtu=found.get("mtu", 0),
        is_up=bool(flags & IFF_UP),
        has_carrier=bool(flags & IFF_LOWER_UP) and found.get("operstate", 0) in _CARRYING,
        master=found.get("master", 0),
        lower=found.get("link", 0) if is_stacked_here else 0,
        kind=kind,
        switched_off=switched_off(found.get("families", b"")),
        takes_all=kind in _MACVLANS and is_passthru(information),
        alternatives=_alternative_names(found.get("properties", b"")),
    )


def _alternative_names(properties: bytes) -> tuple[str, ...]:
    found = attributes(properties, 0)
    return tuple(from_bytes(it.rstrip(b"\0")) for kind, it in found if kind == _IFLA_ALT_IFNAME)


def decode_address(payload: bytes) -> KernelAddress | None:
    if payload[:1] not in (b"\x02", b"\x0a"):
        return None
    (family, length, old_flags, scope, ifindex), found = ADDRESS.read(payload)
    local = found.get("local", found.get("address"))
    if local is None:
        raise MalformedMessage("an address message without an address")
    outer = found.get("address", local)
    broadcast = found.get("broadcast")
    flags = found.get("flags", old_flags)
    valid_s, preferred_s = _decode_lifetimes(found.get("lifetimes"))
    return KernelAddress(
        ifindex=ifindex,
        address=_interface(_FAMILIES[family], local, length),
        label=found.get("label", ""),
        broadcast=broadcast if isinstance(broadcast, IPv4Address) else None,
        peer=outer if outer != local else None,
        scope=scope,
        flags=flags,
        protocol=found.get("protocol", 0),
        valid_s=valid_s,
        # The kernel shows a permanent deprecated IPv4 address as preferred forever.
        preferred_s=0 if flags & _IFA_F_DEPRECATED else preferred_s,
        metric=found.get("metric", 0),
    )


def _interface(family: Family, address: IPAddress, length: int) -> IPInterface:
    try:
        if family is Family.IPV4:
            return IPv4Interface((address.packed, length))
        return IPv6Interface((address.packed, length))
    except ValueError as error:
        raise MalformedMessage(str(error)) from error


def _decode_lifetimes(cacheinfo: tuple[int, ...] | None) -> tuple[int | None, int | None]:
    """Valid and preferred lifetime in seconds; None is forever."""
    if cacheinfo is None:
        return None, None
    preferred, valid = cacheinfo[:2]
    return None if valid == FOREVER else valid, None if preferred == FOREVER else preferred


def decode_route(payload: bytes, now: float = 0.0) -> tuple[Route, ...]:
    """The unicast routes through one device; none if it is local, cloned or not describable.

    `now` is on the clock of `Route.expires_at`: what ends by itself tells the time that is left.

    The kernel shows IPv6 routes that differ only in gateway and device as one with several
    nexthops, though each is added and removed alone: they come out as several.  An IPv4 route
    with several nexthops is one route and is left out.
    """
    if len(payload) < ROUTE.head.size:
        raise MalformedMessage("short route message")
    number, length, _, tos, table, protocol, scope, kind, flags = ROUTE.head.unpack_from(payload)
    family = _FAMILIES.get(number)
    if family is None or table == _RT_TABLE_LOCAL or kind != RTN_UNICAST or flags & _RTM_F_CLONED:
        return ()
    found = ROUTE.attributes(payload, ROUTE.head.size)
    table = found.get("table", table)
    if table == _RT_TABLE_LOCAL or any(name in found for name in _INDESCRIBABLE):
        return ()
    destination = _network(family, found.get("destination"), length)
    metrics, congestion = _decode_metrics(found.get("metrics", b""))
    left_s = _decode_end(found.get("lifetimes", b""))
    return tuple(
        Route(
            ifindex=hop.ifindex,
            destination=destination,
            gateway=hop.gateway,
            table=table,
            priority=found.get("priority", 0),
            tos=tos,
            scope=scope,
            protocol=protocol,
            source=found.get("source"),
            is_onlink=bool(hop.flags & RTNH_F_ONLINK),
            metrics=metrics,
            congestion=congestion,
            preference=found.get("preference", 0),
            realm=found.get("realm", 0),
            expires_at=None if left_s is None else now + left_s,
        )
        for hop in _hops(family, flags, found)
    )


def _network(family: Family, address: IPAddress | None, length: int) -> IPNetwork:
    try:
        if family is Family.IPV4:
            return IPv4Network((0 if address is None else address.packed, length))
        return IPv6Network((0 if address is None else address.packed, length))
    except ValueError as error:
        raise MalformedMessage(str(error)) from error


class _Hop(NamedTuple):
    ifindex: int
    gateway: IPAddress | None
    flags: int


def _hops(family: Family, flags: int, found: dict[str, Any]) -> Iterator[_Hop]:
    """The nexthops of the single-device routes in the message; see `decode_route`."""
    if "device" in found:
        yield _Hop(found["device"], found.get("gateway", found.get("via")), flags)
    elif family is Family.IPV6:
        hops, offset = found.get("multipath", b""), 0
        while offset + HOP.head.size <= len(hops):
            length, hop_flags, _, ifindex = HOP.head.unpack_from(hops, offset)
            if length < HOP.head.size or offset + length > len(hops):
                raise MalformedMessage(f"nexthop length {length}")
            way = HOP.attributes(hops[offset : offset + length], HOP.head.size)
            yield _Hop(ifindex, way.get("gateway", way.get("via")), hop_flags)
            offset += (length + 3) & ~3


def _decode_end(lifetimes: bytes) -> float | None:
    """Seconds until the route ends by itself, negative where it should have; None: it does not."""
    # struct rta_cacheinfo: references, last use, then this.
    if len(lifetimes) < 12:
        return None
    (ticks,) = struct.unpack_from("=i", lifetimes, 8)
    return ticks / _TICKS_PER_S if ticks else None


def _decode_metrics(payload: bytes) -> tuple[tuple[tuple[int, int], ...], str]:
    """RTAX_ numbers and values, and the name of the congestion algorithm."""
    metrics = []
    congestion = ""
    offset = 0
    while offset + 4 < len(payload):
        length, number = struct.unpack_from("=HH", payload, offset)
        if length < 4:
            raise MalformedMessage(f"metric length {length}")
        if number == _RTAX_CC_ALGO:
            name = payload[offset + 4 : offset + length]
            congestion = from_bytes(name.rstrip(b"\0"))
        elif length == 8 and offset + 8 <= len(payload):
            metrics.append((number, *struct.unpack_from("=I", payload, offset + 4)))
        offset += (length + 3) & ~3
    return tuple(sorted(metrics)), congestion
