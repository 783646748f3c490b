"""What a detach would do: everybody asked, the deed rehearsed, nothing changed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from rcmd.errors import Busy, NoSuchResource, Veto
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.forecast.rehearsal import Rehearsal
from rcmd.ipmp.messages import only_from
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.address_book import RouteAtHome
from rcmd.ports.coordinator import Clients
from rcmd.ports.pinned_routes import Anchored, Tie
from rcmd.ports.plan import DetachPlan
from rcmd.ports.sockets import Session
from rcmd.rcm.affected_sockets import bystander_warnings
from rcmd.rcm.operations import checks
from rcmd.rcm.operations.context import Stage
from rcmd.rcm.operations.foresight import Foresight, foresee
from rcmd.rcm.operations.pinned_routes import anchored_warnings
from rcmd.rcm.resources.removal import Removal, find_removal


@dataclass(frozen=True, slots=True)
class Planned:
    plan: DetachPlan
    foresight: Foresight | None = None
    """None where nobody was asked: there is nothing to detach."""
    asked: tuple[str, ...] = ()
    """The resources whose clients were asked, in that order."""


async def plan_detach(
    stage: Stage,
    removal: Removal,
    *,
    session: Session | None,
    going: frozenset[str],
    force: bool,
) -> Planned:
    """All refusals, and what becomes of all that goes; with force, our own objections are warnings.

    Raises Busy where what is asked about changes under the question.
    """
    prerequisites = checks.prerequisites(checks.Question(stage.engine, removal, going))
    if prerequisites:
        return Planned(DetachPlan(removal.name, prerequisites))
    names = devices_of(stage, removal)
    sockets = await stage.bound_sockets(names) if names else ()
    anchored = await tied_to(stage, names)
    first = await foresee(stage, removal, going, anchored)
    asked = concerned(stage.engine, removal, first.rehearsal)
    vetoes = await ask_all(stage.clients, asked, force=force)
    # Judged after the answers: meanwhile a cable may have been pulled, or a file removed.
    foresight = await foresee(stage, removal, going, anchored, before=first)
    check_unchanged(stage, removal)
    question = checks.Question(stage.engine, removal, going, foresight.rehearsal)
    moves = foresight.moves
    noticed = bystander_warnings(sockets=sockets, names=names, session=session, moves=moves)
    plan = DetachPlan(
        removal.name,
        (*checks.objections(question), *vetoes),
        moves,
        (*warnings(stage.engine, removal), *anchored_warnings(anchored, names), *noticed),
    )
    return Planned(_overridden(plan) if force else plan, foresight, asked)


async def tied_to(stage: Stage, names: Mapping[int, str]) -> tuple[Anchored, ...]:
    """What only the kernel's tables tell of these devices; of a member's routes we know."""
    found = await stage.anchored(names) if names else ()
    members = stage.engine.scene.members
    return tuple(
        it
        for it in found
        if it.tie is not Tie.UNMANAGED or names.get(it.ifindex, "") not in members
    )


def check_unchanged(stage: Stage, removal: Removal) -> None:
    """Raises Busy where something else belongs to it than when it was looked at."""
    try:
        now = find_removal(stage.engine, stage.hardware.survey(), removal.name)
    except NoSuchResource as error:
        raise Busy(f"{removal.name}: it has gone meanwhile") from error
    if ({*now.names}, {*now.emptied}) != ({*removal.names}, {*removal.emptied}):
        raise Busy(f"{removal.name}: what belongs to it has changed meanwhile; ask again")


def concerned(engine: Engine, removal: Removal, rehearsal: Rehearsal) -> tuple[str, ...]:
    """What clients are asked about: the resources, and the addresses that will not be served.

    Of those that move nobody needs to be asked (solaris.md 5.3).  Parents before their children.
    """
    stranded = {
        f"ip:{key}"
        for name in removal.emptied
        for key in rehearsal.before[name]
        if not isinstance(key, RouteAtHome) and not _is_served(engine, rehearsal.place(key))
    }
    return (*removal.asked_about, *sorted(stranded))


def _is_served(engine: Engine, name: str | None) -> bool:
    """One that waits on a failed interface for its cable is not."""
    return name is not None and engine.scene.members[name].fitness >= Fitness.UNKNOWN


async def ask_all(clients: Clients, names: tuple[str, ...], *, force: bool) -> tuple[Veto, ...]:
    """Everybody about everything at once, so that all refusals are known together."""
    async with asyncio.TaskGroup() as group:
        questions = [group.create_task(clients.query_remove(name, force=force)) for name in names]
    return tuple(veto for question in questions for veto in question.result())


def _overridden(plan: DetachPlan) -> DetachPlan:
    """Force turns our own objections into warnings; those of others stand."""
    standing = tuple(veto for veto in plan.vetoes if veto.client not in checks.OVERRIDABLE)
    ignored = (
        _overridden_text(plan, veto) for veto in plan.vetoes if veto.client in checks.OVERRIDABLE
    )
    return replace(plan, vetoes=standing, warnings=(*ignored, *plan.warnings))


def _overridden_text(plan: DetachPlan, veto: Veto) -> str:
    return veto.reason if veto.resource == plan.resource else f"{veto.resource}: {veto.reason}"


def warnings(engine: Engine, removal: Removal) -> tuple[str, ...]:
    """What cannot follow, in sentences; told also where force overrides a veto."""
    cut_off = [f"{stacked} would be cut off" for _, stacked in checks.left_behind(engine, removal)]
    vanishing = [
        f"{it.name} is stacked on it and vanishes with it; rcmd does not make it again"
        for it in removal.stacked
        if it.name in removal.members and removal.steps and not it.survives
    ]
    unmanaged = [
        f"{name} is not managed: it goes, and nothing of it is moved"
        for name in removal.strangers
        if not removal.is_interface
    ]
    immovable = [
        only_from(name, group, sources)
        for name in removal.emptied
        for group, sources in engine.scene.memberships.chosen.get(name, {}).items()
    ]
    return (*cut_off, *vanishing, *unmanaged, *immovable)


def devices_of(stage: Stage, removal: Removal) -> dict[int, str]:
    """The names of the devices that go, by ifindex."""
    view = stage.engine.scene.view
    links = (view.link_named(name) for name in removal.devices)
    return {link.ifindex: link.name for link in links if link is not None}
