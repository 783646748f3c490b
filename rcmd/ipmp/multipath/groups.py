"""Which members share the outgoing traffic of a group, and which routes are theirs to share.

A bundle is what becomes one nexthop group: the members of one family that reach the same gateway,
or the link itself.  A member carries while it is usable and hosts a data address that the kernel
would choose as the source of what leaves by it: so standbys and failed members carry nothing, and
a datagram leaves with an address of the NIC it leaves by (overview, "Outbound Load Spreading").

IPv6 chooses the source for the first nexthop of a group, whichever a flow then takes
(linux:include/net/ip6_route.h, ip6_route_get_saddr).  Of siblings each has its own; but they need a
gateway, so on IPv6 only what leaves the link is shared, and nothing is resilient.

The routes of a bundle stand beside those they stand for, and come first: on IPv4 because they are
put in front, on IPv6, which has no front, by the next lower metric.  The originals stay, move as
they always do (`placement`), and serve should the bundle ever be gone.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address

from rcmd.ipmp.api.nexthops import GroupRoute
from rcmd.ipmp.rules.address_flags import (
    IFA_F_DADFAILED,
    IFA_F_DEPRECATED,
    IFA_F_NOPREFIXROUTE,
    IFA_F_TENTATIVE,
)
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.arranged import Targets
from rcmd.ipmp.state.batches import ItemKey
from rcmd.ipmp.state.group_state import Circles, Scene
from rcmd.ipmp.state.kernel_view import DEFAULT_IPV6_METRIC
from rcmd.ipmp.state.member import Member
from rcmd.model.kinds import LoadSpreading, Weights
from rcmd.model.network import Family, IPAddress, IPInterface, IPNetwork, KernelAddress, Route

HEAVIEST = 255
MOST_PINNED = 16
"""Addresses of a NIC: each costs three rules, and every packet that leaves goes through them all.
The kernel gives out only the first by itself; the others are those that moved here."""
SCOPE_LINK = 253
_UNFIT_AS_SOURCE = IFA_F_DADFAILED | IFA_F_DEPRECATED | IFA_F_TENTATIVE


@dataclass(frozen=True, slots=True)
class BundleKey:
    group: str
    """Of interfaces."""
    family: Family
    gateway: IPAddress | None
    """None: the link itself."""


@dataclass(frozen=True, slots=True)
class Bundle:
    key: BundleKey
    weights: Mapping[int, int]
    """ifindex -> share of the load, 1 to `HEAVIEST`."""
    routes: tuple[GroupRoute, ...]
    """Their `group` is 0."""
    is_resilient: bool = False
    sources: Mapping[int, tuple[IPAddress, ...]] = field(default_factory=dict)
    """Of what shares the link: the data addresses that each of them hosts."""


def bundles(
    scene: Scene,
    targets: Targets,
    circles: Circles | None,
    refused: Container[ItemKey] = (),
) -> list[Bundle]:
    """What should share, of every group that asks for it, once everything lives at its target.

    On IPv4, before it does: the kernel takes a gateway on a device only if that device is among
    those that reach the prefix, so a member has to be in the bundle before its routes come home.
    On IPv6, once it does: there is no such bundle, and only an address makes a gateway reachable.
    """
    groups = {
        group: members
        for group, members in scene.groups(circles).items()
        if is_spread(scene, group) and len(members) > 1
    }
    if not groups:
        return []
    hosted = _hosted(scene, targets, circles, refused)
    leading = _leading_out(scene, targets)
    found: list[Bundle] = []
    for group, members in groups.items():
        for family in Family:
            carriers = _carriers(scene, hosted, members, family)
            if family is Family.IPV4:
                found += _on_link(scene, group, carriers)
            routes = leading.get((group, family), ())
            found += _through_gateways(scene, group, family, routes, carriers)
    return found


def is_spread(scene: Scene, group: str) -> bool:
    return scene.settings.group(group).load_spreading is not LoadSpreading.OFF


Carriers = dict[str, list[KernelAddress]]
"""Member -> its possible sources of one family, the kernel's choice first."""


