"""The routes, rules and neighbour entries that are tied to a device, as the kernel lists them.

`rtnetlink` reads what can move; this reads the rest, only when a detach is planned.  The kernel
picks out the devices (linux:net/ipv4/fib_frontend.c, ip_valid_fib_dump_req).  A machine with a
million routes takes its time all the same, so it is done in a thread.  Only read.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import struct
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from ipaddress import ip_address, ip_network

from rcmd.foreign_text import from_bytes
from rcmd.ipmp.reconcile.adoption import RTPROT_BY_DAEMON
from rcmd.kernel.netlink.message import (
    HEADER,
    NLM_F_DUMP,
    NLM_F_REQUEST,
    RTN_UNICAST,
    MalformedMessage,
)
from rcmd.kernel.netlink.sockets import CommandSocket, DumpInterrupted, KernelRefused
from rcmd.model.network import RCMD_PROTOCOL, Family, IPNetwork
from rcmd.ports.pinned_routes import Anchored, Tie
from rcmd.ports.plan import MovableKind

_log = logging.getLogger(__name__)

TIMEOUT_S = 5.0
_ATTEMPTS = 5

_GETROUTE, _GETNEIGHBOUR, _GETRULE, _GETNEXTHOP = 26, 30, 34, 106
_ROUTE = struct.Struct("=8BI")
"""struct rtmsg: family, lengths of destination and source, tos, table, protocol, scope, type,
flags."""
_U32 = struct.Struct("=I")
_NEIGHBOUR = struct.Struct("=BxxxiHBB")
"""struct ndmsg: family, ifindex, state, flags, type."""
_NDA_DST, _NDA_LLADDR, _NDA_IFINDEX = 1, 2, 8
_NUD_PERMANENT = 0x80
_NTF_PROXY = 0x08
_RULE_BYTES = 12
_NEXTHOP_BYTES = 8
_RTA_DST, _RTA_SRC, _RTA_OIF, _RTA_GATEWAY = 1, 2, 4, 5
_RTA_MULTIPATH, _RTA_TABLE, _RTA_ENCAP, _RTA_NH_ID = 9, 15, 22, 30
_FRA_IIFNAME, _FRA_PRIORITY, _FRA_TABLE, _FRA_OIFNAME, _FRA_PROTOCOL = 3, 6, 15, 17, 21
_NHA_ID = 1
_RT_TABLE_MAIN, _RT_TABLE_LOCAL = 254, 255
_RTPROT_REDIRECT, _RTPROT_KERNEL, _RTPROT_RA = 1, 2, 9
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.EAFNOSUPPORT, errno.EINVAL})

Attributes = Mapping[int, bytes]


async def list_anchored(ifindexes: Collection[int]) -> tuple[Anchored, ...]:
    """As `anchored`, in a thread; empty, with a warning, where it takes too long."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await asyncio.to_thread(anchored, ifindexes)
    except TimeoutError:
        _warn(f"no answer within {TIMEOUT_S:g} s")
        return ()


def anchored(ifindexes: Collection[int]) -> tuple[Anchored, ...]:
    """What is tied to these devices and does not follow; empty, with a warning, on failure."""
    if not ifindexes:
        return ()
    try:
        with closing(CommandSocket()) as kernel:
            return tuple(_Reader(kernel).read(ifindexes))
    except (OSError, MalformedMessage, DumpInterrupted) as error:
        _warn(str(error) or "the tables change too fast")
        return ()


def _warn(reason: str) -> None:
    _log.warning("routes and rules that cannot follow cannot be listed: %s", reason)


