"""The difference between where everything should live and what the kernel holds: the moves."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from rcmd.ipmp.address_flags import (
    IFA_F_DADFAILED,
    IFA_F_NODAD,
    IFA_F_OPTIMISTIC,
    IFA_F_PERMANENT,
    IFA_F_TENTATIVE,
)
from rcmd.ipmp.arrangement import Targets
from rcmd.ipmp.autojoin import receptions
from rcmd.ipmp.commands import Cause, Move
from rcmd.ipmp.duplicates import Phase
from rcmd.ipmp.kernel_view import RouteKey
from rcmd.ipmp.lease import Lease
from rcmd.ipmp.leases import PROTOCOLS as LEASE_PROTOCOLS
from rcmd.ipmp.ledger import DataAddress, RouteAtHome, kernel_address
from rcmd.ipmp.member import Intent, Member
from rcmd.ipmp.multicast import is_autojoin
from rcmd.ipmp.placement import Fitness
from rcmd.ipmp.scene import Circles, Scene, kernel_label
from rcmd.ipmp.stand_ins import PrefixRoutes, settled, step_for
from rcmd.model import (
    RCMD_PROTOCOL,
    AddressKind,
    Family,
    IPAddress,
    IPNetwork,
    KernelAddress,
    Route,
)

ItemKey = tuple[int, object]
"""(ifindex, address or RouteKey): one thing on one device."""


def item_key(item: KernelAddress | Route) -> ItemKey:
    if isinstance(item, Route):
        return (item.ifindex, RouteKey.of(item))
    return (item.ifindex, item.address)


@dataclass(slots=True)
class _Batch:
    cause: Cause
    add: list[KernelAddress] = field(default_factory=list)
    add_routes: list[Route] = field(default_factory=list)
    remove_routes: list[Route] = field(default_factory=list)
    remove: list[KernelAddress] = field(default_factory=list)
    settle: list[KernelAddress] = field(default_factory=list)
    refresh: list[KernelAddress] = field(default_factory=list)
    announce: list[KernelAddress] = field(default_factory=list)

    def has_work(self) -> bool:
        """Not so if all it consists of was refused before."""
        changes = self.remove or self.settle or self.refresh
        return bool(self.add or self.add_routes or self.remove_routes or changes)


_DETECTING = IFA_F_TENTATIVE | IFA_F_OPTIMISTIC

_Edge = tuple[str | None, str | None]


class Difference:
    """Builds the moves, one batch for each (source, destination): addresses and routes together."""

    def __init__(
        self,
        scene: Scene,
        targets: Targets,
        refused: Collection[ItemKey],
        circles: Circles | None = None,
    ) -> None:
        """`targets` are those of `circles`."""
        self._scene = scene
        self._circles = circles
        self._homes = scene.homes(circles)
        self._targets = targets
        self._refused = refused
        self._batches: dict[_Edge, _Batch] = {}
        self.numbers = dict(scene.numbers)
        """The logical numbers once all moves are made."""
        self._added: set[IPAddress] = set()
        """The addresses that will be there, and in use, when the routes are added."""
        self._free: dict[tuple[str, Family], Iterator[int]] = {}
        self._prefix_routes = PrefixRoutes()
        self._left: dict[tuple[str, IPNetwork], tuple[Cause, _Edge]] = {}
        """(interface, prefix) of every stand-in that goes, with the move that takes it."""

    def moves(self) -> list[Move]:
        self._data_addresses()
        self._memberships()
        self._stale_prefix_routes()
        self._routes()
        self._dropped_routes()
        self._test_addresses()
        self._duplicates()
        self._leftovers()
        return [
            self._move(edge, batch) for edge, batch in self._batches.items() if batch.has_work()
        ]

    def numbers_after(self, moves: Iterable[Move]) -> dict[IPAddress, tuple[str, int]]:
        """The logical numbers once only these are made: what waits is where it has been."""
        arriving = {item.address.ip for move in moves for item in move.add}
        before = self._scene.numbers
        waiting = {
            key
            for key, place in self.numbers.items()
            if key not in arriving and before.get(key) != place
        }
        staying = {
            key: place
            for key, place in before.items()
            if key in waiting or self.numbers.get(key) == place
        }
        return staying | {it: self.numbers[it] for it in self.numbers if it not in waiting}

    def _move(self, edge: _Edge, batch: _Batch) -> Move:
        source, destination = edge
        return Move(
            batch.cause,
            source,
            destination,
            add=tuple(batch.add),
            add_routes=tuple(batch.add_routes),
            remove_routes=tuple(batch.remove_routes),
            remove=tuple(self._newest_first(batch.remove)),
            settle=tuple(batch.settle),
            refresh=tuple(batch.refresh),
            announce=tuple(batch.announce),
        )

    def _newest_first(self, addresses: Iterable[KernelAddress]) -> list[KernelAddress]:
        """Removing the primary address of a subnet first makes the kernel promote each secondary
        in turn, which is quadratic (linux.md 4.2)."""
        # What is to be removed is what the view holds, the very object.
        wanted = {id(address): address.ifindex for address in addresses}
        return [
            address
            for ifindex in dict.fromkeys(wanted.values())
            for address in reversed(self._scene.view.addresses[ifindex].values())
            if id(address) in wanted
        ]

    def _batch(self, cause: Cause, source: str | None, destination: str | None) -> _Batch:
        """One operation for all that goes one way (behaviour 59), named after what forced it."""
        batch = self._batches.setdefault((source, destination), _Batch(cause))
        is_weak = batch.cause in (Cause.CONFIGURE, Cause.FAILBACK, Cause.REBALANCE)
        if is_weak and cause is not Cause.REBALANCE:
            batch.cause = cause
        return batch

    # --- data addresses ---

    def _data_addresses(self) -> None:
        for data in self._scene.ledger.addresses(self._homes):
            if data.is_up and data.key in self._targets:
                copies = self._scene.copies_of(data.key)
                if data.is_autoconfigured:
                    self._autoconfigured(data, copies)
                else:
                    self._data_address(data, copies)

    def _autoconfigured(self, data: DataAddress, copies: dict[str, KernelAddress]) -> None:
        """The original stays at home; elsewhere a stand-in serves."""
        target = self._targets[data.key]
        step = step_for(self._scene, data, target, copies)
        source = next((name for name in copies if name != target), None)
        # Without a move it is a matter of form.
        is_move = bool(step.add or step.remove)
        cause = self._cause(data.home, source, target) if is_move else Cause.CONFIGURE
        edge = (self._origin(data.home, source, target) if is_move else None, target)
        if target is None or target == data.home:
            self.numbers.pop(data.key, None)
        else:
            self._number(data, target)
            self._prefix_routes.want(target, data.address.network)
        if any(item_key(it) in self._refused for it in (*step.add, *step.refresh)):
            return
        if target is not None and target != data.home:
            route = self._prefix_routes.missing(self._scene, target, data.address.network)
            if route is not None and item_key(route) not in self._refused:
                routes = self._batch(cause, *edge).add_routes
                routes += [route] if route not in routes else []
        if step.add or step.remove or step.refresh:
            batch = self._batch(cause, *edge)
            batch.add += step.add
            batch.remove += [it for it in step.remove if item_key(it) not in self._refused]
            batch.refresh += step.refresh
            batch.announce += step.announce
            batch.settle += [settled(it) for it in step.add if target == data.home]
            for copy in step.remove:
                link = self._scene.view.links[copy.ifindex]
                self._left[link.name, data.address.network] = (cause, edge)
        for original in step.put_back:
            if item_key(original) not in self._refused:
                home = self._batch(Cause.CONFIGURE, None, data.home)
                home.add.append(original)
                home.settle.append(settled(original))

    def _stale_prefix_routes(self) -> None:
        for name, route in self._prefix_routes.stale(self._scene, self._circles):
            if item_key(route) not in self._refused:
                by_itself = (Cause.CLEANUP, (name, None))
                cause, edge = self._left.get((name, route.destination), by_itself)
                self._batch(cause, *edge).remove_routes.append(route)

    def _data_address(self, data: DataAddress, copies: dict[str, KernelAddress]) -> None:
        target = self._targets[data.key]
        source = next((name for name in copies if name != target), None)
        home = data.home or self._last_place(data, target)
        stale = [
            copy
            for name, copy in copies.items()
            if name != target or ((data.configured or data.lease) and copy.address != data.address)
        ]
        wanted = None
        if target is not None and not any(
            copy.address == data.address for name, copy in copies.items() if name == target
        ):
            is_move = source is not None or target != home
            is_move = is_move and not self._scene.duplicates.is_suspect(data.key)
            wanted = self._wanted(data, target, is_move=is_move)
        if target is None or target == data.home:
            self.numbers.pop(data.key, None)
        if wanted and item_key(wanted) in self._refused:
            return
        if wanted is None and target is not None and data.lease is not None:
            self._refresh(data, data.lease, target)
        if wanted or stale:
            cause = self._cause(home, source, target)
            if data.group:
                cause = self._cause_of_shared(data, cause, source, target)
            batch = self._batch(cause, self._origin(home, source, target), target)
            batch.remove += [copy for copy in stale if item_key(copy) not in self._refused]
            is_in_the_way = data.family is Family.IPV6 and any(
                wanted and copy.ifindex == wanted.ifindex for copy in stale
            )
            # IPv6 knows an address whatever its prefix: the old one has to go first.
            if wanted and target and not is_in_the_way:
                batch.add.append(wanted)
                batch.settle += self._settled(data, target, wanted)
                if wanted.family is Family.IPV4 or wanted.flags & IFA_F_NODAD:
                    batch.announce.append(wanted)

    def _wanted(self, data: DataAddress, target: str, *, is_move: bool) -> KernelAddress:
        at_home = target == data.home
        number = data.logical if at_home else self._number(data, target)
        label = kernel_label(target, number) if data.family is Family.IPV4 else ""
        ifindex = self._scene.members[target].ifindex
        return data.on(ifindex, label, at_home=at_home, is_move=is_move)

    def _settled(self, data: DataAddress, target: str, added: KernelAddress) -> list[KernelAddress]:
        """What came home is again as it was, without a trace of the move (behaviour 68)."""
        final = self._wanted(data, target, is_move=False)
        is_home = target == data.home or bool(data.group)
        return [final] if is_home and final != added else []

    def _refresh(self, data: DataAddress, lease: Lease, target: str) -> None:
        """A renewed lease: its address stays as it is, the kernel counts down anew."""
        held = self._wanted(data, target, is_move=False)
        if self._scene.ledger.leases.needs_telling(lease, held.ifindex):
            self._batch(Cause.CONFIGURE, None, target).settle.append(held)

    def _number(self, data: DataAddress, host: str) -> int:
        """The lowest free logical number there (behaviour 60), kept while it stays there."""
        where, number = self.numbers.get(data.key, ("", 0))
        if where == host:
            return number
        member = self._scene.members[host]
        is_recalled = data.key in member.recalls and data.key in member.guests
        number = (
            member.guests[data.key] if is_recalled else next(self._free_numbers(host, data.family))
        )
        # The last to come stands last.
        self.numbers.pop(data.key, None)
        self.numbers[data.key] = (host, number)
        return number

    def _free_numbers(self, host: str, family: Family) -> Iterator[int]:
        """Lowest first.  One look at what is taken serves all that move there: it may be many."""
        if (host, family) not in self._free:
            taken = self._scene.reserved_numbers(host, family)
            self._free[host, family] = (n for n in itertools.count(1) if n not in taken)
        return self._free[host, family]

    def _last_place(self, data: DataAddress, target: str | None) -> str:
        """Of one that the group shares: where it has last been stands for its home."""
        last, _ = self._scene.numbers.get(data.key, (target or "", 0))
        return last

    def _cause_of_shared(
        self, data: DataAddress, cause: Cause, source: str | None, target: str | None
    ) -> Cause:
        """`cause` is that of one whose home is where it has last been."""
        giver, taker = (self._scene.members.get(name or "") for name in (source, target))
        if taker is None or giver is None or giver.group != data.group:
            return cause
        if data.key in taker.recalls:
            return Cause.FAILBACK
        cause = self._cause(giver.name, source, target)
        return Cause.REBALANCE if cause is Cause.CLEANUP else cause

    def _origin(self, home: str, source: str | None, target: str | None) -> str | None:
        """Where it comes from: its home, if that is gone and took it along."""
        return source if source or target == home else home

    def _cause(self, home: str, source: str | None, target: str | None) -> Cause:
        if target == home:
            return Cause.CONFIGURE if source is None else Cause.FAILBACK
        origin = self._scene.members.get(source or home)
        if origin is None:
            return Cause.FAILOVER
        if origin.intent in (Intent.LEAVING, Intent.DETACHED):
            return Cause.DETACH
        if origin.fitness is Fitness.CLOSED:
            return Cause.OFFLINE
        if not origin.ifindex and not origin.plumbed:
            return Cause.MISSING
        if origin.fitness in (Fitness.ABSENT, Fitness.DOWN, Fitness.BROKEN):
            return Cause.FAILOVER
        return Cause.STANDBY if origin.config.is_standby else Cause.CLEANUP

    # --- multicast memberships ---

    def _memberships(self) -> None:
        """In the same batch as the addresses: multicast is no later than unicast."""
        for it in receptions(self._scene, self._targets, self._refused, self._circles):
            if it.home is None:
                self._clean_up(it.source, it.address)
                continue
            cause = self._cause(it.home, it.source, it.target)
            batch = self._batch(cause, self._origin(it.home, it.source, it.target), it.target)
            (batch.add if it.is_wanted else batch.remove).append(it.address)

    # --- routes ---

    def _routes(self) -> None:
        wanted: set[ItemKey] = set()
        blocked: set[RouteKey] = set()
        targets: dict[RouteAtHome, str | None] = {}
        added = (address for batch in self._batches.values() for address in batch.add)
        self._added = {address.address.ip for address in added if _is_in_use(address)}
        for known, route in self._scene.ledger.routes.items():
            if self._homes is not None and known.home not in self._homes:
                continue
            if known not in self._targets:
                continue
            target = targets[known] = self._targets[known]
            if target is None:
                continue
            placed = self._placed_route(known, route, target)
            wanted.add(item_key(placed))
            if known.key in self._scene.view.routes.get(placed.ifindex, {}):
                continue
            if item_key(placed) in self._refused or not self._has_source(placed):
                blocked.add(known.key)
                continue
            hosts = self._others_aside(known)
            source = next((name for name in hosts if name != target), None)
            cause = self._cause(known.home, source, target)
            batch = self._batch(cause, self._origin(known.home, source, target), target)
            if placed not in batch.add_routes:
                batch.add_routes.append(placed)
        self._stale_routes(targets, wanted, blocked)

    def _others_aside(self, known: RouteAtHome) -> list[str]:
        """Where it is, without the places of the same route of other homes."""
        others = {
            self._targets.get(RouteAtHome(home, known.key))
            for home in self._scene.ledger.homes_of_route(known.key)
            if home != known.home
        }
        return [name for name in self._scene.route_hosts(known) if name not in others]

    def _placed_route(self, known: RouteAtHome, route: Route, target: str) -> Route:
        protocol = route.protocol if target == known.home else RCMD_PROTOCOL
        return replace(route, ifindex=self._scene.members[target].ifindex, protocol=protocol)

    def _has_source(self, route: Route) -> bool:
        """The address comes first, and has to be past its duplicate detection."""
        if route.source is None:
            return True
        held = self._scene.view.copies_of(route.source)
        return route.source in self._added or any(_is_in_use(copy) for copy in held)

    def _stale_routes(
        self,
        targets: Mapping[RouteAtHome, str | None],
        wanted: set[ItemKey],
        blocked: set[RouteKey],
    ) -> None:
        by_key = {known.key: known for known in targets if known.key not in blocked}
        for key, known in by_key.items():
            for name in self._scene.route_hosts(known):
                ifindex = self._scene.members[name].ifindex
                route = self._scene.view.routes[ifindex][key]
                if (ifindex, key) not in wanted and (ifindex, key) not in self._refused:
                    target = targets[known]
                    cause = self._cause(known.home, name, target)
                    self._batch(cause, name, target).remove_routes.append(route)

    def _dropped_routes(self) -> None:
        """Those of leases that are over."""
        ledger, view = self._scene.ledger, self._scene.view
        for key in ledger.leases.dropped:
            for ifindex in () if ledger.knows_route(key) else view.carriers_of(key):
                member, route = self._scene.member_at(ifindex), view.routes[ifindex][key]
                is_ours = route.protocol in LEASE_PROTOCOLS and item_key(route) not in self._refused
                if member is not None and is_ours:
                    self._batch(Cause.CLEANUP, member.name, None).remove_routes.append(route)

    # --- test addresses, and what is ours but no longer wanted ---

    def _test_addresses(self) -> None:
        for member in self._scene.members_of(self._circles):
            if member.is_set_down:
                continue
            held = self._scene.view.addresses.get(member.ifindex, {})
            for address in self._scene.test_addresses(member):
                wanted = kernel_address(
                    address, member.ifindex, kernel_label(member.name, address.logical)
                )
                if self._scene.duplicates.is_being_removed(wanted.address.ip):
                    continue
                if wanted.address not in held and item_key(wanted) not in self._refused:
                    self._batch(Cause.CONFIGURE, None, member.name).add.append(wanted)

    def _duplicates(self) -> None:
        """What failed duplicate detection is taken off, to be added anew."""
        for member in self._scene.members_of(self._circles):
            held = self._scene.view.addresses.get(member.ifindex, {})
            for suspect in self._scene.duplicates.of(member.name):
                found = held.get(suspect.address.address)
                match suspect.phase:
                    case Phase.REMOVING if found and found.flags & IFA_F_DADFAILED:
                        self._clean_up(member.name, found)
                    case Phase.DETECTING if not found and suspect.address.address.ip.is_link_local:
                        again = replace(suspect.again(), ifindex=member.ifindex)
                        if item_key(again) not in self._refused:
                            self._batch(Cause.CONFIGURE, None, member.name).add.append(again)
                    case _:
                        pass

    def _leftovers(self) -> None:
        held = self._scene.view.addresses
        for member in self._scene.members_of(self._circles):
            for address in held.get(member.ifindex, {}).values():
                if self._is_leftover(member, address):
                    self._clean_up(member.name, address)
        for ifindex in held.keys() - {it.ifindex for it in self._scene.members.values()}:
            for address in held[ifindex].values():
                if self._was_carried_off(ifindex, address):
                    self._clean_up(None, address)

    def _clean_up(self, name: str | None, address: KernelAddress) -> None:
        if item_key(address) not in self._refused:
            self._batch(Cause.CLEANUP, name, None).remove.append(address)

    def _was_carried_off(self, ifindex: int, address: KernelAddress) -> bool:
        """A renamed device took along an address that lives, or belongs, elsewhere."""
        if address.protocol != RCMD_PROTOCOL:
            return False
        name = self._scene.view.links[ifindex].name if ifindex in self._scene.view.links else ""
        key = address.address.ip
        return name not in self._scene.members and (
            bool(self._scene.copies_of(key)) or self._is_configured_test(key)
        )

    def _is_configured_test(self, key: IPAddress) -> bool:
        return any(
            address.kind is AddressKind.TEST and address.address.ip == key
            for member in self._scene.members.values()
            for address in member.config.addresses
        )

    def _is_leftover(self, member: Member, address: KernelAddress) -> bool:
        """Ours and no longer asked for; on a detached interface, whatever is still there."""
        key = address.address.ip
        if self._scene.ledger.knows(key) or key.is_link_local or is_autojoin(address):
            return False
        if member.intent is Intent.DETACHED and member.plumbed:
            return True
        return address.protocol == RCMD_PROTOCOL and not any(
            wanted.address.ip == key for wanted in self._scene.test_addresses(member)
        )


def _is_in_use(address: KernelAddress) -> bool:
    """Past its duplicate detection: an IPv6 route cannot prefer a source that may not be ours.

    Of one that was added with detection only the kernel knows: its own flags tell.
    """
    if address.family is Family.IPV4 or address.flags & IFA_F_NODAD:
        return True
    is_told = bool(address.flags & IFA_F_PERMANENT) or address.valid_s is not None
    return is_told and address.flags & _DETECTING != IFA_F_TENTATIVE


def independent(moves: Iterable[Move]) -> Iterator[Move]:
    """Those that can be made together: each has to do with other interfaces than all before it.

    What is well where it is must not hold up what has to leave.
    """
    touched: set[int | str] = set()
    for move in sorted(moves, key=lambda move: move.cause is Cause.REBALANCE):
        own: set[int | str] = {item.ifindex for item in move.items}
        own |= {name for name in (move.source, move.destination) if name is not None}
        if touched.isdisjoint(own):
            yield move
        touched |= own
