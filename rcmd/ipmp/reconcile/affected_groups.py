"""Whom does an event concern?  Only they are looked at, however many others there are.

What concerns one member concerns its circle, and the home of everything that is on its device.
Whatever is overlooked here is found by the next look at everything: nothing depends on events.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rcmd.ipmp.api.events import (
    AddressGone,
    AddressSeen,
    Attach,
    Event,
    FamilySwitched,
    ForeignNexthopSeen,
    KernelChange,
    KernelChanged,
    LinkGone,
    LinkSeen,
    Moved,
    NeighboursSeen,
    NexthopGone,
    PinRuleGone,
    Plumbed,
    RouteGone,
    RouteSeen,
    RoutesFound,
    SpeedSeen,
    SpreadDone,
    SpreadItemSeen,
    SpreadRouteGone,
    Together,
)
from rcmd.ipmp.api.memberships import MembershipsSeen
from rcmd.ipmp.multicast.tracking import concerned_by
from rcmd.ipmp.multipath.ownership import owner_of
from rcmd.ipmp.reconcile.adoption import ifindex_of
from rcmd.ipmp.state.group_state import Scene
from rcmd.model.network import IPAddress, KernelAddress, Link, Route, RouteKey

EVERYBODY = None
Touched = frozenset[str] | None
"""Circles; None is everybody."""


def touched_by(scene: Scene, event: Event) -> Touched:
    """Ask before the event is taken in, and after: what it does may be seen on either side."""
    match event:
        case Together(events):
            return both(*(touched_by(scene, part) for part in events))
        case KernelChanged(changes):
            if any(_concerns_everybody(it) for it in changes):
                return EVERYBODY
            routes = [it.route for it in changes if isinstance(it, RouteSeen | RouteGone)]
            rest = (it for it in changes if not isinstance(it, RouteSeen | RouteGone))
            names = {name for it in rest for name in _by_change(scene, it)}
            return circles_of(scene, names | _by_items(scene, routes))
        case Moved(move=move):
            names = _by_items(scene, move.items)
            return circles_of(scene, (move.source, move.destination, *names))
        case Attach(name, config) if config is not None:
            return circles_of(scene, (name,))
        case Plumbed(plumb=plumb):
            return circles_of(scene, (plumb.name,))
        case SpeedSeen(name):
            return circles_of(scene, (name,))
        case SpreadDone(spread=spread):
            owners = (owner_of(scene, item) for item in (*spread.add, *spread.remove))
            return frozenset(owner.group for owner in owners if owner)
        case MembershipsSeen():
            return circles_of(scene, concerned_by(scene, event))
        case NeighboursSeen():
            # As with a `Tick`, the probers know what has come of it.
            return frozenset()
        case _:
            return EVERYBODY


def _concerns_everybody(change: KernelChange) -> bool:
    match change:
        case RouteSeen(is_replacement=is_replacement):
            # It may have taken the place of a route on any device.
            return is_replacement
        case (
            SpreadItemSeen()
            | ForeignNexthopSeen()
            | NexthopGone()
            | SpreadRouteGone()
            | PinRuleGone()
        ):
            # A group has many devices, and somebody else's doing is rare.
            return True
        case _:
            return False


def both(*parts: Touched) -> Touched:
    circles: frozenset[str] = frozenset()
    for part in parts:
        if part is EVERYBODY:
            return EVERYBODY
        circles |= part
    return circles


def circles_of(scene: Scene, names: Iterable[str | None]) -> frozenset[str]:
    """The circles of these interfaces; None and who is no member have none."""
    members = (scene.members.get(name) for name in names if name)
    return frozenset(member.circle for member in members if member)


def _by_change(scene: Scene, change: KernelChange) -> Iterator[str | None]:
    """The interfaces that a change has to do with."""
    match change:
        case LinkSeen() | LinkGone() | FamilySwitched() | RoutesFound():
            ifindex = ifindex_of(change)
            link = scene.view.links.get(ifindex)
            yield from _by_link(scene, link)
            if isinstance(change, LinkSeen):
                yield from _by_link(scene, change.link.called_by(scene.view.names))
            for held in scene.view.addresses.get(ifindex, {}):
                yield from _by_address(scene, held.ip)
            for place, _ in scene.places().items():
                if ifindex in place.carriers:
                    yield from place.homes
        case AddressSeen(item) | AddressGone(item):
            yield from _by_item(scene, item)
        case (
            RouteSeen()
            | RouteGone()
            | SpreadItemSeen()
            | ForeignNexthopSeen()
            | NexthopGone()
            | SpreadRouteGone()
            | PinRuleGone()
        ):
            pass


def _by_link(scene: Scene, link: Link | None) -> Iterator[str | None]:
    if link is None:
        return
    yield link.name
    if link.takes_all:
        lower = scene.view.links.get(link.lower)
        yield lower.name if lower else None


def _by_item(scene: Scene, item: KernelAddress | Route) -> Iterator[str | None]:
    link = scene.view.links.get(item.ifindex)
    yield link.name if link else None
    if isinstance(item, Route):
        yield from scene.ledger.homes_of_route(RouteKey.of(item))
    else:
        yield from _by_address(scene, item.address.ip)


def _by_items(scene: Scene, items: Iterable[KernelAddress | Route]) -> set[str | None]:
    """As `_by_item`, of many, most of which have to do with the same few."""
    routes = [item for item in items if isinstance(item, Route)]
    rest = [item for item in items if not isinstance(item, Route)]
    names = {name for item in rest for name in _by_item(scene, item)}
    links = [scene.view.links.get(ifindex) for ifindex in {route.ifindex for route in routes}]
    names |= {link.name if link else None for link in links}
    # What is added here is mostly what is removed there.
    for key in {RouteKey.of(route) for route in routes}:
        names.update(scene.ledger.homes_of_route(key))
    return names


def _by_address(scene: Scene, key: IPAddress) -> Iterator[str | None]:
    """Its home; of one that nobody calls home, also those who hold it."""
    yield scene.ledger.home_of(key)
    for held in scene.view.copies_of(key):
        link = scene.view.links.get(held.ifindex)
        yield link.name if link else None
