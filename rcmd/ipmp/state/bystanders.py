"""Devices that are on the link of a group, and not in it.

As Linux is set by default they answer ARP for every address of the machine.  Who asks for a test
address may be answered by such a one: what comes in by it is no answer to the probes of a member.
"""

from __future__ import annotations

from rcmd.ipmp.state.group_state import Scene
from rcmd.model.network import Family, IPNetwork


def bystanders(scene: Scene) -> dict[str, str]:
    """The kernel's name of each that is up -> the group in whose network it has an address."""
    groups: dict[IPNetwork, str] = {}
    grouped = {it.ifindex: it.group for it in scene.members.values() if it.ifindex and it.group}
    for ifindex, group in grouped.items():
        groups.update(dict.fromkeys(_networks(scene, ifindex), group))
    found: dict[str, str] = {}
    for ifindex in scene.view.addresses.keys() - grouped.keys():
        link = scene.view.links.get(ifindex)
        if link is None or not link.is_up:
            continue
        near = next((it for it in _networks(scene, ifindex) if it in groups), None)
        if near is not None:
            found[link.kernel_name] = groups[near]
    return found


def _networks(scene: Scene, ifindex: int) -> list[IPNetwork]:
    held = scene.view.addresses.get(ifindex, {})
    return [
        it.network
        for it, address in held.items()
        if address.family is Family.IPV4 and it.network.prefixlen < it.max_prefixlen
    ]
