"""What the kernel tells, turned into what we know: adopted, up, down, gone (`taken`).

An address that appears on an interface in our care without our mark was added by hand: it becomes a
data address whose home is that interface.  So does a route, unless the kernel, a routing daemon or
an advertisement is going to make it by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Cause, Command, Move
from rcmd.ipmp.api.events import (
    AddressGone,
    AddressSeen,
    FamilySwitched,
    ForeignNexthopSeen,
    KernelChange,
    LinkGone,
    LinkSeen,
    NexthopGone,
    PinRuleGone,
    RouteGone,
    RouteSeen,
    RoutesFound,
    SpreadItemSeen,
    SpreadRouteGone,
)
from rcmd.ipmp.api.lease import RTPROT_DHCP
from rcmd.ipmp.multicast.tracking import group_left
from rcmd.ipmp.multipath.ownership import meant_by
from rcmd.ipmp.placement.hardware_addresses import proven
from rcmd.ipmp.placement.link_local import is_link_local
from rcmd.ipmp.reconcile.dad import look_at
from rcmd.ipmp.reconcile.renaming import lose_name
from rcmd.ipmp.reconcile.taken import address_taken, forget_route, is_kept, known_as, route_taken
from rcmd.ipmp.rules.address_flags import (
    IFA_F_MANAGETEMPADDR,
    IFA_F_MCAUTOJOIN,
    IFA_F_PERMANENT,
    IFA_F_TEMPORARY,
)
from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.rules.prefix_routes import is_made_by_kernel, made_for
from rcmd.ipmp.rules.slaac import is_autoconfigured, is_prefix_route, is_proven, with_lifetimes
from rcmd.ipmp.state.address_book import RouteAtHome
from rcmd.ipmp.state.arranged import Targets
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.ipmp.state.member import Intent, Member
from rcmd.model.network import (
    RCMD_PROTOCOL,
    Family,
    IPAddress,
    KernelAddress,
    Link,
    Route,
    RouteKey,
)

SCOPE_UNIVERSE = 0
SCOPE_SITE = 200
IFAPROT_BY_KERNEL = frozenset({1, 2, 3})
"""Loopback, router advertisement, link-local (linux:if_addr.h)."""
RTPROT_BY_DAEMON = frozenset({8, 10, 11, 12, 13, 14, 15, 17, 18, 42, 99, 186, 187, 188, 189, 192})
"""gated to openr, bgp to eigrp (linux:rtnetlink.h): routing daemons mind their own routes."""


def absorb_change(scene: Scene, change: KernelChange, now: float) -> list[Command]:
    member = scene.member_at(ifindex_of(change))
    if member and isinstance(change, AddressSeen | AddressGone):
        _note_hand(scene, change.address, now)
    if isinstance(change, LinkSeen) and member:
        return _link_seen(scene, member, change.link, now)
    reports: list[Command] = []
    if isinstance(change, AddressGone) and member:
        reports += address_taken(scene, member, change, now)
        group_left(scene, member, change, now)
    if isinstance(change, RouteGone) and change.is_by_request and member:
        route_taken(scene, member, change, now)
    if isinstance(change, RouteSeen) and change.is_replacement:
        reports += _replaced(scene, change.route, now)
    if isinstance(change, SpreadRouteGone) and change.is_by_request:
        meant = meant_by(scene, change.route)
        meant = [known for known in meant if not is_kept(scene, known, now)]
        reports += _take_off(scene, meant, now)
    before = scene.view.held_before(change)
    scene.view.apply(change)
    if isinstance(change, LinkGone):
        scene.memberships.forget_device(change.ifindex)
        scene.carried.pop(change.ifindex, None)
    if isinstance(change, LinkGone) and member:
        reports.append(messages.gone(member.name, member.group))
        member.lose()
    if isinstance(change, AddressSeen) and member and _adopt_address(scene, member, change.address):
        reports.append(messages.by_hand(member.name, str(change.address.address)))
    if isinstance(change, AddressSeen) and member:
        _disown_prefix_routes(scene, member, change.address)
        if is_link_local(change.address):
            member.lost_link_local = None
        reports += [*look_at(scene, member, change.address, now), *proven(scene, member, before)]
    if isinstance(change, AddressGone):
        scene.duplicates.gone(change.address.address.ip)
    if isinstance(change, RouteSeen) and member:
        _adopt_route(scene, member, change.route, _absent_sources(scene))
    return reports


def _note_hand(scene: Scene, address: KernelAddress, now: float) -> None:
    """Somebody else is at it, where it is neither ours nor the kernel's."""
    if address.protocol not in IFAPROT_BY_KERNEL | {RCMD_PROTOCOL}:
        scene.courtesy.changed(address.ifindex, now)


