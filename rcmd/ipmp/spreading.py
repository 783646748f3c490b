"""Outbound load spreading: the difference between the bundles that should be and what is there.

As with addresses, nothing is remembered of what was asked for: a nexthop that the kernel dropped,
a group that somebody removed and a change of members are all cured by the same comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from rcmd.ipmp import messages
from rcmd.ipmp.arrangement import Targets
from rcmd.ipmp.bundles import Bundle, BundleKey, bundles, stand_in
from rcmd.ipmp.commands import ChooseHash, Command, Report, Spread
from rcmd.ipmp.events import SpreadDone
from rcmd.ipmp.nexthops import (
    GroupRoute,
    Nexthop,
    NexthopGroup,
    NexthopView,
    Path,
    PinnedRoute,
    PinRule,
    Sibling,
    SpreadItem,
    SpreadRoute,
)
from rcmd.ipmp.pins import device_of, pins
from rcmd.ipmp.scene import Circles, Scene
from rcmd.model import Family, IPAddress, LoadSpreading, WhenRemoved

Owner = BundleKey | None
"""None: it belongs to no group that there is."""


@dataclass(slots=True)
class Spreading:
    scene: Scene
    _hash: ChooseHash | None = None
    """What was last asked for."""
    _refused: set[object] = field(default_factory=set)
    _told: set[str] = field(default_factory=set)
    """Refusals that were reported; the next look may try again, and is not told again."""
    _carriers: dict[tuple[str, Family], tuple[str, ...]] = field(default_factory=dict)
    """Who was last said to share the load of a group."""

    def commands(self, targets: Targets, circles: Circles | None) -> list[Command]:
        """First the hash, so that no flow has to change its way.

        `targets` are where everything is about to live (of these circles).
        """
        wanted = [self._possible(bundle) for bundle in bundles(self.scene, targets, circles)]
        choice = self._choice()
        is_pinned = choice.mode is LoadSpreading.FLOW
        change = _Comparison(self.scene, wanted, circles, is_pinned).spread()
        change = replace(change, add=tuple(it for it in change.add if not self._is_refused(it)))
        reports = self._tell(wanted, circles)
        hashed = [choice] if choice != self._hash else []
        self._hash = choice
        return [*hashed, *([change] if change.add or change.remove else ()), *reports]

    def try_again(self) -> None:
        self._refused.clear()

    def done(self, done: SpreadDone) -> list[Command]:
        view = self.scene.view.nexthops
        for item in done.added:
            view.add(item)
        for item in done.removed:
            view.remove(item)
        texts: list[str] = []
        for refusal in done.refusals:
            self._refused.add(_essence(refusal.item))
            texts.append(self._describe(refusal.item, refusal.reason))
        new = [text for text in texts if text not in self._told]
        self._told.update(new)
        return [messages.not_spread(text) for text in new[:1]]

    def give_way(self, route: SpreadRoute | PinnedRoute) -> None:
        """Somebody took our route away: not at once again, or it becomes a fight.

        One that stands for another goes for good, together with that (`adoption`).
        """
        if isinstance(route, PinnedRoute) or not self._is_taken_for_another(route):
            self._refused.add(_essence(route))

    def _is_taken_for_another(self, route: SpreadRoute) -> bool:
        for known, meant in self.scene.ledger.routes.items():
            shared, home = stand_in(meant), self.scene.members.get(known.home)
            if shared is not None and shared.place == route.place and home is not None:
                policy = self.scene.settings.group(home.group).when_removed
                return policy is WhenRemoved.ACCEPT
        return False

    def _possible(self, bundle: Bundle) -> Bundle:
        """Without the members that the kernel would not have in it."""
        key = bundle.key
        weights = {
            ifindex: weight
            for ifindex, weight in bundle.weights.items()
            if Path(key.family, ifindex, key.gateway) not in self._refused
        }
        return replace(bundle, weights=weights)

    def _is_refused(self, item: SpreadItem) -> bool:
        return _essence(item) in self._refused

    def _describe(self, item: SpreadItem, reason: str) -> str:
        match item:
            case Nexthop(path=path):
                link = self.scene.view.links.get(path.ifindex)
                via = f" via {path.gateway}" if path.gateway else ""
                what = f"{link.name if link else path.ifindex}{via}"
            case NexthopGroup():
                what = f"nexthop group {item.id}"
            case GroupRoute():
                what = f"the route to {item.destination}"
            case Sibling():
                what = f"the route to {item.route.destination} via {item.route.gateway}"
            case PinnedRoute(route=route):
                what = f"the route to {route.destination} in table {route.table}"
            case PinRule():
                what = f"the rule for what comes from {item.source}"
        return f"{what}: {reason}"

    # --- the hash ---

    def _choice(self) -> ChooseHash:
        by_mode: dict[LoadSpreading, list[str]] = {}
        for name, members in self.scene.groups().items():
            mode = self.scene.settings.group(name).load_spreading
            if members[0].group and mode is not LoadSpreading.OFF:
                by_mode.setdefault(mode, []).append(name)
        # The sysctl is one for the whole machine: the finer one serves both.
        mode = next((it for it in LoadSpreading if it in by_mode), LoadSpreading.OFF)
        return ChooseHash(mode, tuple(by_mode.get(mode, ())))

    # --- what is told ---

    def _tell(self, wanted: Iterable[Bundle], circles: Circles | None) -> list[Report]:
        links = self.scene.view.links
        now: dict[tuple[str, Family], dict[str, None]] = {}
        for bundle in wanted:
            names = now.setdefault((bundle.key.group, bundle.key.family), {})
            names.update((links[it].name, None) for it in bundle.weights if it in links)
        reports = []
        for key in [*now, *(key for key in self._carriers if key not in now)]:
            group, family = key
            carriers = tuple(now.get(key, ()))
            is_looked_at = circles is None or group in circles
            if is_looked_at and carriers != self._carriers.get(key, ()):
                reports.append(messages.spread_over(group, family, carriers))
                self._carriers[key] = carriers
        return reports


def _essence(item: SpreadItem) -> object:
    """What makes it the same when it is asked for again, maybe under another number."""
    match item:
        case Nexthop():
            return item.path
        case NexthopGroup():
            return item
        case GroupRoute():
            return replace(item, group=0)
        case Sibling():
            return item.route
        case PinnedRoute() | PinRule():
            return item


@dataclass(slots=True)
class _Comparison:
    scene: Scene
    wanted: list[Bundle]
    circles: Circles | None
    is_pinned: bool
    _layout: list[SpreadItem] = field(default_factory=list)
    """Bundle by bundle: the kernel takes a gateway only once the link to it is there."""

    def spread(self) -> Spread:
        numbers = self._view.free_numbers()
        for bundle in self.wanted:
            if bundle.weights and bundle.routes and bundle.key.family is Family.IPV4:
                self._lay_out(bundle, numbers)
            elif bundle.key.family is Family.IPV6 and bundle.key.gateway is not None:
                self._lay_out_siblings(bundle, bundle.key.gateway)
        self._layout += pins(self.wanted) if self.is_pinned else ()
        kept = {_place(item) for item in self._layout}
        present = {_place(item): item for item in self._view.items()}
        missing = (item for item in self._layout if present.get(_place(item)) != item)
        return Spread(
            # Of a sibling the weight cannot be changed: it has to go first.
            tuple(it for it in missing if not isinstance(it, Sibling) or _place(it) not in present),
            tuple(
                item
                for place, item in present.items()
                if (place not in kept or self._has_wrong_weight(item)) and self._is_looked_at(item)
            ),
        )

    def _has_wrong_weight(self, item: SpreadItem) -> bool:
        return isinstance(item, Sibling) and item not in self._layout

    @property
    def _view(self) -> NexthopView:
        return self.scene.view.nexthops

    def _lay_out(self, bundle: Bundle, numbers: Iterator[int]) -> None:
        shares = []
        for ifindex, weight in sorted(bundle.weights.items()):
            path = Path(bundle.key.family, ifindex, bundle.key.gateway)
            hop = self._view.hop_for(path) or Nexthop(next(numbers), path)
            shares.append((hop.id, weight))
            self._layout.append(hop)
        old = self._existing(bundle)
        number = old.id if old else next(numbers)
        self._layout.append(NexthopGroup(number, tuple(sorted(shares)), bundle.is_resilient))
        self._layout += [replace(shape, group=number) for shape in bundle.routes]

    def _lay_out_siblings(self, bundle: Bundle, gateway: IPAddress) -> None:
        for shape in bundle.routes:
            for ifindex, weight in sorted(bundle.weights.items()):
                self._layout.append(Sibling(shape.through(ifindex, gateway), weight))

    def _existing(self, bundle: Bundle) -> NexthopGroup | None:
        """Its nexthop group; one of the other type cannot be changed into it."""
        return next(
            (
                group
                for group in self._view.groups.values()
                if group.is_resilient is bundle.is_resilient and self._owner(group) == bundle.key
            ),
            None,
        )

    def _owner(self, group: NexthopGroup) -> Owner:
        keys = {self._key(path) for path in self._view.paths(group)}
        return keys.pop() if len(keys) == 1 else None

    def _key(self, path: Path) -> Owner:
        member = self.scene.member_at(path.ifindex)
        return BundleKey(member.group, path.family, path.gateway) if member else None

    def _is_looked_at(self, item: SpreadItem) -> bool:
        match item:
            case Nexthop():
                owner = self._key(item.path)
            case NexthopGroup():
                owner = self._owner(item)
            case GroupRoute():
                group = self._view.groups.get(item.group)
                owner = self._owner(group) if group else None
            case Sibling():
                path = Path(item.family, item.route.ifindex, item.route.gateway)
                owner = self._key(path)
            case PinnedRoute():
                owner = self._key(Path(Family.IPV4, item.route.ifindex))
            case PinRule():
                owner = self._key(Path(Family.IPV4, device_of(item)))
        return self.circles is None or (owner is not None and owner.group in self.circles)


def _place(item: SpreadItem) -> object:
    """What can be there once only; nexthops and groups are numbered together."""
    match item:
        case Nexthop() | NexthopGroup():
            return item.id
        case GroupRoute() | PinnedRoute() | PinRule():
            return item
        case Sibling():
            return item.route
