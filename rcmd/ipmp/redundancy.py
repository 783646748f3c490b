"""May these interfaces go?  The checks before an offline or a detach.

The real test is whether everybody else can carry on: another functioning member in the group, and
a place for every data address (overview, "Detaching NICs"; solaris.md 1.12).  All interfaces that
leave together are judged together.
"""

from __future__ import annotations

from collections.abc import Collection

from rcmd.ipmp.arrangement import arrange, held_by
from rcmd.ipmp.capability import can_hold
from rcmd.ipmp.ledger import RouteAtHome
from rcmd.ipmp.member import Member
from rcmd.ipmp.placement import Fitness
from rcmd.ipmp.scene import Scene
from rcmd.model import Family


def objection(scene: Scene, name: str, leaving: Collection[str]) -> str | None:
    """Why the interface cannot be spared when all of `leaving` go; None if it can."""
    member = scene.members[name]
    if not member.group:
        return "it is not in a group, so its addresses have nowhere to go"
    others = [
        peer
        for peer in scene.peers(member)
        if peer.name not in leaving and peer.fitness >= Fitness.UNKNOWN
    ]
    if not others and member.fitness < Fitness.UNKNOWN:
        return f"no other interface of group {member.group} is functioning"
    if not others:
        return f"it is the only functioning interface of group {member.group}"
    targets = arrange(scene, dict.fromkeys(leaving, Fitness.CLOSED))
    stranded = {
        Family.IPV4 if key.version == 4 else Family.IPV6
        for key in held_by(scene, name)
        if not isinstance(key, RouteAtHome) and targets.get(key) in (name, None)
    }
    if stranded:
        families = " and ".join(str(family) for family in sorted(stranded))
        return f"no other functioning interface of group {member.group} takes {families} addresses"
    return None


def spares(scene: Scene, members: Collection[Member]) -> int:
    """How many members of a group may fail or go before an address has nowhere to live.

    A family counts where a member is configured for it, and a member where its device can hold it.
    """
    usable = [member for member in members if member.fitness >= Fitness.UNKNOWN]
    families = {family for member in members for family in member.config.families}
    holders = (
        sum(family in it.config.families and can_hold(scene, it, family) for it in usable)
        for family in families
    )
    return max(min(holders, default=len(usable)) - 1, 0)
