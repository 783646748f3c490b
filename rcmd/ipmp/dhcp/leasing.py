"""What happens to leases, and what becomes of the ledger by it.  Where the address then lives is
not said here: a leased address is a data address, and moves like all others."""

from __future__ import annotations

from collections.abc import Mapping

from rcmd.ipmp.api.commands import Command
from rcmd.ipmp.api.events import Moved
from rcmd.ipmp.api.lease import Lease
from rcmd.ipmp.dhcp import messages
from rcmd.ipmp.state.address_book import RouteAtHome
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.model.network import Family, Route, RouteKey

RAN_OUT = "it ran out and was not renewed"
UNWANTED = "nobody asks for it any more"
_KERNEL_LEAD_S = 2.0
"""An address that goes this short before the end of its lease went because of it."""


def granted(scene: Scene, lease: Lease, options: Mapping[str, str]) -> list[Command]:
    """The server gave it, or renewed it."""
    member = scene.members.get(lease.home)
    if member is None or not wants_lease(member):
        return []
    ledger, old = scene.ledger, scene.ledger.leases.by_home.get(lease.home)
    holder = ledger.leases.holder_of(lease.key)
    if ledger.is_static(lease.key) or (holder and holder.home != lease.home):
        return [messages.in_use_already(lease)]
    reports: list[Command] = []
    if old is not None and old.key != lease.key:
        reports += lost(scene, lease.home, f"the server gave {lease.address} instead")
        old = None
    if old is None and (not member.ifindex or member.intent is Intent.DETACHED):
        # A missing interface acquires nothing (behaviour 95), also not through others.
        return reports
    if old is None:
        ledger.withdrawn.discard(lease.key)
    ledger.leases.by_home[lease.home] = lease
    _follow_routes(scene, lease, old)
    if old is None:
        left_s = None if lease.expires_at is None else lease.expires_at - ledger.leases.now
        reports.append(messages.granted(lease, left_s, options))
    elif old.through != lease.through:
        reports.append(messages.kept_alive(lease))
    return reports


def _follow_routes(scene: Scene, lease: Lease, old: Lease | None) -> None:
    """Only what is new: a route that was taken away by hand stays away while the lease lasts."""
    before = old.kernel_routes() if old else ()
    after = lease.kernel_routes()
    for route in before:
        if route not in after:
            _drop_route(scene, lease.home, route)
    for route in after:
        if route not in before:
            scene.ledger.record_route(lease.home, route)


def wants_lease(member: Member) -> bool:
    return member.config.wants_dhcp and Family.IPV4 in member.config.families


def lost(scene: Scene, home: str, reason: str) -> list[Command]:
    """Address and routes go, wherever they are."""
    lease = scene.ledger.end_lease(home)
    if lease is None:
        return []
    scene.numbers.pop(lease.key, None)
    return [messages.lost(lease, reason, is_failure=reason != UNWANTED)]


def has_run_out(scene: Scene, lease: Lease) -> bool:
    """Or is just about to, by the kernel's count."""
    end = lease.expires_at
    return end is not None and end - scene.ledger.leases.now <= _KERNEL_LEAD_S


def left_away(scene: Scene, lease: Lease) -> None:
    """Somebody took its last copy away, and is let have it so."""
    scene.ledger.withdraw(lease.key)
    for route in lease.kernel_routes():
        _drop_route(scene, lease.home, route)


def review(scene: Scene) -> list[Command]:
    """End what has run out and what nobody asks for."""
    ledger = scene.ledger
    reports: list[Command] = []
    for home in list(ledger.leases.by_home):
        member = scene.members.get(home)
        if member is None or not wants_lease(member):
            reports += lost(scene, home, UNWANTED)
    for lease in list(ledger.leases.over(ledger.withdrawn)):
        reports += lost(scene, lease.home, RAN_OUT)
    for key in list(ledger.leases.dropped):
        if not any(True for _ in scene.view.carriers_of(key)):
            del ledger.leases.dropped[key]
    return reports


def note_told(scene: Scene, moved: Moved) -> None:
    """Whatever became of it: what the kernel refused is not asked for over and over."""
    if scene.ledger.leases.by_home:
        for item in (*moved.move.add, *moved.move.settle):
            scene.ledger.leases.note_told(item.address.ip, item.ifindex)


def _drop_route(scene: Scene, home: str, route: Route) -> None:
    scene.ledger.drop_lease_route(home, route)
    scene.drift.end(RouteAtHome(home, RouteKey.of(route)))
