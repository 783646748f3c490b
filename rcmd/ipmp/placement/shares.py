"""What a group shares: data addresses that no member is the home of, as `placement` takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rcmd.ipmp.rules.placement import Fitness, Movable
from rcmd.ipmp.state.address_book import DataAddress, MovableKey
from rcmd.ipmp.state.group_state import Circles, Fitnesses, Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.model.network import IPAddress


def shared_movables(
    scene: Scene,
    addresses: Iterable[DataAddress],
    recalls: Mapping[MovableKey, str],
    assumed: Fitnesses,
    circles: Circles | None,
) -> Iterator[tuple[str, Movable]]:
    """Each with its group, in the order in which they got to where they are.

    What belongs to a group without members is nowhere.
    """
    shared = [it for it in addresses if it.group]
    if not shared:
        return
    groups = scene.groups(circles)
    ages = {key: age for age, key in enumerate(scene.numbers)}
    for data in sorted(shared, key=lambda it: ages.get(it.key, len(ages))):
        members = groups.get(data.group, [])
        host = place_of(scene, data.key) if members else None
        if host is None and _is_incomplete(scene, members):
            continue
        yield (
            data.group,
            Movable(
                key=data.key,
                family=data.family,
                home="",
                host=host,
                recall=recalls.get(data.key),
                evens_out=scene.settings.group(data.group).failback
                and not _is_emptying(members, assumed),
            ),
        )


def place_of(scene: Scene, key: IPAddress) -> str | None:
    """Where it is; of two places, between make and break, the one it is going to."""
    hosts = list(scene.copies_of(key))
    last, _ = scene.numbers.get(key, ("", 0))
    return last if last in hosts else next(iter(hosts), None)


def _is_incomplete(scene: Scene, members: Sequence[Member]) -> bool:
    """At boot nothing is dealt out before everybody is there, or known to be missing.

    So it comes to where it stays, and is looked for there by duplicate detection.
    """
    return not scene.has_settled and any(
        not it.ifindex and it.intent is not Intent.DETACHED for it in members
    )


def _is_emptying(members: Iterable[Member], assumed: Fitnesses) -> bool:
    """While an interface is about to leave only what is on it moves: that may have to be undone."""
    return any(
        it.intent is Intent.LEAVING or assumed.get(it.name) is Fitness.CLOSED for it in members
    )
