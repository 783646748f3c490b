"""A lease: an address that a DHCP server lends to an interface, for a time (RFC 2131)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network

from rcmd.model.network import RCMD_PROTOCOL, KernelAddress, Route

RTPROT_DHCP = 16
"""Marks the routes of a lease at home (linux:rtnetlink.h)."""
_SCOPE_LINK = 253


@dataclass(frozen=True, slots=True)
class LeaseRoute:
    """A route that came with a lease: option 3, or option 121 (RFC 3442)."""

    destination: IPv4Network
    gateway: IPv4Address | None
    """None: the destination is on the link itself."""


@dataclass(frozen=True, slots=True)
class Lease:
    home: str
    address: IPv4Interface
    client_id: str
    """Option 61 in hexadecimal: by it the server knows who asks, on whichever interface."""
    expires_at: float | None = None
    """On the clock of the engine, which runs until the next boot; None is never."""
    routes: tuple[LeaseRoute, ...] = ()
    broadcast: IPv4Address | None = None
    server: IPv4Address | None = None
    through: str = ""
    """The interface through which it was last granted or renewed."""

    @property
    def key(self) -> IPv4Address:
        return self.address.ip

    def as_held(self, now: float) -> KernelAddress:
        """As the kernel is to hold it, on no device yet.

        The kernel counts whole seconds.  It is given the next full one: it then ends a lease that
        nobody looks after any more, and never one before its time.
        """
        left_s = None if self.expires_at is None else max(1, math.ceil(self.expires_at - now))
        return KernelAddress(
            ifindex=0,
            address=self.address,
            broadcast=self.broadcast,
            protocol=RCMD_PROTOCOL,
            valid_s=left_s,
            preferred_s=left_s,
        )

    def kernel_routes(self) -> tuple[Route, ...]:
        """As the kernel is to hold them at home, on no device yet."""
        return tuple(self._kernel_route(route) for route in self.routes)

    def _kernel_route(self, route: LeaseRoute) -> Route:
        gateway = route.gateway
        return Route(
            ifindex=0,
            destination=route.destination,
            gateway=gateway,
            scope=0 if gateway else _SCOPE_LINK,
            protocol=RTPROT_DHCP,
            # A lease of a single address (/32) comes with a router that is in no network of ours.
            is_onlink=gateway is not None and gateway not in self.address.network,
        )
