"""Devices made ready for addresses, once each, and given back."""

from __future__ import annotations

from dataclasses import replace

from rcmd.ipmp.bare import bare_members
from rcmd.ipmp.commands import Command, Plumb, Release
from rcmd.ipmp.events import Plumbed
from rcmd.ipmp.hardware_addresses import note_coming
from rcmd.ipmp.member import Intent, Member
from rcmd.ipmp.scene import Circles, Scene


def plumb_of(member: Member) -> Plumb:
    """What its device is to be like while it is in use."""
    return Plumb(
        member.ifindex,
        member.name,
        member.config.families,
        member.config.mtu,
        member.config.hardware_address,
        is_grouped=bool(member.group),
    )


def in_use(scene: Scene) -> dict[int, Plumb]:
    """Every device that was made ready for addresses, by ifindex, and how it is to be now."""
    bare = bare_members(scene)
    return {
        member.ifindex: replace(
            plumb_of(member), is_bare=bare.get((member.ifindex, member.name), False)
        )
        for member in scene.members.values()
        if member.ifindex
        and member.ifindex == member.plumbed
        and member.ifindex in scene.view.links
        and member.intent is not Intent.DETACHED
    }


def plumb_new(scene: Scene) -> list[Command]:
    commands: list[Command] = []
    for member in scene.members.values():
        member.is_being_plumbed = False
        if member.ifindex in (0, member.plumbed) or member.intent is Intent.DETACHED:
            continue
        member.plumbed = member.ifindex
        member.is_being_plumbed = True
        link = scene.view.links.get(member.ifindex)
        if link is not None:
            note_coming(member, link)
        commands.append(plumb_of(member))
    return commands


def plumbed(scene: Scene, event: Plumbed) -> None:
    """A hardware address that was refused is not waited for."""
    member = scene.members.get(event.plumb.name)
    if member is not None and member.ifindex == event.plumb.ifindex and event.keeps_address:
        member.coming_address = ""


def release_detached(scene: Scene, circles: Circles | None) -> list[Command]:
    """A detached device is given back once there is nothing more to take off it."""
    commands: list[Command] = []
    for member in scene.members_of(circles):
        if member.intent is Intent.DETACHED and member.plumbed:
            if member.plumbed == member.ifindex:
                commands.append(Release(member.ifindex, member.name, take_down=True))
            member.plumbed = 0
    return commands
