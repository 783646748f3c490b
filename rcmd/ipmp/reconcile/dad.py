"""What the kernel says of duplicate detection, turned into suspects and reports."""

from __future__ import annotations

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Command
from rcmd.ipmp.rules.address_flags import IFA_F_DADFAILED
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.model.kinds import AddressKind
from rcmd.model.network import Family, IPAddress, KernelAddress


def look_at(scene: Scene, member: Member, address: KernelAddress, now: float) -> list[Command]:
    """As the kernel shows it, not as it was acknowledged: that says nothing of detection."""
    key = address.address.ip
    is_known = scene.duplicates.is_suspect(key)
    if not (is_known or address.flags & IFA_F_DADFAILED) or not _is_ours(scene, member, key):
        return []
    match scene.duplicates.seen(member.name, address, now):
        case True:
            return [messages.duplicate(member.name, str(address.address))]
        case False:
            return [messages.unique(member.name, str(address.address))]
        case None:
            return []


def look_at_all(scene: Scene, now: float) -> list[Command]:
    """At start, after an overrun, and now and then."""
    reports: list[Command] = []
    for member in scene.members.values():
        for address in scene.view.addresses.get(member.ifindex, {}).values():
            if address.family is Family.IPV6:
                reports += look_at(scene, member, address, now)
    for key, suspect in scene.duplicates.items():
        if not any(scene.view.copies_of(suspect.address.address.ip)):
            scene.duplicates.gone(key)
    return reports


def forget_unwanted(scene: Scene) -> None:
    """Those that nobody wants any more, and test addresses whose device is gone or down."""
    for key, suspect in scene.duplicates.items():
        member = scene.members.get(suspect.interface)
        link = scene.view.links.get(member.ifindex) if member else None
        is_in_use = member is not None and link is not None and link.is_up
        is_test = is_in_use and member is not None and _is_test(member, key)
        if not scene.ledger.knows(key) and not is_test:
            scene.duplicates.forget(key)


def _is_ours(scene: Scene, member: Member, key: IPAddress) -> bool:
    if member.intent is Intent.DETACHED:
        return False
    return scene.ledger.knows(key) or _is_test(member, key)


def _is_test(member: Member, key: IPAddress) -> bool:
    if Family.IPV6 in member.config.families and key.is_link_local:
        return True
    return any(
        wanted.address.ip == key and wanted.kind is AddressKind.TEST
        for wanted in member.config.addresses
    )
