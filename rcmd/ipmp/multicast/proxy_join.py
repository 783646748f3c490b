"""Where groups have to be received for applications that joined them elsewhere."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field

from rcmd.ipmp.multicast.tracking import own_addresses
from rcmd.ipmp.rules.placement import Movable
from rcmd.ipmp.state.arranged import Targets
from rcmd.ipmp.state.batches import Batches
from rcmd.ipmp.state.group_state import Circles, Scene
from rcmd.ipmp.state.memberships import GroupAtHome, autojoin, is_autojoin
from rcmd.model.network import IPAddress, KernelAddress


def host_of(scene: Scene, key: GroupAtHome) -> str | None:
    """Who receives the group for the application now: another before home, which has failed."""
    home = scene.members.get(key.home)
    if home is None:
        return None
    hosts = _receivers(scene, key.group, home.circle)
    is_joined = scene.memberships.is_joined(key, home.ifindex)
    if key.home in hosts and not is_joined:
        return key.home
    others = [
        name for name in hosts if name != key.home and not _is_its_own(scene, name, key.group)
    ]
    return others[0] if others else (key.home if is_joined else None)


def _is_its_own(scene: Scene, name: str, group: IPAddress) -> bool:
    """Whether an interface receives a group for those who had joined on its own last device."""
    key = GroupAtHome(name, group)
    is_known = group in scene.memberships.joined.get(name, {})
    return is_known and not scene.memberships.is_joined(key, scene.members[name].ifindex)


def _receivers(scene: Scene, group: IPAddress, circle: str) -> list[str]:
    """The members of a circle on which the kernel joined the group for us."""
    places = [it.ifindex for it in scene.view.copies_of(group) if is_autojoin(it)]
    places += [ifindex for ifindex, stuck in scene.memberships.stuck if stuck == group]
    members = (scene.member_at(ifindex) for ifindex in places)
    return sorted({it.name for it in members if it is not None and it.circle == circle})


def movable_groups(scene: Scene, homes: Container[str] | None) -> Iterator[Movable]:
    """The memberships as `placement` knows them."""
    for key in scene.memberships.keys(homes):
        home = scene.members.get(key.home)
        if home is None:
            continue
        # Where an application joined it is received anyway, as soon as that interface works.
        is_recalled = (
            scene.memberships.is_joined(key, home.ifindex)
            or scene.settings.group(home.group).failback
        )
        yield Movable(
            key,
            key.family,
            key.home,
            host_of(scene, key),
            key.home if is_recalled else None,
            weight=0,
            follows=True,
        )


@dataclass(frozen=True, slots=True)
class Reception:
    """A group to be received from now on, or no longer, on one device."""

    address: KernelAddress
    home: str | None
    """Where it was joined; None: nobody wants it any more, or nobody but who is there itself."""
    source: str | None
    target: str | None
    is_wanted: bool


def receptions(
    scene: Scene, targets: Targets, batches: Batches, circles: Circles | None
) -> Iterator[Reception]:
    """What has to change, additions first.  `targets` are those of `circles`."""
    wishes = _wishes(scene, targets, circles)
    blocked: set[tuple[str, IPAddress]] = set()
    for (ifindex, group), (home, target) in wishes.at.items():
        address = autojoin(group, ifindex)
        is_held = address.address in scene.view.addresses.get(ifindex, {})
        if is_held or (ifindex, group) in scene.memberships.stuck:
            continue
        circle = scene.members[home].circle
        if batches.was_refused(address):
            blocked.add((circle, group))
            continue
        hosts = _receivers(scene, group, circle)
        source = next((name for name in hosts if name != target), None)
        yield Reception(address, home, source, target, is_wanted=True)
    for member in scene.members_of(circles):
        for held in own_addresses(scene, member.ifindex):
            group = held.address.ip
            is_stale = (member.ifindex, group) not in wishes.at
            if is_stale and not batches.has_to_stay(held) and (member.circle, group) not in blocked:
                who, where = wishes.served.get((member.circle, group), (None, None))
                if where == member.name:
                    # An application receives it there by itself.
                    who = where = None
                yield Reception(held, who, member.name, where, is_wanted=False)


@dataclass(slots=True)
class _Wishes:
    at: dict[tuple[int, IPAddress], tuple[str, str]] = field(default_factory=dict)
    """(ifindex, group) that the kernel has to receive -> who joined it, and where that is."""
    served: dict[tuple[str, IPAddress], tuple[str | None, str | None]] = field(default_factory=dict)
    """(circle, group) -> who joined it, and who receives it."""


def _wishes(scene: Scene, targets: Targets, circles: Circles | None) -> _Wishes:
    wishes = _Wishes()
    for key in scene.memberships.keys(scene.homes(circles)):
        home = scene.members.get(key.home)
        if home is None or key not in targets:
            continue
        target = targets[key]
        wishes.served.setdefault((home.circle, key.group), (key.home, target))
        ifindex = scene.members[target].ifindex if target else 0
        if target and not scene.memberships.is_joined(key, ifindex):
            wishes.at.setdefault((ifindex, key.group), (key.home, target))
    return wishes
