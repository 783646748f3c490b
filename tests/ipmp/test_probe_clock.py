from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcmd.ipmp.probing.clock import ProbeClock
from rcmd.ipmp.probing.timing import DetectionTime

intervals = st.integers(14, 20_000).map(lambda ms: ms / 1000)
seeds = st.integers(0, 2**32)


def started(interval, seed=1, spread=None):
    clock = ProbeClock(interval, Random(seed))
    clock.start(100.0, interval if spread is None else spread)
    return clock


@pytest.mark.parametrize(("detection_ms", "interval"), [(10_000, 1.428), (100, 0.014)])
def test_the_interval_is_a_seventh_in_whole_milliseconds(detection_ms, interval):  # behaviour 30
    assert DetectionTime(detection_ms).interval == pytest.approx(interval)


@settings(max_examples=50, deadline=None)
@given(intervals, seeds)
def test_gaps_and_their_mean(interval, seed):  # behaviour 31
    clock = started(interval, seed)
    times = []
    for _ in range(200):
        times.append(clock.next_at)
        assert clock.fire(clock.next_at) == 0
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert min(gaps) >= 0.5 * interval - 1e-9
    assert max(gaps) <= 1.5 * interval + 1e-9
    # The base is strictly periodic: the jitter does not add up.
    assert times[-1] - times[0] == pytest.approx(199 * interval, abs=interval)


@settings(max_examples=50, deadline=None)
@given(seeds, st.lists(st.floats(0, 20), min_size=1, max_size=30))
def test_whoever_wakes_late_keeps_the_phase_and_counts_what_was_missed(seed, delays):
    # behaviour 37
    clock = started(1.0, seed, spread=0.0)
    fired = 0
    for delay in delays:
        now = clock.next_at + delay
        missed = clock.fire(now)
        fired += 1 + missed
        assert clock.next_at >= now
        assert missed <= delay + 1
        # The next is within its half of its own slot, counted from the very first base.
        assert 0.5 - 1e-6 <= clock.next_at - 100.0 - (fired - 1) <= 1.0 + 1e-6
    assert clock.missed == fired - len(delays)
    assert clock.occurrences <= len(delays)


def test_the_phase_is_random():
    phases = {started(1.0, seed).next_at for seed in range(20)}
    assert len(phases) == 20
    assert all(100.0 <= phase <= 101.0 for phase in phases)


def test_the_first_probe_is_sent_at_the_base_itself():
    clock = started(1.0, spread=0.0)
    assert clock.next_at == 100.0


def test_a_stopped_clock_is_never_due():
    clock = started(1.0)
    clock.stop()
    assert clock.next_at is None
