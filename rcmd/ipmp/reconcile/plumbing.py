"""Devices made ready for addresses, once each, and given back.

One that could not be set up (its driver is not ready, another device has its address) is tried
again like everything that is refused, until it is up, whoever set it up: whom somebody set down
since then is left alone.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from rcmd.ipmp.api.commands import Command, Plumb, Release
from rcmd.ipmp.api.events import KernelChange, LinkGone, LinkSeen, Plumbed
from rcmd.ipmp.placement.arp_source import bare_members
from rcmd.ipmp.placement.hardware_addresses import note_coming
from rcmd.ipmp.state.group_state import Circles, Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.ipmp.state.memberships import is_autojoin


def plumb_of(scene: Scene, member: Member) -> Plumb:
    """What its device is to be like while it is in use."""
    link = scene.view.links.get(member.ifindex)
    return Plumb(
        member.ifindex,
        member.name,
        member.config.families,
        member.config.mtu,
        member.config.hardware_address,
        is_grouped=bool(member.group),
        device=link.device if link else "",
    )


def release_of(scene: Scene, member: Member, *, take_down: bool) -> Release:
    link = scene.view.links.get(member.ifindex)
    return Release(member.ifindex, member.name, take_down, device=link.device if link else "")


def in_use(scene: Scene) -> dict[int, Plumb]:
    """Every device that was made ready for addresses, by ifindex, and how it is to be now."""
    bare = {ifindex: is_bare for (ifindex, _), is_bare in bare_members(scene).items()}
    return {
        member.ifindex: replace(plumb_of(scene, member), is_bare=bare.get(member.ifindex, False))
        for member in scene.members.values()
        if member.ifindex
        and member.ifindex == member.plumbed
        and member.ifindex in scene.view.links
        and member.intent is not Intent.DETACHED
    }


def plumb_new(scene: Scene) -> list[Command]:
    commands: list[Command] = []
    # A VLAN cannot be set up before the device that it is stacked on.
    for member in sorted(scene.members.values(), key=lambda it: _height(scene, it)):
        member.is_being_plumbed = False
        if not member.ifindex or member.intent is Intent.DETACHED:
            continue
        if member.ifindex == member.plumbed:
            if scene.unready.is_awaited(member.ifindex):
                member.is_being_plumbed = True
                commands.append(in_use(scene)[member.ifindex])
            continue
        member.plumbed = member.ifindex
        member.is_being_plumbed = True
        link = scene.view.links.get(member.ifindex)
        if link is not None:
            note_coming(member, link)
        commands.append(plumb_of(scene, member))
    return commands


def _height(scene: Scene, member: Member) -> int:
    """How many devices it is stacked on, one on the other."""
    lowers: set[int] = set()
    link = scene.view.links.get(member.ifindex)
    while link is not None and link.lower and link.lower not in lowers:
        lowers.add(link.lower)
        link = scene.view.links.get(link.lower)
    return len(lowers)


def plumbed(scene: Scene, event: Plumbed, now: float) -> None:
    """A hardware address that was refused is not waited for."""
    if event.refused:
        scene.unready.refuse(event.plumb.ifindex, event.refused, now)
    else:
        scene.unready.accept(event.plumb.ifindex)
    member = scene.members.get(event.plumb.name)
    if member is not None and member.ifindex == event.plumb.ifindex and event.keeps_address:
        member.coming_address = ""


def hear(scene: Scene, changes: Collection[KernelChange], now: float) -> None:
    """Whatever happens to any device may be what one that is not ready waits for."""
    if not scene.unready:
        return
    links = [change for change in changes if isinstance(change, LinkSeen | LinkGone)]
    for change in links:
        match change:
            case LinkGone(ifindex):
                scene.unready.accept(ifindex)
            case LinkSeen(link) if link.is_up:
                scene.unready.accept(link.ifindex)
            case LinkSeen():
                pass
    if links:
        scene.unready.hint(lambda _: True, now)


def release_detached(scene: Scene, circles: Circles | None) -> list[Command]:
    """A detached device is given back once there is nothing more to take off it.

    One of another circle may have waited for the moves of this one: they went together.
    """
    given_up = [it for it in scene.members.values() if it.intent is Intent.DETACHED and it.plumbed]
    looked_at = {member.name for member in scene.members_of(circles)} if given_up else ()
    commands: list[Command] = []
    for member in given_up:
        if member.name in looked_at or not _holds_anything(scene, member):
            if member.plumbed == member.ifindex:
                commands.append(release_of(scene, member, take_down=True))
            member.plumbed = 0
    return commands


def _holds_anything(scene: Scene, member: Member) -> bool:
    held = scene.view.addresses.get(member.ifindex, {}).values()
    return any(not (it.address.ip.is_link_local or is_autojoin(it)) for it in held)
