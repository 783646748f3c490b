"""Links, addresses and routes out of rtnetlink messages.

pyroute2's message classes read the attributes.  That takes up to 200 us a message, hence what a
payload says is remembered: polling reads the same link ten times a second.
"""

from __future__ import annotations

import os
import struct
from functools import lru_cache
from ipaddress import IPv4Address, ip_address, ip_interface, ip_network
from typing import Any, NamedTuple

from rcmd.foreign_text import from_bytes
from rcmd.model import Family, IPAddress, KernelAddress, Link, Route
from rcmd.system.link_families import is_passthru, switched_off
from rcmd.system.netlink_message import (
    FOREVER,
    HEADER,
    IFF_UP,
    RTN_UNICAST,
    RTNH_F_ONLINK,
    MalformedMessage,
)
from rcmd.system.pyroute2_lite import NetlinkDecodeError, ifaddrmsg, ifinfmsg, rtmsg

_IFA_F_DEPRECATED = 0x20
_RT_TABLE_LOCAL = 255
_RTM_F_CLONED = 0x200
_RTMSG_SIZE = 12
_INDESCRIBABLE = frozenset({2, 22, 30})
"""RTA_SRC, RTA_ENCAP, RTA_NH_ID: what a `Route` has no word for."""
_RTA_CACHEINFO = 12
_RTAX_CC_ALGO = 16
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_IFF_LOWER_UP = 0x10000
_CARRYING = frozenset({"UP", "UNKNOWN"})
_STACKING = frozenset(
    {"vlan", "macvlan", "macvtap", "ipvlan", "ipvtap", "ipoib", "macsec", "vxlan"}
)
"""Kinds whose IFLA_LINK is the device below; that of a veth is its peer."""
_MACVLANS = frozenset({"macvlan", "macvtap"})


def decode_link(payload: bytes) -> Link | None:
    """The device; None for a message about a bridge port, which is not a device's own."""
    if payload[:1] != b"\0":
        return None
    return _decode_link(payload)


def decode_address(payload: bytes) -> KernelAddress | None:
    if payload[:1] not in (b"\x02", b"\x0a"):
        return None
    return _decode_address(payload)


def decode_route(payload: bytes) -> tuple[Route, ...]:
    """The unicast routes through one device; none if it is local, cloned or not describable.

    The kernel shows IPv6 routes that differ only in gateway and device as one with several
    nexthops, though each is added and removed alone: they come out as several.  An IPv4 route
    with several nexthops is one route and is left out.
    """
    if len(payload) < _RTMSG_SIZE:
        raise MalformedMessage("short route message")
    family, _, _, _, table, _, _, kind, flags = struct.unpack_from("=8BI", payload)
    if family not in (Family.IPV4, Family.IPV6) or table == _RT_TABLE_LOCAL:
        return ()
    if kind != RTN_UNICAST or flags & _RTM_F_CLONED:
        return ()
    return _decode_route(payload)


def _parse(message_class: Any, payload: bytes) -> Any:
    """The decoded message; raises MalformedMessage."""
    data = HEADER.pack(HEADER.size + len(payload), 0, 0, 0, 0) + payload
    message = message_class(data)
    try:
        message.decode()
    except (NetlinkDecodeError, struct.error) as error:
        raise MalformedMessage(f"{message_class.__name__}: {error}") from error
    return message


def _attributes(message: Any, wanted: frozenset[str]) -> dict[str, Any]:
    """The attributes by name: the first of each, decoded only where wanted."""
    found: dict[str, Any] = {}
    for slot in message["attrs"]:
        if slot.name in wanted and slot.name not in found:
            found[slot.name] = slot.value
    return found


def _raw(message: Any, name: str) -> bytes:
    """The payload of an attribute, undecoded; empty where it is missing."""
    for slot in message["attrs"]:
        if slot.name == name:
            cell = slot.cell[1]
            return bytes(cell.data[cell.offset + 4 : cell.offset + cell.length])
    return b""


def _address_of(value: Any) -> IPAddress:
    # An attribute that cannot be decoded comes back as bytes, which ip_address() would accept.
    if not isinstance(value, str):
        raise MalformedMessage(f"not an address: {value!r}")
    try:
        return ip_address(value)
    except ValueError as error:
        raise MalformedMessage(str(error)) from error


