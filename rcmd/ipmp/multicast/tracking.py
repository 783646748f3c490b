"""What the kernel tells of multicast memberships, turned into the record of them."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Command
from rcmd.ipmp.api.events import AddressGone
from rcmd.ipmp.api.memberships import Membership, MembershipsSeen
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.losses import Fate, Thing, Topic, is_by_kernel
from rcmd.ipmp.state.member import Member
from rcmd.ipmp.state.memberships import ELSEWHERE, Chosen, GroupAtHome, Joined, is_autojoin
from rcmd.model.network import SMALLEST_MTU, Family, IPAddress, KernelAddress, family_of

KERNELS_OWN = frozenset(
    ip_address(group)
    for group in ("224.0.0.1", "224.0.0.106", "ff02::1", "ff02::2", "ff02::6a", "ff05::2")
)
"""All hosts, all routers, all snoopers: the kernel joins them wherever they are due."""
SOLICITED_NODES = ip_network("ff02::1:ff00:0/104")
"""They belong to the unicast addresses of a device (RFC 4291, 2.7.1)."""
INTERFACE_LOCAL = 1
"""The scope of what never leaves a node (RFC 4291, 2.7)."""


def absorb_memberships(scene: Scene, event: MembershipsSeen) -> list[Command]:
    """Says once of every membership that cannot move that it cannot."""
    reports: list[Command] = []
    record = scene.memberships
    for member, joined, chosen in _readings(scene, event):
        record.joined[member.name] = joined
        record.chosen[member.name] = chosen
        for group, sources in chosen.items():
            key = GroupAtHome(member.name, group)
            if member.group and key not in record.told:
                record.told.add(key)
                reports.append(messages.immovable(member.name, group, sources))
    return reports


def concerned_by(scene: Scene, event: MembershipsSeen) -> Iterator[str]:
    """The interfaces on which something is different from what is recorded."""
    return (member.name for member, _, _ in _readings(scene, event))


def is_news(scene: Scene, event: MembershipsSeen) -> bool:
    return any(True for _ in _readings(scene, event))


def _readings(scene: Scene, event: MembershipsSeen) -> Iterator[tuple[Member, Joined, Chosen]]:
    """The new record of every interface of which it changes."""
    record = scene.memberships
    by_device: dict[int, list[Membership]] = {}
    for it in event.memberships:
        by_device.setdefault(it.ifindex, []).append(it)
    for member in scene.members.values():
        link = scene.view.links.get(member.ifindex)
        if link is None or not link.is_up:
            # A device that goes is set down first, and its memberships vanish with it: nobody left.
            continue
        families = member.config.families
        seen = [it for it in by_device.get(member.ifindex, ()) if _counts(it.group, families)]
        own = own_groups(scene, member.ifindex)
        joined, chosen = record.read(member.name, member.ifindex, seen, own)
        before = record.joined.get(member.name, {}), record.chosen.get(member.name, {})
        # Nobody left what the device cannot receive for a while.
        joined |= {it: at for it, at in before[0].items() if family_of(it) not in link.families}
        if (joined, chosen) != before:
            yield member, joined, chosen


def _counts(group: IPAddress, families: frozenset[Family]) -> bool:
    """An application may have joined it, and somebody else could receive it."""
    if group in KERNELS_OWN or family_of(group) not in families:
        return False
    if group.version == 4:
        return True
    return group not in SOLICITED_NODES and group.packed[1] & 0xF != INTERFACE_LOCAL


def own_groups(scene: Scene, ifindex: int) -> set[IPAddress]:
    """What the kernel receives on a device for us."""
    return {held.address.ip for held in own_addresses(scene, ifindex)}


def own_addresses(scene: Scene, ifindex: int) -> list[KernelAddress]:
    """The addresses for which it does."""
    return [it for it in scene.view.addresses.get(ifindex, {}).values() if is_autojoin(it)]


def group_left(scene: Scene, member: Member, gone: AddressGone, now: float) -> None:
    """Ask before it is gone from the view.

    By hand: nobody knows whether an application that had joined on an earlier device still wants
    the group, and now it is said that none does.  What is known to be wanted is put back.
    """
    held = scene.view.addresses.get(member.ifindex, {}).get(gone.address.address)
    if held is None or not is_autojoin(held):
        return
    group = held.address.ip
    link = scene.view.links.get(member.ifindex)
    if link is None or not link.is_up or is_by_kernel(gone, link):
        # With too small an MTU the device has no IPv6 at all, and receives nothing.
        if held.family is Family.IPV6 and (link is None or link.mtu >= SMALLEST_MTU[held.family]):
            scene.memberships.stuck.add((member.ifindex, group))
        return
    for home, groups in scene.memberships.joined.items():
        owner = scene.members.get(home)
        if owner is None or owner.circle != member.circle:
            continue
        if group in groups and groups[group] != owner.ifindex:
            del groups[group]
            topic = Topic(Fate.GONE, member.name, gone.requester)
            scene.losses.note(topic, Thing.ADDRESS, str(group), now)


def keep_where_they_are(scene: Scene, home: str) -> None:
    """Nobody is at home there any more: what others receive for it is theirs (behaviour 121)."""
    record = scene.memberships
    record.chosen.pop(home, None)
    for group in record.joined.pop(home, {}):
        for held in scene.view.copies_of(group):
            host = scene.member_at(held.ifindex)
            if host is not None and host.name != home and is_autojoin(held):
                record.joined.setdefault(host.name, {}).setdefault(group, ELSEWHERE)
