"""Whom to probe: the targets of one interface and family (solaris.md 1.5).

Either routers or hosts, never both.  Routers (and pinned targets, which count as such) come from
the routing table and the configuration; hosts are those that were found (`found_hosts`).  At most
five are in rotation.

    UNUSED  a spare router: promoted when fewer than five are active
    ACTIVE  in rotation
    SLOW    answered too slowly: UNUSED after a minute
    DEAD    silent while others answered: SLOW after a minute

Hosts are given up instead of becoming SLOW or DEAD.  Where no router is left in rotation, up to
three of the best are put back.

When every target of the group has fallen silent others are looked for (overview, "Group
Failures").  Routers of the routing table are not forgotten then; hosts that answer stand in for
them, beside them, until one of them answers again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum, auto

from rcmd.ipmp.probing.round_trip import RoundTrip
from rcmd.model.network import Family, IPAddress, IPNetwork, family_of
from rcmd.model.status import TargetState

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
    __slots__ = (
        "address",
        "answered",
        "answered_at",
        "is_stand_in",
        "lost",
        "missed",
        "refused",
        "round_trip",
        "since",
        "state",
    )

    def __init__(
        self, address: IPAddress, state: TargetState, now: float, *, is_stand_in: bool = False
    ) -> None:
        self.address = address
        self.is_stand_in = is_stand_in
        """A host among routers."""
        self.state = state
        self.since = now
        """When it became SLOW or DEAD."""
        self.round_trip = RoundTrip()
        self.answered = 0
        self.answered_at: float | None = None
        """When its last answer was received."""
        self.lost = 0
        self.missed = 0
        """Losses in a row of its own, whether or not they still count for the interface."""
        self.refused = 0
        """Probes to it, in a row, that did not leave."""

    def become(self, state: TargetState, now: float) -> None:
        self.state = state
        self.since = now


class TargetList:
    """`prefix` is that of the test address: all targets are in it.

    Without one any router serves, and hosts are in one of `host_prefixes`.
    """

    def __init__(
        self,
        family: Family,
        prefix: IPNetwork | None = None,
        own: frozenset[IPAddress] = frozenset(),
        host_prefixes: Sequence[IPNetwork] = (),
    ) -> None:
        self.family = family
        self.kind = TargetKind.HOSTS
        self.active: list[Target] = []
        """In rotation, in order."""
        self.seeks_stand_ins = False
        """The routers were silent when the group failed, and none has answered since."""
        self._prefix = prefix
        self._host_prefixes = _host_prefixes(prefix, host_prefixes)
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
        return self._takes_hosts and len(self.hosts) < 2

    @property
    def has_room(self) -> bool:
        """More hosts could be targets."""
        return self._takes_hosts and len(self.active) < MOST_ACTIVE

    @property
    def _takes_hosts(self) -> bool:
        is_for_hosts = self.kind is TargetKind.HOSTS or self.seeks_stand_ins
        return is_for_hosts and bool(self._host_prefixes)

    @property
    def hosts(self) -> tuple[IPAddress, ...]:
        is_list_of_hosts = self.kind is TargetKind.HOSTS
        return tuple(it.address for it in self if is_list_of_hosts or it.is_stand_in)

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

    def could_take(self, address: IPAddress) -> bool:
        """It could be a target, as a host: it is on the link, and none yet."""
        if not self._takes_hosts or address in self._targets or not self.is_eligible(address):
            return False
        return any(address in prefix for prefix in self._host_prefixes)

    @property
    def in_turn(self) -> tuple[Target, ...]:
        """Those in rotation, the next one first; then the others."""
        start = (self._turn + 1) % len(self.active) if self.active else 0
        resting = (target for target in self._targets.values() if target not in self.active)
        return (*self.active[start:], *self.active[:start], *resting)

    # --- changes from outside; each returns the targets that were given up ---

    def confine(
        self,
        prefix: IPNetwork | None,
        own: frozenset[IPAddress],
        now: float,
        host_prefixes: Sequence[IPNetwork] = (),
    ) -> list[Target]:
        """The test address or our own addresses changed: who is no longer eligible goes."""
        for_hosts = _host_prefixes(prefix, host_prefixes)
        is_same = (prefix, for_hosts) == (self._prefix, self._host_prefixes)
        if own is self._own and is_same:
            return []
        self._prefix, self._host_prefixes, self._own = prefix, for_hosts, own
        given_up = [target for target in self._targets.values() if not self._may_stay(target)]
        for target in given_up:
            del self._targets[target.address]
        self._rebuild(now)
        return given_up

    def _may_stay(self, target: Target) -> bool:
        is_router = self.kind is TargetKind.ROUTERS and not target.is_stand_in
        is_near = any(target.address in prefix for prefix in self._host_prefixes)
        return (is_router or is_near) and self.is_eligible(target.address)

    def set_routers(
        self, routers: Sequence[IPAddress], now: float, *, keeps_vanished: bool = False
    ) -> list[Target]:
        """Pinned targets first, then routers, in this order; one of them displaces all hosts.

        `keeps_vanished`: while the group is failed a router that is no longer in the routing table
        stays.
        """
        wanted = [address for address in dict.fromkeys(routers) if self.is_eligible(address)]
        is_list_of_routers = self.kind is TargetKind.ROUTERS
        old = {it.address: it for it in self if is_list_of_routers and not it.is_stand_in}
        if keeps_vanished:
            wanted += [address for address in old if address not in wanted]
        if list(old) == wanted:
            return []
        if not wanted or (old and not old.keys() >= set(wanted)):
            # A new one has yet to show whether it answers.
            self.seeks_stand_ins = False
        stand_ins = {it.address: it for it in self if it.is_stand_in and self.seeks_stand_ins}
        fresh = {
            address: old.get(address) or Target(address, TargetState.UNUSED, now)
            for address in wanted
        }
        before, self._targets = self._targets.values(), {**stand_ins, **fresh}
        given_up = [target for target in before if target not in self._targets.values()]
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
        """A host answered, a multicast or itself (behaviours 45, 46); was it taken?"""
        if not self.has_room or not self.could_take(address):
            return False
        is_stand_in = self.kind is TargetKind.ROUTERS
        target = Target(address, TargetState.ACTIVE, now, is_stand_in=is_stand_in)
        self._targets[address] = target
        self.active.append(target)
        return True

    def flush_hosts(self) -> list[Target]:
        """The group failed: perhaps it was the hosts (behaviour 52)."""
        return [*map(self.remove_host, self.hosts)]

    def remove_host(self, address: IPAddress) -> Target:
        """One of `hosts` is a target no more."""
        target = self._targets.pop(address)
        if target in self.active:
            self._leave(target)
        return target

    def dismiss_stand_ins(self) -> list[Target]:
        """A router answers again."""
        self.seeks_stand_ins = False
        return self.flush_hosts() if self.kind is TargetKind.ROUTERS else []

    def _leave(self, target: Target) -> None:
        """The rotation, without anybody losing a turn."""
        index = self.active.index(target)
        del self.active[index]
        if index <= self._turn:
            self._turn -= 1

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
        self._leave(target)
        target.round_trip.reset()
        if self.kind is TargetKind.HOSTS or target.is_stand_in:
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


def _host_prefixes(prefix: IPNetwork | None, others: Sequence[IPNetwork]) -> tuple[IPNetwork, ...]:
    return tuple(others) if prefix is None else (prefix,)
