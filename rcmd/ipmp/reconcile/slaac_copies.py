"""What is to be done for an autoconfigured address: the original at home, a stand-in elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from rcmd.ipmp.placement.capability import can_hold
from rcmd.ipmp.rules.address_flags import IFA_F_NODAD
from rcmd.ipmp.rules.slaac import (
    ends_soon,
    is_public,
    outlives,
    prefix_route,
    refreshed,
    with_lifetimes,
)
from rcmd.ipmp.state.address_book import DataAddress
from rcmd.ipmp.state.group_state import Circles, Scene
from rcmd.model.network import RCMD_PROTOCOL, Family, IPNetwork, KernelAddress, Route, RouteKey


@dataclass(slots=True)
class Step:
    """For one address; every list has one item, or none."""

    add: list[KernelAddress] = field(default_factory=list)
    """Where it is to be served."""
    remove: list[KernelAddress] = field(default_factory=list)
    """Stand-ins where it is not."""
    refresh: list[KernelAddress] = field(default_factory=list)
    announce: list[KernelAddress] = field(default_factory=list)
    put_back: list[KernelAddress] = field(default_factory=list)
    """The original, at home and out of service."""


def step_for(
    scene: Scene, data: DataAddress, target: str | None, copies: Mapping[str, KernelAddress]
) -> Step:
    """`copies` are those in service (`Scene.copies_of`)."""
    data = data.aged(copies)
    resident = scene.original_at_home(data.key)
    stand_ins = {name: copy for name, copy in copies.items() if name != data.home}
    stale = [copy for name, copy in stand_ins.items() if name != target]
    step = Step(remove=[copy for copy in stale if copy.protocol == RCMD_PROTOCOL])
    if target is None:
        return step
    if target in stand_ins:
        step.refresh = _refreshed(scene, data, stand_ins[target])
    elif target != data.home or resident is None:
        is_move = bool(copies) or target != data.home
        wanted = data.on(
            scene.members[target].ifindex, "", at_home=target == data.home, is_move=is_move
        )
        step.add = [wanted]
        step.announce = [wanted] if is_move else []
    elif step.remove:
        # It was at home all the time: coming home is only announced.
        step.announce = [resident]
        if outlives(step.remove[0], resident):
            step.refresh = [with_lifetimes(resident, step.remove[0])]
    if target != data.home and stand_ins and resident is None:
        step.put_back = _put_back(scene, data)
    return step


def _put_back(scene: Scene, data: DataAddress) -> list[KernelAddress]:
    """A device that has lost it has it again before an advertisement makes it anew: that would
    be with duplicate detection, against the stand-in."""
    home = scene.members.get(data.home)
    if home is None or not home.holds_originals or not can_hold(scene, home, Family.IPV6):
        return []
    original = data.on(home.ifindex, "", at_home=True, is_move=True)
    return [] if ends_soon(original) else [original]


def _refreshed(scene: Scene, data: DataAddress, held: KernelAddress) -> list[KernelAddress]:
    if data.original is None or not is_public(data.original):
        return []
    new = refreshed(held, scene.view.addresses.get(held.ifindex, {}).values())
    return [] if new is None else [new]


def settled(added: KernelAddress) -> KernelAddress:
    """What was put back, without a trace of that."""
    return replace(added, flags=added.flags & ~IFA_F_NODAD)


@dataclass(slots=True)
class PrefixRoutes:
    """Where stand-ins are, their neighbours are reached."""

    _wanted: set[tuple[str, IPNetwork]] = field(default_factory=set)

    def want(self, name: str, prefix: IPNetwork) -> None:
        self._wanted.add((name, prefix))

    def missing(self, scene: Scene, name: str, prefix: IPNetwork) -> Route | None:
        ifindex = scene.members[name].ifindex
        route = prefix_route(ifindex, prefix)
        is_there = RouteKey.of(route) in scene.view.routes.get(ifindex, {})
        return None if is_there else route

    def stale(self, scene: Scene, circles: Circles | None) -> Iterator[tuple[str, Route]]:
        for member in scene.members_of(circles):
            for route in scene.view.table.prefix_routes(member.ifindex):
                is_wanted = (member.name, route.destination) in self._wanted
                # Somebody's own may look the same while it is away from home.
                if not is_wanted and not scene.ledger.knows_route(RouteKey.of(route)):
                    yield member.name, route
