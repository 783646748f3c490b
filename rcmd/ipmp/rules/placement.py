"""THE mover: one function decides where every address lives.

Failover, failback, offline, undo-offline, detach, reattach, missing-at-boot and surprise removal
are this function seen in different states.  It knows nothing of the kernel, of time, or of why a
member is unfit.  The difference between its answer and what the kernel reports is the list of
moves.

Rules, from solaris.md 0.1, 1.9, 1.11, 3.2 and the overview chapter:

* what is well placed stays; what is called back goes where it is called, once that is usable;
* everything that leaves one interface goes to one destination (behaviour 59); routes that are
  left behind follow what their home has elsewhere;
* a destination is usable and has every family that is leaving (65); an inactive member first
  (26), then the one with the fewest data addresses that are up (64), ties in configured order;
* nothing goes, or is called back, where it cannot be held (`Movable.unfit`); a crowd that nobody
  can take whole is divided by that: what one can hold does not wait for what it cannot;
* what depends on others (`Movable.footing`) is placed after them, with its crowd if it can be;
* without a destination an address stays where it is (66, 73); one that is nowhere takes even a
  member that cannot carry traffic now, so that it is there when the cable returns;
* a standby is emptied onto members that are not (21, 22);
* multicast memberships follow (62), and are never a reason why anything else goes, or stays.

What the group shares, and no member is the home of, has rules of its own:

* what sits on a fit member stays; what has to go somewhere goes one by one to whoever has the
  fewest data addresses that are up, and to a standby only if nobody else is usable;
* then the load is evened out: from a member with two more than another one moves, the last to
  come first.  Every step narrows the gap between two and opens none, so it ends, and what is even
  stays: asked about its own answer the function changes nothing.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from rcmd.model.network import Family


class Fitness(IntEnum):
    """What a member is good for; better is greater."""

    ABSENT = 0
    """No device, or given up: cannot hold anything."""
    CLOSED = 1
    """Offline or leaving: to be emptied, takes nothing."""
    DOWN = 2
    """Set down, or being removed, which looks the same: keeps what it has, is given nothing."""
    BROKEN = 3
    """Plumbed, but traffic does not pass."""
    UNPROVEN = 4
    """New, or failed and being answered again: may hold what it has, attracts nothing."""
    UNKNOWN = 5
    """The link is up and nobody answers for it: taken only if nobody better is there."""
    USABLE = 6


@dataclass(frozen=True, slots=True)
class Candidate:
    """A member of the group, as far as placement cares."""

    name: str
    fitness: Fitness
    families: frozenset[Family]
    is_standby: bool = False
    is_spare: bool = False
    """Repaired while failback is off: serves as a standby until it is needed."""
    is_awaited: bool = False
    """Unproven because the machine is only just starting: what is new may go there."""
    is_on_trust: bool = False
    """Taken for usable before anybody has answered it: evens out nothing."""


@dataclass(frozen=True, slots=True)
class Movable:
    """An address, a route or a membership that lives on one interface at a time."""

    key: Hashable
    family: Family
    home: str
    """Empty: the group shares it, and any member will do."""
    host: str | None
    """Where it is now; None is nowhere."""
    recall: str | None = None
    """The interface it is called (back) to: its home where failback is on."""
    weight: int = 1
    """1 for a data address that is up; 0 for what does not count as load."""
    evens_out: bool = False
    """Shared, and may be moved for no other reason than to even out the load."""
    follows: bool = False
    """A multicast membership: it asks nothing of the others.  It goes where they go if that has
    its family, it may rest on a standby, and it makes nobody active."""
    unfit: frozenset[str] = frozenset()
    """The members whose devices cannot hold it now, whatever they are configured for."""
    rides: bool = False
    """A route: many of them come after the addresses, and are to end where those are."""

    off_link: frozenset[str] = frozenset()
    """The members that can hold it only together with one of `footing`."""
    footing: frozenset[Hashable] = frozenset()
    """Any of these makes the gateway of a route reachable, where that is."""
    source: Hashable | None = None
    """What it needs on whichever member: the address that a route prefers."""

    @property
    def is_dependent(self) -> bool:
        return bool(self.off_link) or self.source is not None


Placement = Mapping[Hashable, str | None]


def placement(movables: Sequence[Movable], members: Sequence[Candidate]) -> Placement:
    """Say for every movable on which member it should live, or None for nowhere.

    `members` come in configured order, which breaks ties; what the group shares comes in the order
    in which it got to where it is.  What moved for want of anything better may have been in the
    way of others: then they are looked at once more.
    """
    for _ in range(len(members) + 1):
        deal = _Deal(movables, members)
        deal.run()
        if deal.is_final:
            break
        movables = [replace(movable, host=deal.placed[movable.key]) for movable in movables]
    return deal.placed


class _Deal:
    """Where everything goes, asked once."""

    def __init__(self, movables: Sequence[Movable], members: Sequence[Candidate]) -> None:
        self._movables = movables
        self._group = _Group(members, movables)
        self._ways: dict[Hashable, str | None] = {}
        """Where the crowds of those went that depend on others."""
        self.placed: dict[Hashable, str | None] = {}
        self.is_final = True
        """Whether the others would have gone there without last resorts."""

    def run(self) -> None:
        group = self._group
        leaving: dict[tuple[str, bool], list[Movable]] = {}
        staying: list[Movable] = []
        strays: list[Movable] = []
        for movable in self._movables:
            target = group.settled(movable)
            if target is None and not movable.home:
                strays.append(movable)
            elif target is None:
                source = movable.host or movable.home
                leaving.setdefault((source, group.is_of_standby(movable)), []).append(movable)
            elif not movable.is_dependent:
                self._put(movable, target)
                staying.append(movable)
        for (source, _), crowd in leaving.items():
            self._send(source, crowd)
        # First those that may have to stay where they are.
        strays.sort(key=lambda movable: movable.host is None)
        for movable in strays:
            chosen = self._put(movable, group.least_loaded(movable))
            self.is_final = self.is_final and (group.is_usable(chosen) or chosen == movable.host)
        self.placed.update(group.evened_out([*staying, *strays], self.placed))
        group.stand_on(self.placed)
        for movable in self._movables:
            if movable.is_dependent:
                self._put(movable, group.with_others(movable, self._ways.get(movable.key)))

    def _send(self, source: str, crowd: Sequence[Movable]) -> None:
        for movable, target in self._group.destinations(source, crowd):
            if movable.is_dependent:
                self._ways[movable.key] = target
            else:
                self._put(movable, self._group.follow(movable, source, target))

    def _put(self, movable: Movable, target: str | None) -> str | None:
        """There, or wherever it can be."""
        chosen = target or self._group.last_resort(movable)
        self.is_final = self.is_final and (target is not None or chosen == movable.host)
        self.placed[movable.key] = chosen
        if chosen is not None:
            self._group.count(movable, chosen)
        return chosen


_Kind = tuple[Family, frozenset[str]]
"""Who can hold it: the family, and the members that are unfit."""
_Shared = dict[tuple[str, _Kind], list[tuple[int, Movable]]]
"""Host and kind -> what may go elsewhere, numbered in the order in which it came."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One that goes elsewhere, to even out the load."""

    source: str
    target: str
    kind: _Kind
    gap: int
    arrival: int
    """The number of the one that goes."""


