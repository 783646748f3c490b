"""All that lies on the interfaces that are to go, and what becomes of each of it.

It is asked twice, in the same words: of a rehearsal, which is the plan, and of the scene when the
interfaces are gone, which is the deed.

| what                                        | where it is afterwards                            |
|---------------------------------------------|---------------------------------------------------|
| a data address, a route or a membership in  | where `placement` puts it, if the kernel lets it  |
| our care                                    |                                                   |
| a test address; what has a lifetime or a    | nowhere: it goes with the interface               |
| narrow scope, is temporary or a duplicate   |                                                   |
| an IPv4 link-local address                  | where it was, if the device stays                 |
| a route that the kernel makes for addresses | where the first of them is                        |
| a route with several next hops              | on the others that stay                           |
| any other route, a neighbour entry          | nowhere                                           |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

from rcmd.ipmp.forecast.rehearsal import place_in
from rcmd.ipmp.multicast.proxy_join import host_of
from rcmd.ipmp.reconcile.adoption import RTPROT_BY_DAEMON
from rcmd.ipmp.rules.address_flags import (
    IFA_F_DADFAILED,
    IFA_F_MCAUTOJOIN,
    IFA_F_PERMANENT,
    IFA_F_TEMPORARY,
    IFA_F_TENTATIVE,
)
from rcmd.ipmp.rules.prefix_routes import RTPROT_BY_KERNEL, made_for
from rcmd.ipmp.rules.slaac import is_prefix_route
from rcmd.ipmp.state.address_book import MovableKey, RouteAtHome
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent
from rcmd.ipmp.state.memberships import GroupAtHome, is_autojoin
from rcmd.ipmp.state.route_words import describe_route
from rcmd.model.network import Family, IPNetwork, KernelAddress, RouteKey
from rcmd.ports.pinned_routes import Anchored, Tie
from rcmd.ports.plan import LINK_LOCAL, TEST, MovableKind, PlannedMove

MADE_BY_OTHERS = RTPROT_BY_KERNEL | RTPROT_BY_DAEMON
"""Of these only the kernel's tables tell all (`anchored`)."""

LIFETIME = "its lifetime is finite: whoever renews it has to move it"
NARROW = "its scope is that of the interface"
TEMPORARY = "temporary: every interface has its own"
DUPLICATE = "another machine has it"
DETECTING = "not yet known to be unique"
FOREIGN = "rcmd does not manage it"
NO_PLACE = "no other interface can take it"


@dataclass(frozen=True, slots=True)
class Holding:
    """One thing that lies on an interface."""

    kind: MovableKind
    what: str
    source: str
    keys: tuple[MovableKey | GroupAtHome, ...] = ()
    """What it is called where we mind it; nothing if we do not."""
    address: KernelAddress | None = None
    tied: Anchored | None = None
    reason: str = ""
    """Why it does not follow, where that is known from the start."""

    @property
    def is_ours(self) -> bool:
        return bool(self.keys)


def holdings(
    scene: Scene, names: Iterable[str], tied: Iterable[Anchored] = ()
) -> tuple[Holding, ...]:
    """In the order in which it lies there.  `tied` is what only the kernel's tables tell."""
    by_device: dict[int, list[Anchored]] = {}
    for each in tied:
        by_device.setdefault(each.ifindex, []).append(each)
    return tuple(it for name in names for it in _on(scene, name, by_device))


def _on(scene: Scene, name: str, tied: Mapping[int, list[Anchored]]) -> Iterator[Holding]:
    link = scene.view.link_named(name)
    if link is None:
        return
    for address in scene.view.addresses.get(link.ifindex, {}).values():
        if not is_autojoin(address):
            yield _address(scene, name, address)
    minded: set[IPNetwork] = set()
    known: set[str] = set()
    for key, route in scene.view.routes.get(link.ifindex, {}).items():
        is_ours = scene.ledger.knows_route(key) or is_prefix_route(route)
        known.add(describe_route(route))
        if is_ours:
            minded.add(route.destination)
        if is_ours or route.protocol not in MADE_BY_OTHERS:
            keys = (RouteAtHome(name, key),) if is_ours else ()
            reason = "" if is_ours else FOREIGN
            yield Holding(MovableKind.ROUTE, describe_route(route), name, keys, reason=reason)
    memberships = scene.memberships.keys(None)
    groups = {it.group: it for it in memberships if host_of(scene, it) == name}
    for group, membership in groups.items():
        yield Holding(MovableKind.MULTICAST, str(group), name, (membership,))
    for each in tied.get(link.ifindex, ()):
        is_told = each.tie is Tie.KERNELS_OWN and each.network in minded
        is_told |= each.tie is Tie.UNMANAGED and each.what in known
        if each.kind is not None and not is_told:
            yield Holding(each.kind, each.what, name, tied=each, reason=str(each.tie))


def _address(scene: Scene, name: str, address: KernelAddress) -> Holding:
    key, what = address.address.ip, str(address.address)
    if scene.ledger.knows(key):
        return Holding(MovableKind.ADDRESS, what, name, (key,), address)
    reason = _why_not(scene, name, address)
    return Holding(MovableKind.ADDRESS, what, name, address=address, reason=reason)


