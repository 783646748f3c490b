"""The known routes, and where they are called back to, as a text of their own: a `Memory` of
nothing else.

There may be tens of thousands, and they seldom change: a failover changes where they are, and not
one of them.  Each is put into words once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from rcmd.ipmp.ledger import MovableKey, RouteAtHome
from rcmd.ipmp.memory import HomedRoute, homed_route
from rcmd.ipmp.route_places import RecalledTo, is_same
from rcmd.ipmp.scene import Scene


class RouteRecord:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._recalled: RecalledTo = ()
        self._pieces: dict[RouteAtHome, str] = {}
        self._text = self._written()

    def text(self) -> str:
        """The same object as long as nothing has changed."""
        changed, members = self._scene.ledger.changed_routes, self._scene.members.values()
        recalled = tuple((member.name, member.recalls) for member in members if member.recalls)
        if changed or not is_same(recalled, self._recalled):
            self._recalled = recalled
            for known in changed:
                self._put(known)
            changed.clear()
            self._text = self._written()
        return self._text

    def _put(self, known: RouteAtHome) -> None:
        route = self._scene.ledger.routes.get(known)
        if route is None:
            self._pieces.pop(known, None)
        else:
            entry = homed_route(HomedRoute(known.home, route))
            self._pieces[known] = json.dumps(entry, default=str)

    def _written(self) -> str:
        pieces = ",".join(self._pieces.values())
        recalls = ",".join(self._recalls(name, keys) for name, keys in self._recalled)
        return f'{{"routes":[{pieces}],"recalls":[{recalls}]}}'

    def _recalls(self, name: str, keys: Iterable[MovableKey]) -> str:
        known = (self._pieces.get(it) for it in keys if isinstance(it, RouteAtHome))
        pieces = ",".join(sorted(piece for piece in known if piece is not None))
        return f"[{json.dumps(name)},[],[{pieces}]]"
