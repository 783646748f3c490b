"""The known routes that are not where they should be.

There may be tens of thousands of them: they are looked at place by place, and one by one only where
they have to move.  Then the addresses go first, and the routes follow a part at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from rcmd.ipmp.api.commands import Cause
from rcmd.ipmp.placement.causes import cause_of, origin_of
from rcmd.ipmp.rules.address_flags import (
    IFA_F_NODAD,
    IFA_F_OPTIMISTIC,
    IFA_F_PERMANENT,
    IFA_F_TENTATIVE,
)
from rcmd.ipmp.state.address_book import RouteAtHome
from rcmd.ipmp.state.arranged import Targets
from rcmd.ipmp.state.batches import Batches, Edge
from rcmd.ipmp.state.group_state import Circles, Scene
from rcmd.ipmp.state.leases import PROTOCOLS as LEASE_PROTOCOLS
from rcmd.ipmp.state.member import Member
from rcmd.ipmp.state.on_link import OnLink
from rcmd.ipmp.state.route_places import Place, RouteCrowd
from rcmd.model.network import RCMD_PROTOCOL, Family, IPAddress, KernelAddress, Route, RouteKey

AT_ONCE = 32
"""So many routes move together with the addresses, which they hold up."""
AT_A_TIME = 200
"""Of more, so many are looked at in one turn of the loop: it takes 12 ms."""

_DETECTING = IFA_F_TENTATIVE | IFA_F_OPTIMISTIC


class Portion(Enum):
    """How many of those that have to move are moved."""

    FEW = auto()
    """All, or none if they are many: then they wait for a turn of their own."""
    PART = auto()
    """As many as one turn of the loop can take."""
    ALL = auto()


@dataclass(frozen=True, slots=True)
class _Arrival:
    """It is missing where one of its homes wants it to be."""

    home: str
    ifindex: int
    cause: Cause
    edge: Edge
    is_lost: bool
    """It is nowhere now."""


@dataclass(frozen=True, slots=True)
class _Departure:
    ifindex: int
    cause: Cause
    edge: Edge


@dataclass(frozen=True, slots=True)
class _Task:
    """What has to be done about every route of one place."""

    place: Place
    keys: Mapping[RouteKey, None]
    arrivals: tuple[_Arrival, ...]
    departures: tuple[_Departure, ...]


class RouteDifference:
    def __init__(
        self, scene: Scene, targets: Targets, circles: Circles | None, batches: Batches
    ) -> None:
        """`batches` have the addresses already."""
        self._scene = scene
        self._circles = circles
        self._homes = scene.homes(circles)
        self._targets = targets
        self._batches = batches
        self._added = {it.address.ip for it in batches.added() if _is_in_use(it)}
        """The addresses that will be there, and in use, when the routes are added."""
        self._on_link = OnLink(scene.view)
        self._waiting: list[_Task] = []

    @property
    def has_more(self) -> bool:
        return bool(self._waiting)

    def is_leaving(self, ifindex: int) -> bool:
        """Whether the device is to lose routes, but later."""
        return any(it.ifindex == ifindex for task in self._waiting for it in task.departures)

    def find(self, portion: Portion) -> None:
        self._dropped_routes()
        places = self._scene.places().items()
        tasks = [task for place, keys in places if (task := self._task(place, keys))]
        amount = sum(len(task.keys) for task in tasks)
        if portion is Portion.FEW and amount > AT_ONCE:
            self._waiting = tasks
            return
        left = AT_A_TIME if portion is Portion.PART else amount
        while tasks:
            task = tasks[0]
            possible = [it for it in task.arrivals if self._may_arrive(task.place, it)]
            for key in task.keys:
                if not left:
                    self._waiting = tasks
                    return
                # What was refused before costs next to nothing, and there may be much of it.
                left -= self._do(task, possible, key)
            del tasks[0]

    def _task(self, place: Place, keys: Mapping[RouteKey, None]) -> _Task | None:
        """None where they are where they should be."""
        members = self._scene.members
        targets = self._targets_of(place)
        hosts = [members[name] for name in self._scene.carrying(place)]
        wanted = set(targets.values())
        stale = [host for host in hosts if host.name not in wanted and self._is_looked_at(host)]
        missing = {
            home: members[target]
            for home, target in targets.items()
            if target is not None and members[target] not in hosts
        }
        if not targets or not (stale or missing):
            return None
        home, target = next(reversed(targets.items()))
        return _Task(
            place,
            keys,
            tuple(self._arrival(place, home, host, hosts) for home, host in missing.items()),
            tuple(
                _Departure(
                    host.ifindex,
                    cause_of(self._scene, home, host.name, target, place.family),
                    (host.name, target),
                )
                for host in stale
            ),
        )

    def _targets_of(self, place: Place) -> dict[str, str | None]:
        """By home: of those that are looked at, and do not wait."""
        crowds = [RouteCrowd(home, place) for home in place.homes]
        return {
            crowd.home: self._targets[crowd]
            for crowd in crowds
            if crowd in self._targets and (self._homes is None or crowd.home in self._homes)
        }

    def _is_looked_at(self, member: Member) -> bool:
        return self._circles is None or member.circle in self._circles

    def _arrival(self, place: Place, home: str, host: Member, hosts: list[Member]) -> _Arrival:
        # Where it is, without the places of the same route of other homes.
        others = {
            self._targets.get(RouteCrowd(other, place)) for other in place.homes if other != home
        }
        source = next((it.name for it in hosts if it.name not in others), None)
        cause = cause_of(self._scene, home, source, host.name, place.family)
        edge = (origin_of(home, source, host.name), host.name)
        return _Arrival(home, host.ifindex, cause, edge, is_lost=not hosts)

    def _do(self, task: _Task, possible: Sequence[_Arrival], key: RouteKey) -> bool:
        """Whether there is anything to do about this one."""
        made = 0
        for arrival in possible:
            placed = self._placed(arrival, key)
            if not self._batches.was_refused(placed):
                made += 1
                self._batches.of(arrival.cause, *arrival.edge).add_route(placed)
        has_work = made > 0
        is_blocked = made < len(task.arrivals)
        for departure in () if is_blocked else task.departures:
            if departure.edge[1] is None and self._scene.took_along(departure.ifindex, key):
                # It came with its device, which had another name; and it can be nowhere else.
                continue
            route = self._scene.view.table.on(departure.ifindex)[key]
            if not self._batches.has_to_stay(route):
                has_work = True
                self._batches.of(departure.cause, *departure.edge).remove_routes.append(route)
        return has_work

    def _placed(self, arrival: _Arrival, key: RouteKey) -> Route:
        route = self._scene.ledger.routes[RouteAtHome(arrival.home, key)]
        is_home = arrival.edge[1] == arrival.home
        return route.on(arrival.ifindex, route.protocol if is_home else RCMD_PROTOCOL)

    def _may_arrive(self, place: Place, arrival: _Arrival) -> bool:
        """What leads to their gateway may come with another move, which comes first then."""
        batch = self._batches.peek(*arrival.edge)
        return (
            self._has_source(place.source)
            and not (arrival.is_lost and self._scene.courtesy.waits(arrival.ifindex))
            and self._on_link.leads_to(place.next_hop, arrival.ifindex, batch)
        )

    def _has_source(self, source: IPAddress | None) -> bool:
        """The address comes first, and has to be past its duplicate detection."""
        if source is None:
            return True
        held = self._scene.view.copies_of(source)
        return source in self._added or any(_is_in_use(copy) for copy in held)

    def _dropped_routes(self) -> None:
        """Those of leases that are over."""
        ledger, table = self._scene.ledger, self._scene.view.table
        for key in ledger.leases.dropped:
            for ifindex in () if ledger.knows_route(key) else table.carriers_of(key):
                member, route = self._scene.member_at(ifindex), table.on(ifindex)[key]
                is_ours = route.protocol in LEASE_PROTOCOLS and not self._batches.has_to_stay(route)
                if member is not None and is_ours:
                    self._batches.of(Cause.CLEANUP, member.name, None).remove_routes.append(route)


def _is_in_use(address: KernelAddress) -> bool:
    """Past its duplicate detection: an IPv6 route cannot prefer a source that may not be ours.

    Of one that was added with detection only the kernel knows: its own flags tell.
    """
    if address.family is Family.IPV4 or address.flags & IFA_F_NODAD:
        return True
    is_told = bool(address.flags & IFA_F_PERMANENT) or address.valid_s is not None
    return is_told and address.flags & _DETECTING != IFA_F_TENTATIVE
