"""What twice as many members cost: about twice as much.

Counted in calls of functions, which neither a slow nor a busy machine changes.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rcmd.ipmp.rules.health import Health

from .crowd import Crowd, calls

FEW, MANY = 64, 128
MOST = 3.0
"""How much more it may cost with twice as many: quadratic is 4."""

Deed = Callable[[Crowd], object]


def start(crowd: Crowd) -> None:
    crowd.start()


def look_around(crowd: Crowd) -> None:
    crowd.tell(crowd.snapshot())


def probe(crowd: Crowd) -> None:
    crowd.run(30.0)


def lose_half(crowd: Crowd) -> None:
    """The switch dies that every other member hangs on."""
    crowd.pull(*[name for name in crowd.configuration.interfaces if int(name[3:]) % 2])


def show(crowd: Crowd) -> None:
    crowd.engine.status()
    crowd.engine.targets()


def remember(crowd: Crowd) -> None:
    crowd.engine.memory().to_text()


def forecast(crowd: Crowd) -> None:
    assert list(crowd.engine.forecast())


def lose_one(crowd: Crowd) -> None:
    crowd.pull("hme0")


def growth(deed: Deed, group_size: Callable[[int], int]) -> float:
    few, many = (Crowd(number, group_size(number)) for number in (FEW, MANY))
    if deed is not start:
        for crowd in (few, many):
            crowd.start()
            crowd.run(30.0)
    return calls(many, deed) / calls(few, deed)


def one_group(members: int) -> int:
    return members


def pairs(_members: int) -> int:
    return 2


@pytest.mark.parametrize("group_size", [one_group, pairs])
@pytest.mark.parametrize("deed", [start, look_around, probe, lose_half, show, remember])
def test_twice_as_many_cost_twice_as_much(deed: Deed, group_size: Callable[[int], int]) -> None:
    assert growth(deed, group_size) < MOST


def test_the_forecasts_of_twice_as_many_groups_cost_twice_as_much() -> None:
    assert growth(forecast, pairs) < MOST


def test_a_failure_costs_hardly_more_where_there_are_more_groups() -> None:
    assert growth(lose_one, pairs) < 2.0


def test_no_failure_is_forecast_in_a_group_where_that_takes_too_long() -> None:
    crowd = Crowd(MANY, MANY)
    crowd.start()
    assert list(crowd.engine.forecast()) == []


def test_everybody_is_configured_in_one_go() -> None:
    crowd = Crowd(FEW, 8)
    decisions = 0
    handle = crowd.engine.handle

    def counted(*args: object) -> object:
        nonlocal decisions
        decisions += 1
        return handle(*args)  # type: ignore[arg-type]

    crowd.engine.handle = counted  # type: ignore[method-assign,assignment]
    crowd.start()
    assert crowd.moves == FEW
    assert decisions < 10


def test_nobody_fails_because_all_of_them_together_take_long_to_configure() -> None:
    crowd = Crowd(FEW, 8)
    crowd.move_takes_s = 0.1
    crowd.start()
    assert {it.health for it in crowd.engine.scene.members.values()} == {Health.RUNNING}
    assert crowd.reports == []


def test_a_look_at_some_finds_what_a_look_at_everybody_would_find() -> None:
    crowd = Crowd(FEW, 2)
    crowd.start()
    crowd.run(30.0)
    lose_half(crowd)
    moves, status = crowd.moves, crowd.engine.status()
    look_around(crowd)
    assert crowd.moves == moves
    assert crowd.engine.status() == status
