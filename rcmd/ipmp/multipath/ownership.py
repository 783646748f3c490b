"""Whose the nexthops, groups and routes are that share traffic, and what it means to remove one.

`ip route del default` and `ip route replace default ...` meet our route first, and mean the one
that it stands for.
"""

from __future__ import annotations

from rcmd.ipmp.api.nexthops import (
    GroupRoute,
    Nexthop,
    NexthopGroup,
    Path,
    PinnedRoute,
    PinRule,
    Sibling,
    SpreadItem,
    SpreadRoute,
)
from rcmd.ipmp.multipath.groups import BundleKey, stand_in
from rcmd.ipmp.multipath.pins import device_of
from rcmd.ipmp.state.address_book import RouteAtHome
from rcmd.ipmp.state.group_state import Scene
from rcmd.model.network import Family

Owner = BundleKey | None
"""None: it belongs to no group that there is."""


def owner_of(scene: Scene, item: SpreadItem) -> Owner:
    match item:
        case Nexthop(path=path):
            return _owner_of_path(scene, path)
        case NexthopGroup():
            owners = {_owner_of_path(scene, path) for path in scene.view.nexthops.paths(item)}
            return owners.pop() if len(owners) == 1 else None
        case GroupRoute():
            group = scene.view.nexthops.groups.get(item.group)
            return owner_of(scene, group) if group else None
        case Sibling(route=route):
            return _owner_of_path(scene, Path(route.family, route.ifindex, route.gateway))
        case PinnedRoute(route=route):
            return _owner_of_path(scene, Path(Family.IPV4, route.ifindex))
        case PinRule():
            return _owner_of_path(scene, Path(Family.IPV4, device_of(item)))


def _owner_of_path(scene: Scene, path: Path) -> Owner:
    member = scene.member_at(path.ifindex)
    return BundleKey(member.group, path.family, path.gateway) if member else None


def meant_by(scene: Scene, removed: SpreadRoute | PinnedRoute) -> list[RouteAtHome]:
    """The known routes that it stands for; none while it has siblings left, which still do."""
    owner = owner_of(scene, removed)
    if owner is None or owner.gateway is None or isinstance(removed, PinnedRoute):
        return []
    others = (it for it in scene.view.nexthops.siblings.values() if it != removed)
    if any(it.place == removed.place and owner_of(scene, it) == owner for it in others):
        return []
    return [
        known
        for known, route in scene.ledger.routes.items()
        if route.gateway == owner.gateway
        and (shared := stand_in(route)) is not None
        and shared.place == removed.place
        and known.home in scene.members
        and scene.members[known.home].group == owner.group
    ]
