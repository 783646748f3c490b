"""What the devices can hold, as `placement` takes it: not what they are configured for."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

from rcmd.ipmp.rules.placement import Movable
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Member
from rcmd.ipmp.state.memberships import GroupAtHome
from rcmd.ipmp.state.route_places import RouteCrowd
from rcmd.model.network import SMALLEST_MTU, Family, IPAddress, RouteKey


def can_hold(scene: Scene, member: Member, family: Family) -> bool:
    """Whether the kernel would take an address of the family on it."""
    link = scene.view.links.get(member.ifindex)
    if link is None:
        return True
    mtu = member.config.mtu if member.is_being_plumbed and member.config.mtu else link.mtu
    if mtu < SMALLEST_MTU[family]:
        return False
    # Of a device that is down it is not said when something is switched on or off.
    return family not in link.switched_off or not link.is_up or member.is_being_plumbed


def incapacity(scene: Scene, member: Member, family: Family) -> str:
    """Why it cannot hold addresses of the family, in a few words; empty where it can."""
    link = scene.view.links.get(member.ifindex)
    if link is None or can_hold(scene, member, family):
        return ""
    if link.mtu < SMALLEST_MTU[family]:
        return f"its MTU of {link.mtu} is too small for {family}"
    return f"{family} is switched off on it"


def with_unfit(
    scene: Scene, members: Sequence[Member], movables: Sequence[Movable]
) -> Sequence[Movable]:
    """The movables of one group, each with the members that cannot hold it."""
    unable = {
        family: frozenset(it.name for it in members if not can_hold(scene, it, family))
        for family in Family
    }
    refusing = _refusing(scene, members, movables)
    by_hand = _unplumbed_at_home(members, movables)
    if not refusing and not by_hand and not any(unable.values()):
        return movables
    return [
        replace(
            movable,
            unfit=unable[movable.family].union(
                refusing.get(movable.key, ()), by_hand.get((movable.home, movable.family), ())
            ),
        )
        for movable in movables
    ]


def _unplumbed_at_home(
    members: Sequence[Member], movables: Sequence[Movable]
) -> Mapping[tuple[str, Family], frozenset[str]]:
    """Home and family, of what was added by hand where the family has no file -> the members that
    have none for it either.  They do not take it, and for that nothing else has to wait."""
    plumbed = {member.name: member.config.families for member in members}
    strange = {
        (it.home, it.family)
        for it in movables
        if it.home in plumbed and it.family not in plumbed[it.home]
    }
    return {
        (home, family): frozenset(
            name for name, has in plumbed.items() if family not in has and name != home
        )
        for home, family in strange
    }


def _refusing(
    scene: Scene, members: Sequence[Member], movables: Sequence[Movable]
) -> Mapping[Hashable, set[str]]:
    """What is movable -> the members of which the kernel would not have it on any."""
    refusing: dict[Hashable, set[str]] = {}
    if not scene.refusals:
        return refusing
    names = {member.ifindex: member.name for member in members}
    by_address: dict[IPAddress, set[str]] = {}
    for item, _ in scene.refusals.items():
        if item.is_addition and item.ifindex in names and not isinstance(item.thing, RouteKey):
            by_address.setdefault(item.thing.ip, set()).add(names[item.ifindex])
    for movable in movables:
        match movable.key:
            case RouteCrowd(place=place):
                refusing[movable.key] = {names[it] for it in place.refusing if it in names}
            case GroupAtHome(group=key) | (IPv4Address() | IPv6Address() as key):
                refusing[movable.key] = by_address.get(key, set())
            case _:
                pass
    return {key: refused for key, refused in refusing.items() if refused}
