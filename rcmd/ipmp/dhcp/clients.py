"""Which DHCP clients should run, and through which interface each of them asks.

One for each home that wants a lease.  It asks through the interface that hosts the leased address,
and through the home while there is none: so a lease is kept alive wherever `placement` put its
address, and a missing interface acquires nothing (behaviour 95).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address

from rcmd.ipmp.api.lease import Lease
from rcmd.ipmp.dhcp.leasing import wants_lease
from rcmd.ipmp.placement.desired import prefer_home
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent, Member


@dataclass(frozen=True, slots=True)
class ClientOrder:
    """A client as it should run."""

    home: str
    interface: str
    ifindex: int
    client_id: str
    """Option 61 in hexadecimal."""
    hostname: str = ""
    """Option 12: the name to ask for."""
    requested: IPv4Address | None = None
    """Option 50: the address to ask for."""

    def is_served_by(self, running: ClientOrder) -> bool:
        """The address to ask for only matters at the start."""
        mine = (self.ifindex, self.interface, self.client_id, self.hostname)
        return mine == (running.ifindex, running.interface, running.client_id, running.hostname)


def clients_wanted(scene: Scene, client_id_of: Callable[[str], str]) -> dict[str, ClientOrder]:
    """By home.  `client_id_of` is asked only for a home that has no lease yet."""
    orders: dict[str, ClientOrder] = {}
    for member in scene.members.values():
        if not wants_lease(member):
            continue
        lease = scene.ledger.leases.by_home.get(member.name)
        if lease is not None and lease.key in scene.ledger.withdrawn:
            # Taken away by hand, or with the interface.
            continue
        host = _host(scene, member, lease)
        if host is None or not _has_link(scene, host):
            continue
        orders[member.name] = ClientOrder(
            member.name,
            scene.kernel_name(host.name),
            host.ifindex,
            lease.client_id if lease else client_id_of(member.name),
            member.config.dhcp_hostname,
            lease.key if lease else None,
        )
    return orders


def _host(scene: Scene, member: Member, lease: Lease | None) -> Member | None:
    if lease is not None:
        host = prefer_home(scene.copies_of(lease.key), member.name)
        if host is not None:
            return scene.members[host]
    is_ready = member.intent is Intent.IN and member.plumbed == member.ifindex
    return member if is_ready and member.fitness >= Fitness.UNPROVEN else None


def _has_link(scene: Scene, member: Member) -> bool:
    link = scene.view.links.get(member.ifindex)
    return link is not None and link.is_running
