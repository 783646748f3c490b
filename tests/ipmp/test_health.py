"""The health table, for every state and condition, and the memory of link-ups behind it."""

from __future__ import annotations

import pytest

from rcmd.ipmp.rules.health import TRANSITIONS, Condition, Health, LinkWatch, judge

UNPROVEN, RUNNING, FAILED = Health.UNPROVEN, Health.RUNNING, Health.FAILED
NO_TARGETS = Health.NO_TARGETS
UP, DOWN = Condition.LINK_UP, Condition.LINK_DOWN
AWAITED, FLAPPING = Condition.LINK_AWAITED, Condition.FLAPPING
ANSWERED, PROVEN = Condition.ANSWERED, Condition.PROVEN
LOST, NOBODY = Condition.PROBES_LOST, Condition.NO_TARGETS

TABLE = [
    (UNPROVEN, UP, RUNNING),
    (UNPROVEN, DOWN, FAILED),  # behaviour 40
    (UNPROVEN, AWAITED, UNPROVEN),
    (UNPROVEN, FLAPPING, UNPROVEN),
    (UNPROVEN, ANSWERED, UNPROVEN),  # solaris.md 5.6
    (UNPROVEN, PROVEN, RUNNING),
    (UNPROVEN, LOST, FAILED),
    (UNPROVEN, NOBODY, NO_TARGETS),
    (RUNNING, UP, RUNNING),
    (RUNNING, DOWN, FAILED),  # behaviour 28
    (RUNNING, AWAITED, RUNNING),
    (RUNNING, FLAPPING, RUNNING),
    (RUNNING, ANSWERED, RUNNING),
    (RUNNING, PROVEN, RUNNING),
    (RUNNING, LOST, FAILED),  # behaviour 29
    (RUNNING, NOBODY, NO_TARGETS),  # behaviour 48
    (NO_TARGETS, UP, RUNNING),
    (NO_TARGETS, DOWN, FAILED),  # behaviour 28
    (NO_TARGETS, AWAITED, NO_TARGETS),
    (NO_TARGETS, FLAPPING, NO_TARGETS),
    (NO_TARGETS, ANSWERED, RUNNING),
    (NO_TARGETS, PROVEN, RUNNING),
    (NO_TARGETS, LOST, FAILED),
    (NO_TARGETS, NOBODY, NO_TARGETS),
    (FAILED, UP, RUNNING),
    (FAILED, DOWN, FAILED),
    (FAILED, AWAITED, FAILED),
    (FAILED, FLAPPING, FAILED),  # behaviour 39
    (FAILED, ANSWERED, FAILED),  # behaviour 33
    (FAILED, PROVEN, RUNNING),
    (FAILED, LOST, FAILED),
    (FAILED, NOBODY, NO_TARGETS),
]


@pytest.mark.parametrize(("health", "condition", "expected"), TABLE)
def test_every_state_and_condition(health: Health, condition: Condition, expected: Health) -> None:
    assert judge(health, condition) is expected


def test_the_table_above_is_complete() -> None:
    assert {(health, condition) for health, condition, _ in TABLE} == {
        (health, condition) for health in Health for condition in Condition
    }
    assert set(TRANSITIONS) <= {(health, condition) for health, condition, _ in TABLE}


def test_a_link_without_carrier_is_down() -> None:
    assert LinkWatch().condition(0, is_running=False) is DOWN
    assert LinkWatch().condition(0, is_running=True) is UP


def test_a_carrier_is_awaited_for_a_while() -> None:
    watch = LinkWatch(awaited_until=3.0)
    assert watch.condition(2.9, is_running=False) is AWAITED
    assert watch.deadline(is_running=False) == 3.0
    assert watch.condition(3.0, is_running=False) is DOWN


def test_a_carrier_that_was_seen_is_awaited_no_more() -> None:
    watch = LinkWatch(awaited_until=3.0)
    assert watch.condition(1.0, is_running=True) is UP
    assert watch.condition(2.0, is_running=False) is DOWN
    assert watch.deadline(is_running=False) is None


def test_the_third_link_up_within_a_minute_is_flapping() -> None:
    # behaviour 39
    watch = LinkWatch()
    watch.came_up(10)
    watch.came_up(40)
    assert watch.condition(40, is_running=True) is UP
    assert watch.deadline(is_running=True) is None
    watch.came_up(69)
    assert watch.condition(69, is_running=True) is FLAPPING
    assert watch.deadline(is_running=True) == 100
    assert watch.condition(99.9, is_running=True) is FLAPPING
    assert watch.condition(100, is_running=True) is UP
    assert watch.deadline(is_running=True) is None


def test_three_link_ups_in_more_than_a_minute_are_none() -> None:
    # behaviour 39
    watch = LinkWatch()
    for moment in (10, 40, 70):
        watch.came_up(moment)
    assert watch.condition(70, is_running=True) is UP


def test_a_flapping_link_that_goes_down_is_down() -> None:
    watch = LinkWatch()
    for moment in (1, 2, 3):
        watch.came_up(moment)
    assert watch.condition(4, is_running=False) is DOWN
    assert watch.deadline(is_running=False) is None
    watch.came_up(50)
    assert watch.deadline(is_running=True) == 63
