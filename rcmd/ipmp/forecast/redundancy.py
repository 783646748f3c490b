"""May these interfaces go?  The checks before an offline or a detach.

The real test is whether everybody else can carry on: another functioning member in the group, and
a place for every data address and known route (overview, "Detaching NICs"; solaris.md 1.12).  All
interfaces that leave together are judged together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rcmd.ipmp.forecast.rehearsal import Rehearsal, rehearse
from rcmd.ipmp.placement.capability import can_hold
from rcmd.ipmp.placement.shortcomings import is_new, what_keeps
from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.address_book import MovableKey, RouteAtHome
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Member
from rcmd.ipmp.state.route_words import describe_route
from rcmd.model.network import Family, RouteKey, family_of

MOST_NAMED = 3
"""Routes in one sentence."""


def objection(scene: Scene, name: str, leaving: Collection[str]) -> str | None:
    """Why the interface cannot be spared when all of `leaving` go; None if it can."""
    return objection_in(rehearse(scene, {name, *leaving}), scene, name)


def objection_in(rehearsal: Rehearsal, scene: Scene, name: str) -> str | None:
    """As `objection`, of one of those that leave in the rehearsal."""
    member = scene.members[name]
    if not member.group:
        return "it is not in a group, so its addresses have nowhere to go"
    stranded = rehearsal.stranded[name]
    others = [
        peer
        for peer in scene.peers(member)
        if peer.name not in rehearsal.leaving and peer.fitness >= Fitness.UNKNOWN
    ]
    if not others and member.fitness >= Fitness.UNKNOWN:
        staying = (it for it in scene.peers(member) if it.name not in rehearsal.leaving)
        new = ", ".join(f"{it.name} {what_keeps(scene, it)}" for it in staying if is_new(it))
        text = f"it is the only functioning interface of group {member.group}"
        return f"{text} ({new})" if new else text
    if not others and rehearsal.before[name]:
        return f"no other interface of group {member.group} is functioning"
    return _stranding(rehearsal, stranded, member.group)


def last_words(scene: Scene, name: str) -> str | None:
    """Why an interface that works, and has been emptied already, cannot be spared after all."""
    member = scene.members[name]
    works = member.health in (Health.RUNNING, Health.NO_TARGETS) and not member.is_offline
    if not member.group or not works:
        return None
    if any(peer.fitness >= Fitness.UNKNOWN for peer in scene.peers(member)):
        return None
    return f"it is the only functioning interface of group {member.group}"


def _stranding(rehearsal: Rehearsal, stranded: Collection[MovableKey], group: str) -> str | None:
    addresses = {family_of(key) for key in stranded if not isinstance(key, RouteAtHome)}
    if addresses:
        families = " and ".join(str(family) for family in sorted(addresses))
        return f"no other functioning interface of group {group} takes {families} addresses"
    stuck = [it for it in stranded if isinstance(it, RouteAtHome)]
    if not stuck:
        return None
    reasons = rehearsal.reasons()
    routes = sorted({_route(rehearsal, it, reasons) for it in stuck})
    more = [f"{len(routes) - MOST_NAMED} more"] if len(routes) > MOST_NAMED else []
    named = ", ".join([*routes[:MOST_NAMED], *more])
    return f"no other functioning interface of group {group} takes its routes: {named}"


def _route(rehearsal: Rehearsal, known: RouteAtHome, reasons: Mapping[RouteKey, str]) -> str:
    text = describe_route(rehearsal.after.ledger.routes[known])
    reason = reasons.get(known.key, "")
    return f"{text} ({reason})" if reason else text


def spares(scene: Scene, members: Collection[Member]) -> int:
    """How many members of a group may fail or go before an address has nowhere to live.

    A family counts where a member is configured for it, and a member where its device can hold it.
    """
    found = holders(scene, members).values()
    usable = sum(member.fitness >= Fitness.UNKNOWN for member in members)
    return max(min(map(len, found), default=usable) - 1, 0)


def holders(scene: Scene, members: Collection[Member]) -> Mapping[Family, list[str]]:
    """The usable members for each family that any of them is configured for, or was given by hand:
    what is of no file's family is held where it was added, and nowhere else."""
    usable = [member for member in members if member.fitness >= Fitness.UNKNOWN]
    families = {family for member in members for family in member.config.families}
    found = {
        family: [
            member.name
            for member in usable
            if family in member.config.families and can_hold(scene, member, family)
        ]
        for family in families
    }
    names, fit = {member.name for member in members}, {member.name for member in usable}
    for key in scene.ledger.adopted:
        home, family = scene.ledger.adopted_home[key], family_of(key)
        if home in names and family not in found:
            found[family] = [home] if home in fit else []
    return dict(sorted(found.items()))
