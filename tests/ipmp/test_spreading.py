"""The comparison of bundles with what is there; the stories tell the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network

from rcmd.ipmp.api.commands import Command, Report, Spread
from rcmd.ipmp.api.events import SpreadDone, SpreadRefusal, SpreadRouteGone
from rcmd.ipmp.api.nexthops import FIRST_ID, GroupRoute, Nexthop, NexthopGroup, Path, view_of
from rcmd.ipmp.placement.desired import arrange
from rcmd.ipmp.reconcile.multipath import Spreading
from rcmd.ipmp.rules.refusals import PAUSES_S
from rcmd.ipmp.state.group_state import Scene
from rcmd.model.kinds import LoadSpreading
from rcmd.model.network import Family
from rcmd.model.settings import GroupSettings, Settings

from .scenes import NUMBERS, config, scene

PREFIX = ip_network("192.168.85.0/24")
HME0, HME1 = "192.168.85.19/24", "192.168.85.20/24"


def pair() -> Scene:
    made = scene({"hme0": [HME0], "hme1": [HME1]}, config("hme0", HME0), config("hme1", HME1))
    made.settings = Settings(groups={"test": GroupSettings(load_spreading=LoadSpreading.FLOW)})
    return made


def commands(spreading: Spreading, now: float = 0.0) -> list[Command]:
    return spreading.commands(arrange(spreading.scene), None, now=now)


def spread_of(made: Sequence[Command]) -> Spread:
    (spread,) = [it for it in made if isinstance(it, Spread)]
    return spread


def hop(number: int, name: str) -> Nexthop:
    return Nexthop(number, Path(Family.IPV4, NUMBERS[name]))


def test_numbers_of_others_are_left_to_them() -> None:
    made = pair()
    made.view.nexthops = view_of((), foreign=(FIRST_ID, FIRST_ID + 2))
    added = spread_of(commands(Spreading(made))).add
    assert added[:3] == (
        hop(FIRST_ID + 1, "hme0"),
        hop(FIRST_ID + 3, "hme1"),
        NexthopGroup(FIRST_ID + 4, ((FIRST_ID + 1, 1), (FIRST_ID + 3, 1))),
    )


def test_what_is_there_is_kept_and_what_has_no_owner_goes() -> None:
    """After a crash: half of it is there, and something of an interface that is none any more."""
    made = pair()
    stray = Nexthop(FIRST_ID + 9, Path(Family.IPV4, 77))
    made.view.nexthops = view_of((hop(FIRST_ID, "hme0"), stray))
    spread = spread_of(commands(Spreading(made)))
    assert hop(FIRST_ID, "hme0") not in spread.add
    assert spread.remove == (stray,)


def refuse(spreading: Spreading, spread: Spread, now: float) -> list[str]:
    """The kernel does only the first; what is reported."""
    refusals = tuple(SpreadRefusal(item, "no") for item in spread.add[1:])
    reports = spreading.done(SpreadDone(spread, spread.add[:1], refusals=refusals), now)
    return [it.message for it in reports if isinstance(it, Report)]


def test_what_the_kernel_refuses_is_tried_once_more_and_told_once() -> None:
    """The first time it may only be that somebody is taking everything away."""
    spreading = Spreading(pair())
    spread = spread_of(commands(spreading))
    assert refuse(spreading, spread, 0.0) == []
    (meanwhile,) = spread_of(commands(spreading)).add
    assert meanwhile == NexthopGroup(FIRST_ID + 1, ((FIRST_ID, 1),))
    soon, later = PAUSES_S
    assert spreading.refusals.deadline() == soon
    assert spreading.refusals.due(soon)
    again = spread_of(commands(spreading, soon))
    assert spread.add[1] in again.add
    (told,) = refuse(spreading, replace(again, add=(spread.add[0], *again.add)), soon)
    assert told.startswith("load is not spread as it should be: the kernel refused hme1: no")
    assert spreading.refusals.deadline() == soon + later
    spreading.refusals.look()
    once_more = spread_of(commands(spreading, 20.0))
    assert refuse(spreading, replace(once_more, add=(spread.add[0], *once_more.add)), 20.0) == []


def test_what_the_kernel_will_not_remove_is_not_asked_for_without_end() -> None:
    made = pair()
    stray = Nexthop(FIRST_ID + 9, Path(Family.IPV4, 77))
    made.view.nexthops = view_of((stray,))
    spreading = Spreading(made)
    spread = spread_of(commands(spreading))
    assert spread.remove == (stray,)
    spreading.done(SpreadDone(spread, spread.add, refusals=(SpreadRefusal(stray, "busy"),)), 0.0)
    assert not [it for it in commands(spreading) if isinstance(it, Spread)]


def test_nobody_is_fought_for_a_shared_route() -> None:
    made = pair()
    spreading = Spreading(made)
    spread = spread_of(commands(spreading))
    spreading.done(SpreadDone(spread, spread.add), 0.0)
    (route,) = [it for it in spread.add if isinstance(it, GroupRoute)]
    assert route.destination == PREFIX
    told: list[str] = []
    for now in (10.0, 11.0, 12.0):
        gone = SpreadRouteGone(route, is_by_request=True)
        told += [it.message for it in spreading.taken_away(gone, now) if isinstance(it, Report)]
        made.view.nexthops.remove(route)
        put_back = spread_of(commands(spreading, now))
        assert put_back.add == (route,)
        spreading.done(SpreadDone(put_back, put_back.add), now)
    what = "what shares the IPv4 traffic on the link of group test"
    assert told == [f"{what} was removed by another program, and is put back"]
    (last,) = spreading.taken_away(SpreadRouteGone(route, is_by_request=True), 13.0)
    assert isinstance(last, Report)
    assert last.message == f"another program keeps removing {what}: it is left alone for a minute"
    assert spread_of(commands(spreading, 13.0)).remove
    made.view.nexthops = view_of(())
    assert not [it for it in commands(spreading, 72.0) if isinstance(it, Spread)]
    assert route in spread_of(commands(spreading, 74.0)).add


def test_a_group_of_the_other_type_is_made_anew() -> None:
    made = pair()
    spreading = Spreading(made)
    spread = spread_of(commands(spreading))
    spreading.done(SpreadDone(spread, spread.add), 0.0)
    settings = replace(made.settings.group("test"), is_resilient=True)
    made.settings = Settings(groups={"test": settings})
    change = spread_of(commands(spreading))
    group, route = change.add
    assert isinstance(group, NexthopGroup)
    assert group.is_resilient
    assert isinstance(route, GroupRoute)
    assert route.group == group.id != spread.add[2]
    assert [type(it) for it in change.remove] == [GroupRoute, NexthopGroup]
