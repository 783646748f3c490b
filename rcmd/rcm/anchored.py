"""What is tied to an interface and cannot follow its addresses: told in the plan of a detach.

| what                                              | why it stays                                 |
|---------------------------------------------------|----------------------------------------------|
| a route with several next hops, or nexthop objects| one hop cannot be taken out without the owner|
| an encapsulated or source-specific route, one of  | rcmd has no words for it, and what it cannot |
| a special type                                    | put back as it was it does not move          |
| a route of a routing daemon                       | the daemon moves it by what it hears         |
| a route learned from router advertisements        | each interface learns its own                |
| a policy rule with iif or oif                     | a copy would also apply to what the other    |
|                                                   | interface sends and receives already         |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

MOST_NAMED = 8
"""Of each kind on an interface; a routing daemon may have a million."""


class Tie(StrEnum):
    """Why something does not follow: the end of a sentence about it."""

    SEVERAL_HOPS = "has several next hops and does not follow"
    NEXTHOP_OBJECT = "uses a nexthop object of others and does not follow"
    ENCAPSULATION = "is encapsulated and does not follow"
    SOURCE_SPECIFIC = "is for certain sources only and does not follow"
    SPECIAL_TYPE = "is of a special type and does not follow"
    LEARNED = "was learned from router advertisements and stays with the interface"
    ROUTING_DAEMON = "belongs to a routing daemon, which has to move it"
    NAMES_INTERFACE = "names the interface and does not follow"


@dataclass(frozen=True, slots=True)
class Anchored:
    """One route or rule."""

    ifindex: int
    what: str
    """`route 10.5.0.0/16 via 10.0.0.254`, `rule 1000 (oif hme0)`."""
    tie: Tie


def anchored_warnings(found: Iterable[Anchored], names: Mapping[int, str]) -> Iterator[str]:
    """A sentence for each; of many of a kind the rest is counted.

    `names` are the devices that go, by ifindex; what is tied to others does not count.
    """
    told: Counter[tuple[int, Tie]] = Counter()
    for each in found:
        if each.ifindex not in names:
            continue
        told[each.ifindex, each.tie] += 1
        if told[each.ifindex, each.tie] <= MOST_NAMED:
            yield f"{names[each.ifindex]}: {each.what} {each.tie}"
    for (ifindex, tie), count in told.items():
        if count > MOST_NAMED:
            yield f"{names[ifindex]}: the same goes for {count - MOST_NAMED} more: each {tie}"


async def nothing_anchored(_: Collection[int]) -> tuple[Anchored, ...]:
    """For a stage on which there are no such routes and rules."""
    return ()
