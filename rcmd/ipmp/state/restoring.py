"""From the scene to what is remembered of it until the next boot, and back."""

from __future__ import annotations

from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.rules.slaac import remembered
from rcmd.ipmp.state.address_book import RouteAtHome
from rcmd.ipmp.state.carried import Carried
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.leases import LeaseMemory
from rcmd.ipmp.state.member import Intent, Member
from rcmd.ipmp.state.memberships import GroupAtHome
from rcmd.ipmp.state.snapshot import (
    AdoptedAddress,
    CarriedAlong,
    GivenUpAddress,
    GivenUpRoute,
    HomedRoute,
    Joined,
    LostAddress,
    Memory,
    Recall,
)
from rcmd.model.network import RouteKey


def memorise(scene: Scene) -> Memory:
    """All but the known routes, and where they are called to (`route_record`)."""
    members = scene.members.values()
    ledger = scene.ledger
    return Memory(
        offline=frozenset(it.name for it in members if it.is_offline),
        detached={it.name: it.ifindex for it in members if it.intent is Intent.DETACHED},
        failed=frozenset(it.name for it in members if it.health is Health.FAILED),
        failed_by_probes=frozenset(
            it.name for it in members if it.health is Health.FAILED and it.failed_by_probes
        ),
        unproven=frozenset(
            it.name for it in members if it.health is Health.UNPROVEN and it.needs_proof
        ),
        spare=frozenset(it.name for it in members if it.is_spare),
        flapping={it.name: tuple(it.watch.ups) for it in members if it.watch.is_flapping},
        plumbed={
            it.name: it.plumbed
            for it in members
            if it.plumbed and not scene.unready.reason(it.plumbed)
        },
        known_as={it.name: it.known_as for it in members if it.known_as},
        withdrawn=frozenset(
            key
            for it in members
            for key, original in it.lost.items()
            if original is None and key in ledger.withdrawn
        ),
        adopted=tuple(
            AdoptedAddress(ledger.adopted_home[key], remembered(address))
            for key, address in ledger.adopted.items()
        ),
        lost=tuple(
            LostAddress(it.name, key, original)
            for it in members
            for key, original in it.lost.items()
        ),
        recalls=tuple(
            Recall(
                it.name, frozenset(key for key in it.recalls if not isinstance(key, RouteAtHome))
            )
            for it in members
            if it.recalls
        ),
        away={
            key: home
            for key, held in scene.copies().items()
            if key in ledger.configured
            and (home := ledger.configured[key].home)
            and home not in held
        },
        numbers=dict(scene.numbers),
        guests={it.name: dict(it.guests) for it in members if it.recalls and it.guests},
        given_up=tuple(
            GivenUpAddress(it.at, key, it.home, it.address)
            for key, it in scene.drift.given_up.items()
            if not isinstance(key, RouteAtHome)
        ),
        given_up_routes=tuple(
            GivenUpRoute(it.at, HomedRoute(it.home, it.route))
            for it in scene.drift.given_up.values()
            if it.route is not None
        ),
        leases=LeaseMemory.of(ledger.leases),
        has_settled=scene.has_settled,
        joined=tuple(
            Joined(home, group, ifindex)
            for home, groups in scene.memberships.joined.items()
            for group, ifindex in groups.items()
        ),
        carried=tuple(
            CarriedAlong(
                ifindex,
                it.addresses,
                tuple(
                    route for key, route in scene.view.table.on(ifindex).items() if key in it.routes
                ),
            )
            for ifindex, it in scene.carried.items()
        ),
        stuck_groups=tuple(sorted(scene.memberships.stuck, key=str)),
        told_groups=tuple(
            sorted(((key.home, key.group) for key in scene.memberships.told), key=str)
        ),
    )


def recollect(scene: Scene, memory: Memory) -> None:
    """What belongs to no member: the ledger, and whether the boot is over."""
    ledger = scene.ledger
    ledger.withdrawn |= memory.withdrawn
    ledger.leases = memory.leases.recall()
    for adopted in memory.adopted:
        ledger.adopt(adopted.home, adopted.address)
    for homed in memory.routes:
        ledger.record_route(homed.home, homed.route)
    # As reading the configuration again, a start gives everything another chance.
    for address in memory.given_up:
        if address.original is not None:
            ledger.adopt(address.home, address.original)
    for route in memory.given_up_routes:
        ledger.record_route(route.homed.home, route.homed.route)
    scene.numbers = dict(memory.numbers)
    scene.has_settled = memory.has_settled
    for along in memory.carried:
        routes = frozenset(RouteKey.of(route) for route in along.routes)
        scene.carried[along.ifindex] = Carried(along.addresses, routes)
    record = scene.memberships
    for it in memory.joined:
        record.joined.setdefault(it.home, {})[it.group] = it.ifindex
    record.stuck |= set(memory.stuck_groups)
    record.told |= {GroupAtHome(home, group) for home, group in memory.told_groups}


def recollect_member(member: Member, memory: Memory) -> None:
    name = member.name
    member.plumbed = memory.plumbed.get(name, 0)
    member.known_as = memory.known_as.get(name, "")
    member.is_spare = name in memory.spare
    member.was_failed = name in memory.failed
    member.failed_by_probes = name in memory.failed_by_probes
    member.needs_proof = name in memory.unproven
    if name in memory.flapping:
        member.watch.ups.extend(memory.flapping[name])
        member.watch.is_flapping = True
    if name in memory.offline:
        member.intent = Intent.OFFLINE
    member.intent_before = member.intent
    if name in memory.detached:
        member.intent = Intent.DETACHED
        member.ifindex = memory.detached[name]
    member.lost = {lost.key: lost.original for lost in memory.lost if lost.home == name}
    member.guests = dict(memory.guests.get(name, {}))
    for recall in memory.recalls:
        if recall.interface == name:
            member.recalls |= recall.keys
            member.recalls |= {
                RouteAtHome(homed.home, RouteKey.of(homed.route)) for homed in recall.routes
            }
