"""Under which hardware address the neighbours know what lives on an interface.

It may change under a live interface: by hand, or because its file says so.  The kernel then tells
nobody (`arp_notify` is off by default, and IPv6 has no such thing), and whoever has talked to us
goes on sending to the old one: all that lives there has to be announced anew.  So has what was put
on another device before that could send anything, and what was being tested for duplicates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Announce, Command
from rcmd.ipmp.rules.address_flags import IFA_F_DADFAILED, IFA_F_OPTIMISTIC, IFA_F_TENTATIVE
from rcmd.ipmp.state.group_state import Circles, Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.ipmp.state.memberships import is_autojoin
from rcmd.model.network import RCMD_PROTOCOL, Family, IPAddress, KernelAddress, Link


def link_to_be(member: Member, link: Link) -> Link:
    """The device as its file will have made it in a moment: what it is until then says nothing."""
    if not member.coming_address:
        return link
    return replace(link, hardware_address=member.coming_address)


def note_coming(member: Member, link: Link) -> None:
    """It is about to be plumbed."""
    wanted = (member.config.hardware_address or "").lower()
    member.coming_address = "" if wanted == link.hardware_address else wanted


def announcements(scene: Scene, circles: Circles | None = None) -> list[Command]:
    """What lives on members (of these circles) whose hardware address is not what it was."""
    commands: list[Command] = []
    for member in scene.members_of(circles):
        link = scene.view.links.get(member.ifindex)
        if link is None or member.intent is Intent.DETACHED:
            member.known_as = ""
            continue
        if link.hardware_address == member.coming_address:
            member.coming_address = ""
        now = link_to_be(member, link).hardware_address
        # A device that is down can tell nobody; and what is coming is not there yet.
        if member.known_as == now or member.coming_address or not link.is_running:
            continue
        if member.known_as:
            commands.append(messages.hardware_address(member.name, member.known_as, now))
        member.known_as = now
        addresses = tuple(_living_on(scene, member))
        if addresses:
            commands.append(Announce(member.ifindex, now, addresses))
    return commands


def proven(scene: Scene, member: Member, before: KernelAddress | None) -> list[Command]:
    """Duplicate detection has ended well for an address that was as `before`: it may be told now.

    Where it was on another device before, the neighbours know it by that one.
    """
    link = scene.view.links.get(member.ifindex)
    held = scene.view.addresses.get(member.ifindex, {})
    now = held.get(before.address) if before is not None else None
    if link is None or before is None or now is None or not _is_unproven(before):
        return []
    if now.protocol != RCMD_PROTOCOL or now.address.ip not in _living_on(scene, member):
        return []
    return [Announce(member.ifindex, link.hardware_address, (now.address.ip,))]


def _living_on(scene: Scene, member: Member) -> Iterator[IPAddress]:
    for held in scene.view.addresses.get(member.ifindex, {}).values():
        key = held.address.ip
        is_original = scene.ledger.autoconfigured_home(key) == member.name
        is_out_of_service = is_original and not scene.is_serving(member.name, key)
        is_doubtful = is_autojoin(held) or is_out_of_service or _is_unproven(held)
        if not is_doubtful and not _is_at_home_elsewhere(scene, member, key):
            yield key


def _is_at_home_elsewhere(scene: Scene, member: Member, key: IPAddress) -> bool:
    """A device that was called otherwise took it along, and is about to lose it: to announce it
    would undo what was announced from where it lives."""
    own = any(it.address.ip == key for it in scene.test_addresses(member))
    is_served = any(name != member.name for name in scene.copies_of(key))
    return is_served or (not own and scene.is_test_address(key))


def _is_unproven(address: KernelAddress) -> bool:
    """It may be another machine's."""
    detecting = address.flags & (IFA_F_TENTATIVE | IFA_F_OPTIMISTIC) == IFA_F_TENTATIVE
    is_doubtful = detecting or bool(address.flags & IFA_F_DADFAILED)
    return address.family is Family.IPV6 and is_doubtful
