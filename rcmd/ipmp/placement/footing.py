"""What a route stands on: the kernel takes it only where its gateway is on the link (`on_link`).

What makes it so may move itself, so `placement` is told which addresses and routes would do.  A
route that prefers a source needs that somewhere on the machine.

In doubt a route is taken to be possible: what the kernel then refuses goes to the next best.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address

from rcmd.ipmp.rules.networks import Networks
from rcmd.ipmp.rules.placement import Fitness, Movable
from rcmd.ipmp.state.address_book import RouteAtHome
from rcmd.ipmp.state.group_state import Fitnesses, Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.ipmp.state.on_link import is_near
from rcmd.ipmp.state.reachability import networks_of
from rcmd.ipmp.state.route_places import RouteCrowd
from rcmd.model.network import IPAddress, IPNetwork, KernelAddress, RouteKey


@dataclass(slots=True)
class _Ground:
    """What makes gateways reachable in one group."""

    names: frozenset[str]
    """Of the members."""
    by_movables: Networks[Hashable] = field(default_factory=Networks)
    by_devices: Networks[str] = field(default_factory=Networks)
    """What is there whatever moves: the names of the members."""
    _known: dict[IPAddress, tuple[frozenset[str], frozenset[Hashable]]] = field(
        default_factory=dict
    )

    def under(self, gateway: IPAddress) -> tuple[frozenset[str], frozenset[Hashable]]:
        """The members where nothing fixed leads to it, and the movables that would."""
        found = self._known.get(gateway)
        if found is None:
            off_link = self.names.difference(self.by_devices.around(gateway))
            found = off_link, frozenset(self.by_movables.around(gateway))
            self._known[gateway] = found
        return found


def with_footing(
    scene: Scene, members: Sequence[Member], movables: Sequence[Movable], assumed: Fitnesses
) -> Sequence[Movable]:
    """The movables of one group; the routes among them with what they need."""
    places = [key.place for it in movables if isinstance(key := it.key, RouteCrowd)]
    if not any(place.next_hop or place.source for place in places):
        return movables
    names = frozenset(member.name for member in members)
    keys = {it.key for it in movables}
    ground = _Ground(names)
    for key in keys:
        for network in _made_by(scene, key):
            ground.by_movables.add(network, key)
    for member in members:
        for network in _fixed(scene, member, keys):
            ground.by_devices.add(network, member.name)
    sources = _Sources(scene, names, keys, _going(members, assumed))
    return [_standing(ground, sources, movable) for movable in movables]


def _standing(ground: _Ground, sources: _Sources, movable: Movable) -> Movable:
    if not isinstance(movable.key, RouteCrowd):
        return movable
    place = movable.key.place
    if place.next_hop is not None:
        off_link, footing = ground.under(place.next_hop)
        movable = replace(movable, off_link=off_link, footing=footing)
    return movable if place.source is None else sources.under(movable, place.source)


@dataclass(slots=True)
class _Sources:
    """Where the addresses are that routes prefer as a source."""

    scene: Scene
    names: frozenset[str]
    keys: Collection[Hashable]
    going: frozenset[str]
    """The members that take along what is fixed on them."""

    def under(self, movable: Movable, source: IPAddress) -> Movable:
        if source in self.keys:
            return replace(movable, source=source)
        held = self.scene.view.copies_of(source)
        holders = {it.name for copy in held if (it := self.scene.member_at(copy.ifindex))}
        is_elsewhere = any(self.scene.member_at(copy.ifindex) is None for copy in held)
        if is_elsewhere or holders - self.going:
            return movable
        return replace(movable, unfit=movable.unfit | (self.names - holders))


def _going(members: Iterable[Member], assumed: Fitnesses) -> frozenset[str]:
    return frozenset(
        it.name
        for it in members
        if it.intent in (Intent.LEAVING, Intent.DETACHED) or assumed.get(it.name) is Fitness.CLOSED
    )


def _made_by(scene: Scene, key: Hashable) -> Iterator[IPNetwork]:
    """What is on the link where this movable is."""
    match key:
        case RouteCrowd(home=home, place=place):
            for route_key in () if place.has_gateway else scene.places().of(place):
                route = scene.ledger.routes[RouteAtHome(home, route_key)]
                if is_near(route):
                    yield route.destination
        case IPv4Address() | IPv6Address():
            address = _as_held(scene, key)
            if address is not None:
                yield from networks_of(address)
        case _:
            pass


def _as_held(scene: Scene, key: IPAddress) -> KernelAddress | None:
    """The address as the kernel would hold it, on whichever device."""
    configured = scene.ledger.configured.get(key)
    if configured is not None:
        if not configured.is_up:
            return None
        return KernelAddress(0, configured.address, peer=configured.peer)
    lease = scene.ledger.leases.holder_of(key)
    if key in scene.ledger.adopted:
        return scene.ledger.adopted[key]
    return KernelAddress(0, lease.address) if lease else None


def _fixed(scene: Scene, member: Member, keys: Collection[Hashable]) -> Iterator[IPNetwork]:
    """What is on the link of a member, whatever of these moves."""
    movable: set[IPNetwork] = set()
    for held in scene.view.addresses.get(member.ifindex, {}).values():
        key = held.address.ip
        if key in keys and scene.ledger.autoconfigured_home(key) != member.name:
            movable.update(networks_of(held))
        else:
            yield from networks_of(held)
    for route in scene.view.table.direct(member.ifindex):
        is_fixed = is_near(route) and route.destination not in movable
        if is_fixed and not scene.ledger.knows_route(RouteKey.of(route)):
            yield route.destination
