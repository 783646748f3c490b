"""A probe that never left is neither lost nor answered."""

from __future__ import annotations

from ipaddress import ip_address

from rcmd.ipmp.probing.history import ProbeHistory
from rcmd.ipmp.probing.targets import Target, TargetState

TARGET = Target(ip_address("192.0.2.1"), TargetState.ACTIVE, 0.0)


def history_of(count):
    history = ProbeHistory()
    return history, [history.record(TARGET, float(number)) for number in range(count)]


def test_it_is_not_lost():
    history, (first, second, _) = history_of(3)
    history.excuse_one(first)
    history.excuse_one(second)
    history.settle(as_of=10.0, patience=1.0, least=0.5)
    assert history.losses()[0] == 1
    assert (history.lost, history.unknown) == (1, 2)


def test_what_was_answered_stays_answered():
    history, (only,) = history_of(1)
    slot = history.find(only, TARGET.address)
    history.answered(slot, 0.5)
    history.excuse_one(only)
    assert history.is_answered(slot)
    assert (history.acked, history.unknown) == (1, 0)


def test_a_number_that_was_never_given_is_nothing():
    history, _ = history_of(2)
    history.excuse_one(2)
    history.excuse_one(60_000)
    assert history.unknown == 0
