"""Who has nothing to ask by ARP from but a test address."""

from __future__ import annotations

from dataclasses import replace

from rcmd.ipmp.placement.arp_source import bare_members
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent
from rcmd.model.network import Family
from rcmd.model.settings import InterfaceConfig

from .scenes import NUMBERS, on, scene

IPV4 = frozenset({Family.IPV4})
HME0, HME1 = (NUMBERS["hme0"], "hme0"), (NUMBERS["hme1"], "hme1")


def two() -> Scene:
    made = scene(
        {"hme0": ["192.168.85.19/24", "192.168.85.21/32"], "hme1": ["192.168.85.22/32"]},
        InterfaceConfig("hme0", IPV4, "test"),
        InterfaceConfig("hme1", IPV4, "test"),
    )
    for member in made.members.values():
        member.plumbed = member.ifindex
        held = made.view.addresses[member.ifindex]
        for key, address in held.items():
            if address.address.network.prefixlen == 32:
                held[key] = replace(address, scope=254)
    return made


def test_one_that_carries_nothing_is_bare() -> None:
    assert bare_members(two()) == {HME0: False, HME1: True}


def test_an_address_that_arrives_is_one_to_ask_from() -> None:
    made = two()
    arrived = on("hme1", "192.168.85.19/24")
    made.view.add(arrived)
    assert bare_members(made)[HME1] is False


def test_nobody_else_is_looked_at() -> None:
    for change in ("ungrouped", "IPv6", "detached", "not plumbed"):
        made = two()
        member = made.members["hme1"]
        match change:
            case "ungrouped":
                member.config = replace(member.config, group="")
            case "IPv6":
                member.config = replace(member.config, families=frozenset({Family.IPV6}))
            case "detached":
                member.intent = Intent.DETACHED
            case _:
                member.plumbed = 0
        assert HME1 not in bare_members(made), change
