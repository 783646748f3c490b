"""Can probes leave?  By which methods, since when, and when it is found out that they can again."""

from __future__ import annotations

from rcmd.ipmp.probing.dispatch import (
    BLOCKED_AFTER,
    BLOCKED_AFTER_S,
    OPEN_AFTER,
    TRY_EVERY_S,
    Dispatch,
    WayChanged,
)
from rcmd.model.kinds import ProbeMethod

ICMP, ARP = ProbeMethod.ICMP, ProbeMethod.ARP
WHY = "Operation not permitted (EPERM)"


def turn(
    dispatch: Dispatch, at: float, *, asked: int = 1, refused: int = 0, by: ProbeMethod = ICMP
) -> list[WayChanged]:
    for _ in range(asked):
        dispatch.asked(by, at)
    for _ in range(refused):
        dispatch.refused(by, WHY)
    return dispatch.settle(at + 0.5)


def blocked() -> Dispatch:
    dispatch = Dispatch()
    for at in range(BLOCKED_AFTER):
        turn(dispatch, float(at), refused=1)
    assert dispatch.blocked == {ICMP: WHY}
    return dispatch


def test_five_turns_in_a_row_block_a_method() -> None:
    dispatch = Dispatch()
    for at in range(BLOCKED_AFTER - 1):
        assert turn(dispatch, float(at), refused=1) == []
    assert turn(dispatch, 5.0, refused=1) == [WayChanged(ICMP, WHY)]
    assert dispatch.is_blocked(ICMP)
    assert not dispatch.is_blocked(ARP)
    assert turn(dispatch, 6.0, refused=1) == []


def test_a_turn_in_which_one_of_two_leaves_is_none_of_them() -> None:
    dispatch = Dispatch()
    for at in range(20):
        assert turn(dispatch, float(at), asked=2, refused=1) == []


def test_what_leaves_in_between_begins_the_count_anew() -> None:
    dispatch = Dispatch()
    for at in range(20):
        assert turn(dispatch, float(at), refused=int(at % BLOCKED_AFTER != 0)) == []


def test_it_takes_two_seconds_at_least() -> None:
    """While addresses are being changed the kernel refuses what it takes a moment later."""
    dispatch = Dispatch()
    pace = 0.014
    for number in range(200):
        if turn(dispatch, number * pace, refused=1):
            break
    assert BLOCKED_AFTER_S <= number * pace + 0.5 < BLOCKED_AFTER_S + 0.1


def test_two_turns_that_leave_open_it_again() -> None:
    dispatch = blocked()
    for at in range(OPEN_AFTER - 1):
        assert turn(dispatch, 10.0 + at) == []
    assert turn(dispatch, 15.0, refused=1) == []
    assert turn(dispatch, 20.0) == []
    assert turn(dispatch, 21.0) == [WayChanged(ICMP, "")]
    assert dispatch.blocked == {}


def test_what_is_not_in_use_is_tried_now_and_then() -> None:
    dispatch = blocked()
    last = BLOCKED_AFTER - 1
    assert dispatch.due_for_trial(ICMP, 100.0) is None
    assert dispatch.due_for_trial(ARP, last + TRY_EVERY_S - 0.1) is None
    assert dispatch.due_for_trial(ARP, last + TRY_EVERY_S) is ICMP
    turn(dispatch, 50.0, refused=1)
    assert dispatch.due_for_trial(ARP, 50.0 + TRY_EVERY_S - 0.1) is None
    assert dispatch.due_for_trial(ARP, 50.0 + TRY_EVERY_S) is ICMP


def test_nothing_is_known_of_what_was_not_asked() -> None:
    dispatch = blocked()
    assert dispatch.settle(100.0) == []
    assert dispatch.is_blocked(ICMP)
    assert dispatch.is_failing(ICMP)
    assert not dispatch.is_failing(ARP)
    assert dispatch.reason(ICMP) == WHY
    assert dispatch.reason(ARP) == ""
