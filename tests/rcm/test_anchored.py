"""Rules that name what goes are said in a sentence each, and of too many of a kind the rest."""

from __future__ import annotations

from rcmd.ports.pinned_routes import Anchored, Tie
from rcmd.rcm.operations.pinned_routes import MOST_NAMED, anchored_warnings, named

HME0, HME1 = 3, 4
NAMES = {HME0: "hme0"}


def test_only_rules_are_warned_of() -> None:
    found = (
        Anchored(HME0, "10.7.0.0/16", Tie.SEVERAL_HOPS),
        Anchored(HME0, "IPv4 rule 100 (oif hme0 table 7)", Tie.NAMES_INTERFACE, None),
        Anchored(HME1, "IPv4 rule 101 (oif hme1 table 7)", Tie.NAMES_INTERFACE, None),
    )
    assert list(anchored_warnings(found, NAMES)) == [
        "hme0: IPv4 rule 100 (oif hme0 table 7) names the interface and does not follow",
    ]


def test_of_many_the_rest_is_counted() -> None:
    many = MOST_NAMED + 200
    found = [Anchored(HME0, f"10.{n}.0.0/16", Tie.ROUTING_DAEMON) for n in range(many)]
    found.append(Anchored(HME0, "default", Tie.LEARNED))
    first, rest = named(found)
    assert (len(first), len(rest)) == (MOST_NAMED + 1, 200)
    assert list(anchored_warnings(found, NAMES)) == [
        "hme0: the same goes for 200 more: each belongs to a routing daemon, which has to move it"
    ]
