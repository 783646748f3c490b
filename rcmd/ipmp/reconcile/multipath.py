"""Outbound load spreading: the difference between the bundles that should be and what is there.

As with addresses, nothing is remembered of what was asked for: a nexthop that the kernel dropped,
a group that somebody removed and a change of members are all cured by the same comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import ChooseHash, Command, Report, Spread
from rcmd.ipmp.api.events import KernelChange, NexthopGone, PinRuleGone, SpreadDone, SpreadRouteGone
from rcmd.ipmp.api.nexthops import (
    GroupRoute,
    Nexthop,
    NexthopGroup,
    NexthopView,
    Path,
    PinnedRoute,
    PinRule,
    Sibling,
    SpreadItem,
)
from rcmd.ipmp.multipath.groups import Bundle, BundleKey, bundles
from rcmd.ipmp.multipath.ownership import meant_by, owner_of
from rcmd.ipmp.multipath.pins import pins
from rcmd.ipmp.reconcile.taken import is_kept
from rcmd.ipmp.rules.refusals import Refusals
from rcmd.ipmp.state.arranged import Targets
from rcmd.ipmp.state.backoff import Patience, Turn
from rcmd.ipmp.state.group_state import Circles, Scene
from rcmd.model.kinds import LoadSpreading
from rcmd.model.network import Family, IPAddress

PINS = "pins"
"""All of them, where somebody takes any away."""


@dataclass(slots=True)
class Spreading:
    scene: Scene
    _hash: ChooseHash | None = None
    """What was last asked for."""
    refusals: Refusals[object] = field(default_factory=Refusals)
    """What the kernel would not do.  It is told when it is refused again: what it needs may only
    just have been taken away."""
    _carriers: dict[tuple[str, Family], tuple[str, ...]] = field(default_factory=dict)
    """Who was last said to share the load of a group."""
    _patience: Patience = field(default_factory=Patience)

    def commands(
        self,
        targets: Targets,
        circles: Circles | None,
        now: float = 0.0,
    ) -> list[Command]:
        """First the hash, so that no flow has to change its way.

        `targets` are where everything is about to live (of these circles), but for the addresses
        that devices refuse.
        """
        found = bundles(self.scene, targets, circles, self.scene.refusals)
        wanted = [self._possible(bundle, now) for bundle in found]
        choice = self._choice()
        is_pinned = choice.mode is LoadSpreading.FLOW and not self._patience.is_over(PINS, now)
        change = _Comparison(self.scene, wanted, circles, is_pinned).spread()
        change = Spread(
            tuple(it for it in change.add if _essence(it) not in self.refusals),
            tuple(it for it in change.remove if _stays(it) not in self.refusals),
        )
        reports = self._tell(wanted, circles)
        hashed = [choice] if choice != self._hash else []
        self._hash = choice
        return [*hashed, *([change] if change.add or change.remove else ()), *reports]

    def reconfigure(self) -> None:
        """Everything is wanted, and said, anew."""
        self.refusals.forget()
        if self._hash is not None and self._hash.mode is not LoadSpreading.OFF:
            self._hash = None

    def done(self, done: SpreadDone, now: float) -> list[Command]:
        view = self.scene.view.nexthops
        for item in done.added:
            view.add(item)
            self.refusals.accept(_essence(item))
        for item in done.removed:
            view.remove(item)
            self.refusals.accept(_stays(item))
        new: list[str] = []
        for refusal in done.refusals:
            is_addition = refusal.item in done.spread.add
            key = _essence(refusal.item) if is_addition else _stays(refusal.item)
            if self.refusals.refuse(key, refusal.reason, now) == 2:
                new.append(self._describe(refusal.item, refusal.reason))
        return [messages.not_spread(new)] if new else []

    def taken_away(self, change: KernelChange, now: float) -> list[Command]:
        """Somebody removed something of ours: it comes back, but nobody is fought.

        A route that stands for another goes for good, together with that, unless the settings say
        that it is to be kept (`adoption`).
        """
        thing = self._thing(change, now)
        if thing is None:
            return []
        match self._patience.taken(thing, now):
            case Turn.FIRST:
                return [messages.share_put_back(self._name(thing))]
            case Turn.AGAIN:
                return []
            case Turn.LAST:
                return [messages.share_left_alone(self._name(thing))]

    def _thing(self, change: KernelChange, now: float) -> BundleKey | str | None:
        """What it belongs to; None where it is none of our business, or means something else."""
        match change:
            case PinRuleGone() | SpreadRouteGone(route=PinnedRoute(), is_by_request=True):
                return PINS
            case NexthopGone(number):
                view = self.scene.view.nexthops
                item = view.hops.get(number) or view.groups.get(number)
                return owner_of(self.scene, item) if item else None
            case SpreadRouteGone(route, is_by_request=True):
                meant = meant_by(self.scene, route)
                is_meant = any(not is_kept(self.scene, it, now) for it in meant)
                return None if is_meant else owner_of(self.scene, route)
            case _:
                return None

    def _name(self, thing: BundleKey | str) -> str:
        if isinstance(thing, str):
            return "what keeps connections on their NIC"
        via = f" via {thing.gateway}" if thing.gateway else " on the link"
        return f"what shares the {thing.family} traffic{via} of group {thing.group}"

    def _possible(self, bundle: Bundle, now: float) -> Bundle:
        """Without the members that the kernel would not have in it; empty where it is over."""
        key = bundle.key
        if self._patience.is_over(key, now):
            return replace(bundle, weights={})
        weights = {
            ifindex: weight
            for ifindex, weight in bundle.weights.items()
            if Path(key.family, ifindex, key.gateway) not in self.refusals
        }
        return replace(bundle, weights=weights)

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


def _stays(item: SpreadItem) -> object:
    """Names the refusal to remove it."""
    return ("stays", item)


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
        self._layout += pins(self.wanted, self.scene.view.local_ports) if self.is_pinned else ()
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
                if group.is_resilient is bundle.is_resilient
                and owner_of(self.scene, group) == bundle.key
            ),
            None,
        )

    def _is_looked_at(self, item: SpreadItem) -> bool:
        owner = owner_of(self.scene, item)
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
