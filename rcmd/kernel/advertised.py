"""How much of what router advertisements make is followed: a bounded part of each device.

Any host on the link can advertise, and the kernel makes a route of every prefix that it is told
of; addresses it bounds by itself, unless `max_addresses` is 0.  What goes beyond the bound stays
the kernel's own: of it nothing is decoded but what tells one from another.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from rcmd.ipmp.rules.address_flags import IFA_F_MANAGETEMPADDR, IFA_F_PERMANENT, IFA_F_TEMPORARY
from rcmd.kernel.netlink.attributes import attributes
from rcmd.kernel.netlink.message import RTN_UNICAST, MalformedMessage, MessageType
from rcmd.model.network import Family

MOST = 200
"""Routes of one device, and as many addresses."""

_RTMSG_BYTES = 12
_RTPROT_KERNEL, _RTPROT_RA = 2, 9
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_CACHEINFO = 1, 4, 5, 6, 12
_EXPIRES_AT = 8
"""In struct rta_cacheinfo."""
_IFADDRMSG = struct.Struct("=BBBBI")
_IFA_ADDRESS, _IFA_FLAGS, _IFA_PROTO = 1, 8, 11
_IFAPROT_RA = 2
_INDEX = struct.Struct("=I")
_ADDRESSES = frozenset({MessageType.NEWADDR, MessageType.DELADDR})
_ROUTES = frozenset({MessageType.NEWROUTE, MessageType.DELROUTE})
_GONE = frozenset({MessageType.DELADDR, MessageType.DELROUTE})


class Advertised:
    def __init__(self) -> None:
        self._followed: dict[tuple[int, bool], set[bytes]] = {}
        """By ifindex, and whether they are routes: what tells one from another."""
        self.beyond: frozenset[int] = frozenset()
        """Devices (ifindex) of which not everything is followed."""
        self._beyond_now: set[int] = set()

    def begin(self) -> None:
        """All of it is listed from now on."""
        self._followed.clear()
        self._beyond_now.clear()

    def end(self) -> None:
        """Everything was listed."""
        self.beyond = frozenset(self._beyond_now)

    def admits(self, kind: int, payload: bytes) -> bool:
        """Whether the message is to be decoded."""
        made = _made_by_advertisement(kind, payload)
        if made is None:
            return True
        followed = self._followed.setdefault((made.ifindex, kind in _ROUTES), set())
        if kind in _GONE:
            was_followed = made.mark in followed
            followed.discard(made.mark)
            return was_followed or not made.is_certain
        if not made.is_certain or made.mark in followed:
            return True
        if len(followed) >= MOST:
            if made.ifindex not in self._beyond_now:
                self._beyond_now.add(made.ifindex)
                self.beyond |= {made.ifindex}
            return False
        followed.add(made.mark)
        return True


class _Made(NamedTuple):
    ifindex: int
    mark: bytes
    """Tells it from others of its device."""
    is_certain: bool = True
    """A prefix route that goes may not say any more that it would have ended."""


def _made_by_advertisement(kind: int, payload: bytes) -> _Made | None:
    """None of everything else."""
    if payload[:1] != bytes((Family.IPV6,)):
        return None
    try:
        if kind in _ROUTES:
            return _route(payload)
        return _address(payload) if kind in _ADDRESSES else None
    except (MalformedMessage, struct.error):
        # Whoever decodes it says what is wrong.
        return None


def _route(payload: bytes) -> _Made | None:
    """The routes to a router, and to the prefixes; those that never end are another's."""
    if len(payload) < _RTMSG_BYTES:
        return None
    protocol = payload[5]
    if protocol not in (_RTPROT_KERNEL, _RTPROT_RA) or payload[7] != RTN_UNICAST:
        return None
    found = dict(attributes(payload, _RTMSG_BYTES))
    (expires,) = struct.unpack_from("=i", found.get(_RTA_CACHEINFO, bytes(12)), _EXPIRES_AT)
    if _RTA_OIF not in found:
        return None
    marks = (found.get(it, b"") for it in (_RTA_DST, _RTA_GATEWAY, _RTA_PRIORITY))
    return _Made(
        _INDEX.unpack(found[_RTA_OIF])[0],
        payload[1:2] + b"".join(marks),
        is_certain=protocol == _RTPROT_RA or bool(expires),
    )


def _address(payload: bytes) -> _Made | None:
    _, _, flags, scope, ifindex = _IFADDRMSG.unpack_from(payload)
    if flags & IFA_F_PERMANENT or scope:
        return None
    found = dict(attributes(payload, _IFADDRMSG.size))
    if _IFA_FLAGS in found:
        (flags,) = _INDEX.unpack(found[_IFA_FLAGS])
    is_made = flags & (IFA_F_TEMPORARY | IFA_F_MANAGETEMPADDR)
    if not is_made and found.get(_IFA_PROTO, b"")[:1] != bytes((_IFAPROT_RA,)):
        return None
    return _Made(ifindex, found[_IFA_ADDRESS]) if _IFA_ADDRESS in found else None
