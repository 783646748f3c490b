"""The known routes, sorted by who calls them home and by where they are.

Routes of one place are all alike to whoever decides where they live: so the decision is made for
the place, and costs the same for one route as for ten thousand.  To keep this up costs something
only for the routes that change.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from rcmd.ipmp.rules.refusals import Refusals
from rcmd.ipmp.state.address_book import Ledger, MovableKey, RouteAtHome
from rcmd.ipmp.state.batches import ItemKey
from rcmd.ipmp.state.route_table import Dropped, RouteTable
from rcmd.model.network import Family, IPAddress, RouteKey

RecalledTo = tuple[tuple[str, frozenset[MovableKey]], ...]
"""Interface and what is called to it; who comes first has the say."""


def is_same(recalled: RecalledTo, before: RecalledTo) -> bool:
    """The very sets: to compare what is in them would cost as much as to use it."""
    return len(recalled) == len(before) and all(
        new[0] == old[0] and new[1] is old[1] for new, old in zip(recalled, before, strict=True)
    )


class Place(NamedTuple):
    family: Family
    has_gateway: bool
    """What others are reached through has none, and goes before them."""
    homes: tuple[str, ...]
    carriers: tuple[int, ...]
    """The devices (ifindex) that have them, in ascending order."""
    recalls: tuple[str | None, ...]
    """For each home: where they are called to, whether or not failback is on."""
    next_hop: IPAddress | None = None
    """The gateway, if something has to lead to it."""
    source: IPAddress | None = None
    """The address that they prefer."""
    refusing: tuple[int, ...] = ()
    """The devices on which the kernel would not have them, in ascending order."""


class RouteCrowd(NamedTuple):
    """Names the routes of a place that one of its homes asks for."""

    home: str
    place: Place


def _last_of_each(
    changes: Sequence[RouteKey | Dropped],
) -> Iterator[RouteKey | Dropped]:
    """What was added here is removed there: once is enough, as long as nothing comes after it."""
    return reversed(dict.fromkeys(reversed(changes)))


@dataclass(slots=True, eq=False)
class _Crowd:
    place: Place
    keys: dict[RouteKey, None] = field(default_factory=dict)


class RoutePlaces:
    def __init__(self) -> None:
        self._crowds: dict[Place, _Crowd] = {}
        self._crowd_of: dict[RouteKey, _Crowd] = {}
        self._table: RouteTable | None = None
        self._refusals_revision = -1
        self._refusing: dict[RouteKey, tuple[int, ...]] = {}
        self._recalled: RecalledTo = ()

    def copy(self, table: RouteTable) -> RoutePlaces:
        """One that follows a copy of the table; both have to be up to date."""
        twin = RoutePlaces()
        twin._crowds = {place: _Crowd(place, dict(it.keys)) for place, it in self._crowds.items()}
        twin._crowd_of = {key: crowd for crowd in twin._crowds.values() for key in crowd.keys}
        twin._table = table
        twin._refusals_revision = self._refusals_revision
        twin._refusing = dict(self._refusing)
        twin._recalled = self._recalled
        return twin

    def items(self) -> Iterator[tuple[Place, Mapping[RouteKey, None]]]:
        """What others are reached through comes first."""
        crowds = sorted(self._crowds.values(), key=lambda crowd: crowd.place.has_gateway)
        return ((crowd.place, crowd.keys) for crowd in crowds)

    def of(self, place: Place) -> Mapping[RouteKey, None]:
        """The routes of a place."""
        return self._crowds[place].keys

    def place_of(self, key: RouteKey) -> Place | None:
        crowd = self._crowd_of.get(key)
        return crowd.place if crowd else None

    def update(
        self,
        table: RouteTable,
        ledger: Ledger,
        recalled: RecalledTo,
        refusals: Refusals[ItemKey],
    ) -> None:
        """Follow what has changed since the last time; all of it where the table is another."""
        changed = self._heed(refusals)
        are_same = is_same(recalled, self._recalled)
        self._recalled = recalled
        if table is self._table:
            if not are_same:
                self._call_anew()
            for change in _last_of_each((*table.log, *ledger.route_log, *changed)):
                match change:
                    case Dropped(ifindex, family):
                        self._drop(ifindex, family)
                    case key:
                        self._sort_in(key, table, ledger)
        else:
            self._table = table
            self._crowds, self._crowd_of = {}, {}
            for known in ledger.routes:
                if known.key not in self._crowd_of:
                    self._sort_in(known.key, table, ledger)
        table.log.clear()
        ledger.route_log.clear()

    def _call_anew(self) -> None:
        """Others are called back, or to another place: mostly all of a place are."""
        others: list[tuple[_Crowd, Place]] = []
        for crowd in list(self._crowds.values()):
            place = crowd.place
            parts: dict[tuple[str | None, ...], dict[RouteKey, None]] = {}
            for key in crowd.keys:
                recalls = tuple(self._recall(home, key) for home in place.homes)
                parts.setdefault(recalls, {})[key] = None
            if parts.keys() == {place.recalls}:
                continue
            del self._crowds[place]
            for recalls, keys in parts.items():
                part = crowd
                if len(parts) > 1:
                    part = _Crowd(place, keys)
                    self._crowd_of |= dict.fromkeys(keys, part)
                others.append((part, place._replace(recalls=recalls)))
        # Not before: one may come to be where another has been.
        for part, place in others:
            self._settle(part, place)

    def _heed(self, refusals: Refusals[ItemKey]) -> list[RouteKey]:
        """The routes that others refuse than the last time."""
        if refusals.revision == self._refusals_revision:
            return []
        self._refusals_revision = refusals.revision
        found: dict[RouteKey, list[int]] = {}
        for item, _ in refusals.items():
            if item.is_addition and isinstance(item.thing, RouteKey):
                found.setdefault(item.thing, []).append(item.ifindex)
        before = self._refusing
        self._refusing = {key: tuple(sorted(devices)) for key, devices in found.items()}
        return [
            key for key in (before | self._refusing) if before.get(key) != self._refusing.get(key)
        ]

    def _sort_in(self, key: RouteKey, table: RouteTable, ledger: Ledger) -> None:
        old = self._crowd_of.get(key)
        homes = ledger.homes_of_route(key)
        if not homes:
            if old is not None:
                self._take_out(old, key)
            return
        recalls = tuple(self._recall(home, key) for home in homes)
        carriers = tuple(sorted(table.carriers_of(key)))
        place = Place(
            key.family,
            key.has_gateway,
            homes,
            carriers,
            recalls,
            key.next_hop,
            key.source,
            self._refusing.get(key, ()),
        )
        if old is not None and old.place == place:
            return
        if old is not None:
            self._take_out(old, key)
        crowd = self._crowds.get(place)
        if crowd is None:
            crowd = self._crowds[place] = _Crowd(place)
        crowd.keys[key] = None
        self._crowd_of[key] = crowd

    def _recall(self, home: str, key: RouteKey) -> str | None:
        if not self._recalled:
            return None
        known = RouteAtHome(home, key)
        return next((name for name, keys in self._recalled if known in keys), None)

    def _take_out(self, crowd: _Crowd, key: RouteKey) -> None:
        del crowd.keys[key], self._crowd_of[key]
        if not crowd.keys:
            del self._crowds[crowd.place]

    def _drop(self, ifindex: int, family: Family) -> None:
        """A device has lost them at once; so do we."""
        for crowd in list(self._crowds.values()):
            place = crowd.place
            if place.family is family and ifindex in place.carriers:
                del self._crowds[place]
                carriers = tuple(it for it in place.carriers if it != ifindex)
                self._settle(crowd, place._replace(carriers=carriers))

    def _settle(self, crowd: _Crowd, place: Place) -> None:
        """The whole crowd is there now: the smaller one goes to the larger one."""
        other = self._crowds.get(place)
        if other is not None:
            if len(crowd.keys) < len(other.keys):
                crowd, other = other, crowd
            crowd.keys |= other.keys
            self._crowd_of |= dict.fromkeys(other.keys, crowd)
        crowd.place = place
        self._crowds[place] = crowd
