"""What became of moves: taken into the view, remembered where it was refused, and told.

A refused route is told when it is refused once more: what it needs may be there a moment later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Command, Report
from rcmd.ipmp.api.events import AddressSeen, KernelChange, LinkGone, Moved, Refusal, RouteSeen
from rcmd.ipmp.dhcp import leasing
from rcmd.ipmp.forecast.convergence import first_refusals
from rcmd.ipmp.placement.desired import addresses_held_by
from rcmd.ipmp.reconcile.adoption import ifindex_of
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.address_book import MovableKey, RouteAtHome
from rcmd.ipmp.state.arranged import Targets
from rcmd.ipmp.state.batches import ItemKey, item_key, stay_key
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.tidied import note_tidied
from rcmd.model.network import IPInterface, KernelAddress, Route, RouteKey

_OF_NO_USE = (Fitness.DOWN, Fitness.BROKEN)


@dataclass(frozen=True, slots=True)
class _News:
    """A refusal that is to be told once it is known where the thing goes instead."""

    refusal: Refusal
    name: str
    """Of the device."""
    text: str


@dataclass(slots=True)
class Outcomes:
    scene: Scene
    _targets: Targets | None = None
    """Where everything was to live when the last moves were made."""
    _untold: list[_News] = field(default_factory=list)

    def expect(self, targets: Targets) -> None:
        """Moves are made towards these."""
        self._targets = targets

    def absorb(self, moved: Moved, now: float) -> list[Command]:
        for item in moved.added:
            self.scene.view.add(item)
        for item in moved.removed:
            self.scene.view.remove(item)
        self._accept(moved, now)
        leasing.note_told(self.scene, moved)
        note_tidied(self.scene, moved, now)
        refusals = first_refusals(moved)
        additions = {*moved.move.add, *moved.move.add_routes} if refusals else ()
        for refusal in refusals:
            self._note(refusal, now, is_addition=refusal.item in additions)
        move = moved.move
        destination = self.scene.members.get(move.destination or "")
        report = messages.moved(
            moved,
            # Of the rest of a move nothing is told.
            left=() if move.is_rest else self._left_on(move.source),
            is_of_use=destination is None or destination.fitness not in _OF_NO_USE,
        )
        return [report] if report else []

    def _left_on(self, name: str | None) -> list[IPInterface]:
        """What has to stay on one that is of no use, since nobody else can hold it."""
        member = self.scene.members.get(name or "")
        if member is None or self._targets is None or member.fitness not in _OF_NO_USE:
            return []
        stay = (
            key
            for key in addresses_held_by(self.scene, member.name)
            if self._targets.get(key) == member.name
        )
        return [self.scene.copies_of(key)[member.name].address for key in stay]

    def _accept(self, moved: Moved, now: float) -> None:
        refusals = self.scene.refusals
        if not refusals:
            return
        for item in moved.added:
            refusals.accept(item_key(item))
        for item in moved.removed:
            refusals.accept(stay_key(item))
        changed = {item.ifindex for item in (*moved.added, *moved.removed)}
        refusals.hint(lambda key: key.ifindex in changed, now)

    def _note(self, refusal: Refusal, now: float, *, is_addition: bool) -> None:
        item = refusal.item
        link = self.scene.view.links.get(item.ifindex)
        name = link.name if link else f"device {item.ifindex}"
        what = str(item.destination if isinstance(item, Route) else item.address)
        text = messages.refusal(name, what, refusal.reason, is_addition=is_addition)
        key = item_key(item) if is_addition else stay_key(item)
        if isinstance(item, KernelAddress):
            self.scene.losses.despair_of(item.address.ip)
        times = self.scene.refusals.refuse(key, text, now)
        if times == (2 if isinstance(item, Route) else 1):
            self._untold.append(_News(refusal, name, text))

    def hear(self, changes: Collection[KernelChange], now: float) -> None:
        """Whatever happens to a device may be what a refusal waited for."""
        refusals = self.scene.refusals
        if not refusals:
            return
        places = {ifindex_of(change) for change in changes}
        gone = {change.ifindex for change in changes if isinstance(change, LinkGone)}
        for change in changes:
            match change:
                case AddressSeen(item) | RouteSeen(item):
                    refusals.accept(item_key(item))
                case _:
                    pass
        refusals.forget(lambda key: key.ifindex in gone)
        refusals.hint(lambda key: key.ifindex in places, now)

    def tell(self, targets: Targets) -> Iterator[Report]:
        """What was refused, and where that lives now."""
        untold, self._untold = self._untold, []
        for news in untold:
            yield messages.refused(news.name, news.text + self._instead(news, targets))

    def _instead(self, news: _News, targets: Targets) -> str:
        keys = [key for key in self._movables(news.refusal) if key in targets]
        if not keys:
            return ""
        target = targets[keys[0]]
        if target is None:
            return "; it is on no interface"
        if target == news.name:
            return ""
        return f"; it {'stays on' if self._is_on(keys[0], target) else 'goes to'} {target}"

    def _movables(self, refusal: Refusal) -> Iterator[MovableKey]:
        item = refusal.item
        if isinstance(item, Route):
            key = RouteKey.of(item)
            yield from (RouteAtHome(home, key) for home in self.scene.ledger.homes_of_route(key))
        else:
            yield item.address.ip

    def _is_on(self, key: MovableKey, name: str) -> bool:
        if isinstance(key, RouteAtHome):
            return name in self.scene.route_hosts(key)
        return name in self.scene.copies_of(key)


def stuck_on(scene: Scene, name: str) -> tuple[str, ...]:
    """Why things are still on an interface: what the kernel refused, in sentences."""
    refusals = scene.refusals.items()
    return tuple(sorted(text for key, text in refusals if _is_held(scene, name, _thing(key))))


def _is_held(scene: Scene, name: str, thing: object) -> bool:
    """Asked for what was refused: that is little, and there may be thousands of routes."""
    if isinstance(thing, RouteKey):
        carriers = scene.view.table.carriers_of(thing)
        return scene.ledger.knows_route(thing) and scene.members[name].ifindex in carriers
    return thing in [*addresses_held_by(scene, name)]


def _thing(key: ItemKey) -> object:
    thing = key.thing
    return thing if isinstance(thing, RouteKey) else thing.ip
