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
from rcmd.model import Route


class RouteRecord:
    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._revision = -1
        self._recalled: RecalledTo = ()
        self._pieces: dict[RouteAtHome, tuple[Route, str]] = {}
        self._text = ""

    def text(self) -> str:
        """The same object as long as nothing has changed."""
        ledger, members = self._scene.ledger, self._scene.members.values()
        recalled = tuple((member.name, member.recalls) for member in members if member.recalls)
        if self._revision != ledger.routes_revision or not is_same(recalled, self._recalled):
            self._revision, self._recalled = ledger.routes_revision, recalled
            self._pieces = {
                known: self._piece(known, route) for known, route in ledger.routes.items()
            }
            pieces = ",".join(text for _, text in self._pieces.values())
            recalls = ",".join(self._recalls(name, keys) for name, keys in recalled)
            self._text = f'{{"routes":[{pieces}],"recalls":[{recalls}]}}'
        return self._text

    def _piece(self, known: RouteAtHome, route: Route) -> tuple[Route, str]:
        piece = self._pieces.get(known)
        if piece is not None and piece[0] is route:
            return piece
        return route, json.dumps(homed_route(HomedRoute(known.home, route)), default=str)

    def _recalls(self, name: str, keys: Iterable[MovableKey]) -> str:
        known = (self._pieces.get(it) for it in keys if isinstance(it, RouteAtHome))
        pieces = ",".join(sorted(piece[1] for piece in known if piece is not None))
        return f"[{json.dumps(name)},[],[{pieces}]]"
