"""What keeping leases alive needs of a DHCP client, and what a client has to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Interface
from typing import Protocol

from rcmd.ipmp.api.lease import LeaseRoute
from rcmd.ipmp.dhcp.clients import ClientOrder


@dataclass(frozen=True, slots=True)
class Granted:
    """The server gave the address, or renewed it."""

    address: IPv4Interface
    lease_s: int | None
    """None: without end."""
    routes: tuple[LeaseRoute, ...] = ()
    broadcast: IPv4Address | None = None
    server: IPv4Address | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """What else it said: `dns`, `domain`, ..., as the client names it."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The server says that the address is not ours (DHCPNAK)."""


@dataclass(frozen=True, slots=True)
class RanOut:
    """The lease ended before anybody renewed it."""


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No server has answered so far; the client goes on asking."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The client is not there any more, and was not told to end."""

    reason: str


ClientNews = Granted | Refused | RanOut | Unanswered | Ended


class LeaseClient(Protocol):
    """One that runs."""

    def stop(self) -> None:
        """End it without a word to the server: the lease goes on.  Nothing is heard of it again."""

    def wait(self) -> None:
        """Until one that was stopped has ended: for when there is no loop any more."""


StartClient = Callable[[ClientOrder, Callable[[ClientNews], None]], LeaseClient]
"""Raises RcmError where the client cannot be started."""
