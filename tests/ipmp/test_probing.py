from ipaddress import ip_address
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcmd.ipmp.api.probes import Answer, ProbeKind
from rcmd.ipmp.probing.history import ANSWERS_TO_REPAIR, LOSSES_TO_FAIL, SlotState
from rcmd.ipmp.probing.source import ProbeSource
from rcmd.model.kinds import ProbeMethod
from rcmd.model.status import TargetState

from .probe_bench import (
    ICMP4,
    RTT,
    SOURCE,
    Bench,
    answering,
    make_prober,
    proven,
    routers,
    silent,
    step,
)

INTERVAL = 1.428
ARP = ProbeMethod.ARP
FOREIGN = ip_address("10.0.0.77")


# --- failure -----------------------------------------------------------------------------------


def test_five_losses_fail_and_four_do_not():  # behaviour 29
    prober, bench = proven()
    for expected in (False, False, False, False, False, True):
        # What was sent in one step is judged in the next.
        step(bench, silent)
        assert (prober.first_loss_at is not None) is expected
    assert prober.history.losses()[0] == LOSSES_TO_FAIL


def test_four_losses_and_an_answer_are_no_failure():  # behaviour 29
    prober, bench = proven()
    for link in ([silent] * 4 + [answering]) * 5:
        step(bench, link)
        bench.run(bench.now + 0.01)
        assert prober.first_loss_at is None


@pytest.mark.parametrize("detection_ms", [10_000, 1_000, 100])
@pytest.mark.parametrize("targets", [1, 5])
@pytest.mark.parametrize("seed", range(10))
def test_a_black_hole_is_found_within_the_detection_time(detection_ms, targets, seed):
    # behaviour 29
    prober, bench = proven(targets, 60 + seed / 7, detection_ms=detection_ms, seed=seed)
    cut_at = bench.now
    bench.link = silent
    assert bench.run(cut_at + 60, stop=lambda: prober.first_loss_at is not None)
    assert bench.now - cut_at <= detection_ms / 1000 * (1 + 1e-6)
    assert prober.statistics().lost == LOSSES_TO_FAIL
    assert cut_at < prober.first_loss_at <= bench.now


def test_the_first_loss_is_dated_by_the_round_trip():
    prober, bench = proven()
    request = step(bench, silent)
    sent_at = bench.now
    for _ in range(5):
        step(bench, silent)
    (target,) = prober.targets
    assert request.kind is ProbeKind.UNICAST
    assert prober.first_loss_at == pytest.approx(sent_at + target.round_trip.crtt)


# --- repair ------------------------------------------------------------------------------------


def cut(bench, prober):
    bench.link = silent
    assert bench.run(bench.now + 60, stop=lambda: prober.first_loss_at is not None)
    prober.judged(is_running=False)


def answers_until_repair(bench, prober):
    before = prober.statistics().acked
    bench.link = answering
    assert bench.run(bench.now + 60, stop=lambda: prober.is_repaired)
    return prober.statistics().acked - before


def test_ten_answers_repair_and_nine_do_not():  # behaviour 33
    prober, bench = proven(5)
    cut(bench, prober)
    assert answers_until_repair(bench, prober) == ANSWERS_TO_REPAIR


def test_a_loss_restarts_the_count():  # behaviour 33
    prober, bench = proven()
    cut(bench, prober)
    bench.link = answering
    for _ in range(9):
        step(bench)
    step(bench, silent)
    bench.run(bench.now + 8 * INTERVAL)
    assert not prober.is_repaired
    bench.run(bench.now + 5 * INTERVAL)
    assert prober.is_repaired


def test_ten_answers_of_one_target_suffice():  # behaviour 33
    addresses = routers(2)
    prober, bench = proven(2)
    cut(bench, prober)
    bench.link = lambda request, _: RTT if request.target == addresses[0] else None
    assert bench.run(bench.now + 60, stop=lambda: prober.is_repaired)
    assert prober.history.answers() == 1


def test_a_repair_takes_about_ten_intervals():  # behaviour 32
    prober, bench = proven()
    cut(bench, prober)
    begun = bench.now
    answers_until_repair(bench, prober)
    assert 9 * INTERVAL <= bench.now - begun <= 11.5 * INTERVAL


# --- quiet period ------------------------------------------------------------------------------


def test_losses_of_the_first_forty_seconds_do_not_count():  # behaviour 36
    prober = make_prober(routers(1))
    bench = Bench(prober, link=silent)
    assert not bench.run(39.9, stop=lambda: prober.first_loss_at is not None)
    assert prober.history.losses()[0] > 20
    assert bench.run(43.0, stop=lambda: prober.first_loss_at is not None)


