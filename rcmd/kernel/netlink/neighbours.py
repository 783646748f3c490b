"""Asks the kernel to find out where a neighbour is (linux:include/uapi/linux/neighbour.h)."""

from __future__ import annotations

import struct

from rcmd.kernel.netlink.attributes import attribute, message
from rcmd.kernel.netlink.message import NLM_F_CREATE, MessageType
from rcmd.model.network import IPAddress, family_of

_NDMSG = struct.Struct("=BxxxiHBB")
"""struct ndmsg: family, ifindex, state, flags, type."""
_NUD_NONE = 0
_NTF_USE = 0x01
"""As if a packet for it was about to be sent."""
_NDA_DST = 1


def encode_use(ifindex: int, address: IPAddress) -> bytes:
    """RTM_NEWNEIGH that makes the kernel ask for a neighbour unless it knows it is there.

    An IPv6 route is passed over while its gateway counts as failed, and what is passed over asks
    nobody: a member whose link was down would never carry anything again (linux:net/ipv6/route.c,
    rt6_check_neigh).
    """
    head = _NDMSG.pack(family_of(address), ifindex, _NUD_NONE, _NTF_USE, 0)
    return message(MessageType.NEWNEIGH, NLM_F_CREATE, head + attribute(_NDA_DST, address.packed))
