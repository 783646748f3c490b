"""What is tied to an interface and does not follow by our doing: named in the plan of a detach.

| what                                              | why it stays                                 |
|---------------------------------------------------|----------------------------------------------|
| a route with several next hops, or nexthop objects| one hop cannot be taken out without the owner|
| an encapsulated or source-specific route, one of  | rcmd has no words for it, and what it cannot |
| a special type                                    | put back as it was it does not move          |
| a route of a routing daemon                       | the daemon moves it by what it hears         |
| a route learned from router advertisements        | each interface learns its own                |
| a route that the kernel makes for an address      | it makes another where the address goes      |
| an entry of the neighbour table made by hand      | the neighbours of one link are not those of  |
|                                                   | another for certain                          |
| a policy rule with iif or oif                     | a copy would also apply to what the other    |
|                                                   | interface sends and receives already         |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from rcmd.ports.pinned_routes import Anchored, Tie

MOST_NAMED = 1000
"""Of each kind on an interface; a routing daemon may have a million."""


def named(found: Iterable[Anchored]) -> tuple[tuple[Anchored, ...], tuple[Anchored, ...]]:
    """Those that are named one by one, and the rest of those of which there are too many."""
    told: Counter[tuple[int, Tie]] = Counter()
    first: list[Anchored] = []
    rest: list[Anchored] = []
    for each in found:
        told[each.ifindex, each.tie] += 1
        (first if told[each.ifindex, each.tie] <= MOST_NAMED else rest).append(each)
    return tuple(first), tuple(rest)


def anchored_warnings(found: Iterable[Anchored], names: Mapping[int, str]) -> Iterator[str]:
    """A sentence for each rule; of many of a kind the rest is counted, whatever they are.

    `names` are the devices that go, by ifindex; what is tied to others does not count.
    """
    first, rest = named(it for it in found if it.ifindex in names)
    for each in first:
        if each.kind is None:
            yield f"{names[each.ifindex]}: {each.what} {each.tie}"
    for (ifindex, tie), count in Counter((it.ifindex, it.tie) for it in rest).items():
        yield f"{names[ifindex]}: the same goes for {count} more: each {tie}"


async def nothing_anchored(_: Collection[int]) -> tuple[Anchored, ...]:
    """For a stage on which there are no such routes and rules."""
    return ()