def _number(value: Any) -> int:
    if not isinstance(value, int):
        raise MalformedMessage(f"not a number: {value!r}")
    return value


def _text(value: Any) -> str:
    # A name or a label need not be UTF-8; pyroute2 leaves such bytes as they are.
    if isinstance(value, bytes):
        return from_bytes(value.partition(b"\0")[0])
    if not isinstance(value, str):
        raise MalformedMessage(f"not a text: {value!r}")
    return value


_LINK_ATTRIBUTES = frozenset(
    {
        "IFLA_IFNAME",
        "IFLA_MTU",
        "IFLA_MASTER",
        "IFLA_LINK",
        "IFLA_LINK_NETNSID",
        "IFLA_OPERSTATE",
        "IFLA_LINKINFO",
    }
)


@lru_cache(maxsize=256)
def _decode_link(payload: bytes) -> Link:
    message = _parse(ifinfmsg, payload)
    found = _attributes(message, _LINK_ATTRIBUTES)
    info = found.get("IFLA_LINKINFO")
    kind = info.get_attr("IFLA_INFO_KIND", "") if isinstance(info, ifinfmsg.ifinfo) else ""
    is_stacked_here = kind in _STACKING and "IFLA_LINK_NETNSID" not in found
    flags = message["flags"]
    return Link(
        ifindex=message["index"],
        name=_text(found.get("IFLA_IFNAME")),
        hardware_address=_raw(message, "IFLA_ADDRESS").hex(":"),
        medium=message["ifi_type"],
        mtu=_number(found.get("IFLA_MTU", 0)),
        is_up=bool(flags & IFF_UP),
        has_carrier=bool(flags & _IFF_LOWER_UP)
        and found.get("IFLA_OPERSTATE", "UNKNOWN") in _CARRYING,
        master=_number(found.get("IFLA_MASTER", 0)),
        lower=_number(found.get("IFLA_LINK", 0)) if is_stacked_here else 0,
        kind=_text(kind),
        switched_off=switched_off(_raw(message, "IFLA_AF_SPEC")),
        takes_all=kind in _MACVLANS and is_passthru(_raw(message, "IFLA_LINKINFO")),
    )


_ADDRESS_ATTRIBUTES = frozenset(
    {
        "IFA_ADDRESS",
        "IFA_LOCAL",
        "IFA_LABEL",
        "IFA_BROADCAST",
        "IFA_CACHEINFO",
        "IFA_FLAGS",
        "IFA_RT_PRIORITY",
        "IFA_PROTO",
    }
)


@lru_cache(maxsize=4096)
def _decode_address(payload: bytes) -> KernelAddress:
    message = _parse(ifaddrmsg, payload)
    found = _attributes(message, _ADDRESS_ATTRIBUTES)
    outer = _address_of(found.get("IFA_ADDRESS", found.get("IFA_LOCAL")))
    local = _address_of(found["IFA_LOCAL"]) if "IFA_LOCAL" in found else outer
    broadcast = _address_of(found["IFA_BROADCAST"]) if "IFA_BROADCAST" in found else None
    flags = _number(found.get("IFA_FLAGS", message["flags"]))
    valid_s, preferred_s = _decode_lifetimes(found.get("IFA_CACHEINFO"))
    try:
        address = ip_interface((local, message["prefixlen"]))
    except ValueError as error:
        raise MalformedMessage(str(error)) from error
    return KernelAddress(
        ifindex=message["index"],
        address=address,
        label=_text(found.get("IFA_LABEL", "")),
        broadcast=broadcast if isinstance(broadcast, IPv4Address) else None,
        peer=outer if outer != local else None,
        scope=message["scope"],
        flags=flags,
        protocol=_number(found.get("IFA_PROTO", 0)),
        valid_s=valid_s,
        # The kernel shows a permanent deprecated IPv4 address as preferred forever.
        preferred_s=0 if flags & _IFA_F_DEPRECATED else preferred_s,
        metric=_number(found.get("IFA_RT_PRIORITY", 0)),
    )


def _decode_lifetimes(cacheinfo: Any) -> tuple[int | None, int | None]:
    """Valid and preferred lifetime in seconds; None is forever."""
    if cacheinfo is None:
        return None, None
    if not isinstance(cacheinfo, ifaddrmsg.cacheinfo):
        raise MalformedMessage("bad IFA_CACHEINFO")
    valid, preferred = cacheinfo["ifa_valid"], cacheinfo["ifa_preferred"]
    return (
        None if valid == FOREVER else _number(valid),
        None if preferred == FOREVER else _number(preferred),
    )


