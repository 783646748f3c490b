"""The known routes, and where they are called back to, as a text of their own: a `Memory` of
nothing else.

There may be tens of thousands, and they seldom change: a failover changes where they are, and not
one of them.  Each is put into words once.
"""

from __future__ import annotations

import json
from collections.abc import Container
from itertools import islice

from rcmd.ipmp.state.address_book import MovableKey, RouteAtHome
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.route_places import RecalledTo, is_same
from rcmd.ipmp.state.snapshot import HomedRoute, homed_route

_encode = json.JSONEncoder(default=str).encode
"""`json.dumps` makes an encoder for each."""


class RouteRecord:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._recalled: RecalledTo = ()
        self._pieces: dict[RouteAtHome, str] = {}
        self._text = self._written()
        self._is_written = True
        """The text is up to date with the pieces."""

    def follow(self, most: int) -> bool:
        """Put so many of what has changed into words; whether that was all."""
        changed = self._scene.ledger.changed_routes
        for known in [*islice(changed, most)]:
            del changed[known]
            self._put(known)
            self._is_written = False
        return not changed

    def text(self) -> str:
        """The same object as long as nothing has changed."""
        members = self._scene.members.values()
        recalled = tuple((member.name, member.recalls) for member in members if member.recalls)
        self.follow(len(self._scene.ledger.changed_routes))
        if not (self._is_written and is_same(recalled, self._recalled)):
            self._recalled = recalled
            self._text = self._written()
            self._is_written = True
        return self._text

    def _put(self, known: RouteAtHome) -> None:
        route = self._scene.ledger.routes.get(known)
        if route is None:
            self._pieces.pop(known, None)
        else:
            entry = homed_route(HomedRoute(known.home, route))
            self._pieces[known] = _encode(entry)

    def _written(self) -> str:
        pieces = ",".join(self._pieces.values())
        recalls = ",".join(self._recalls(name, keys) for name, keys in self._recalled)
        return f'{{"routes":[{pieces}],"recalls":[{recalls}]}}'

    def _recalls(self, name: str, keys: Container[MovableKey]) -> str:
        pieces = ",".join(piece for known, piece in self._pieces.items() if known in keys)
        return f"[{json.dumps(name)},[],[{pieces}]]"
