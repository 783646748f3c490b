"""Who listens to which multicast group, as the kernel counts it."""

from __future__ import annotations

from dataclasses import dataclass

from rcmd.model.network import IPAddress


@dataclass(frozen=True, slots=True)
class Membership:
    """A multicast group that one device receives."""

    ifindex: int
    group: IPAddress
    users: int
    """Sockets that joined it there; the kernel is one, for an `autojoin` address."""
    sources: tuple[IPAddress, ...] = ()
    """The senders that some of those sockets chose (source-specific multicast, RFC 4607)."""
    choosy: int = 0
    """How many of the users chose: at least so many, and as a rule just so many."""


@dataclass(frozen=True, slots=True)
class MembershipsSeen:
    """All memberships on the devices in our care, now.

    What the kernel said of devices before they were read has been told before.
    """

    memberships: tuple[Membership, ...] = ()
