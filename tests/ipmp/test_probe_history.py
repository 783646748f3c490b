"""The ring of probes, as those see it who follow: what was decided, in which order."""

from ipaddress import ip_address

import pytest

from rcmd.ipmp.api.probes import Answer
from rcmd.ipmp.probing.decisions import Decisions
from rcmd.ipmp.probing.history import SIZE, ProbeHistory, SlotState
from rcmd.ipmp.probing.targets import Target
from rcmd.model.status import TargetState

FIRST = Target(ip_address("10.0.0.1"), TargetState.ACTIVE, 0.0)
SECOND = Target(ip_address("10.0.0.2"), TargetState.ACTIVE, 0.0)


@pytest.fixture
def history() -> ProbeHistory:
    return ProbeHistory()


def ask(history: ProbeHistory, target: Target = FIRST, at: float = 0.0) -> int:
    sequence = history.record(target, at)
    found = history.find(sequence, target.address)
    assert isinstance(found, int)
    return found


def decided(history: ProbeHistory, since: int = 0) -> list[tuple[int, int, SlotState]]:
    return [(it.number, it.sequence, it.state) for it in history.decided_after(since)]


def test_what_is_under_way_is_not_decided(history: ProbeHistory) -> None:
    ask(history)
    assert decided(history) == []


def test_decisions_are_numbered_in_their_own_order(history: ProbeHistory) -> None:
    slots = [ask(history, at=float(second)) for second in range(3)]
    history.answered(slots[2], 2.5)
    history.answered(slots[0], 2.6)
    assert decided(history) == [(2, 0, SlotState.ANSWERED), (1, 2, SlotState.ANSWERED)]
    assert decided(history, since=1) == [(2, 0, SlotState.ANSWERED)]
    assert decided(history, since=2) == []


def test_a_late_answer_is_no_new_decision(history: ProbeHistory) -> None:
    slot = ask(history)
    ask(history, at=1.0)
    history.settle(2.5, 9.0, 0.0)
    (lost,) = decided(history)
    assert lost[2] is SlotState.LOST
    assert history.answered(slot, 3.0) is Answer.LATE
    late = next(it for it in history.records() if it.sequence == 0)
    assert (late.state, late.number) == (SlotState.ANSWERED, lost[0])


def test_probers_that_share_the_numbers_never_use_one_twice() -> None:
    shared = Decisions()
    histories = [ProbeHistory() for _ in range(2)]
    for history in histories:
        history.decisions = shared
    for _ in range(3):
        for history in histories:
            history.answered(ask(history), 0.1)
    assert [[number for number, _, _ in decided(it)] for it in histories] == [[1, 3, 5], [2, 4, 6]]


def test_what_no_longer_counts_can_still_be_seen(history: ProbeHistory) -> None:
    history.answered(ask(history), 0.1)
    under_way = ask(history)
    history.clear()
    assert decided(history) == [(1, 0, SlotState.ANSWERED), (2, 1, SlotState.UNKNOWN)]
    assert history.answers() == 0
    assert history.newest_decided() is None
    assert history.find(under_way, FIRST.address) is Answer.FAKE
    assert history.find(None, FIRST.address) is Answer.FAKE
    history.answered(ask(history), 0.2)
    assert history.answers() == 1


def test_nothing_is_excused_twice(history: ProbeHistory) -> None:
    ask(history)
    history.clear()
    history.clear()
    history.excuse()
    assert history.unknown == 1
    assert len(decided(history)) == 1


def test_a_target_that_was_given_up_is_still_named(history: ProbeHistory) -> None:
    ask(history)
    history.forget(FIRST)
    (record,) = history.decided_after(0)
    assert (record.target, record.state) == (FIRST.address, SlotState.UNKNOWN)


def test_only_the_last_52_are_kept(history: ProbeHistory) -> None:
    for _ in range(SIZE + 8):
        history.answered(ask(history), 0.1)
    numbers = [number for number, _, _ in decided(history)]
    assert numbers == list(range(9, SIZE + 9))


def test_who_was_asked_in_the_run_of_losses(history: ProbeHistory) -> None:
    ask(history, FIRST, at=0.0)
    history.settle(1.5, 1.0, 0.0)
    history.answered(ask(history, FIRST, at=2.0), 2.1)
    assert history.lost_targets() == ()
    for second, target in enumerate((SECOND, FIRST, SECOND), start=3):
        ask(history, target, at=float(second))
        history.settle(second + 0.5, 0.1, 0.0)
    assert history.losses()[0] == 3
    assert history.lost_targets() == (SECOND.address, FIRST.address)


def test_an_answer_that_says_when_its_probe_left(history: ProbeHistory) -> None:
    history.answered(ask(history, at=1.0), 1.5, sent_at=1.2)
    (record,) = history.records()
    assert record.round_trip_s == pytest.approx(0.3)


def test_an_answer_that_is_still_awaited_is_no_answer(history: ProbeHistory) -> None:
    # behaviour 33: nine answers, one that nobody knows about yet, and one more
    for _ in range(9):
        history.answered(ask(history), 0.1)
    awaited = ask(history)
    history.answered(ask(history), 0.1)
    assert history.answers() == 1
    assert not history.is_repaired()
    history.answered(awaited, 0.2)
    assert history.answers() == 10
    assert history.is_repaired()


def lose(history: ProbeHistory, target: Target, count: int) -> None:
    for _ in range(count):
        ask(history, target, at=0.0)
        history.settle(10.0, 1.0, 0.0)


def test_a_target_is_silent_alone_once_it_has_missed_five(history: ProbeHistory) -> None:
    # behaviour 50
    for missed in range(1, 6):
        lose(history, FIRST, 1)
        history.answered(ask(history, SECOND), 0.1)
        assert history.is_silent_alone(FIRST) is (missed >= 5)
    assert not history.is_silent_alone(SECOND)


def test_a_target_is_not_silent_alone_where_everybody_is(history: ProbeHistory) -> None:
    # behaviours 29, 50: with the fifth loss on end it is the interface
    lose(history, FIRST, 4)
    history.answered(ask(history, SECOND), 0.1)
    lose(history, FIRST, 4)
    assert history.is_silent_alone(FIRST)
    lose(history, SECOND, 1)
    assert not history.is_silent_alone(FIRST)


def test_the_newest_need_not_be_known_yet(history: ProbeHistory) -> None:
    # behaviour 33
    for _ in range(10):
        history.answered(ask(history), 0.1)
    ask(history)
    assert history.answers() == 10
    assert history.is_repaired()


def test_a_loss_begins_the_count_anew(history: ProbeHistory) -> None:
    # behaviour 33
    for _ in range(9):
        history.answered(ask(history), 0.1)
    lose(history, FIRST, 1)
    history.answered(ask(history), 0.1)
    assert history.answers() == 1
    assert not history.is_repaired()