def _why_not(scene: Scene, name: str, address: KernelAddress) -> str:
    """Why we do not mind an address."""
    member = scene.members.get(name)
    if member is None:
        return FOREIGN
    is_ipv6 = address.family is Family.IPV6
    if any(it.address.ip == address.address.ip for it in scene.test_addresses(member)):
        return TEST
    if address.address.ip.is_link_local:
        return LINK_LOCAL
    if is_ipv6 and address.flags & IFA_F_DADFAILED:
        return DUPLICATE
    if is_ipv6 and address.flags & IFA_F_TEMPORARY:
        return TEMPORARY
    if is_ipv6 and address.flags & IFA_F_TENTATIVE:
        return DETECTING
    if address.scope or address.flags & IFA_F_MCAUTOJOIN:
        return NARROW
    return FOREIGN if address.flags & IFA_F_PERMANENT else LIFETIME


# --- what becomes of it ---


@dataclass(frozen=True, slots=True)
class Outcome:
    """How things are when the interfaces have gone: foreseen, or in fact."""

    scene: Scene
    leaving: Collection[str]
    """All that have gone by then."""
    refused: Mapping[RouteKey, str]
    """Why a route is not made elsewhere."""
    is_hardware: bool
    """The devices go, too."""
    bereft: Collection[str] = ()
    """Those that stay all the same, and keep what is not ours."""

    def of(self, found: Iterable[Holding]) -> tuple[PlannedMove, ...]:
        held = tuple(found)
        places = {it: self._place(it) for it in held if it.tied is None}
        return tuple(self._move(it, places) for it in held)

    def _move(self, held: Holding, places: Mapping[Holding, str | None]) -> PlannedMove:
        place = self._place_of_tied(held, held.tied, places) if held.tied else places[held]
        reason = held.reason
        if place is None and not reason:
            reason = self._refusal(held) or NO_PLACE
        return PlannedMove(held.kind, held.what, held.source, place, reason)

    def _refusal(self, held: Holding) -> str:
        keys = (it.key for it in held.keys if isinstance(it, RouteAtHome))
        return next((self.refused[it] for it in keys if it in self.refused), "")

    def _place(self, held: Holding) -> str | None:
        for key in held.keys:
            if isinstance(key, GroupAtHome):
                place = self._receiver(key)
            else:
                place = place_in(self.scene, key, self.leaving)
            if place is not None:
                return place
        return held.source if self._stays(held) else None

    def _receiver(self, key: GroupAtHome) -> str | None:
        host = host_of(self.scene, key)
        member = self.scene.members.get(host or "")
        is_away = member is None or member.intent is Intent.DETACHED or host in self.leaving
        return None if is_away else host

    def _stays(self, held: Holding) -> bool:
        """A device that is set down keeps IPv4 addresses, and we take off all but these."""
        if held.is_ours:
            return False
        if held.source in self.bereft:
            return True
        if held.address is None or self.is_hardware:
            return False
        return held.address.family is Family.IPV4 and held.address.address.ip.is_link_local

    def _place_of_tied(
        self, held: Holding, tied: Anchored, places: Mapping[Holding, str | None]
    ) -> str | None:
        if held.source in self.bereft:
            return held.source
        match tied.tie:
            case Tie.KERNELS_OWN:
                return self._place_of_prefix(tied, places)
            case Tie.SEVERAL_HOPS if self.is_hardware:
                # With one of its devices all of it goes (fib_sync_down_dev).
                return None
            case Tie.SEVERAL_HOPS | Tie.NEXTHOP_OBJECT:
                links = (self.scene.view.links.get(ifindex) for ifindex in tied.others)
                names = (link.name for link in links if link is not None)
                return next((it for it in names if it not in self.leaving), None)
            case _:
                return None

    def _place_of_prefix(self, tied: Anchored, places: Mapping[Holding, str | None]) -> str | None:
        """Where the kernel makes the route anew, for an address that it was made for here."""
        for held, place in places.items():
            if held.address is None or held.address.ifindex != tied.ifindex:
                continue
            made = {route.destination for route in made_for(held.address)}
            if place not in (None, held.source) and tied.network in made:
                return place
        return None


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that should have moved, and is nowhere."""

    move: PlannedMove

    def __str__(self) -> str:
        reason = f": {self.move.reason}" if self.move.reason else ""
        return f"{self.move.what} could not be moved off {self.move.source}{reason}"


def lost_after_all(
    scene: Scene,
    found: Iterable[Holding],
    planned: Iterable[PlannedMove],
    done: Iterable[PlannedMove],
) -> tuple[Difference, ...]:
    """What the plan had a place for, and the deed has not, though it is wanted as before."""
    return tuple(
        Difference(now)
        for held, was, now in zip(found, planned, done, strict=True)
        if was.destination is not None and now.destination is None and _is_wanted(scene, held)
    )


def _is_wanted(scene: Scene, held: Holding) -> bool:
    """Not if somebody has taken it away meanwhile; whether a group is joined only sockets know."""
    taken_along = {key for member in scene.members.values() for key in member.lost}
    for key in held.keys:
        match key:
            case GroupAtHome():
                continue
            case RouteAtHome():
                if scene.ledger.knows_route(key.key):
                    return True
            case _:
                if scene.ledger.knows(key) or key in taken_along:
                    return True
    return False