def adopt_all(scene: Scene) -> None:
    """Take what is there into our care: at start, and after an overrun."""
    for member in scene.members.values():
        adopt_on(scene, member)


def adopt_on(scene: Scene, member: Member) -> None:
    """What is on one interface."""
    if not member.ifindex:
        return
    for address in scene.view.addresses.get(member.ifindex, {}).values():
        _adopt_address(scene, member, address)
    absent = _absent_sources(scene)
    name, ledger = member.name, scene.ledger
    for key, route in scene.view.table.on(member.ifindex).items():
        recorded = ledger.routes.get(RouteAtHome(name, key))
        # Everything is looked at every 20 seconds, and there may be many: most are as recorded.
        if recorded is None:
            is_news = route.protocol != RCMD_PROTOCOL or not ledger.knows_route(key)
        else:
            is_news = recorded.protocol != route.protocol or not (
                recorded.expires_at is route.expires_at is None
            )
        if is_news:
            _adopt_route(scene, member, route, absent)


def ifindex_of(change: KernelChange) -> int:
    match change:
        case LinkSeen(link):
            return link.ifindex
        case LinkGone(ifindex) | FamilySwitched(ifindex) | RoutesFound(ifindex):
            return ifindex
        case AddressSeen(address) | AddressGone(address):
            return address.ifindex
        case RouteSeen(route) | RouteGone(route):
            return route.ifindex
        case (
            SpreadItemSeen()
            | ForeignNexthopSeen()
            | NexthopGone()
            | SpreadRouteGone()
            | PinRuleGone()
        ):
            # Of no single device.
            return 0


def _link_seen(scene: Scene, member: Member, link: Link, now: float) -> list[Command]:
    old = scene.view.links.get(link.ifindex)
    scene.view.apply(LinkSeen(link))
    link = scene.view.links[link.ifindex]
    if link.name != member.name:
        return lose_name(scene, member, link)
    was_running = old is not None and old.is_running
    if link.is_running is was_running:
        return []
    is_first = member.health is Health.UNPROVEN
    if link.is_running and not is_first:
        member.watch.came_up(now)
    if is_first or member.intent is Intent.DETACHED:
        return []
    return [messages.link_changed(member.name, is_up=link.is_running)]


def _adopt_address(scene: Scene, member: Member, address: KernelAddress) -> bool:
    """Whether the address is new to us."""
    key = address.address.ip
    if is_autoconfigured(address):
        _adopt_autoconfigured(scene, member, address)
        return False
    if address.protocol == RCMD_PROTOCOL and scene.ledger.autoconfigured_home(key) is not None:
        _note_lifetimes(scene, key)
    if address.protocol == RCMD_PROTOCOL or not _is_static(address):
        return False
    if member.intent is Intent.DETACHED:
        return False
    if any(wanted.address.ip == key for wanted in member.config.addresses):
        return _want_again(scene, key)
    if scene.ledger.is_shared_in(member.group, key):
        return _want_again(scene, key)
    if key in scene.ledger.configured and key not in scene.ledger.withdrawn:
        return False
    if scene.ledger.leases.holder_of(key) is not None:
        return False
    if scene.took_along(address.ifindex, key) and scene.ledger.knows(key):
        return False
    is_elsewhere = any(host != member.name for host in scene.copies_of(key))
    is_new = key not in scene.ledger.adopted or not (
        # What went with its device, and was added again elsewhere, belongs there now.
        is_elsewhere or scene.ledger.adopted_home[key] == member.name
    )
    if is_new or scene.ledger.adopted_home[key] == member.name:
        scene.ledger.adopt(member.name, address)
    return is_new