class _Group:
    """The members while addresses are being dealt out: their load grows as they take some."""

    def __init__(self, members: Sequence[Candidate], movables: Iterable[Movable]) -> None:
        self._members = {member.name: member for member in members}
        self._load = dict.fromkeys(self._members, 0)
        # An inactive member is one that carries nothing: also not a route or a down address.
        self._hosting = {movable.host for movable in movables if not movable.follows}
        self._places: dict[tuple[str, Family], Counter[str]] = defaultdict(Counter)
        """Home and family -> where its addresses and routes are."""
        self._placed: Placement | None = None
        self._grounds: dict[frozenset[Hashable], frozenset[str | None]] = {}

    def stand_on(self, placed: Placement) -> None:
        """From now on it counts what others depend on."""
        self._placed = placed

    def _fits(self, movable: Movable, member: Candidate) -> bool:
        """Whether the member can hold it."""
        if member.name in movable.unfit:
            return False
        if self._placed is None or not movable.is_dependent:
            return True
        if movable.source is not None and self._placed.get(movable.source) is None:
            return False
        return member.name not in movable.off_link or member.name in self._ground(movable)

    def _ground(self, movable: Movable) -> frozenset[str | None]:
        """Where something is that it can stand on."""
        assert self._placed is not None
        if movable.footing not in self._grounds:
            hosts = frozenset(self._placed.get(key) for key in movable.footing)
            self._grounds[movable.footing] = hosts
        return self._grounds[movable.footing]

    def count(self, movable: Movable, target: str) -> None:
        self._load[target] += movable.weight
        if not movable.follows:
            self._hosting.add(target)
            self._places[movable.home, movable.family][target] += 1

    def settled(self, movable: Movable) -> str | None:
        """Where the movable belongs without further question; None if it has to leave."""
        recall = self._members.get(movable.recall or "")
        if recall and self._may_stay(movable, recall, Fitness.UNKNOWN):
            return recall.name
        place = self._members.get(movable.host or "") or self._members.get(movable.home)
        if place and self._may_stay(movable, place, Fitness.UNPROVEN):
            return place.name
        return None

    def _may_stay(self, movable: Movable, member: Candidate, least: Fitness) -> bool:
        is_good = member.fitness >= least and self._fits(movable, member)
        return is_good and not self._must_empty(member, movable)

    def is_of_standby(self, movable: Movable) -> bool:
        """Whether it is at home on a standby: then it may have to avoid all of them."""
        home = self._members.get(movable.home)
        return home is not None and home.is_standby and not movable.follows

    def _must_empty(self, member: Candidate, movable: Movable) -> bool:
        """No standby keeps a standby's data addresses while others could (behaviours 21, 22).

        Nor does it keep what the group shares; but that is not called back where failback is off.
        """
        is_patient = not movable.home and not movable.evens_out
        return (
            member.is_standby
            and (not movable.home or self.is_of_standby(movable))
            and any(
                not other.is_standby
                and not (is_patient and other.is_spare)
                and other.fitness >= Fitness.UNKNOWN
                and movable.family in other.families
                and self._fits(movable, other)
                for other in self._members.values()
            )
        )

    def destinations(
        self, source: str, crowd: Sequence[Movable]
    ) -> Iterator[tuple[Movable, str | None]]:
        """Where a crowd goes: together, if there is anybody who takes all that can be taken."""
        whole = self._destination(source, crowd)
        parts: dict[frozenset[str], list[Movable]] = {frozenset(): list(crowd)}
        if whole is None:
            parts.clear()
            for movable in crowd:
                parts.setdefault(movable.unfit, []).append(movable)
        for part in parts.values():
            target = whole or self._destination(source, part)
            yield from ((movable, target) for movable in part)

    def with_others(self, movable: Movable, way: str | None) -> str | None:
        """Where one goes that depends on others, whose crowd goes to `way`."""
        place = self.settled(movable)
        if place is None and way is not None and self._fits(movable, self._members[way]):
            return way
        return place or self._destination(movable.host or movable.home, [movable])

    def _destination(self, source: str, crowd: Sequence[Movable]) -> str | None:
        """Who takes the whole crowd: a usable member, else one of whom nothing is known."""
        leading = [movable for movable in crowd if not movable.follows] or crowd
        needed = {movable.family for movable in leading}
        fit = [
            member
            for member in self._members.values()
            if member.fitness >= Fitness.UNKNOWN
            and member.name != source
            and needed <= member.families
            and all(self._fits(movable, member) for movable in leading)
            and not any(self._must_empty(member, movable) for movable in crowd)
        ]
        if all(movable.rides for movable in leading):
            ahead = Counter[str]()
            for movable in leading:
                ahead += self._places[movable.home, movable.family]
            first = max(fit, key=lambda member: ahead[member.name], default=None)
            if first is not None and ahead[first.name]:
                return first.name
        best = max((member.fitness for member in fit), default=Fitness.ABSENT)
        fit = [member for member in fit if member.fitness is best]
        inactive = [member for member in fit if self._is_inactive(member)]
        if inactive:
            return inactive[0].name
        return min(fit, key=lambda member: self._load[member.name]).name if fit else None

    def follow(self, movable: Movable, source: str, target: str | None) -> str | None:
        """Where one of a crowd goes that goes to `target`."""
        if not movable.follows or (target and self._takes(self._members[target], movable)):
            return target
        return self._destination(source, [movable])

    def _takes(self, member: Candidate, movable: Movable) -> bool:
        return movable.family in member.families and self._fits(movable, member)

    def _is_inactive(self, member: Candidate) -> bool:
        return (member.is_standby or member.is_spare) and member.name not in self._hosting

    def is_usable(self, name: str | None) -> bool:
        member = self._members.get(name or "")
        return member is not None and member.fitness >= Fitness.UNKNOWN

    def least_loaded(self, movable: Movable) -> str | None:
        """Who takes one that the group shares: a standby only if there is nobody else."""
        lowest = Fitness.UNKNOWN if movable.host else Fitness.UNPROVEN
        fit = [
            member
            for member in self._members.values()
            if member.fitness >= (lowest if member.is_awaited else Fitness.UNKNOWN)
            and member.name != movable.host
            and self._takes(member, movable)
        ]
        if not fit:
            return None
        return min(
            fit,
            key=lambda it: (
                it.is_standby,
                it.fitness is Fitness.UNKNOWN,
                self._load[it.name],
            ),
        ).name

    def evened_out(
        self, movables: Sequence[Movable], placed: Placement
    ) -> Iterator[tuple[Hashable, str]]:
        """What moves only to even out the load, and where to."""
        shared: _Shared = defaultdict(list)
        arrivals = itertools.count()
        for movable in movables:
            host = placed[movable.key]
            if movable.evens_out and host is not None and host != movable.recall:
                shared[host, (movable.family, movable.unfit)].append((next(arrivals), movable))
        kinds = tuple(dict.fromkeys(kind for _, kind in shared))
        while steps := [step for kind in kinds if (step := self._step(kind, shared))]:
            step = max(steps, key=lambda step: (step.gap, step.arrival))
            _, movable = shared[step.source, step.kind].pop()
            shared[step.target, step.kind].append((next(arrivals), movable))
            self._load[step.source] -= movable.weight
            self._load[step.target] += movable.weight
            yield movable.key, step.target

    def _step(self, kind: _Kind, shared: _Shared) -> _Step | None:
        """From the most loaded member that has such an address to the least loaded one."""
        family, unfit = kind
        usable = [
            member
            for member in self._members.values()
            if member.fitness >= Fitness.UNKNOWN
            and family in member.families
            and member.name not in unfit
        ]
        usable = [it for it in usable if not it.is_standby] or usable
        best = max((it.fitness for it in usable), default=Fitness.ABSENT)
        givers = [it.name for it in usable if shared.get((it.name, kind))]
        takers = [it.name for it in usable if it.fitness is best and not it.is_on_trust]
        if not givers or not takers:
            return None
        last = {name: shared[name, kind][-1][0] for name in givers}
        source = max(givers, key=lambda name: (self._load[name], last[name]))
        target = min(takers, key=lambda name: self._load[name])
        gap = self._load[source] - self._load[target]
        return _Step(source, target, kind, gap, last[source]) if gap > 1 else None

    def last_resort(self, movable: Movable) -> str | None:
        """Where to be when nobody is usable: here, at home, or on whoever is plumbed."""
        host = self._members.get(movable.host or "")
        if host and host.fitness >= Fitness.CLOSED:
            return host.name
        home = self._members.get(movable.home)
        if home and home.fitness >= Fitness.BROKEN and self._fits(movable, home):
            return home.name
        plumbed = [
            member
            for member in self._members.values()
            if member.fitness >= Fitness.BROKEN and self._takes(member, movable)
        ]
        if not plumbed:
            return None
        if not movable.home:
            return min(
                plumbed, key=lambda it: (-it.fitness, it.is_standby, self._load[it.name])
            ).name
        return max(plumbed, key=lambda member: (member.fitness, member.is_standby)).name