class _Reader:
    def __init__(self, kernel: CommandSocket) -> None:
        self._kernel = kernel
        self._our_nexthops: frozenset[int] | None = None

    def read(self, ifindexes: Collection[int]) -> Iterator[Anchored]:
        for ifindex in sorted(ifindexes):
            for family in Family:
                yield from self._routes(family, ifindex)
                yield from self._neighbours(family, ifindex, 0)
                yield from self._neighbours(family, ifindex, _NTF_PROXY)
        names = {name: ifindex for ifindex in ifindexes if (name := _name_of(ifindex))}
        for family in Family:
            yield from self._rules(family, names)

    def _dump(self, kind: int, body: bytes) -> list[bytes]:
        """Nothing where this kernel has no such table.  Raises OSError, DumpInterrupted."""
        flags = NLM_F_REQUEST | NLM_F_DUMP
        request = HEADER.pack(HEADER.size + len(body), kind, flags, 0, 0) + body
        for attempt in range(_ATTEMPTS):
            try:
                return self._kernel.dump(request)
            except DumpInterrupted:
                if attempt == _ATTEMPTS - 1:
                    raise
            except KernelRefused as refusal:
                if refusal.errno not in _UNSUPPORTED:
                    raise
                return []
        return []

    def _routes(self, family: Family, ifindex: int) -> Iterator[Anchored]:
        body = _ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        body += struct.pack("=HHI", 8, _RTA_OIF, ifindex)
        for payload in self._dump(_GETROUTE, body):
            if len(payload) < _ROUTE.size or payload[0] != family:
                continue
            found = _attributes(payload, _ROUTE.size)
            tie = self._tie(family, payload, found, ifindex)
            if tie is not None:
                network = _destination(family, payload, found)
                others = _hops(found.get(_RTA_MULTIPATH, b"")) - {ifindex}
                text = _route_text(payload, found)
                yield Anchored(ifindex, text, tie, network=network, others=tuple(sorted(others)))

    def _tie(self, family: Family, payload: bytes, found: Attributes, ifindex: int) -> Tie | None:
        _, _, source_length, _, table, protocol, _, kind, _ = _ROUTE.unpack_from(payload)
        is_kernels = protocol in (_RTPROT_REDIRECT, _RTPROT_KERNEL)
        if is_kernels and _number(found, _RTA_TABLE, table) == _RT_TABLE_LOCAL:
            # That an address is of this machine.
            return None
        if not _uses(found, ifindex) or protocol == RCMD_PROTOCOL:
            return None
        if is_kernels:
            return Tie.KERNELS_OWN
        if protocol == _RTPROT_RA:
            return Tie.LEARNED
        if protocol in RTPROT_BY_DAEMON:
            return Tie.ROUTING_DAEMON
        if kind != RTN_UNICAST:
            return Tie.SPECIAL_TYPE
        if _RTA_NH_ID in found:
            is_ours = _number(found, _RTA_NH_ID, 0) in self._ours()
            return None if is_ours else Tie.NEXTHOP_OBJECT
        if _RTA_ENCAP in found:
            return Tie.ENCAPSULATION
        if source_length:
            return Tie.SOURCE_SPECIFIC
        if _RTA_MULTIPATH in found and family is Family.IPV4:
            # Of IPv6 each hop is a route of its own, and moves as such.
            return Tie.SEVERAL_HOPS
        return Tie.UNMANAGED

    def _ours(self) -> frozenset[int]:
        """The nexthop objects that rcmd made; those it minds itself."""
        if self._our_nexthops is None:
            payloads = self._dump(_GETNEXTHOP, bytes(_NEXTHOP_BYTES))
            self._our_nexthops = frozenset(
                _number(_attributes(payload, _NEXTHOP_BYTES), _NHA_ID, 0)
                for payload in payloads
                if len(payload) >= _NEXTHOP_BYTES and payload[2] == RCMD_PROTOCOL
            )
        return self._our_nexthops

    def _neighbours(self, family: Family, ifindex: int, flags: int) -> Iterator[Anchored]:
        """Those that were entered by hand; with `_NTF_PROXY`, those that we answer for."""
        body = _NEIGHBOUR.pack(family, 0, 0, flags, 0)
        body += struct.pack("=HHI", 8, _NDA_IFINDEX, ifindex)
        for payload in self._dump(_GETNEIGHBOUR, body):
            if len(payload) < _NEIGHBOUR.size:
                continue
            its_family, device, state, its_flags, _ = _NEIGHBOUR.unpack_from(payload)
            is_proxy = bool(its_flags & _NTF_PROXY)
            if (its_family, device, is_proxy) != (family, ifindex, bool(flags)):
                # A kernel that does not check requests strictly lists those of all devices.
                continue
            if is_proxy or state & _NUD_PERMANENT:
                text = _neighbour_text(_attributes(payload, _NEIGHBOUR.size), is_proxy=is_proxy)
                yield Anchored(ifindex, text, Tie.BY_HAND, MovableKind.NEIGHBOUR)

    def _rules(self, family: Family, names: Mapping[str, int]) -> Iterator[Anchored]:
        for payload in self._dump(_GETRULE, bytes([family]) + bytes(_RULE_BYTES - 1)):
            if len(payload) < _RULE_BYTES or payload[0] != family:
                continue
            found = _attributes(payload, _RULE_BYTES)
            if _byte(found, _FRA_PROTOCOL) == RCMD_PROTOCOL:
                continue
            for word, kind in (("iif", _FRA_IIFNAME), ("oif", _FRA_OIFNAME)):
                name = from_bytes(found.get(kind, b"").rstrip(b"\0"))
                if name in names:
                    text = _rule_text(family, f"{word} {name}", found, payload[4])
                    yield Anchored(names[name], text, Tie.NAMES_INTERFACE, None)


