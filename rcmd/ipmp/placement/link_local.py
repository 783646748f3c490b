"""The link-local address of a member that is for IPv6: its test address, made by the kernel.

The kernel makes it once, when the device comes up; whoever flushes the addresses of a device takes
it away for good.  So it is put back as it was, unless another is there.
"""

from __future__ import annotations

from dataclasses import replace

from rcmd.ipmp.placement.capability import can_hold
from rcmd.ipmp.rules.address_flags import IFA_F_NODAD
from rcmd.ipmp.rules.slaac import undetected
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.model.network import Family, KernelAddress


def is_its_own(scene: Scene, member: Member, address: KernelAddress) -> bool:
    """Whether the member is left without one if this goes."""
    held = scene.view.addresses.get(member.ifindex, {}).values()
    others = (it for it in held if it.address != address.address)
    is_minded = Family.IPV6 in member.config.families and member.intent is not Intent.DETACHED
    return is_minded and is_link_local(address) and not any(map(is_link_local, others))


def is_link_local(address: KernelAddress) -> bool:
    return address.family is Family.IPV6 and address.address.ip.is_link_local


def missing_link_local(scene: Scene, member: Member) -> KernelAddress | None:
    """What was taken away, and nothing has come in its place."""
    lost = member.lost_link_local
    held = scene.view.addresses.get(member.ifindex, {}).values()
    if lost is None or not member.ifindex or any(map(is_link_local, held)):
        return None
    return replace(lost, ifindex=member.ifindex)


def to_put_back(scene: Scene, member: Member) -> KernelAddress | None:
    """It was there a moment ago: it comes back without duplicate detection, if it can be held."""
    missing = missing_link_local(scene, member)
    if missing is None or member.is_set_down or member.intent is Intent.DETACHED:
        return None
    key = missing.address.ip
    is_minded_elsewhere = key in scene.ledger.withdrawn or scene.duplicates.is_suspect(key)
    if is_minded_elsewhere or not can_hold(scene, member, Family.IPV6):
        return None
    again = undetected(missing)
    return replace(again, flags=again.flags | IFA_F_NODAD)
