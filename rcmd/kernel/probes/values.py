"""What is sent to find out whether an interface works, and what comes back."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address

from rcmd.model.network import Family, IPAddress

ALL_HOSTS = IPv4Address("224.0.0.1")
ALL_NODES = IPv6Address("ff02::1")


class ProbeKind(StrEnum):
    """The packet that asks; each belongs to one family."""

    ICMP = "icmp"
    """ICMP echo, from the IPv4 test address."""
    ARP = "arp"
    ICMP6 = "icmp6"
    """ICMPv6 echo, from the link-local address."""
    ND = "nd"
    """Neighbour solicitation."""

    @property
    def family(self) -> Family:
        return Family.IPV4 if self in (ProbeKind.ICMP, ProbeKind.ARP) else Family.IPV6


@dataclass(frozen=True, slots=True)
class ProbedInterface:
    """How one interface is probed in one family."""

    ifindex: int
    name: str
    kind: ProbeKind
    source: IPAddress | None = None
    """The test address.  Echo needs one; ARP and ND without one ask as 0.0.0.0 and ::."""
    hardware_address: bytes = b""
    """Six octets; only ARP and ND need it."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One question.  The interface must have been opened for that kind."""

    ifindex: int
    kind: ProbeKind
    target: IPAddress
    """A neighbour; for discovery by echo, `ALL_HOSTS` or `ALL_NODES`."""
    sequence: int
    """Chosen by the caller, 32 bits."""
    is_anonymous: bool = False
    """ARP and ND: ask as 0.0.0.0 or ::, whatever the source of the interface.  The kernel of this
    machine answers a question from its own address to nobody."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Proof that a target heard a probe of an interface, and that its answer came in there.

    Times are seconds on the clock of `time.monotonic` and asyncio's `loop.time`, and
    `sent_at <= received_at <= now`: the difference is the round trip time.
    """

    ifindex: int
    family: Family
    source: IPAddress
    """Who answered: the target itself, or for discovery any neighbour."""
    sequence: int
    sent_at: float
    """When the probe was handed to the kernel."""
    received_at: float
    """When the kernel received the answer, which may be long before it was read."""
    is_discovery: bool


@dataclass(frozen=True, slots=True)
class Unsent:
    """A probe that never left: nothing can be concluded about its target."""

    probe: Probe
    errno: int
    """A packet filter of this host drops it (EPERM; ENOBUFS at the way out); there is no right or
    no Ethernet address to send it (EPERM, EOPNOTSUPP); the interface is down, gone or not open, or
    the source is not an address of it (any more), or still tentative.  The kernel says that by
    ENETUNREACH for ICMP, EINVAL or ENODEV for ICMPv6, and ENETDOWN or ENODEV for ARP and ND."""

    @property
    def reason(self) -> str:
        return reason_of(self.errno)


def reason_of(number: int) -> str:
    """`Operation not permitted (EPERM)`."""
    return f"{os.strerror(number)} ({errno.errorcode.get(number, number)})"


class Ignored(StrEnum):
    """Why a packet that was received is no answer (`in.mpathd` names the same reasons)."""

    SHORT = "short"
    BAD_CODE = "bad code"
    WRONG_NONCE = "wrong nonce"
    WRONG_INTERFACE = "wrong interface"
    """Not the one that the probe left by, or one that is not probed."""
    FOREIGN = "foreign"
    """From another address than the target's, or to another than the probe's source."""
    NOT_LINK_LOCAL = "not link-local"
    ROUTING_HEADER = "routing header"
    UNREQUESTED = "unrequested"
    """ARP and ND: nothing was asked, it was answered already, it was asked too long ago, or only
    after this had come."""
    ANOTHER_FACE = "another hardware address"
    """ARP and ND: not the one that the target has answered from before."""
