"""What the devices can hold, as `placement` takes it: not what they are configured for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rcmd.ipmp.member import Member
from rcmd.ipmp.placement import Movable
from rcmd.ipmp.scene import Scene
from rcmd.model import SMALLEST_MTU, Family


def can_hold(scene: Scene, member: Member, family: Family) -> bool:
    """Whether the kernel would take an address of the family on it; of one that is not there
    nothing is known."""
    link = scene.view.links.get(member.ifindex)
    return link is None or family in link.families or member.is_being_plumbed


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
    if not any(unable.values()):
        return movables
    return [replace(movable, unfit=unable[movable.family]) for movable in movables]
