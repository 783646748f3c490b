"""The difference between where everything should live and what the kernel holds: the moves."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from rcmd.ipmp.address_difference import AddressDifference
from rcmd.ipmp.arrangement import Targets
from rcmd.ipmp.batches import Batches, ItemKey
from rcmd.ipmp.commands import Cause, Move
from rcmd.ipmp.leftovers import Leftovers
from rcmd.ipmp.route_difference import RouteDifference
from rcmd.ipmp.scene import Circles, Scene
from rcmd.model import IPAddress


class Difference:
    """Builds the moves, one for each (source, destination): addresses and routes together."""

    def __init__(
        self,
        scene: Scene,
        targets: Targets,
        refused: Collection[ItemKey],
        circles: Circles | None = None,
    ) -> None:
        """`targets` are those of `circles`."""
        self._batches = Batches(scene.view, refused)
        self._addresses = AddressDifference(scene, targets, circles, self._batches)
        self._addresses.find()
        RouteDifference(scene, targets, circles, self._batches).find()
        Leftovers(scene, circles, self._batches).find()

    def moves(self) -> list[Move]:
        return self._batches.moves()

    def numbers_after(self, moves: Iterable[Move]) -> dict[IPAddress, tuple[str, int]]:
        """The logical numbers once only these are made: what waits is where it has been."""
        return self._addresses.numbers_after(moves)


def independent(moves: Iterable[Move]) -> Iterator[Move]:
    """Those that can be made together: each has to do with other interfaces than all before it.

    What is well where it is must not hold up what has to leave.
    """
    touched: set[int | str] = set()
    for move in sorted(moves, key=lambda move: move.cause is Cause.REBALANCE):
        own: set[int | str] = {item.ifindex for item in move.items}
        own |= {name for name in (move.source, move.destination) if name is not None}
        if touched.isdisjoint(own):
            yield move
        touched |= own
