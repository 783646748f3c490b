"""Which families are in force on a device, as its link messages and its routes tell.

A link message has a part for each family that the device has at all, with its sysctls in it
(linux:net/core/rtnetlink.c, `rtnl_fill_link_af`).  Of `disable_ipv6` and of too small an MTU no
link message is sent; but the route for multicast, which every IPv6 device that is up has, goes
before the first of the addresses does, and comes before any can be added (net/ipv6/addrconf.c,
`addrconf_ifdown` and `addrconf_dev_config`).
"""

from __future__ import annotations

import struct

from rcmd.kernel.netlink.attributes import attributes
from rcmd.model.network import Family

_IFLA_INET6_CONF = 2
_DEVCONF_DISABLE_IPV6 = 26
_RTMSG_SIZE = 12
_MULTICAST_PREFIX = 8
_MULTICAST_NETWORK = b"\xff" + bytes(15)
_RT_TABLE_LOCAL = 255
_RTA_DST = 1
_RTA_OIF = 4
_IFLA_INFO_DATA = 2
_IFLA_MACVLAN_MODE = 1
_MACVLAN_MODE_PASSTHRU = 8


def switched_off(specification: bytes) -> frozenset[Family]:
    """By IFLA_AF_SPEC; none where nothing is said of any family.  Raises MalformedMessage."""
    parts = dict(attributes(specification, 0))
    if not parts:
        return frozenset()
    off = {family for family in Family if family not in parts}
    for kind, value in attributes(parts.get(Family.IPV6, b""), 0):
        if kind == _IFLA_INET6_CONF and len(value) >= 4 * (_DEVCONF_DISABLE_IPV6 + 1):
            (is_disabled,) = struct.unpack_from("=i", value, 4 * _DEVCONF_DISABLE_IPV6)
            off |= {Family.IPV6} if is_disabled else set()
    return frozenset(off)


def multicast_device(payload: bytes) -> int | None:
    """The ifindex, if this route message is about the IPv6 route for multicast of a device."""
    if len(payload) < _RTMSG_SIZE:
        return None
    family, prefix, _, _, table = struct.unpack_from("=5B", payload)
    if (family, prefix, table) != (Family.IPV6, _MULTICAST_PREFIX, _RT_TABLE_LOCAL):
        return None
    found = dict(attributes(payload, _RTMSG_SIZE))
    device = found.get(_RTA_OIF, b"")
    is_for_all = found.get(_RTA_DST) == _MULTICAST_NETWORK
    return struct.unpack("=I", device)[0] if is_for_all and len(device) == 4 else None


def is_passthru(information: bytes) -> bool:
    """By IFLA_LINKINFO of a macvlan, or a macvtap.  Raises MalformedMessage."""
    data = dict(attributes(information, 0)).get(_IFLA_INFO_DATA, b"")
    mode = dict(attributes(data, 0)).get(_IFLA_MACVLAN_MODE, b"")
    return len(mode) == 4 and struct.unpack("=I", mode)[0] == _MACVLAN_MODE_PASSTHRU