Hosted = dict[tuple[str, Family], dict[IPInterface, KernelAddress]]


def _hosted(
    scene: Scene,
    targets: Targets,
    circles: Circles | None,
    refused: Container[ItemKey],
) -> Hosted:
    """The data addresses that each member is about to host."""
    hosted: Hosted = {}
    for data in scene.ledger.addresses(scene.homes(circles)):
        member = scene.members.get(targets.get(data.key) or "")
        if not data.is_up or member is None:
            continue
        if ItemKey(member.ifindex, data.address) not in refused:
            address = data.on(member.ifindex, "", at_home=member.name == data.home, is_move=False)
            hosted.setdefault((member.name, data.family), {})[address.address] = address
    return hosted


def _carriers(scene: Scene, hosted: Hosted, members: list[Member], family: Family) -> Carriers:
    """The members that can carry, and have something to send it from."""
    carriers: Carriers = {}
    for member in members:
        link = scene.view.links.get(member.ifindex)
        wanted = hosted.get((member.name, family))
        can_carry = member.fitness >= Fitness.UNKNOWN and link is not None and link.is_running
        if not can_carry or not wanted:
            continue
        held = scene.view.addresses.get(member.ifindex, {})
        known = [it for it in held.values() if it.family is family]
        staying = [it for it in known if _is_staying(scene, it, wanted)]
        is_late = family is Family.IPV6
        coming = [] if is_late else [it for key, it in wanted.items() if key not in held]
        sources = [it for it in (*staying, *coming) if _is_source(it)]
        if any(scene.ledger.knows(it.address.ip) for it in sources):
            carriers[member.name] = sources
    return carriers


def _is_staying(
    scene: Scene, held: KernelAddress, wanted: Mapping[IPInterface, KernelAddress]
) -> bool:
    return held.address in wanted or not scene.ledger.knows(held.address.ip)


def _is_source(address: KernelAddress) -> bool:
    is_hidden = address.scope >= SCOPE_LINK or address.address.ip.is_multicast
    is_deprecated = address.preferred_s == 0 or address.flags & _UNFIT_AS_SOURCE
    return not is_hidden and not is_deprecated


def _on_link(scene: Scene, group: str, carriers: Carriers) -> Iterator[Bundle]:
    """The prefix of the data addresses."""
    by_network: dict[IPNetwork, dict[str, KernelAddress]] = {}
    for name, held in carriers.items():
        for address in held:
            if _has_prefix_route(scene, address):
                by_network.setdefault(address.address.network, {}).setdefault(name, address)
    for network, holders in _with_right_source(by_network, carriers).items():
        metric = next(iter(holders.values())).metric
        sharing = {name: carriers[name] for name in holders}
        route = GroupRoute(0, network, priority=metric, scope=SCOPE_LINK)
        bundle = _bundle(scene, BundleKey(group, Family.IPV4, None), sharing, (route,))
        sources = {
            scene.members[name].ifindex: tuple(
                it.address.ip for it in held if scene.ledger.knows(it.address.ip)
            )[:MOST_PINNED]
            for name, held in sharing.items()
        }
        yield replace(bundle, sources=sources)


def _with_right_source(
    by_network: Mapping[IPNetwork, dict[str, KernelAddress]], carriers: Carriers
) -> dict[IPNetwork, dict[str, KernelAddress]]:
    """The source is the first address of the device, whatever the destination on the link.

    So only a prefix that all of its holders have first can be shared; the one with most holders.
    """
    fit = {
        network: holders
        for network, holders in by_network.items()
        if all(carriers[name][0].address.network == network for name in holders)
    }
    if not fit:
        return {}
    network = max(fit, key=lambda network: len(fit[network]))
    return {network: fit[network]}


def _has_prefix_route(scene: Scene, address: KernelAddress) -> bool:
    is_alone = address.address.network.prefixlen >= address.address.max_prefixlen - 1
    has_none = is_alone or address.peer is not None or address.flags & IFA_F_NOPREFIXROUTE
    return not has_none and scene.ledger.knows(address.address.ip)


