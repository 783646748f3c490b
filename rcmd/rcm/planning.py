"""What a detach would move, and where to: read off the engine, changing nothing."""

from __future__ import annotations

from collections.abc import Iterator

from rcmd.ipmp.arrangement import held_by
from rcmd.ipmp.engine import Engine
from rcmd.model import Route
from rcmd.rcm.plan import MovableKind, PlannedMove
from rcmd.rcm.resources import stacked_on


def planned_moves(engine: Engine, name: str) -> tuple[PlannedMove, ...]:
    return tuple(_moves(engine, name))


def _moves(engine: Engine, name: str) -> Iterator[PlannedMove]:
    """Everything that lives on the interface, in the order in which it lies there."""
    if name not in engine.scene.members:
        return
    targets = engine.targets_if_leaving(frozenset({name}))
    member = engine.scene.members[name]
    for address in engine.scene.view.addresses.get(member.ifindex, {}):
        if engine.scene.ledger.knows(address.ip):
            target = targets.get(address.ip)
            yield PlannedMove(
                MovableKind.ADDRESS, str(address), name, None if target == name else target
            )
    for test in engine.scene.test_addresses(member):
        yield PlannedMove(MovableKind.ADDRESS, str(test.address), name, None)
    held = held_by(engine.scene, name)
    for key in engine.scene.ledger.routes:
        if key in held:
            target = targets.get(key)
            yield PlannedMove(
                MovableKind.ROUTE,
                describe_route(key.key.route),
                name,
                None if target == name else target,
            )


def warnings(engine: Engine, name: str) -> tuple[str, ...]:
    """What cannot follow, in sentences; told also where force overrides a veto."""
    cut_off = [f"{stacked} would be cut off" for stacked in stacked_on(engine, name)]
    return tuple(cut_off)


def describe_route(route: Route) -> str:
    """As `ip route` would say it, without the device."""
    is_default = route.destination.prefixlen == 0
    parts = ["default" if is_default else str(route.destination)]
    if route.gateway is not None:
        parts.append(f"via {route.gateway}")
    if route.table != 254:
        parts.append(f"table {route.table}")
    return " ".join(parts)