_ROUTE_ATTRIBUTES = frozenset(
    {
        "RTA_DST",
        "RTA_OIF",
        "RTA_GATEWAY",
        "RTA_VIA",
        "RTA_PRIORITY",
        "RTA_PREFSRC",
        "RTA_TABLE",
        "RTA_MULTIPATH",
        "RTA_PREF",
        "RTA_FLOW",
    }
)


@lru_cache(maxsize=4096)
def _decode_route(payload: bytes) -> tuple[Route, ...]:
    if _has_any(payload, _RTMSG_SIZE, _INDESCRIBABLE):
        return ()
    message = _parse(rtmsg, payload)
    found = _attributes(message, _ROUTE_ATTRIBUTES)
    family = Family(message["family"])
    table = _number(found.get("RTA_TABLE", message["table"]))
    if table == _RT_TABLE_LOCAL:
        return ()
    default = "0.0.0.0" if family is Family.IPV4 else "::"
    try:
        destination = ip_network((_address_of(found.get("RTA_DST", default)), message["dst_len"]))
    except ValueError as error:
        raise MalformedMessage(str(error)) from error
    source = _address_of(found["RTA_PREFSRC"]) if "RTA_PREFSRC" in found else None
    metrics, congestion = _decode_metrics(_raw(message, "RTA_METRICS"))
    return tuple(
        Route(
            ifindex=hop.ifindex,
            destination=destination,
            gateway=hop.gateway,
            table=table,
            priority=_number(found.get("RTA_PRIORITY", 0)),
            tos=message["tos"],
            scope=message["scope"],
            protocol=message["proto"],
            source=source,
            is_onlink=bool(hop.flags & RTNH_F_ONLINK),
            metrics=metrics,
            congestion=congestion,
            preference=_number(found.get("RTA_PREF", 0)),
            realm=_number(found.get("RTA_FLOW", 0)),
        )
        for hop in _decode_hops(family, message["flags"], found)
    )


class _Hop(NamedTuple):
    ifindex: int
    gateway: IPAddress | None
    flags: int


def _decode_hops(family: Family, flags: int, found: dict[str, Any]) -> list[_Hop]:
    """The nexthops of the single-device routes in the message; see `decode_route`."""
    if "RTA_OIF" in found:
        return [_Hop(_number(found["RTA_OIF"]), _decode_gateway(found), flags)]
    if family is not Family.IPV6 or not isinstance(found.get("RTA_MULTIPATH"), list):
        return []
    return [
        _Hop(hop["oif"], _decode_gateway(_attributes(hop, _ROUTE_ATTRIBUTES)), hop["flags"])
        for hop in found["RTA_MULTIPATH"]
    ]


def _has_any(payload: bytes, offset: int, kinds: frozenset[int]) -> bool:
    """Whether an attribute of one of these types is there, without decoding any."""
    while offset + 4 <= len(payload):
        length, kind = struct.unpack_from("=HH", payload, offset)
        if length < 4:
            raise MalformedMessage(f"attribute length {length}")
        if kind & 0x3FFF in kinds:
            return True
        offset += (length + 3) & ~3
    return False


def _decode_gateway(found: dict[str, Any]) -> IPAddress | None:
    if "RTA_GATEWAY" in found:
        return _address_of(found["RTA_GATEWAY"])
    if "RTA_VIA" in found:
        via = found["RTA_VIA"]
        if not isinstance(via, dict):
            raise MalformedMessage("bad RTA_VIA")
        return _address_of(via.get("addr"))
    return None


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


def expires_in_s(payload: bytes) -> float | None:
    """Until the route ends by itself, negative where it should have; None: it does not.

    Not part of what `decode_route` says, which is remembered: this counts down.
    """
    offset = _RTMSG_SIZE
    while offset + 4 <= len(payload):
        length, kind = struct.unpack_from("=HH", payload, offset)
        if length < 4:
            raise MalformedMessage(f"attribute length {length}")
        if kind == _RTA_CACHEINFO and length >= 16 and offset + 16 <= len(payload):
            (ticks,) = struct.unpack_from("=i", payload, offset + 12)
            return ticks / _TICKS_PER_S if ticks else None
        offset += (length + 3) & ~3
    return None