def _leading_out(scene: Scene, targets: Targets) -> dict[tuple[str, Family], list[Route]]:
    """The routes of each group that can be shared."""
    leading: dict[tuple[str, Family], list[Route]] = {}
    for known, route in scene.ledger.routes.items():
        home = scene.members.get(known.home)
        # One that went with its device comes back elsewhere: nobody's flows have to move for that.
        is_somewhere = targets.get(known) is not None or scene.route_hosts(known)
        if home is not None and home.group and is_somewhere and _leads_out(route):
            leading.setdefault((home.group, route.family), []).append(route)
    return leading


def _leads_out(route: Route) -> bool:
    has_gateway = route.gateway is not None and route.gateway.version == route.destination.version
    # Whoever gave it a source wants that, whichever NIC has it; and what comes before it has no
    # word for the others.
    others = (route.source, route.expires_at, route.congestion, route.preference, route.realm)
    return has_gateway and not any(others)


def _through_gateways(
    scene: Scene, group: str, family: Family, routes: Iterable[Route], carriers: Carriers
) -> Iterator[Bundle]:
    """The routes that the members have, by whom they lead to; of rivals the first one counts."""
    by_gateway: dict[IPAddress, list[GroupRoute]] = {}
    taken: set[object] = set()
    for route in routes:
        shared = stand_in(route)
        if route.gateway is not None and shared is not None and shared.place not in taken:
            taken.add(shared.place)
            by_gateway.setdefault(route.gateway, []).append(shared)
    for gateway, shared_routes in by_gateway.items():
        near = {name: held for name, held in carriers.items() if _reaches(held, gateway)}
        if near:
            key = BundleKey(group, family, gateway)
            yield _bundle(scene, key, near, tuple(shared_routes))


def stand_in(route: Route) -> GroupRoute | None:
    """The route that comes before it; None where nothing can."""
    shared = GroupRoute(
        0,
        route.destination,
        table=route.table,
        priority=route.priority,
        tos=route.tos,
        metrics=route.metrics,
    )
    if route.family is Family.IPV4:
        return shared
    priority = (route.priority or DEFAULT_IPV6_METRIC) - 1
    return replace(shared, priority=priority) if priority else None


def _reaches(held: list[KernelAddress], gateway: IPAddress) -> bool:
    """On IPv4 the source is the first address of the gateway's subnet."""
    is_ipv4 = isinstance(gateway, IPv4Address)
    return (gateway.is_link_local and not is_ipv4) or any(
        gateway in address.address.network for address in held
    )


def _bundle(
    scene: Scene,
    key: BundleKey,
    carriers: Carriers,
    routes: tuple[GroupRoute, ...],
) -> Bundle:
    settings = scene.settings.group(key.group)
    weights = dict.fromkeys(carriers, 1)
    if settings.weights is Weights.SPEED:
        weights = _by_speed({name: scene.speeds.get(name, 0) for name in carriers})
    by_ifindex = {scene.members[name].ifindex: weight for name, weight in weights.items()}
    return Bundle(key, by_ifindex, routes, settings.is_resilient)


def _by_speed(speeds: Mapping[str, int]) -> dict[str, int]:
    """In proportion; who does not tell counts as slow as the slowest that does."""
    known = [speed for speed in speeds.values() if speed > 0]
    if not known:
        return dict.fromkeys(speeds, 1)
    slowest, fastest = min(known), max(known)
    unit = max(slowest, fastest / HEAVIEST)
    return {name: max(1, round((speed or slowest) / unit)) for name, speed in speeds.items()}


def weighed_by_speed(scene: Scene) -> list[str]:
    """The running interfaces whose speed matters."""
    return [
        member.name
        for member in scene.members.values()
        if member.group
        and is_spread(scene, member.group)
        and scene.settings.group(member.group).weights is Weights.SPEED
        and (link := scene.view.links.get(member.ifindex)) is not None
        and link.is_running
    ]
