"""Notifications of settings (net/core/rtnetlink.c, `struct netconfmsg`).

The kernel tells of rp_filter, forwarding, ignore_routes_with_linkdown and a few more, of a device
or of all; of arp_ignore and arp_announce it says nothing.
"""

from __future__ import annotations

import struct

from rcmd.kernel.netlink.message import MalformedMessage

_ATTRIBUTES_AT = 4
"""struct netconfmsg is one octet, padded."""
_NETCONFA_IFINDEX = 1
_ATTRIBUTE = struct.Struct("=HH")
_IFINDEX = struct.Struct("=i")


def device_of(payload: bytes) -> int:
    """Its ifindex; -1 for all devices, -2 for those to come.  Raises MalformedMessage."""
    offset = _ATTRIBUTES_AT
    while offset + _ATTRIBUTE.size <= len(payload):
        length, kind = _ATTRIBUTE.unpack_from(payload, offset)
        if length < _ATTRIBUTE.size or offset + length > len(payload):
            raise MalformedMessage(f"attribute length {length}")
        if kind == _NETCONFA_IFINDEX and length == _ATTRIBUTE.size + _IFINDEX.size:
            return int(_IFINDEX.unpack_from(payload, offset + _ATTRIBUTE.size)[0])
        offset += (length + 3) & ~3
    raise MalformedMessage("settings of no device")
