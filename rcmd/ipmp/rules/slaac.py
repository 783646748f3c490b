"""Addresses that the kernel made from router advertisements (RFC 4862), also private ones (8981).

They are data addresses, at home where they were made, and move like others (overview; behaviour
59).  But user space cannot make them: a temporary address added by hand is none, the public one
takes its temporary ones along when it is deleted, and the next advertisement makes a deleted one
anew, with duplicate detection, against our own copy.  So the original stays at home as long as
the device holds it, out of service, and a *stand-in* serves elsewhere.  Failback takes the
stand-in away; where the device has lost its original, that is put back as soon as there is a
device again, for the advertisements to find.

Measured on Linux 6.18: a temporary address has no IFA_PROTO; `IFA_PROTO`, the flag
`managetempaddr` and finite lifetimes can be given back to a public one; a stand-in is not refreshed
by advertisements; when an address that expires is deleted, its prefix route stays
(net/ipv6/addrconf.c, ipv6_del_addr): hence a stand-in has none, and we add one ourselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv6Network

from rcmd.ipmp.rules.address_flags import (
    IFA_F_DADFAILED,
    IFA_F_MANAGETEMPADDR,
    IFA_F_NODAD,
    IFA_F_NOPREFIXROUTE,
    IFA_F_PERMANENT,
    IFA_F_TEMPORARY,
    IFA_F_TENTATIVE,
)
from rcmd.model.network import RCMD_PROTOCOL, Family, IPNetwork, KernelAddress, Route

IFAPROT_KERNEL_RA = 2
RT_SCOPE_UNIVERSE = 0
SOON_S = 60
"""What has less left is let go: what was seen last may be 20 s old, and must not be revived."""
PREFIX_ROUTE_METRIC = 128
"""Better than the 256 of the kernel's own: in a black hole the prefix is not looked for there."""


def is_autoconfigured(address: KernelAddress) -> bool:
    """Whether the kernel made it from an advertisement, or we put such a one back.

    Kernels before 5.18 have no IFA_PROTO; there the flags tell.
    """
    flags = address.flags
    return (
        address.family is Family.IPV6
        and address.scope == RT_SCOPE_UNIVERSE
        and address.protocol in (0, IFAPROT_KERNEL_RA)
        and not flags & IFA_F_PERMANENT
        and (
            address.protocol == IFAPROT_KERNEL_RA
            or bool(flags & (IFA_F_TEMPORARY | IFA_F_MANAGETEMPADDR))
        )
        and not address.address.ip.is_link_local
        and not address.address.ip.is_multicast
    )


def is_public(address: KernelAddress) -> bool:
    """Advertisements refresh it; a temporary one ends when it is due (RFC 8981 3.4)."""
    return bool(address.flags & IFA_F_MANAGETEMPADDR)


def is_proven(address: KernelAddress) -> bool:
    """Past duplicate detection."""
    return not address.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)


def undetected(address: KernelAddress) -> KernelAddress:
    """As it is added: what detection said of it before is void."""
    return replace(address, flags=address.flags & ~(IFA_F_TENTATIVE | IFA_F_DADFAILED))


def stand_in(original: KernelAddress, ifindex: int) -> KernelAddress:
    """What serves elsewhere, for what is left of the lifetimes."""
    return replace(
        original,
        ifindex=ifindex,
        flags=IFA_F_NODAD | IFA_F_NOPREFIXROUTE,
        protocol=RCMD_PROTOCOL,
        metric=0,
    )


def original_again(original: KernelAddress, ifindex: int, *, is_move: bool) -> KernelAddress:
    """What is put back where the device has lost it.

    A temporary one comes back as an ordinary one, for connections that use it, and expires where
    it is; the kernel makes a new one for its public address.
    """
    kept = original.flags & (IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE)
    return replace(
        original,
        ifindex=ifindex,
        flags=kept | (IFA_F_NODAD if is_move else 0),
        protocol=IFAPROT_KERNEL_RA,
    )


# --- lifetimes ---


def with_lifetimes(address: KernelAddress, other: KernelAddress) -> KernelAddress:
    return replace(address, valid_s=other.valid_s, preferred_s=other.preferred_s)


def refreshed(held: KernelAddress, neighbours: Iterable[KernelAddress]) -> KernelAddress | None:
    """A stand-in with the lifetimes of what advertisements refresh beside it, if they differ.

    `neighbours` are on the same device.  Without this a long outage would end it, though its
    prefix is being advertised all the time.
    """
    for other in neighbours:
        is_model = is_autoconfigured(other) and is_public(other)
        if is_model and is_proven(other) and other.address.network == held.address.network:
            return with_lifetimes(held, other) if _differ(held, other) else None
    return None


def ends_soon(address: KernelAddress) -> bool:
    return address.valid_s is not None and address.valid_s <= SOON_S


def outlives(one: KernelAddress, other: KernelAddress) -> bool:
    """By far: it has been refreshed, and the other has not."""
    return _differ(one, other) and (one.valid_s is None or one.valid_s > (other.valid_s or 0))


def _differ(one: KernelAddress, other: KernelAddress) -> bool:
    pairs = ((one.valid_s, other.valid_s), (one.preferred_s, other.preferred_s))
    return any(_is_far(*pair) for pair in pairs)


def _is_far(one: int | None, other: int | None) -> bool:
    """By more than a quarter: what was seen last may be 20 s old, and seconds count down."""
    if one is None or other is None:
        return one is not other
    return abs(one - other) > max(max(one, other) // 4, 2)


def coarse(seconds: int | None) -> int | None:
    """To be remembered: never more, and at least two thirds, but not another every second."""
    if not seconds:
        return seconds
    grain = 1 << max(seconds.bit_length() - 2, 0)
    return seconds // grain * grain


def remembered(address: KernelAddress) -> KernelAddress:
    """As it is written down; needed only if both its devices go while no process is there."""
    return replace(
        address, valid_s=coarse(address.valid_s), preferred_s=coarse(address.preferred_s)
    )


# --- the route to its neighbours ---


def prefix_route(ifindex: int, network: IPNetwork) -> Route:
    return Route(ifindex, network, priority=PREFIX_ROUTE_METRIC, protocol=RCMD_PROTOCOL)


def is_prefix_route(route: Route) -> bool:
    """One that stand-ins need, and nobody calls home."""
    return (
        route.protocol == RCMD_PROTOCOL
        and route.priority == PREFIX_ROUTE_METRIC
        and route.gateway is None
        and isinstance(route.destination, IPv6Network)
    )
