"""Whom to probe: the targets of one interface and family (solaris.md 1.5).

Either routers or hosts, never both.  Routers (and pinned targets, which count as such) come from
the routing table and the configuration; hosts are those that answered a multicast.  At most five
are in rotation.

    UNUSED  a spare router: promoted when fewer than five are active
    ACTIVE  in rotation
    SLOW    answered too slowly: UNUSED after a minute
    DEAD    silent while others answered: SLOW after a minute

Hosts are given up instead of becoming SLOW or DEAD.  Where no router is left in rotation, up to
three of the best are put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum, auto

from rcmd.ipmp.round_trip import RoundTrip
from rcmd.model import Family, IPAddress, IPNetwork, TargetState, family_of

MOST_ACTIVE = 5
FEWEST_ACTIVE = 3
"""How many are put back when none is left."""
RECOVERY_S = 60.0
OTHERS_FOR_OUTLIER = 3
"""A slow target is an outlier only beside at least so many others..."""
EXCEPTION_FACTOR = 2
"""... whose CRTT is within the interval divided by this."""


RANK = {TargetState.ACTIVE: 0, TargetState.UNUSED: 1, TargetState.SLOW: 2, TargetState.DEAD: 3}
"""Who is put back first when none is left; of two equal ones the one that has recovered."""


class TargetKind(Enum):
    ROUTERS = auto()
    HOSTS = auto()


class Target:
    __slots__ = ("address", "answered", "lost", "round_trip", "since", "state")

    def __init__(self, address: IPAddress, state: TargetState, now: float) -> None:
        self.address = address
        self.state = state
        self.since = now
        """When it became SLOW or DEAD."""
        self.round_trip = RoundTrip()
        self.answered = 0
        self.lost = 0

    def become(self, state: TargetState, now: float) -> None:
        self.state = state
        self.since = now


class TargetList:
    """`prefix` is that of the test address; None where there is none: then only routers serve."""

    def __init__(
        self,
        family: Family,
        prefix: IPNetwork | None = None,
        own: frozenset[IPAddress] = frozenset(),
    ) -> None:
        self.family = family
        self.kind = TargetKind.HOSTS
        self.active: list[Target] = []
        """In rotation, in order."""
        self._prefix = prefix
        self._own = own
        self._targets: dict[IPAddress, Target] = {}
        self._turn = -1

    def __iter__(self) -> Iterator[Target]:
        return iter(self._targets.values())

    def __len__(self) -> int:
        return len(self._targets)

    @property
    def wants_hosts(self) -> bool:
        """With no target or just one host it goes on looking for hosts (behaviour 46)."""
        return self.kind is TargetKind.HOSTS and len(self._targets) < 2 and self._prefix is not None

    @property
    def hosts(self) -> tuple[IPAddress, ...]:
        return tuple(self._targets) if self.kind is TargetKind.HOSTS else ()

    def is_eligible(self, address: IPAddress) -> bool:
        """In the prefix of the test address, and not one of our own (behaviours 10, 49)."""
        if family_of(address) is not self.family or address in self._own:
            return False
        if address.is_unspecified or address.is_multicast or address.is_loopback:
            return False
        if self._prefix is None:
            return True
        if self.family is Family.IPV6:
            return address.is_link_local
        return address in self._prefix

    @property
    def in_turn(self) -> tuple[Target, ...]:
        """Those in rotation, the next one first; then the others."""
        start = (self._turn + 1) % len(self.active) if self.active else 0
        resting = (target for target in self._targets.values() if target not in self.active)
        return (*self.active[start:], *self.active[:start], *resting)

    # --- changes from outside; each returns the targets that were given up ---

    def confine(
        self, prefix: IPNetwork | None, own: frozenset[IPAddress], now: float
    ) -> list[Target]:
        """The test address or our own addresses changed: who is no longer eligible goes."""
        self._prefix, self._own = prefix, own
        given_up = [target for target in self._targets.values() if not self._may_stay(target)]
        for target in given_up:
            del self._targets[target.address]
        self._rebuild(now)
        return given_up

    def _may_stay(self, target: Target) -> bool:
        is_fit = self.kind is TargetKind.ROUTERS or self._prefix is not None
        return is_fit and self.is_eligible(target.address)

    def set_routers(
        self, routers: Sequence[IPAddress], now: float, *, keeps_vanished: bool = False
    ) -> list[Target]:
        """Pinned targets first, then routers, in this order; one of them displaces all hosts.

        `keeps_vanished`: while the group is failed a router that is no longer in the routing table
        stays.
        """
        wanted = [address for address in dict.fromkeys(routers) if self.is_eligible(address)]
        old = self._targets if self.kind is TargetKind.ROUTERS else {}
        if keeps_vanished:
            wanted += [address for address in old if address not in wanted]
        if not wanted and self.kind is TargetKind.HOSTS:
            return []
        if list(old) == wanted:
            return []
        given_up = [target for target in self._targets.values() if target.address not in wanted]
        if self.kind is TargetKind.HOSTS:
            given_up = list(self._targets.values())
        self._targets = {
            address: old.get(address) or Target(address, TargetState.UNUSED, now)
            for address in wanted
        }
        self.kind = TargetKind.ROUTERS if wanted else TargetKind.HOSTS
        self._rebuild(now)
        return given_up

    def _rebuild(self, now: float) -> None:
        """The first five that are fit are active; a list without routers is one of hosts."""
        if not self._targets:
            self.kind = TargetKind.HOSTS
        self.active = []
        for target in self._targets.values():
            if target.state in (TargetState.ACTIVE, TargetState.UNUSED):
                if len(self.active) < MOST_ACTIVE:
                    target.become(TargetState.ACTIVE, now)
                    self.active.append(target)
                else:
                    target.become(TargetState.UNUSED, now)

    def add_host(self, address: IPAddress, now: float) -> bool:
        """A host answered a multicast (behaviours 45, 46); was it taken?"""
        if (
            self.kind is TargetKind.ROUTERS
            or self._prefix is None
            or address in self._targets
            or len(self._targets) >= MOST_ACTIVE
            or not self.is_eligible(address)
        ):
            return False
        target = Target(address, TargetState.ACTIVE, now)
        self._targets[address] = target
        self.active.append(target)
        return True

    def flush_hosts(self) -> list[Target]:
        """The group failed: perhaps it was the hosts (behaviour 52)."""
        if self.kind is TargetKind.ROUTERS:
            return []
        given_up = list(self._targets.values())
        self._targets.clear()
        self.active.clear()
        return given_up

    # --- rotation ---

    def next(self, now: float) -> Target | None:
        """The next in turn."""
        if len(self.active) < len(self._targets):
            self._recover(now)
        if not self.active:
            return None
        self._turn = (self._turn + 1) % len(self.active)
        return self.active[self._turn]

    def is_outlier(self, target: Target, interval: float) -> bool:
        """Whether it alone is slow: there are at least three others, and all of them are fast."""
        bound = interval / EXCEPTION_FACTOR
        others = [other for other in self.active if other is not target]
        return len(others) >= OTHERS_FOR_OUTLIER and all(
            other.round_trip.crtt <= bound for other in others
        )

    def retire(self, target: Target, now: float, state: TargetState) -> bool:
        """Out of rotation as SLOW or DEAD; a host is given up altogether: was it?"""
        index = self.active.index(target)
        del self.active[index]
        if index <= self._turn:
            self._turn -= 1
        target.round_trip.reset()
        if self.kind is TargetKind.HOSTS:
            del self._targets[target.address]
            return True
        target.become(state, now)
        return False

    def _recover(self, now: float) -> None:
        if not self.active:
            self._put_back(now)
        for target in self._targets.values():
            if now - target.since < RECOVERY_S:
                continue
            if target.state is TargetState.SLOW:
                target.become(TargetState.UNUSED, now)
            elif target.state is TargetState.DEAD:
                target.become(TargetState.SLOW, now)
        for target in self._targets.values():
            if len(self.active) >= MOST_ACTIVE:
                break
            if target.state is TargetState.UNUSED:
                self._activate(target, now)

    def _put_back(self, now: float) -> None:
        """None is left: the best serve, best first."""

        def rank(target: Target) -> tuple[int, bool]:
            return RANK[target.state], now - target.since < RECOVERY_S

        for target in sorted(self._targets.values(), key=rank)[:FEWEST_ACTIVE]:
            self._activate(target, now)

    def _activate(self, target: Target, now: float) -> None:
        target.become(TargetState.ACTIVE, now)
        target.round_trip.reset()
        self.active.append(target)
