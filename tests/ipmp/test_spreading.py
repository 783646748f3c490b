"""The comparison of bundles with what is there; the stories tell the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network

from rcmd.ipmp.arrangement import arrange
from rcmd.ipmp.commands import Command, Report, Spread
from rcmd.ipmp.events import SpreadDone, SpreadRefusal
from rcmd.ipmp.nexthops import FIRST_ID, GroupRoute, Nexthop, NexthopGroup, Path, view_of
from rcmd.ipmp.scene import Scene
from rcmd.ipmp.spreading import Spreading
from rcmd.model import Family, GroupSettings, LoadSpreading, Settings

from .scenes import NUMBERS, config, scene

PREFIX = ip_network("192.168.85.0/24")
HME0, HME1 = "192.168.85.19/24", "192.168.85.20/24"


def pair() -> Scene:
    made = scene({"hme0": [HME0], "hme1": [HME1]}, config("hme0", HME0), config("hme1", HME1))
    made.settings = Settings(groups={"test": GroupSettings(load_spreading=LoadSpreading.FLOW)})
    return made


def commands(spreading: Spreading) -> list[Command]:
    return spreading.commands(arrange(spreading.scene), None)


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


def test_one_that_the_kernel_refuses_is_left_out_and_told_once() -> None:
    spreading = Spreading(pair())
    spread = spread_of(commands(spreading))
    refused = spread.add[1]
    refusals = tuple(SpreadRefusal(item, "no") for item in spread.add[1:])
    reports = spreading.done(SpreadDone(spread, (spread.add[0],), refusals=refusals))
    assert [it.message for it in reports if isinstance(it, Report)] == [
        "load is not spread as it should be: the kernel refused hme1: no"
    ]
    assert refused not in spread_of(commands(spreading)).add
    spreading.try_again()
    again = spread_of(commands(spreading))
    assert again.add[0] == refused
    assert spreading.done(SpreadDone(again, refusals=(SpreadRefusal(again.add[0], "no"),))) == []


def test_a_route_that_somebody_takes_away_rests_until_the_next_look() -> None:
    made = pair()
    spreading = Spreading(made)
    spread = spread_of(commands(spreading))
    spreading.done(SpreadDone(spread, spread.add))
    (route,) = [it for it in spread.add if isinstance(it, GroupRoute)]
    assert route.destination == PREFIX
    made.view.nexthops.remove(route)
    spreading.give_way(route)
    assert not [it for it in commands(spreading) if isinstance(it, Spread)]
    spreading.try_again()
    assert spread_of(commands(spreading)).add == (route,)


def test_a_group_of_the_other_type_is_made_anew() -> None:
    made = pair()
    spreading = Spreading(made)
    spread = spread_of(commands(spreading))
    spreading.done(SpreadDone(spread, spread.add))
    settings = replace(made.settings.group("test"), is_resilient=True)
    made.settings = Settings(groups={"test": settings})
    change = spread_of(commands(spreading))
    group, route = change.add
    assert isinstance(group, NexthopGroup)
    assert group.is_resilient
    assert isinstance(route, GroupRoute)
    assert route.group == group.id != spread.add[2]
    assert [type(it) for it in change.remove] == [GroupRoute, NexthopGroup]