def test_the_first_answer_ends_the_quiet_period():  # behaviour 36
    prober = make_prober(routers(1))
    bench = Bench(prober)
    bench.run(4.0)
    bench.link = silent
    assert bench.run(15.0, stop=lambda: prober.first_loss_at is not None)


# --- lateness ----------------------------------------------------------------------------------


@pytest.mark.parametrize("asleep_s", [1.5, 3.0, 60.0, 3600.0])
def test_sleeping_moves_nothing(asleep_s):  # behaviour 37
    """A SIGSTOP: probes under way, a timer long overdue, answers unread in the socket."""
    prober, bench = proven(5)
    bench.run(bench.now + 20)
    before = prober.statistics()
    for _ in range(4):
        step(bench)
        deadline = prober.deadline()
        drained_at, now = deadline - 0.1, deadline + asleep_s
        assert prober.due(now, drained_at) == ()  # nobody has looked into the sockets
        assert prober.deadline() == deadline
        bench.wake(now)
    after = prober.statistics()
    assert after.lost == before.lost
    assert prober.first_loss_at is None
    if asleep_s > 2 * INTERVAL:
        assert after.occurrences - before.occurrences == 4
    assert after.missed - before.missed == pytest.approx(4 * asleep_s / INTERVAL, abs=4)
    told = prober.missed.take()
    assert told is not None
    assert told.count == after.missed - before.missed


def test_what_was_under_way_while_we_slept_is_neither_lost_nor_answered():  # behaviour 37
    prober, bench = proven()
    before = prober.statistics()
    for _ in range(20):
        step(bench, silent)
        bench.wake(prober.deadline() + 10.0, silent)
    after = prober.statistics()
    assert after.unknown - before.unknown >= 20
    assert prober.first_loss_at is None or after.lost - before.lost >= LOSSES_TO_FAIL


def test_always_late_is_never_a_failure():  # behaviour 37
    prober, bench = proven()
    for _ in range(50):
        bench.wake(prober.deadline() + 2 * INTERVAL, silent)
    assert prober.first_loss_at is None


def test_losses_before_and_after_a_sleep_are_one_run():
    prober, bench = proven()
    for _ in range(4):
        step(bench, silent)
    bench.wake(prober.deadline() + 60.0, silent)
    assert prober.first_loss_at is None
    for _ in range(4):
        step(bench, silent)
    assert prober.first_loss_at is not None


@pytest.mark.parametrize("seed", range(5))
def test_being_late_with_one_probe_does_not_shorten_its_time(seed):
    prober, bench = proven(seed=seed)
    # Late by less than an interval: the next one is due within half an interval of this one.
    while True:
        bench.wake(prober.deadline() + 0.9 * INTERVAL, lambda *_: 0.4 * INTERVAL)
        if prober.deadline() - bench.now < 0.3 * INTERVAL:
            break
        bench.run(bench.now + 10)
    lost = prober.statistics().lost
    step(bench)
    assert prober.statistics().lost == lost


def test_answers_in_the_socket_are_read_before_anything_is_judged():
    prober, bench = proven()
    step(bench, lambda _request, _now: INTERVAL / 4)
    deadline = prober.deadline()
    assert prober.due(deadline, deadline - INTERVAL) == ()
    assert prober.statistics().lost == 0
    bench.wake(deadline)
    assert prober.statistics().lost == 0


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.integers(0, 1000))
def test_no_lateness_makes_a_loss_on_a_link_that_works(delays, seed):  # behaviour 37
    prober, bench = proven(3, 30.0, seed=seed)
    for delay in delays:
        bench.wake(prober.deadline() + delay)
        assert prober.statistics().lost == 0


# --- the link ----------------------------------------------------------------------------------


def test_a_lost_link_clears_the_history_and_starts_anew():  # behaviour 38
    prober, bench = proven()
    old = step(bench, silent)
    prober.link_changed(bench.now, is_up=False)
    assert prober.deadline() is None
    assert not prober.is_repaired
    assert not prober.is_capable
    answer = prober.answered(old.sequence, old.target, bench.now + 1)
    assert answer is Answer.LINK_DOWN
    phases = set()
    for _ in range(5):
        prober.link_changed(200.0, is_up=True)
        phases.add(prober.deadline())
        prober.link_changed(200.0, is_up=False)
    assert len(phases) == 5
    prober.link_changed(200.0, is_up=True)
    assert 200.0 <= prober.deadline() <= 200.0 + INTERVAL
    assert prober.answered(old.sequence, old.target, 201.0) is Answer.FAKE
    assert prober.statistics().unknown == 1


