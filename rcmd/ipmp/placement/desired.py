"""Where everything should live: `placement`, asked for every group."""

from __future__ import annotations

from collections.abc import Container, Hashable, Iterable, Iterator, Mapping

from rcmd.ipmp.multicast.proxy_join import movable_groups
from rcmd.ipmp.placement.capability import with_unfit
from rcmd.ipmp.placement.footing import with_footing
from rcmd.ipmp.placement.shares import shared_movables
from rcmd.ipmp.rules.placement import Movable, placement
from rcmd.ipmp.state.address_book import DataAddress, MovableKey, RouteAtHome
from rcmd.ipmp.state.arranged import Targets
from rcmd.ipmp.state.group_state import Circles, Fitnesses, Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.ipmp.state.route_places import RouteCrowd
from rcmd.model.network import Family, IPAddress

Recalls = Mapping[MovableKey, str]
NOBODY: Fitnesses = {}


def arrange(scene: Scene, assumed: Fitnesses = NOBODY, circles: Circles | None = None) -> Targets:
    """The target of every movable (of these circles).

    `assumed` replaces the fitness of some members (forecasts).
    """
    movables = _movables_by_group(scene, circles, assumed)
    targets: dict[Hashable, str | None] = {}
    for group, members in scene.groups(circles).items():
        candidates = [member.candidate(assumed.get(member.name)) for member in members]
        crowd = with_unfit(scene, members, movables.pop(group, []))
        crowd = with_footing(scene, members, crowd, assumed)
        targets.update(placement(crowd, candidates))
    for orphans in movables.values():
        targets.update((movable.key, movable.host) for movable in orphans)
    return Targets(targets, scene.places())


def _movables_by_group(
    scene: Scene, circles: Circles | None, assumed: Fitnesses = NOBODY
) -> dict[str, list[Movable]]:
    homes = scene.homes(circles)
    recalls = _recalls(scene)
    movables: dict[str, list[Movable]] = {}
    addresses = [it for it in scene.ledger.addresses(homes) if not scene.is_held_back(it.key)]
    for group, shared in shared_movables(scene, addresses, recalls, assumed, circles):
        movables.setdefault(group, []).append(shared)
    for data in addresses:
        if data.group:
            continue
        if data.is_up:
            host = prefer_home(scene.copies_of(data.key), data.home)
        else:
            host = scene.hosts_of_down.get(data.key)
        _sort_in(scene, circles, movables, _movable(scene, data, host, recalls))
    for movable in _route_crowds(scene, homes):
        _sort_in(scene, circles, movables, movable)
    for movable in movable_groups(scene, homes):
        _sort_in(scene, circles, movables, movable)
    return movables


def _route_crowds(scene: Scene, homes: Container[str] | None) -> Iterator[Movable]:
    """The routes of one place are one movable: there may be tens of thousands."""
    for place, _ in scene.places().items():
        hosts = scene.carrying(place)
        for home, recall in zip(place.homes, place.recalls, strict=True):
            if homes is None or home in homes:
                yield Movable(
                    RouteCrowd(home, place),
                    place.family,
                    home,
                    prefer_home(hosts, home),
                    recall or _failback(scene, home),
                    weight=0,
                    rides=True,
                )


def prefer_home(hosts: Iterable[str], home: str) -> str | None:
    """The host of something that may, between make and break, be in two places."""
    names = list(hosts)
    if home in names:
        return home
    return names[0] if names else None


def _movable(scene: Scene, data: DataAddress, host: str | None, recalls: Recalls) -> Movable:
    return Movable(
        key=data.key,
        family=data.family,
        home=data.home,
        host=host,
        recall=_recall(scene, data.key, data.home, recalls),
        weight=1 if data.is_up else 0,
    )


def _recalls(scene: Scene) -> Recalls:
    recalls: dict[MovableKey, str] = {}
    for member in scene.members.values():
        if member.intent is Intent.DETACHED:
            # It keeps them in case its detach is undone; until then it calls nothing.
            continue
        for key in member.recalls:
            if not isinstance(key, RouteAtHome):
                recalls.setdefault(key, member.name)
    return recalls


def _recall(scene: Scene, key: MovableKey, home: str, recalls: Recalls) -> str | None:
    if recalls and key in recalls:
        return recalls[key]
    return _failback(scene, home)


def _failback(scene: Scene, home: str) -> str | None:
    owner = scene.members.get(home)
    if owner and scene.settings.group(owner.group).failback:
        return home
    return None


def _sort_in(
    scene: Scene, circles: Circles | None, movables: dict[str, list[Movable]], movable: Movable
) -> None:
    member = _responsible(scene, movable)
    if member is None or (circles is not None and member.circle not in circles):
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
    held: set[MovableKey] = {*addresses_held_by(scene, name)}
    for place, keys in scene.places().items():
        if member.ifindex in place.carriers:
            held |= {RouteAtHome(home, key) for key in keys for home in place.homes}
    return held


def addresses_held_by(scene: Scene, name: str) -> Iterator[IPAddress]:
    """The data addresses that are in service there."""
    for address in scene.view.addresses.get(scene.members[name].ifindex, {}):
        if scene.is_serving(name, address.ip):
            yield address.ip


def is_empty(scene: Scene, name: str) -> bool:
    """Whether it holds nothing of that."""
    ifindex = scene.members[name].ifindex
    has_routes = any(ifindex in place.carriers for place, _ in scene.places().items())
    return not has_routes and not any(addresses_held_by(scene, name))


def alternative(scene: Scene, name: str, family: Family) -> str | None:
    """Which interface would stand in for an absent one, whether or not it has addresses."""
    member = scene.members[name]
    group, circles = member.group or f"/{name}", (member.circle,)
    members = scene.groups(circles)[group]
    candidates = [it.candidate() for it in members]
    stand_in = Movable(("stand-in", name), family, home=name, host=None, weight=0)
    movables = [*_movables_by_group(scene, circles).get(group, []), stand_in]
    return placement(with_unfit(scene, members, movables), candidates)[stand_in.key]
