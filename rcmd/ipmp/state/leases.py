"""The record of the leases: one for each home, and what the kernel was told of it."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import Any

from rcmd.ipmp.api.lease import RTPROT_DHCP, Lease
from rcmd.model.network import RCMD_PROTOCOL, IPAddress, IPNetwork, Route, RouteKey

PROTOCOLS = frozenset({RTPROT_DHCP, RCMD_PROTOCOL})
"""Of the routes of a lease: at home, and away."""


@dataclass(slots=True)
class Leases:
    by_home: dict[str, Lease] = field(default_factory=dict)
    told: dict[IPAddress, tuple[int, float | None]] = field(default_factory=dict)
    """Address -> (ifindex, expires_at) as it was last given to the kernel."""
    dropped: dict[RouteKey, Route] = field(default_factory=dict)
    """Routes of leases that are over: taken off wherever they still are."""
    now: float = 0.0
    """On the clock of the engine: lifetimes in the kernel count from the moment they are set."""

    def copy(self) -> Leases:
        return Leases(dict(self.by_home), dict(self.told), dict(self.dropped), self.now)

    def holder_of(self, key: IPAddress) -> Lease | None:
        """Asked of every address there is, and few machines have a lease."""
        if not self.by_home:
            return None
        return next((lease for lease in self.by_home.values() if lease.key == key), None)

    def needs_telling(self, lease: Lease, ifindex: int) -> bool:
        """Whether the kernel there counts down to another end than the lease has."""
        return self.told.get(lease.key) != (ifindex, lease.expires_at)

    def note_told(self, key: IPAddress, ifindex: int) -> None:
        lease = self.holder_of(key)
        if lease is not None:
            self.told[key] = (ifindex, lease.expires_at)

    def over(self, withdrawn: Container[IPAddress]) -> Iterator[Lease]:
        """Those that have run out.  One that was taken away by hand is kept, lest it come back."""
        for lease in self._counting(withdrawn):
            if lease.expires_at is not None and lease.expires_at <= self.now:
                yield lease

    def deadline(self, withdrawn: Container[IPAddress]) -> float | None:
        ends = (lease.expires_at for lease in self._counting(withdrawn))
        return min((end for end in ends if end is not None), default=None)

    def _counting(self, withdrawn: Container[IPAddress]) -> list[Lease]:
        return [lease for lease in self.by_home.values() if lease.key not in withdrawn]


@dataclass(frozen=True, slots=True)
class DroppedRoute:
    """Of a lease that is over: as much as tells it from others."""

    destination: IPNetwork
    gateway: IPAddress | None = None
    scope: int = 0
    is_onlink: bool = False

    def route(self) -> Route:
        return Route(
            0,
            self.destination,
            self.gateway,
            protocol=0,
            scope=self.scope,
            is_onlink=self.is_onlink,
        )


@dataclass(frozen=True, slots=True)
class LeaseMemory:
    """What of it has to be remembered until the next boot."""

    leases: tuple[Lease, ...] = ()
    told: tuple[tuple[IPAddress, int, float | None], ...] = ()
    dropped: tuple[DroppedRoute, ...] = ()

    @classmethod
    def of(cls, leases: Leases) -> LeaseMemory:
        return cls(
            tuple(leases.by_home.values()),
            tuple((key, *what) for key, what in leases.told.items()),
            tuple(
                DroppedRoute(it.destination, it.gateway, it.scope, it.is_onlink)
                for it in leases.dropped.values()
            ),
        )

    def recall(self) -> Leases:
        return Leases(
            {lease.home: lease for lease in self.leases},
            {key: (ifindex, expires_at) for key, ifindex, expires_at in self.told},
            {RouteKey.of(it): it for it in (dropped.route() for dropped in self.dropped)},
        )

    def to_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "leases": [_lease_to_data(lease) for lease in self.leases],
            "told": [[str(key), *what] for key, *what in self.told],
            "dropped": [
                [str(it.destination), _text(it.gateway), it.scope, it.is_onlink]
                for it in self.dropped
            ],
        }


def _lease_to_data(lease: Lease) -> dict[str, Any]:
    return {
        "home": lease.home,
        "address": str(lease.address),
        "client_id": lease.client_id,
        "expires_at": lease.expires_at,
        "routes": [[str(it.destination), _text(it.gateway)] for it in lease.routes],
        "broadcast": _text(lease.broadcast),
        "server": _text(lease.server),
        "through": lease.through,
    }


def _text(address: IPAddress | None) -> str | None:
    return None if address is None else str(address)
