"""The answer of `arrangement`."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from rcmd.ipmp.state.address_book import RouteAtHome
from rcmd.ipmp.state.route_places import RouteCrowd, RoutePlaces


class Targets:
    """The target of every movable; None is nowhere.  What waits, or is not looked at, has none."""

    def __init__(self, placed: Mapping[Hashable, str | None], places: RoutePlaces) -> None:
        self._placed = placed
        self._places = places

    def get(self, key: Hashable) -> str | None:
        """None also where it has no target."""
        return self._placed.get(self._named(key))

    def __getitem__(self, key: Hashable) -> str | None:
        return self._placed[self._named(key)]

    def __contains__(self, key: Hashable) -> bool:
        return self._named(key) in self._placed

    def _named(self, key: Hashable) -> Hashable:
        """A route goes where all routes of its place go."""
        if isinstance(key, RouteAtHome) and (place := self._places.place_of(key.key)):
            return RouteCrowd(key.home, place)
        return key
