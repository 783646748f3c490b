"""A detach does what was planned: each address and route is where the plan said, and none is left
out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from stories.kernel import Device

from rcmd.ipmp.state.route_words import describe_route
from rcmd.ports.plan import DetachPlan, PlannedMove

from .lifetime import Lifetime

Lying = set[tuple[str, str]]
"""(interface, address or route)."""

BGP = 186
"""What only the kernel's own tables tell of, and they are not modelled."""


@dataclass(frozen=True, slots=True)
class Deed:
    life: Lifetime

    def lying_on(self, names: Iterable[str]) -> Lying:
        """All that the kernel holds there."""
        devices = (self.life.host.kernel.device(name) for name in names)
        return {(it.link.name, what) for it in devices for what in _held(it)}

    def everywhere(self) -> Lying:
        return self.lying_on([it.link.name for it in self.life.host.kernel.devices.values()])

    def check(
        self, before: Lying, names: Iterable[str], plan: DetachPlan, done: DetachPlan
    ) -> None:
        """`before`: what lay everywhere; `names`: what has gone."""
        differing = {*done.moves} ^ {*plan.moves}
        assert not differing, f"planned or done only: {differing}"
        named = [(move.source, move.what) for move in plan.moves]
        lay = {place for place in before if place[0] in names}
        assert set(named) == lay, f"not named: {lay - {*named}}, invented: { ({*named} - lay) }"
        assert len(named) == len(set(named)), f"named twice: {named}"
        after = self.everywhere()
        for move in plan.moves:
            self._check_place(move, before, after)

    def _check_place(self, move: PlannedMove, before: Lying, after: Lying) -> None:
        holders = {name for name, what in after if what == move.what}
        if move.destination is None:
            # The same route on an interface of another group is another one.
            new = {(name, move.what) for name in holders} - before
            assert not new, f"{move} was to be lost, and is on {new}"
        else:
            assert move.destination in holders, f"{move} is on {holders}"
        is_left = move.source in holders and move.destination != move.source
        assert not is_left, f"{move} is still there"


def _held(device: Device) -> Iterable[str]:
    yield from map(str, device.addresses)
    yield from (describe_route(it) for it in device.routes.values() if it.protocol != BGP)
