"""Where everything should live: `placement`, asked for every group."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from rcmd.ipmp.ledger import DataAddress, MovableKey
from rcmd.ipmp.member import Member
from rcmd.ipmp.placement import Movable, placement
from rcmd.ipmp.scene import Fitnesses, Scene
from rcmd.model import Family

Targets = dict[Hashable, str | None]
NOBODY: Fitnesses = {}


def arrange(scene: Scene, assumed: Fitnesses = NOBODY) -> Targets:
    """The target of every movable; `assumed` replaces the fitness of some members (forecasts)."""
    movables = _movables_by_group(scene)
    targets: Targets = {}
    for group, members in scene.groups().items():
        candidates = [member.candidate(assumed.get(member.name)) for member in members]
        targets.update(placement(movables.pop(group, []), candidates))
    for orphans in movables.values():
        targets.update((movable.key, movable.host) for movable in orphans)
    return targets


def _movables_by_group(scene: Scene) -> dict[str, list[Movable]]:
    copies = scene.copies()
    movables: dict[str, list[Movable]] = {}
    for data in scene.ledger.addresses():
        if data.is_up:
            host = prefer_home(copies.get(data.key, {}), data.home)
        else:
            host = scene.hosts_of_down.get(data.key)
        _sort_in(scene, movables, _movable(scene, data, host))
    for known in scene.ledger.routes:
        host = prefer_home(scene.route_hosts(known), known.home)
        family = Family.IPV4 if known.key.route.destination.version == 4 else Family.IPV6
        recall = _recall(scene, known, known.home)
        movable = Movable(known, family, known.home, host, recall, weight=0)
        _sort_in(scene, movables, movable)
    return movables


def prefer_home(hosts: Iterable[str], home: str) -> str | None:
    """The host of something that may, between make and break, be in two places."""
    names = list(hosts)
    if home in names:
        return home
    return names[0] if names else None


def _movable(scene: Scene, data: DataAddress, host: str | None) -> Movable:
    return Movable(
        key=data.key,
        family=data.family,
        home=data.home,
        host=host,
        recall=_recall(scene, data.key, data.home),
        weight=1 if data.is_up else 0,
    )


def _recall(scene: Scene, key: MovableKey, home: str) -> str | None:
    for member in scene.members.values():
        if key in member.recalls:
            return member.name
    owner = scene.members.get(home)
    if owner and scene.settings.group(owner.group).failback:
        return home
    return None


def _sort_in(scene: Scene, movables: dict[str, list[Movable]], movable: Movable) -> None:
    member = _responsible(scene, movable)
    if member is None:
        return
    waits = not scene.has_settled and not member.ifindex and movable.host is None
    if not waits:
        movables.setdefault(member.group or f"/{member.name}", []).append(movable)


def _responsible(scene: Scene, movable: Movable) -> Member | None:
    """The member whose group decides: that of the home, or of the host when home is forgotten."""
    return scene.members.get(movable.home) or scene.members.get(movable.host or "")


def held_by(scene: Scene, name: str) -> set[MovableKey]:
    """Keys of the data addresses and routes that the kernel holds on an interface now."""
    member = scene.members[name]
    held: set[MovableKey] = {
        address.ip
        for address in scene.view.addresses.get(member.ifindex, {})
        if scene.ledger.knows(address.ip)
    }
    routes = scene.view.routes.get(member.ifindex, {})
    held |= {known for known in scene.ledger.routes if known.key in routes}
    return held


def alternative(scene: Scene, name: str, family: Family) -> str | None:
    """Which interface would stand in for an absent one, whether or not it has addresses."""
    member = scene.members[name]
    group = member.group or f"/{name}"
    candidates = [it.candidate() for it in scene.groups()[group]]
    stand_in = Movable(("stand-in", name), family, home=name, host=None, weight=0)
    movables = [*_movables_by_group(scene).get(group, []), stand_in]
    return placement(movables, candidates)[stand_in.key]
