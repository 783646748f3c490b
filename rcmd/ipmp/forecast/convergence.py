"""From where everything should live to the next moves; in earnest, or on a copy of the scene."""

from __future__ import annotations

from dataclasses import dataclass

from rcmd.ipmp.api.commands import Move
from rcmd.ipmp.api.events import Moved, Refusal
from rcmd.ipmp.placement.desired import addresses_held_by
from rcmd.ipmp.reconcile.adoption import forget_lost
from rcmd.ipmp.reconcile.affected_groups import EVERYBODY, Touched
from rcmd.ipmp.reconcile.difference import Difference, independent
from rcmd.ipmp.reconcile.routes import Portion
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.arranged import Targets
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.kernel_view import essence
from rcmd.ipmp.state.member import Intent, Member


@dataclass(frozen=True, slots=True)
class Step:
    moves: list[Move]
    has_more: bool
    """Routes wait for their turn."""


def converge(
    scene: Scene, targets: Targets, circles: Touched, *, routes: Portion = Portion.ALL
) -> Step:
    """The moves to be made next; the scene knows of them.  `targets` are those of `circles`."""
    forget_lost(scene, targets)
    difference = Difference(scene, targets, scene.refusals, circles, routes=routes)
    moves = list(independent(difference.moves()))
    scene.numbers = difference.numbers_after(moves)
    _note_hosts_of_down(scene, targets, circles)
    _forget_recalls(scene)
    return Step(moves, difference.has_more)


def first_refusals(moved: Moved) -> list[Refusal]:
    """Without those that only follow: what could not be added elsewhere was kept.  It may be
    removed as soon as there is another place for it."""
    if not moved.refusals:
        return []
    additions = {*moved.move.add, *moved.move.add_routes}
    not_added = {essence(it.item) for it in moved.refusals if it.item in additions}
    return [
        refusal
        for refusal in moved.refusals
        if refusal.item in additions or essence(refusal.item) not in not_added
    ]


def _note_hosts_of_down(scene: Scene, targets: Targets, circles: Touched) -> None:
    hosts = {} if circles is EVERYBODY else scene.hosts_of_down
    for data in scene.ledger.addresses(scene.homes(circles)):
        if not data.is_up and (host := targets.get(data.key)) is not None:
            hosts[data.key] = host
        elif data.is_up or data.key in targets:
            hosts.pop(data.key, None)
    scene.hosts_of_down = hosts


def _forget_recalls(scene: Scene) -> None:
    """A recall is over once everything is back, or when the interface is in no state for it."""
    for member in scene.members.values():
        if member.recalls and member.intent is Intent.IN:
            is_unfit = member.fitness in (Fitness.BROKEN, Fitness.DOWN, Fitness.ABSENT)
            if is_unfit or _is_back(scene, member):
                member.recalls = frozenset()


def _is_back(scene: Scene, member: Member) -> bool:
    """Everything that was called to it and is still known."""
    for place, _ in scene.places().items():
        if member.name in place.recalls and member.ifindex not in place.carriers:
            return False
    recalled = {it.key for it in scene.ledger.addresses() if it.key in member.recalls}
    recalled -= {key for key, _ in scene.duplicates.items()}
    return recalled <= {*addresses_held_by(scene, member.name)}
