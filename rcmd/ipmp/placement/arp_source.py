"""Members that have no IPv4 address but the one that they are probed from.

A /32 of scope host is no address to ask by ARP from, and so the kernel would take one of another
device: the neighbours would learn that this is where it lives (`inet_select_addr`,
net/ipv4/devinet.c), or not answer at all.
"""

from __future__ import annotations

from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent
from rcmd.model.network import Family

RT_SCOPE_HOST = 254


def bare_members(scene: Scene) -> dict[tuple[int, str], bool]:
    """(ifindex, kernel's name) of devices in groups that are up for IPv4 -> whether it is bare."""
    found = {}
    for member in scene.members.values():
        is_in_use = member.plumbed and member.plumbed == member.ifindex
        has_ipv4 = Family.IPV4 in member.config.families
        if is_in_use and has_ipv4 and member.group and member.intent is not Intent.DETACHED:
            held = scene.view.addresses.get(member.ifindex, {}).values()
            found[member.ifindex, scene.kernel_name(member.name)] = not any(
                it.family is Family.IPV4 and it.scope < RT_SCOPE_HOST for it in held
            )
    return found
