"""The known routes as a text of their own, which is a `Memory` of nothing else.

There may be tens of thousands, and they seldom change: a failover changes where they are, and not
one of them.  Each is put into words once.
"""

from __future__ import annotations

import json

from rcmd.ipmp.ledger import Ledger, RouteAtHome
from rcmd.ipmp.memory import HomedRoute, homed_route
from rcmd.model import Route


class RouteRecord:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._revision = -1
        self._pieces: dict[RouteAtHome, tuple[Route, str]] = {}
        self._text = ""

    def text(self) -> str:
        """The same object as long as nothing has changed."""
        if self._revision != self._ledger.routes_revision:
            self._revision = self._ledger.routes_revision
            self._pieces = {
                known: self._piece(known, route) for known, route in self._ledger.routes.items()
            }
            pieces = ",".join(text for _, text in self._pieces.values())
            self._text = f'{{"routes":[{pieces}]}}'
        return self._text

    def _piece(self, known: RouteAtHome, route: Route) -> tuple[Route, str]:
        piece = self._pieces.get(known)
        if piece is not None and piece[0] is route:
            return piece
        return route, json.dumps(homed_route(HomedRoute(known.home, route)), default=str)
