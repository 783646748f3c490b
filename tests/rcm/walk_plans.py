"""A detach does what was planned: each address and route is where the plan said, and none is left
out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rcmd.ipmp.route_words import describe_route
from rcmd.rcm.plan import DetachPlan, MovableKind, PlannedMove

from .lifetime import Lifetime

Lying = set[tuple[str, str]]
"""(interface, address or route)."""


@dataclass(frozen=True, slots=True)
class Deed:
    life: Lifetime

    def lying_on(self, names: Iterable[str]) -> Lying:
        """All that the kernel holds there, but for what the kernel's own tables have to tell."""
        found: Lying = set()
        for name in names:
            device = self.life.host.kernel.device(name)
            found |= {(name, str(address)) for address in device.addresses}
            found |= {
                (name, describe_route(it)) for it in device.routes.values() if it.protocol != 186
            }
        return found

    def check(self, lay: Lying, plan: DetachPlan, done: DetachPlan) -> None:
        differing = {*done.moves} ^ {*plan.moves}
        assert not differing, f"planned or done only: {differing}"
        named = [(move.source, move.what) for move in plan.moves]
        assert set(named) == lay, f"not named: {lay - {*named}}, invented: { ({*named} - lay) }"
        assert len(named) == len(set(named)), f"named twice: {named}"
        for move in plan.moves:
            self._check_place(move)

    def _check_place(self, move: PlannedMove) -> None:
        holders = self._holders(move)
        if move.destination is None:
            assert not holders, f"{move} was to be lost, and is on {holders}"
        else:
            assert move.destination in holders, f"{move} is on {holders}"
        assert move.source not in holders or move.destination == move.source, (
            f"{move} is still there"
        )

    def _holders(self, move: PlannedMove) -> list[str]:
        devices = self.life.host.kernel.devices.values()
        if move.kind is MovableKind.ADDRESS:
            held = {it.link.name: map(str, it.addresses) for it in devices}
        else:
            held = {it.link.name: map(describe_route, it.routes.values()) for it in devices}
        return [name for name, things in held.items() if move.what in things]
