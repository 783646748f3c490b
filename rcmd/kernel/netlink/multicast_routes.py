"""The local routes that the kernel makes of addresses for multicast groups.

It makes one of every address, at once (IPv4), when duplicate detection has been seen to (IPv6), or
when the device is set up; also of one that only lets it join a group.  What applications send to
that group through that device then goes to lo and nowhere else (`ip_route_output_key_hash_rcu`,
net/ipv4/route.c, looks for a local route first).  The membership does not need the route.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address

from rcmd.kernel.netlink.message import RTN_LOCAL
from rcmd.model.network import Family, IPAddress

_RTMSG = struct.Struct("=8BI")
"""struct rtmsg: family, three lengths, table, protocol, scope, type, flags."""
_ATTRIBUTE = struct.Struct("=HH")
_RTA_DST = 1
_RTA_OIF = 4
_LENGTH = {Family.IPV4: 4, Family.IPV6: 16}


def group_route(payload: bytes) -> tuple[int, IPAddress] | None:
    """(ifindex, group) if this route message is about such a route."""
    if len(payload) < _RTMSG.size:
        return None
    family, prefix, _, _, _, _, _, kind, _ = _RTMSG.unpack_from(payload)
    if kind != RTN_LOCAL or prefix != 8 * _LENGTH.get(family, 0):
        return None
    found = dict(_attributes(payload))
    destination, device = found.get(_RTA_DST, b""), found.get(_RTA_OIF, b"")
    if 8 * len(destination) != prefix or len(device) != 4:
        return None
    group = ip_address(destination)
    return (struct.unpack("=I", device)[0], group) if group.is_multicast else None


def _attributes(payload: bytes) -> Iterator[tuple[int, bytes]]:
    offset = _RTMSG.size
    while offset + _ATTRIBUTE.size <= len(payload):
        length, kind = _ATTRIBUTE.unpack_from(payload, offset)
        if length < _ATTRIBUTE.size:
            return
        yield kind, payload[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