def _adopt_autoconfigured(scene: Scene, member: Member, address: KernelAddress) -> None:
    """It moves if the interface is for IPv6 at all, and once it is known to be unique."""
    is_ours = member.intent is not Intent.DETACHED and Family.IPV6 in member.config.families
    key = address.address.ip
    if is_ours and is_proven(address) and key not in scene.ledger.configured:
        scene.ledger.adopt(member.name, address)
        _note_lifetimes(scene, key)


def _note_lifetimes(scene: Scene, key: IPAddress) -> None:
    """Those of the address that is in service, in case it goes with its device."""
    for served in scene.copies_of(key).values():
        scene.ledger.adopted[key] = with_lifetimes(scene.ledger.adopted[key], served)


def forget_expired(scene: Scene, before: KernelView) -> None:
    """What a look at everything does not find, though a device that had it is there and up."""
    for key in list(scene.ledger.adopted):
        home = scene.ledger.autoconfigured_home(key)
        if home is None or scene.view.copies_of(key):
            continue
        member = scene.members.get(home)
        holders = {held.ifindex for held in before.copies_of(key)}
        holders |= {member.ifindex} if member else set()
        links = (scene.view.links.get(ifindex) for ifindex in holders)
        if any(link is not None and link.is_up and Family.IPV6 in link.families for link in links):
            scene.ledger.withdraw(key)


def forget_foreign(scene: Scene) -> None:
    """Autoconfigured addresses of interfaces that are no longer ours are the kernel's alone."""
    for key in list(scene.ledger.adopted):
        home = scene.ledger.autoconfigured_home(key)
        if home is None:
            continue
        member = scene.members.get(home)
        is_ours = member is not None and Family.IPV6 in member.config.families
        if not is_ours and scene.view.link_named(home) is not None:
            scene.ledger.withdraw(key)


def forget_lost(scene: Scene, targets: Targets) -> None:
    """Autoconfigured addresses that are nowhere, and that nobody can take: made anew some day."""
    for key in list(scene.ledger.adopted):
        is_lost = key in targets and targets[key] is None and not scene.view.copies_of(key)
        if is_lost and scene.ledger.autoconfigured_home(key) is not None:
            scene.ledger.withdraw(key)


def _want_again(scene: Scene, key: IPAddress) -> bool:
    """What was taken away by hand came back by hand, where the files put it."""
    was_withdrawn = key in scene.ledger.withdrawn
    scene.ledger.withdrawn.discard(key)
    scene.drift.end(key)
    return was_withdrawn


def _is_static(address: KernelAddress) -> bool:
    """An address that a person (or a boot script) configured, for applications."""
    passing = IFA_F_TEMPORARY | IFA_F_MANAGETEMPADDR | IFA_F_MCAUTOJOIN
    if address.family is Family.IPV4:
        passing = IFA_F_MCAUTOJOIN  # on IPv4, bit 0 says "secondary"
    return (
        address.scope in (SCOPE_UNIVERSE, SCOPE_SITE)
        and bool(address.flags & IFA_F_PERMANENT)
        and not address.flags & passing
        and address.protocol not in IFAPROT_BY_KERNEL
        and not address.address.ip.is_link_local
        and not address.address.ip.is_multicast
    )


