"""What has only begun: many routes follow their addresses, a part in each turn of the loop.

In between everything else is heard, and a failure elsewhere waits for none of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rcmd.ipmp.api.commands import Move
from rcmd.ipmp.reconcile.affected_groups import EVERYBODY, Touched, both
from rcmd.ipmp.state.batches import Edge

_NOBODY: frozenset[str] = frozenset()


class Unfinished:
    def __init__(self) -> None:
        self.circles: Touched = _NOBODY
        """Whose."""
        self._told: set[Edge] = set()
        """The ways of which it was said that everything went there."""

    def __bool__(self) -> bool:
        return self.circles is EVERYBODY or bool(self.circles)

    def put_off(self, circles: Touched) -> None:
        """They are to be looked at, but not now."""
        self.circles = both(self.circles, circles)

    def follow(self, circles: Touched, moves: Iterable[Move], *, has_more: bool) -> list[Move]:
        """The moves of these circles, with a mark on those whose beginning was told already."""
        marked = [replace(move, is_rest=self._is_rest(move)) for move in moves]
        self._told |= {(move.source, move.destination) for move in marked}
        if has_more:
            self.put_off(circles)
        elif circles is EVERYBODY or self.circles is EVERYBODY:
            self.circles = self.circles if circles is not EVERYBODY else _NOBODY
        else:
            self.circles -= circles
        if not self:
            self._told.clear()
        return marked

    def _is_rest(self, move: Move) -> bool:
        return not move.add and (move.source, move.destination) in self._told