def _name_of(ifindex: int) -> str:
    try:
        return socket.if_indextoname(ifindex)
    except OSError:
        return ""


def _attributes(payload: bytes, offset: int) -> dict[int, bytes]:
    """By type, without the nested flag.  Raises MalformedMessage."""
    found: dict[int, bytes] = {}
    while offset + 4 <= len(payload):
        length, kind = struct.unpack_from("=HH", payload, offset)
        if length < 4:
            raise MalformedMessage(f"attribute length {length}")
        found[kind & 0x3FFF] = payload[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


def _number(found: Attributes, kind: int, otherwise: int) -> int:
    value = found.get(kind, b"")
    return int(_U32.unpack(value)[0]) if len(value) == _U32.size else otherwise


def _byte(found: Attributes, kind: int) -> int:
    return found.get(kind, b"\0")[0]


def _uses(found: Attributes, ifindex: int) -> bool:
    """A kernel that does not check requests strictly lists the routes of all devices."""
    if _RTA_OIF in found:
        return _number(found, _RTA_OIF, 0) == ifindex
    if _RTA_MULTIPATH in found:
        return ifindex in _hops(found[_RTA_MULTIPATH])
    # Of a nexthop object, where `nexthop_compat_mode` is off, only the kernel knows the device.
    return _RTA_NH_ID in found


def _hops(payload: bytes) -> set[int]:
    """The devices of struct rtnexthop: length, flags, hops, ifindex."""
    found: set[int] = set()
    offset = 0
    while offset + 8 <= len(payload):
        length, _, _, ifindex = struct.unpack_from("=HBBi", payload, offset)
        if length < 8:
            raise MalformedMessage(f"next hop length {length}")
        found.add(ifindex)
        offset += (length + 3) & ~3
    return found


def _route_text(payload: bytes, found: Attributes) -> str:
    _, length, source_length, _, table, _, _, _, _ = _ROUTE.unpack_from(payload)
    table = _number(found, _RTA_TABLE, table)
    parts = [_network(found.get(_RTA_DST), length)]
    if source_length:
        parts.append(f"from {_network(found.get(_RTA_SRC), source_length)}")
    gateway = found.get(_RTA_GATEWAY, b"")
    if len(gateway) in (4, 16):
        parts.append(f"via {ip_address(gateway)}")
    if table != _RT_TABLE_MAIN:
        parts.append(f"table {table}")
    return " ".join(parts)


def _destination(family: Family, payload: bytes, found: Attributes) -> IPNetwork:
    address = found.get(_RTA_DST) or bytes(4 if family is Family.IPV4 else 16)
    return ip_network((ip_address(address), payload[1]), strict=False)


def _neighbour_text(found: Attributes, *, is_proxy: bool) -> str:
    address = found.get(_NDA_DST, b"")
    who = str(ip_address(address)) if len(address) in (4, 16) else "?"
    if is_proxy:
        return f"proxy {who}"
    return f"{who} lladdr {found.get(_NDA_LLADDR, b'').hex(':')}"


def _network(address: bytes | None, length: int) -> str:
    if address is None or not length:
        return "default"
    return f"{ip_address(address)}/{length}"


def _rule_text(family: Family, word: str, found: Attributes, table: int) -> str:
    table = _number(found, _FRA_TABLE, table)
    return f"{family} rule {_number(found, _FRA_PRIORITY, 0)} ({word} table {table})"
