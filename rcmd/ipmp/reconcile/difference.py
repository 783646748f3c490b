"""The difference between where everything should live and what the kernel holds: the moves."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from rcmd.ipmp.api.commands import Cause, Move
from rcmd.ipmp.reconcile.addresses import AddressDifference
from rcmd.ipmp.reconcile.leftovers import Leftovers
from rcmd.ipmp.reconcile.routes import Portion, RouteDifference
from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.state.arranged import Targets
from rcmd.ipmp.state.batches import Batches, ItemKey
from rcmd.ipmp.state.group_state import Circles, Scene
from rcmd.ipmp.state.labels import LogicalNumbers
from rcmd.model.network import IPAddress, KernelAddress


class Difference:
    """Builds the moves, one for each (source, destination): addresses and routes together.

    Many routes have to wait for their turn.  Meanwhile the addresses are where they should be, and
    also still where they were, if traffic passes there: it goes by those routes.
    """

    def __init__(
        self,
        scene: Scene,
        targets: Targets,
        refused: Container[ItemKey],
        circles: Circles | None = None,
        *,
        routes: Portion = Portion.ALL,
        assumed_dead: Container[str] = (),
    ) -> None:
        """`targets` are those of `circles`; `assumed_dead`: interfaces, for forecasts."""
        self._assumed_dead = assumed_dead
        self._scene = scene
        self._batches = Batches(scene.view, refused)
        self._numbers = LogicalNumbers(scene)
        AddressDifference(scene, targets, circles, self._batches, self._numbers).find()
        self._routes = RouteDifference(scene, targets, circles, self._batches)
        self._routes.find(routes)
        Leftovers(scene, circles, self._batches, self._numbers).find()
        if self.has_more:
            self._batches.hold_back(self._is_needed)

    @property
    def has_more(self) -> bool:
        """There are routes that these moves leave where they are."""
        return self._routes.has_more

    def _is_needed(self, address: KernelAddress) -> bool:
        """For the routes that are still on its device."""
        member = self._scene.member_at(address.ifindex)
        if member is None or not self._routes.is_leaving(address.ifindex):
            return False
        link = self._scene.view.links[address.ifindex]
        is_dead = (
            member.health is Health.FAILED
            or not link.is_running
            or member.name in self._assumed_dead
        )
        # A dead device's way to its neighbours goes before that of the one that took over.  But the
        # kernel strips IPv6 routes of a source that goes, and they would be other ones then.
        is_preferred = address.address.version == 6 and (
            address.address.ip in self._scene.ledger.sources
        )
        return is_preferred or not is_dead

    def moves(self) -> list[Move]:
        return self._batches.moves()

    def numbers_after(self, moves: Iterable[Move]) -> dict[IPAddress, tuple[str, int]]:
        """The logical numbers once only these are made: what waits is where it has been."""
        return self._numbers.after(moves)


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
