"""What many routes on a NIC cost: its addresses nothing, and each route the same as the first.

Counted in calls of functions, which neither a slow nor a busy machine changes.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rcmd.ipmp.api.commands import Command, Move
from rcmd.ipmp.api.events import (
    Attach,
    Configured,
    KernelChanged,
    Leave,
    LinkGone,
    Offline,
    RouteGone,
    RouteSeen,
    Stay,
    UndoOffline,
)
from rcmd.ipmp.reconcile.routes import AT_A_TIME, AT_ONCE

from .crowd import Crowd, calls

FEW, MANY = 500, 1000
MOST = 2.4
"""How much more it may cost with twice as many: quadratic is 4."""
SAME = 1.2
"""How much more the addresses may cost with a thousand routes than with one."""

Deed = Callable[[Crowd], object]


def crowd_with(routes: int) -> Crowd:
    crowd = Crowd(4, 4)
    crowd.start()
    crowd.run(30.0)
    crowd.add_routes("hme0", routes)
    crowd.go_on()
    return crowd


# --- what may happen to a NIC ---


def pull(crowd: Crowd) -> None:
    crowd.pull("hme0")


def set_down(crowd: Crowd) -> None:
    crowd.set_down("hme0")


def tear_out(crowd: Crowd) -> None:
    crowd.tell(KernelChanged((LinkGone(crowd.link("hme0").ifindex),)))


def fail_over(crowd: Crowd) -> None:
    crowd.pull("hme0")
    crowd.go_on()
    assert crowd.routes("hme0") == 0


def there_and_back(crowd: Crowd) -> None:
    fail_over(crowd)
    crowd.plug("hme0")
    crowd.run(30.0)
    crowd.go_on()
    assert crowd.routes("hme1") == 0


def detach_undone(crowd: Crowd) -> None:
    crowd.tell(Leave("hme0"))
    crowd.go_on()
    assert crowd.engine.is_empty("hme0")
    crowd.tell(Stay("hme0"))
    crowd.go_on()
    assert crowd.engine.is_restored("hme0")


def offline_and_online(crowd: Crowd) -> None:
    crowd.tell(Offline("hme0"))
    crowd.go_on()
    assert crowd.routes("hme0") == 0
    crowd.tell(UndoOffline("hme0"))
    crowd.go_on()
    assert crowd.routes("hme1") == 0


def dry_run(crowd: Crowd) -> None:
    rehearsal = crowd.engine.rehearsal(("hme0",)).play()
    assert not rehearsal.stranded["hme0"]
    assert all(rehearsal.place(key) for key in rehearsal.before["hme0"])


def look_around(crowd: Crowd) -> None:
    crowd.tell(crowd.snapshot())


def reload(crowd: Crowd) -> None:
    crowd.tell(Configured(crowd.configuration))
    crowd.tell(Attach("hme0", crowd.configuration.interfaces["hme0"]))


def remember(crowd: Crowd) -> None:
    crowd.engine.memory().to_text()
    crowd.engine.routes_text()


def forecast(crowd: Crowd) -> None:
    assert list(crowd.engine.forecast())


def show(crowd: Crowd) -> None:
    crowd.engine.status()
    crowd.engine.targets()


def replace_all(crowd: Crowd) -> None:
    """`ip route replace`, one after the other, in one go."""
    routes = tuple(crowd.engine.scene.view.table.on(crowd.link("hme0").ifindex).values())
    crowd.tell(KernelChanged(tuple(RouteSeen(route, is_replacement=True) for route in routes)))


def flush(crowd: Crowd) -> None:
    routes = tuple(crowd.engine.scene.view.table.on(crowd.link("hme0").ifindex).values())
    crowd.tell(KernelChanged(tuple(RouteGone(route, is_by_request=True) for route in routes)))


CALLS: dict[Deed, int] = {
    fail_over: 235,
    there_and_back: 470,
    detach_undone: 540,
    offline_and_online: 510,
    dry_run: 270,
    look_around: 15,
    reload: 8,
    remember: 50,
    replace_all: 220,
    flush: 240,
}
"""For each route; a fifth more than it takes."""


@pytest.mark.parametrize("deed", [pull, set_down, tear_out, forecast, show])
def test_addresses_do_not_notice_how_many_routes_there_are(deed: Deed) -> None:
    assert calls(crowd_with(MANY), deed) < SAME * calls(crowd_with(1), deed)


@pytest.mark.parametrize(
    "deed",
    [
        fail_over,
        there_and_back,
        detach_undone,
        offline_and_online,
        dry_run,
        look_around,
        reload,
        remember,
        replace_all,
        flush,
    ],
)
def test_twice_as_many_routes_cost_twice_as_much(deed: Deed) -> None:
    assert calls(crowd_with(MANY), deed) < MOST * calls(crowd_with(FEW), deed)


@pytest.mark.parametrize(
    ("deed", "most"), CALLS.items(), ids=lambda it: getattr(it, "__name__", "")
)
def test_a_further_route_costs_no_more_calls_than_it_must(deed: Deed, most: int) -> None:
    few, many = (calls(crowd_with(count), deed) for count in (FEW, MANY))
    assert many - few < most * (MANY - FEW)


def test_adding_twice_as_many_costs_twice_as_much() -> None:
    def add(count: int) -> Deed:
        return lambda crowd: crowd.add_routes("hme0", count)

    assert calls(crowd_with(0), add(MANY)) < MOST * calls(crowd_with(0), add(FEW))


# --- in which order ---


def told(crowd: Crowd, deed: Deed) -> list[Move]:
    """The moves that it leads to."""
    moves: list[Move] = []
    handle = crowd.engine.handle

    def heard(*args: object) -> list[Command]:
        commands = handle(*args)  # type: ignore[arg-type]
        moves.extend(it for it in commands if isinstance(it, Move))
        return commands

    crowd.engine.handle = heard  # type: ignore[method-assign]
    deed(crowd)
    del crowd.engine.handle
    return moves


def test_few_routes_go_with_the_addresses() -> None:
    (move,) = told(crowd_with(AT_ONCE), pull)
    assert len(move.add) == len(move.remove) == 1
    assert len(move.add_routes) == len(move.remove_routes) == AT_ONCE


def test_many_routes_go_after_the_addresses_a_part_at_a_time() -> None:
    crowd = crowd_with(3 * AT_A_TIME)
    first, *rest = told(crowd, fail_over)
    assert len(first.add) == len(first.announce) == 1
    assert not first.add_routes
    # The way of the dead device to its neighbours would be the first.
    assert len(first.remove) == 1
    assert [len(move.add_routes) for move in rest] == [AT_A_TIME] * 3
    for move in rest:
        assert [it.destination for it in move.add_routes] == [
            it.destination for it in move.remove_routes
        ]
        assert (move.source, move.destination) == (first.source, first.destination)
    assert crowd.reports.count("failover") == 1


def test_an_address_stays_with_its_routes_where_they_work() -> None:
    crowd = crowd_with(2 * AT_A_TIME)
    first, *rest, last = told(crowd, lambda it: (it.tell(Leave("hme0")), it.go_on()))
    assert len(first.add) == len(first.announce) == 1
    assert not first.remove
    assert not any(move.remove for move in rest)
    assert len(last.remove) == 1
    assert crowd.reports.count("failover") == 1


def test_others_are_heard_in_between() -> None:
    crowd = Crowd(4, 2)
    crowd.start()
    crowd.run(30.0)
    crowd.add_routes("hme0", MANY)
    crowd.go_on()
    crowd.pull("hme0")
    assert crowd.engine.is_under_way
    crowd.pull("hme2")
    assert len(crowd.hosts("hme3")) == 3
    assert crowd.routes("hme0") == MANY
    crowd.go_on()
    assert crowd.routes("hme1") == MANY


def test_a_second_failure_in_between_takes_what_has_arrived_along() -> None:
    crowd = crowd_with(MANY)
    crowd.pull("hme0")
    crowd.pull("hme1")
    crowd.go_on()
    assert crowd.routes("hme2") + crowd.routes("hme3") == MANY
    assert not crowd.routes("hme0")
    assert not crowd.routes("hme1")
    assert crowd.engine.is_settled()


def test_a_look_in_between_changes_nothing() -> None:
    crowd = crowd_with(MANY)
    crowd.pull("hme0")
    look_around(crowd)
    crowd.go_on()
    assert crowd.routes("hme1") == MANY


def test_what_is_under_way_is_not_settled_nor_empty() -> None:
    crowd = crowd_with(MANY)
    crowd.tell(Leave("hme0"))
    assert not crowd.engine.is_settled()
    assert not crowd.engine.is_empty("hme0")
    crowd.go_on()
    assert crowd.engine.is_settled()
    assert crowd.engine.is_empty("hme0")
