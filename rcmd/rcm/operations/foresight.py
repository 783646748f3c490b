"""What will become of all that goes, and what became of it: worked out beside everything else.

It takes some ten microseconds for each route.  Where there are thousands, it is done in a thread,
on a copy that nobody else knows of; and again if the world has changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TypeVar

from rcmd.ipmp.forecast.redundancy import objection_in
from rcmd.ipmp.forecast.rehearsal import Rehearsal, copied
from rcmd.ports.pinned_routes import Anchored
from rcmd.ports.plan import PlannedMove
from rcmd.rcm.operations.context import Stage
from rcmd.rcm.operations.holdings import Holding, Outcome, holdings
from rcmd.rcm.operations.pinned_routes import named
from rcmd.rcm.resources.removal import Removal

Result = TypeVar("Result")
Work = Callable[[], Result]

FEW = 500
"""Routes that hold nobody up."""
ATTEMPTS = 3
"""Where everything changes all the time, what was worked out last has to do."""


@dataclass(frozen=True, slots=True)
class Foresight:
    rehearsal: Rehearsal
    found: tuple[Holding, ...]
    """All that lies on what goes, also on the devices that are none of ours."""
    moves: tuple[PlannedMove, ...]
    """What becomes of each."""
    premises: object
    """Of two that have the same the answers are the same."""


async def foresee(
    stage: Stage,
    removal: Removal,
    going: frozenset[str],
    anchored: Iterable[Anchored] = (),
    *,
    before: Foresight | None = None,
) -> Foresight:
    """`going` are the interfaces whose detach began before: they help nobody any more.

    `before` is what was foreseen last, if nothing has changed since.
    """
    engine, (first, _) = stage.engine, named(anchored)
    if before is not None and before.premises == (engine.revision, going, first):
        return before

    def begin() -> Work[Foresight]:
        earlier = (going & engine.scene.members.keys()) - {*removal.emptied}
        staging = engine.rehearsal(removal.members, earlier, removal.bereft)
        premises = (engine.revision, going, first)

        def work() -> Foresight:
            found = holdings(staging.scene, removal.devices, first)
            rehearsal = staging.play()
            outcome = Outcome(
                rehearsal.after,
                rehearsal.leaving,
                rehearsal.reasons(),
                bool(removal.steps),
                removal.bereft,
            )
            return Foresight(rehearsal, found, outcome.of(found), premises)

        return work

    return await _beside(stage, _routes_on(stage, removal.devices), begin)


async def hindsight(
    stage: Stage, removal: Removal, found: tuple[Holding, ...]
) -> tuple[PlannedMove, ...]:
    """What became of what was found, now that the interfaces are empty."""
    engine = stage.engine

    def begin() -> Work[tuple[PlannedMove, ...]]:
        outcome = Outcome(
            copied(engine.scene),
            removal.emptied,
            engine.reasons(),
            bool(removal.steps),
            removal.bereft,
        )
        return lambda: outcome.of(found)

    return await _beside(stage, len(found), begin)


async def objection(stage: Stage, name: str, going: frozenset[str]) -> str | None:
    """Why an interface cannot be spared together with those that are going; None if it can."""
    engine = stage.engine

    def begin() -> Work[Rehearsal]:
        return engine.rehearsal((name,), (going & engine.scene.members.keys()) - {name}).play

    rehearsal = await _beside(stage, _routes_on(stage, (name,)), begin)
    return objection_in(rehearsal, engine.scene, name)


async def _beside(stage: Stage, amount: int, begin: Callable[[], Work[Result]]) -> Result:
    """`begin` copies what is needed; what it returns can be done anywhere."""
    engine = stage.engine
    if amount <= FEW:
        return begin()()
    for _ in range(ATTEMPTS):
        revision = engine.revision
        result = await stage.aside(begin())
        if engine.revision == revision:
            break
    return result


def _routes_on(stage: Stage, devices: Collection[str]) -> int:
    view = stage.engine.scene.view
    links = (view.link_named(name) for name in devices)
    return sum(len(view.table.on(link.ifindex)) for link in links if link is not None)