def test_stopped_means_silent():
    prober, bench = proven()
    prober.stop()
    assert prober.deadline() is None
    prober.link_changed(bench.now, is_up=False)
    prober.link_changed(bench.now, is_up=True)
    assert prober.deadline() is None
    prober.start(bench.now)
    assert prober.deadline() is not None


def test_another_test_address_forgets_everything():
    prober, bench = proven()
    prober.set_source(ICMP4, frozenset(), bench.now)
    assert prober.is_repaired
    other = ProbeSource(ProbeMethod.ICMP, SOURCE + 1, ICMP4.prefix)
    prober.set_source(other, frozenset(), bench.now)
    assert not prober.is_repaired
    assert step(bench).source == SOURCE + 1
    prober.set_source(ProbeSource(), frozenset(), bench.now)
    assert prober.deadline() is None
    assert not prober.is_enabled


def test_losses_to_targets_that_are_gone_do_not_meet_new_ones():
    prober, bench = proven()
    for _ in range(5):
        step(bench, silent)
    prober.set_routers([], bench.now)
    prober.add_host(FOREIGN, bench.now)
    assert prober.history.losses() == (0, None)


# --- for people --------------------------------------------------------------------------------


def test_statistics_add_up():
    prober, bench = proven(3)
    bench.link = lambda request, _: RTT if request.sequence % 3 else None
    bench.run(bench.now + 100)
    known = prober.statistics()
    assert known.sent == known.acked + known.lost + known.unacked + known.unknown
    assert known.lost > 20
    assert known.unacked <= 1


def test_probes_can_be_followed():
    prober, bench = proven()
    mark = prober.history.next
    step(bench)
    step(bench, silent)
    step(bench)
    bench.run(bench.now + 0.01)
    records = list(prober.history.records(mark))
    states = [record.state for record in records]
    assert states == [SlotState.ANSWERED, SlotState.LOST, SlotState.ANSWERED]
    assert records[0].round_trip_s == pytest.approx(RTT)
    assert records[1].round_trip_s is None
    assert len(list(prober.history.records())) == 52


# --- as a whole --------------------------------------------------------------------------------


def transcript(seed):
    lossy = Random(seed).random
    prober = make_prober(routers(4), seed=seed)
    bench = Bench(prober, link=lambda _request, _now: RTT if lossy() > 0.2 else None)
    bench.run(500.0)
    return bench.sent, prober.statistics(), list(prober.history.records())


def test_two_runs_give_the_same_transcript():
    assert transcript(7) == transcript(7)
    assert transcript(7) != transcript(8)


HOSTS = [ip_address(f"10.0.0.{20 + index}") for index in range(7)]
LINKS = {"works": answering, "silent": silent, "slow": lambda *_: 1.3, "late": lambda *_: 5.0}
steps = st.one_of(
    st.tuples(st.just("run"), st.floats(0.1, 90)),
    st.tuples(st.just("sleep"), st.floats(0, 90)),
    st.tuples(st.just("link"), st.sampled_from(sorted(LINKS))),
    st.tuples(st.just("carrier"), st.booleans()),
    st.tuples(st.just("routers"), st.integers(0, 7)),
    st.tuples(st.just("host"), st.sampled_from(HOSTS)),
    st.tuples(st.just("flush"), st.none()),
    st.tuples(st.just("judged"), st.booleans()),
    st.tuples(st.just("source"), st.sampled_from([ICMP4, ProbeSource(), ProbeSource(ARP)])),
)


def act(prober, bench, verb, value):
    now = bench.now
    match verb:
        case "run":
            bench.run(now + value)
        case "sleep" if prober.deadline() is not None:
            bench.wake(max(now, prober.deadline()) + value)
        case "link":
            bench.link = LINKS[value]
        case "carrier":
            prober.link_changed(now, is_up=value)
        case "routers":
            prober.set_routers(routers(value), now)
        case "host":
            prober.add_host(value, now)
        case "flush":
            prober.flush_hosts()
        case "judged":
            prober.judged(is_running=value)
        case "source":
            prober.set_source(value, frozenset(), now)


@settings(max_examples=80, deadline=None)
@given(st.lists(steps, max_size=25))
def test_whatever_happens(story):
    """Nothing is counted twice or forgotten; at most five targets; silence is always deserved."""
    prober = make_prober(routers(1))
    bench = Bench(prober)
    for verb, value in story:
        act(prober, bench, verb, value)
        known = prober.statistics()
        assert known.sent == known.acked + known.lost + known.unacked + known.unknown
        assert known.unacked <= 2
        targets = prober.targets
        assert len(targets.active) <= 5
        assert all(target.state is TargetState.ACTIVE for target in targets.active)
        assert bool(targets.active) or not prober.is_capable
        assert prober.first_loss_at is None or bench.link is not answering or known.lost >= 5
