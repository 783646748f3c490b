"""Where the known routes are, followed bit by bit, is the same as looked at anew."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rcmd.ipmp.rules.leads import Lead
from rcmd.ipmp.rules.refusals import Refusals
from rcmd.ipmp.state.address_book import Ledger, RouteAtHome
from rcmd.ipmp.state.batches import ItemKey
from rcmd.ipmp.state.route_places import Place, RoutePlaces
from rcmd.ipmp.state.route_table import RouteTable
from rcmd.model.network import Family, Route, RouteKey

GATEWAY = IPv4Address("10.0.0.1")
HOMES = ("hme0", "hme1")
DEVICES = (4, 5)
ROUTES = [
    Route(0, IPv4Network((20 << 24 | number << 8, 24)), GATEWAY if number % 2 else None)
    for number in range(6)
]
KEYS = [RouteKey.of(route) for route in ROUTES]

routes = st.sampled_from(ROUTES)
homes = st.sampled_from(HOMES)
devices = st.sampled_from(DEVICES)
recalls = st.dictionaries(
    homes,
    st.frozensets(st.builds(RouteAtHome, homes, st.sampled_from(KEYS)), min_size=1),
    max_size=2,
)
steps = st.one_of(
    st.tuples(st.just("record"), homes, routes),
    st.tuples(st.just("forget"), homes, routes),
    st.tuples(st.just("add"), devices, routes),
    st.tuples(st.just("remove"), devices, routes),
    st.tuples(st.just("drop"), devices, st.none()),
    st.tuples(st.just("refuse"), devices, routes),
    st.tuples(st.just("become"), devices, st.lists(routes)),
    st.tuples(st.just("recall"), st.none(), recalls),
    st.tuples(st.just("look"), st.none(), st.none()),
)


class World:
    def __init__(self) -> None:
        self.table, self.ledger = RouteTable(), Ledger()
        self.refusals: Refusals[ItemKey] = Refusals()
        self.recalled: tuple[tuple[str, frozenset[RouteAtHome]], ...] = ()
        self.places = RoutePlaces()

    def take(self, what: str, where: object, thing: object) -> None:
        match what, where, thing:
            case "record", str(home), Route() as route:
                self.ledger.record_route(home, route)
            case "forget", str(home), Route() as route:
                self.ledger.forget_route(RouteAtHome(home, RouteKey.of(route)))
            case "add", int(ifindex), Route() as route:
                self.table.add(route.on(ifindex, 4))
            case "remove", int(ifindex), Route() as route:
                self.table.remove(route.on(ifindex, 4))
            case "drop", int(ifindex), _:
                self.table.drop(ifindex, Family.IPV4)
            case "become", int(ifindex), list(found):
                self.table.become([route.on(ifindex, 4) for route in found])
            case "refuse", int(ifindex), Route() as route:
                self.refusals.refuse(ItemKey(ifindex, RouteKey.of(route)), "no", 0.0)
            case "recall", _, dict(recalled):
                self.recalled = tuple(recalled.items())
            case _:
                self.follow(self.places)

    def follow(self, places: RoutePlaces) -> dict[Place, set[RouteKey]]:
        places.update(self.table, self.ledger, self.recalled, self.refusals)
        return {place: set(keys) for place, keys in places.items()}


LOOK = ("look", None, None)
FIRST = frozenset({RouteAtHome("hme0", KEYS[0])})


@settings(max_examples=300)
@example([LOOK, ("add", 4, ROUTES[0]), ("drop", 4, None), ("add", 4, ROUTES[0])])
@example([("recall", None, {"hme1": FIRST}), LOOK, ("recall", None, {}), LOOK])
@given(st.lists(steps, max_size=20))
def test_followed_is_as_looked_at_anew(taken: list[tuple[str, object, object]]) -> None:
    world = World()
    for number in range(len(ROUTES)):
        # Something to begin with.
        world.take("record", HOMES[number % 2], ROUTES[number])
        world.take("add", DEVICES[number % 2], ROUTES[number])
    for step in taken:
        world.take(*step)
    followed = world.follow(world.places)
    assert followed == world.follow(RoutePlaces())
    table = world.table.copy()
    twin = world.places.copy(table)
    world.table = table
    assert followed == world.follow(twin)
    world.take("drop", DEVICES[0], None)
    assert world.follow(twin) == world.follow(RoutePlaces())
    for place, keys in followed.items():
        assert all(world.places.place_of(key) == place for key in keys)


@given(st.lists(st.tuples(devices, routes)), st.lists(st.tuples(devices, routes)))
def test_a_table_becomes_what_was_found(
    before: list[tuple[int, Route]], after: list[tuple[int, Route]]
) -> None:
    table, fresh = RouteTable(), RouteTable()
    for ifindex, route in before:
        table.add(route.on(ifindex, 4))
    found = [route.on(ifindex, 3) for ifindex, route in after]
    table.become(found)
    for route in found:
        fresh.add(route)
    assert table.by_device == fresh.by_device
    assert {key: set(table.carriers_of(key)) for key in KEYS} == {
        key: set(fresh.carriers_of(key)) for key in KEYS
    }
    assert led(table) == led(fresh)


def led(table: RouteTable) -> dict[int, set[Lead]]:
    return {ifindex: set(leads) for ifindex, leads in table.leads.items() if set(leads)}
