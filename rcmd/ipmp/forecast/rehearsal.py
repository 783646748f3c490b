"""What a detach will do, found out by doing it: on a copy of the scene, with an imagined kernel.

The very functions that decide in earnest decide here: the interfaces are asked to leave, the next
moves are made until there are no more, then they are unplumbed.  So the plan of a detach cannot
differ from the deed, unless the world changes in between, or the kernel refuses what nobody could
foresee.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from copy import copy, deepcopy
from dataclasses import dataclass

from rcmd.ipmp import attachment
from rcmd.ipmp.api.commands import Move
from rcmd.ipmp.api.events import Moved, Refusal
from rcmd.ipmp.dhcp import leasing
from rcmd.ipmp.forecast.convergence import converge, first_refusals
from rcmd.ipmp.placement.desired import arrange, held_by
from rcmd.ipmp.reconcile.affected_groups import circles_of
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.rules.prefix_routes import made_for
from rcmd.ipmp.state.address_book import MovableKey, RouteAtHome
from rcmd.ipmp.state.batches import ItemKey, item_key
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.kernel_view import KernelView, essence
from rcmd.ipmp.state.member import Intent, Member
from rcmd.ipmp.state.reachability import Reach
from rcmd.model.network import IPAddress, KernelAddress, Route, RouteKey

MOST_ROUNDS = 50
"""It is over after a few; a rehearsal must end even where a detach would not."""

Item = KernelAddress | Route


@dataclass(frozen=True, slots=True)
class Rehearsal:
    leaving: frozenset[str]
    """Those that are to go, and those whose detach began before."""
    before: Mapping[str, frozenset[MovableKey]]
    """What each of those that are to go has now."""
    stranded: Mapping[str, frozenset[MovableKey]]
    """What could not be moved off each while it works."""
    after: Scene
    """Once they are unplumbed."""
    refused: Mapping[ItemKey, str]
    """What the kernel would not make, or has refused already; in sentences."""

    def reasons(self) -> dict[RouteKey, str]:
        """Why routes are not made elsewhere."""
        reach = Reach(self.after.view)
        nowhere = (it for name in self.before for it in self.before[name] if self.place(it) is None)
        found = {it.key: self._obstacle(it, reach) for it in nowhere if isinstance(it, RouteAtHome)}
        return found | routes_refused(self.refused.items())

    def _obstacle(self, known: RouteAtHome, reach: Reach) -> str:
        """Why it was not even asked for; empty where nobody could have taken it."""
        home = self.after.members.get(known.home)
        route = self.after.ledger.routes.get(known)
        for peer in self.after.peers(home) if home is not None and route is not None else ():
            if route is None or peer.name in self.leaving or peer.fitness < Fitness.UNKNOWN:
                continue
            obstacle = reach.obstacle(route.on(peer.ifindex, route.protocol))
            if obstacle:
                return f"the kernel would refuse it on {peer.name}: {obstacle}"
        return ""

    def place(self, key: MovableKey) -> str | None:
        """Where an address or a route would be; None is nowhere."""
        return place_in(self.after, key, self.leaving)


def place_in(scene: Scene, key: MovableKey, leaving: Collection[str]) -> str | None:
    """Where it is, when these have left."""
    hosts = scene.copies_of(key) if isinstance(key, IPAddress) else scene.route_hosts(key)
    return next((name for name in hosts if name not in leaving), None)


def routes_refused(refused: Iterable[tuple[ItemKey, str]]) -> dict[RouteKey, str]:
    """The routes among these, with the reason why they are not where they should be."""
    return {
        item.thing: text
        for item, text in refused
        if item.is_addition and isinstance(item.thing, RouteKey)
    }


def rehearse(
    scene: Scene,
    names: Collection[str],
    going: Collection[str] = (),
    bereft: Collection[str] = (),
) -> Rehearsal:
    """The detach of all of `names` together.

    `bereft` are only emptied with them; `going` are leaving already, or will be by then.
    """
    return prepare(scene, names, going, bereft).play()


def prepare(
    scene: Scene,
    names: Collection[str],
    going: Collection[str] = (),
    bereft: Collection[str] = (),
) -> Staging:
    """As `rehearse`, but only begun."""
    return Staging(copied(scene), tuple(names), frozenset(going), tuple(bereft))


def copied(scene: Scene) -> Scene:
    """What is done to it is not done to the scene; values are shared."""
    twin, places = copy(scene), scene.places()
    twin.members = {name: _copy_member(member) for name, member in scene.members.items()}
    twin.ledger = scene.ledger.copy()
    twin.view = scene.view.copy()
    twin.route_places = places.copy(twin.view.table)
    twin.carried = dict(scene.carried)
    twin.numbers = dict(scene.numbers)
    twin.hosts_of_down = dict(scene.hosts_of_down)
    twin.duplicates = deepcopy(scene.duplicates)
    twin.memberships = deepcopy(scene.memberships)
    twin.refusals = scene.refusals.copy()
    twin.unready = scene.unready.copy()
    return twin


def _copy_member(member: Member) -> Member:
    twin = copy(member)
    twin.guests, twin.lost = dict(member.guests), dict(member.lost)
    return twin


@dataclass(slots=True)
class Staging:
    """A rehearsal that is about to begin.  Nobody else knows of its scene: where there is much on
    the interfaces, it can be played beside everything else."""

    scene: Scene
    names: tuple[str, ...]
    going: frozenset[str]
    bereft: tuple[str, ...]

    def play(self) -> Rehearsal:
        scene = self.scene
        names = (*self.names, *self.bereft)
        leaving = frozenset((*names, *self.going))
        before = {name: frozenset(held_by(scene, name)) for name in names}
        present = [
            it for it in (*self.going, *names) if scene.members[it].intent is not Intent.DETACHED
        ]
        for name in present:
            attachment.leave(scene, name)
        self._settle(present)
        left = {name: held_by(scene, name) for name in names}
        for name in self.names:
            attachment.unplumb(scene, name)
        self._settle(present)
        stranded = {
            name: frozenset(
                key for key in held if key in left[name] or place_in(scene, key, leaving) is None
            )
            for name, held in before.items()
        }
        return Rehearsal(leaving, before, stranded, scene, dict(scene.refusals.items()))

    def _settle(self, names: Iterable[str]) -> None:
        """Until nothing moves any more."""
        circles = circles_of(self.scene, names)
        for _ in range(MOST_ROUNDS):
            targets = arrange(self.scene, circles=circles)
            moves = converge(self.scene, targets, circles).moves
            if not moves:
                return
            for move in moves:
                self._take(foresee(self.scene.view, move))

    def _take(self, moved: Moved) -> None:
        view = self.scene.view
        for item in moved.added:
            view.add(item)
            if isinstance(item, KernelAddress):
                _make_routes_for(view, item)
        for item in moved.removed:
            view.remove(item)
            if isinstance(item, KernelAddress):
                _drop_routes_from(view, item.address.ip)
        leasing.note_told(self.scene, moved)
        for refusal in first_refusals(moved):
            self.scene.refusals.refuse(item_key(refusal.item), self._sentence(refusal), 0.0)

    def _sentence(self, refusal: Refusal) -> str:
        link = self.scene.view.links.get(refusal.item.ifindex)
        name = link.name if link else f"device {refusal.item.ifindex}"
        return f"the kernel would refuse it on {name}: {refusal.reason}"


def foresee(view: KernelView, move: Move) -> Moved:
    """What the kernel will answer, as far as that can be told."""
    reach = Reach(view)
    refusals: list[Refusal] = []
    for address in move.add:
        reach.expect(address)
    added: list[Item] = [*move.add]
    for route in move.add_routes:
        obstacle = reach.obstacle(route)
        if obstacle:
            refusals.append(Refusal(route, obstacle))
        else:
            reach.expect(route)
            added.append(route)
    kept = {essence(refusal.item) for refusal in refusals}
    removed: list[Item] = []
    removals: tuple[Item, ...] = (*move.remove_routes, *move.remove)
    for item in removals:
        if kept and essence(item) in kept:
            refusals.append(Refusal(item, "kept, since it was refused elsewhere"))
        else:
            removed.append(item)
    return Moved(move, (*added, *move.settle, *move.refresh), tuple(removed), tuple(refusals))


def _make_routes_for(view: KernelView, address: KernelAddress) -> None:
    """As the kernel does: what is on the link of an address may have to be there for others."""
    link = view.links.get(address.ifindex)
    if link is not None and link.is_up:
        for route in made_for(address):
            view.add(route)


def _drop_routes_from(view: KernelView, source: IPAddress) -> None:
    """IPv4 routes go with the address that they prefer as their source
    (linux:net/ipv4/fib_semantics.c, fib_sync_down_addr)."""
    if source.version == 6 or view.copies_of(source):
        return
    for route in view.table.preferring(source):
        view.remove(route)