def _adopt_route(scene: Scene, member: Member, route: Route, absent: Sequence[IPAddress]) -> None:
    """`absent`: see `_absent_sources`."""
    key = RouteKey.of(route)
    if route.protocol == RCMD_PROTOCOL and scene.ledger.knows_route(key):
        return
    if route.protocol in RTPROT_BY_DAEMON:
        return
    if _is_by_kernel(scene, route):
        return
    if member.intent is Intent.DETACHED:
        return
    if route.family is Family.IPV6 and route.destination.is_link_local:
        # Every interface needs its own.
        return
    if is_prefix_route(route):
        return
    key = RouteKey.of(route)
    if scene.took_along(route.ifindex, key) and scene.ledger.knows_route(key):
        return
    if absent and _is_without_its_source(scene, route, absent):
        return
    if route.protocol == RTPROT_DHCP and RouteKey.of(route) in scene.ledger.leases.dropped:
        # Left of a lease that is over; it is being taken off.
        return
    if scene.was_interrupted and _is_half_moved(scene, member, RouteKey.of(route)):
        return
    scene.ledger.record_route(member.name, route)


def _is_by_kernel(scene: Scene, route: Route) -> bool:
    link = scene.view.links.get(route.ifindex)
    addresses = scene.view.addresses.get(route.ifindex, {}).values()
    return is_made_by_kernel(route, addresses, is_in_vrf=link is not None and bool(link.master))


def _disown_prefix_routes(scene: Scene, member: Member, address: KernelAddress) -> None:
    """IPv6 tells of the prefix route before its address, so it looked like one added by hand."""
    for route in made_for(address):
        known = RouteAtHome(member.name, RouteKey.of(route))
        recorded = scene.ledger.routes.get(known)
        if recorded is not None and recorded.protocol == route.protocol:
            scene.ledger.forget_route(known)


def _absent_sources(scene: Scene) -> list[IPAddress]:
    """Addresses that known IPv6 routes prefer as their source, and that are nowhere."""
    return [
        source
        for source in scene.ledger.sources
        if source.version == 6 and not scene.view.copies_of(source)
    ]


def _is_without_its_source(scene: Scene, route: Route, absent: Sequence[IPAddress]) -> bool:
    """A route that we know, while the source that it prefers is nowhere (see `KernelView`)."""
    if route.source is not None or route.family is Family.IPV4:
        return False
    return any(
        scene.ledger.knows_route(RouteKey.of(replace(route, source=source))) for source in absent
    )


def _is_half_moved(scene: Scene, member: Member, key: RouteKey) -> bool:
    """Known on its home, where it still is, and never known here.

    The kernel shows IPv6 routes that differ only in gateway and device with the protocol of the
    first: a copy of ours cannot be told by its mark before the original is gone.
    """
    is_doubtful = key.family is Family.IPV6
    if not is_doubtful or RouteAtHome(member.name, key) in scene.ledger.routes:
        return False
    homes = scene.ledger.homes_of_route(key)
    return any(home in scene.route_hosts(RouteAtHome(home, key)) for home in homes)


def _route_replaced(scene: Scene, route: Route) -> None:
    """Another has its place: that is somebody's last word, whatever the policy."""
    member = scene.member_at(route.ifindex)
    if member:
        for known in known_as(scene, member, route):
            scene.ledger.forget_route(known)
    scene.view.apply(RouteGone(route, is_by_request=True))


def _replaced(scene: Scene, route: Route, now: float) -> list[Command]:
    """`ip route replace` met ours first, if it stood in front: then it means what is behind."""
    rivals = scene.view.table.rivals_of(route)
    front = scene.view.nexthops.front_of(route)
    if front is None:
        for rival in rivals:
            _route_replaced(scene, rival)
        return []
    meant = meant_by(scene, front)
    scene.view.nexthops.remove(front)
    return _take_off(scene, meant, now, but=route)


def _take_off(
    scene: Scene, meant: Iterable[RouteAtHome], now: float, but: Route | None = None
) -> list[Command]:
    """Nobody wants them any more; they are still there."""
    behind: list[Route] = []
    for known in meant:
        for ifindex in scene.view.carriers_of(known.key):
            behind.append(scene.view.routes[ifindex][known.key])
        home = scene.members.get(known.home)
        if home is None or but is not None:
            scene.ledger.forget_route(known)
        else:
            forget_route(scene, home, known, now)
    behind = [route for route in behind if route != but]
    return [Move(Cause.CLEANUP, None, None, remove_routes=tuple(behind))] if behind else []
