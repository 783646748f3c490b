"""What a detach would do: everybody asked, every move read off the engine, nothing changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from rcmd.errors import Busy, NoSuchResource, Veto
from rcmd.ipmp.arrangement import Targets, held_by
from rcmd.ipmp.autojoin import host_of
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.ledger import RouteAtHome
from rcmd.ipmp.messages import only_from
from rcmd.ipmp.route_words import describe_route
from rcmd.rcm import checks
from rcmd.rcm.anchored import anchored_warnings
from rcmd.rcm.bystanders import Session, bystander_warnings
from rcmd.rcm.coordinator import Clients
from rcmd.rcm.plan import DetachPlan, MovableKind, PlannedMove
from rcmd.rcm.removal import Removal, find_removal
from rcmd.rcm.resources import stacked_on
from rcmd.rcm.stage import Stage


async def plan_detach(
    stage: Stage,
    removal: Removal,
    *,
    session: Session | None,
    going: frozenset[str],
    force: bool,
) -> DetachPlan:
    """All refusals and all moves; with force, our own objections are warnings.

    Raises Busy where what is asked about changes under the question.
    """
    question = checks.Question(stage.engine, removal, going)
    prerequisites = checks.prerequisites(question)
    if prerequisites:
        return DetachPlan(removal.name, prerequisites)
    asked = await ask_all(stage.clients, concerned(stage.engine, removal), force=force)
    names = _devices(stage, removal)
    sockets = await stage.bound_sockets(names) if names else ()
    anchored = await stage.anchored(names) if names else ()
    # Judged after the answers: meanwhile a cable may have been pulled, or a file removed.
    check_unchanged(stage, removal)
    moves = planned_moves(stage.engine, removal.members)
    noticed = bystander_warnings(sockets=sockets, names=names, session=session, moves=moves)
    plan = DetachPlan(
        removal.name,
        (*checks.objections(question), *asked),
        moves,
        (*warnings(stage.engine, removal), *anchored_warnings(anchored, names), *noticed),
    )
    return _overridden(plan) if force else plan


def check_unchanged(stage: Stage, removal: Removal) -> None:
    """Raises Busy where something else belongs to it than when it was looked at."""
    try:
        now = find_removal(stage.engine, stage.hardware.survey(), removal.name)
    except NoSuchResource as error:
        raise Busy(f"{removal.name}: it has gone meanwhile") from error
    if ({*now.names}, {*now.members}) != ({*removal.names}, {*removal.members}):
        raise Busy(f"{removal.name}: what belongs to it has changed meanwhile; ask again")


def concerned(engine: Engine, removal: Removal) -> tuple[str, ...]:
    """What clients are asked about: the resources, and the addresses that have nowhere to go.

    Of those that move nobody needs to be asked (solaris.md 5.3).  Parents before their children.
    """
    targets = engine.targets_if_leaving(frozenset(removal.members))
    stranded = (
        f"ip:{key}"
        for name in removal.members
        for key in held_by(engine.scene, name)
        if not isinstance(key, RouteAtHome) and _outside(targets.get(key), removal.members) is None
    )
    return (*removal.asked_about, *sorted(stranded))


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


def planned_moves(engine: Engine, members: tuple[str, ...]) -> tuple[PlannedMove, ...]:
    """Everything that lives on the interfaces, in the order in which it lies there."""
    targets = engine.targets_if_leaving(frozenset(members))
    return tuple(move for name in members for move in _moves(engine, name, targets, members))


def _moves(
    engine: Engine, name: str, targets: Targets, members: tuple[str, ...]
) -> Iterator[PlannedMove]:
    scene = engine.scene
    member = scene.members[name]
    held = held_by(scene, name)
    for address in scene.view.addresses.get(member.ifindex, {}):
        if address.ip in held:
            target = _outside(targets.get(address.ip), members)
            yield PlannedMove(MovableKind.ADDRESS, str(address), name, target)
    for test in scene.test_addresses(member):
        yield PlannedMove(MovableKind.ADDRESS, str(test.address), name, None)
    for key in scene.ledger.routes:
        if key in held:
            target = _outside(targets.get(key), members)
            yield PlannedMove(MovableKind.ROUTE, describe_route(key.key.route), name, target)
    groups = {
        membership.group: _outside(targets.get(membership), members)
        for membership in scene.memberships.keys(None)
        if host_of(scene, membership) == name
    }
    for group, target in groups.items():
        yield PlannedMove(MovableKind.MULTICAST, str(group), name, target)


def _outside(target: str | None, members: tuple[str, ...]) -> str | None:
    """What stays where it is disappears with it."""
    return None if target in members else target


def warnings(engine: Engine, removal: Removal) -> tuple[str, ...]:
    """What cannot follow, in sentences; told also where force overrides a veto."""
    cut_off = [
        f"{stacked} would be cut off"
        for name in removal.resource.interfaces()
        for stacked in stacked_on(engine, name)
    ]
    unmanaged = [
        f"{name} is not managed: it goes, and nothing of it is moved"
        for name in removal.strangers
        if not removal.is_interface
    ]
    immovable = [
        only_from(name, group, sources)
        for name in removal.members
        for group, sources in engine.scene.memberships.chosen.get(name, {}).items()
    ]
    return (*cut_off, *unmanaged, *immovable)


def _devices(stage: Stage, removal: Removal) -> dict[int, str]:
    """The names of the devices that go, by ifindex."""
    view = stage.engine.scene.view
    links = (view.link_named(name) for name in removal.resource.interfaces())
    return {link.ifindex: link.name for link in links if link is not None}
