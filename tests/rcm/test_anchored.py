"""What cannot follow is said in a sentence each, and in one more for the rest of many."""

from __future__ import annotations

from rcmd.rcm.anchored import MOST_NAMED, Anchored, Tie, anchored_warnings

HME0, HME1 = 3, 4
NAMES = {HME0: "hme0"}


def test_each_is_told_with_the_reason() -> None:
    found = (
        Anchored(HME0, "route 10.7.0.0/16", Tie.SEVERAL_HOPS),
        Anchored(HME1, "route 10.8.0.0/16", Tie.SEVERAL_HOPS),
        Anchored(HME0, "IPv4 rule 100 (oif hme0 table 7)", Tie.NAMES_INTERFACE),
    )
    assert list(anchored_warnings(found, NAMES)) == [
        "hme0: route 10.7.0.0/16 has several next hops and does not follow",
        "hme0: IPv4 rule 100 (oif hme0 table 7) names the interface and does not follow",
    ]


def test_of_many_the_rest_is_counted() -> None:
    found = [Anchored(HME0, f"route 10.{n}.0.0/16", Tie.ROUTING_DAEMON) for n in range(200)]
    found.append(Anchored(HME0, "route default", Tie.LEARNED))
    told = list(anchored_warnings(found, NAMES))
    assert len(told) == MOST_NAMED + 2
    assert told[-1] == (
        f"hme0: the same goes for {200 - MOST_NAMED} more: "
        "each belongs to a routing daemon, which has to move it"
    )
