"""Multicast: which groups applications receive, and on which interface they joined them.

A membership belongs to a socket and a device, and nobody else can move it.  But what arrives on
another device is given to a socket that joined the same group anywhere, unless it asked not to be
(IP_MULTICAST_ALL, ip(7)): it is enough that the kernel joins there.  It does so for an address
with the flag `autojoin`, which outlives this process and carries our mark.

| the interface where an application joined | who receives for it                             |
|-------------------------------------------|-------------------------------------------------|
| works                                     | that interface; nothing is done                 |
| has failed, is offline, or is gone        | the one `placement` chose, by such an address   |
| is a new device: torn out, and put back   | that interface, by such an address, until an    |
|                                           | application has joined there itself             |

While the device is there the kernel tells when the last application leaves.  Of a device that is
gone it tells nothing any more: then the group is kept until an application has joined it on the
interface again, or somebody takes the address away (`ip addr del`), or the machine is booted.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Interface, IPv6Interface

from rcmd.ipmp.api.memberships import Membership
from rcmd.ipmp.rules.address_flags import IFA_F_MCAUTOJOIN, IFA_F_NODAD
from rcmd.model.network import RCMD_PROTOCOL, Family, IPAddress, KernelAddress, family_of

SCOPE_HOST = 254
ELSEWHERE = -1
"""No device has this ifindex: an application joined on one that is not there any more."""

Joined = dict[IPAddress, int]
"""Group -> ifindex of the device on which an application joined it."""
Chosen = dict[IPAddress, tuple[IPAddress, ...]]
"""Group -> the senders that an application chose."""


@dataclass(frozen=True, slots=True)
class GroupAtHome:
    """Names a membership: the same group may be joined on several interfaces."""

    home: str
    group: IPAddress

    @property
    def family(self) -> Family:
        return family_of(self.group)


@dataclass(slots=True)
class Memberships:
    """The record of what applications joined."""

    joined: dict[str, Joined] = field(default_factory=dict)
    """By interface."""
    chosen: dict[str, Chosen] = field(default_factory=dict)
    """By interface, what is joined for certain senders only (RFC 4607): that cannot move."""
    told: set[GroupAtHome] = field(default_factory=set)
    """Those of which it was said that they cannot move."""
    stuck: set[tuple[int, IPAddress]] = field(default_factory=set)
    """(ifindex, group): joined by the kernel for us, and nobody can undo it.

    The kernel flushes IPv6 addresses of a device that is set down, and does not leave the groups
    of those with `autojoin`; such an address cannot be added again either (EADDRINUSE;
    `addrconf_ifdown` and `inet6_addr_add`, net/ipv6/addrconf.c).  It ends with the device.
    """

    def is_joined(self, key: GroupAtHome, ifindex: int) -> bool:
        """Whether an application joined the group on that very device."""
        return bool(ifindex) and self.joined.get(key.home, {}).get(key.group) == ifindex

    def keys(self, homes: Container[str] | None) -> Iterator[GroupAtHome]:
        """All that is joined on these interfaces; None is on any."""
        for home, groups in self.joined.items():
            if homes is None or home in homes:
                for group in groups:
                    yield GroupAtHome(home, group)

    def forget_device(self, ifindex: int) -> None:
        self.stuck = {place for place in self.stuck if place[0] != ifindex}

    def read(
        self, home: str, ifindex: int, seen: Iterable[Membership], own: Container[IPAddress]
    ) -> tuple[Joined, Chosen]:
        """What is joined and chosen on an interface whose device has these memberships.

        `own`: the groups that the kernel joined there for us.  What was joined on an earlier
        device is kept.
        """
        before = self.joined.get(home, {})
        joined = {group: device for group, device in before.items() if device != ifindex}
        chosen: Chosen = {}
        for it in seen:
            is_ours = it.group in own or (ifindex, it.group) in self.stuck
            if it.users - is_ours > it.choosy:
                joined[it.group] = ifindex
            if it.sources:
                chosen[it.group] = it.sources
        return joined, chosen


def is_autojoin(address: KernelAddress) -> bool:
    """Whether it is an address of ours for which the kernel receives a group."""
    return bool(address.flags & IFA_F_MCAUTOJOIN) and address.protocol == RCMD_PROTOCOL


def autojoin(group: IPAddress, ifindex: int) -> KernelAddress:
    """The address that makes the kernel receive a group on a device.

    Of scope host, so that nothing is ever sent from it; IPv6 derives the scope from the group.
    """
    if group.version == 4:
        interface, scope, flags = IPv4Interface(group), SCOPE_HOST, IFA_F_MCAUTOJOIN
        return KernelAddress(ifindex, interface, scope=scope, flags=flags, protocol=RCMD_PROTOCOL)
    return KernelAddress(
        ifindex,
        IPv6Interface(group),
        flags=IFA_F_MCAUTOJOIN | IFA_F_NODAD,
        protocol=RCMD_PROTOCOL,
    )
