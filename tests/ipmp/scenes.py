"""A scene made in a few words, for the files that only look at one."""

from __future__ import annotations

from ipaddress import ip_interface

from rcmd.ipmp.api.events import KernelSnapshot
from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.ipmp.state.member import Member
from rcmd.model.network import RCMD_PROTOCOL, Family, KernelAddress, Link
from rcmd.model.settings import Address, Configuration, InterfaceConfig

NUMBERS = {"hme0": 4, "hme1": 5, "hme2": 6}


def config(name: str, *addresses: str, group: str = "test") -> InterfaceConfig:
    return InterfaceConfig(
        name,
        frozenset({Family.IPV4}),
        group,
        addresses=tuple(
            Address(ip_interface(address), name, logical)
            for logical, address in enumerate(addresses)
        ),
    )


def scene(
    held: dict[str, list[str]],
    *configs: InterfaceConfig,
    failed: frozenset[str] = frozenset(),
) -> Scene:
    """Interfaces with this configuration; the kernel holds these addresses on them."""
    made = Scene(has_settled=True)
    for it in configs:
        number = NUMBERS[it.name]
        health = Health.FAILED if it.name in failed else Health.RUNNING
        made.members[it.name] = Member(it, number, health=health, plumbed=number)
    made.ledger.configure(Configuration({it.name: it for it in configs}))
    made.view = KernelView.of(
        KernelSnapshot(
            tuple(
                Link(NUMBERS[it.name], it.name, is_up=True, has_carrier=it.name not in failed)
                for it in configs
            ),
            tuple(
                on(name, address, name if rank == 0 else f"{name}:{rank}")
                for name, addresses in held.items()
                for rank, address in enumerate(addresses)
            ),
        )
    )
    return made


def on(name: str, address: str, label: str = "") -> KernelAddress:
    return KernelAddress(
        NUMBERS[name], ip_interface(address), label, flags=0x80, protocol=RCMD_PROTOCOL
    )
