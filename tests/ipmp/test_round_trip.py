from ipaddress import ip_address

import pytest

from rcmd.ipmp.api.probes import DetectionTimeLowered, DetectionTimeRaised, ProbeKind, TargetSlow
from rcmd.ipmp.probing.group import ProbeGroup
from rcmd.ipmp.probing.round_trip import RoundTrip
from rcmd.ipmp.probing.targets import TargetList
from rcmd.ipmp.probing.timing import DetectionTime
from rcmd.model.network import Family
from rcmd.model.status import TargetState

from .probe_bench import PREFIX, RTT, Bench, make_prober, routers

LIMIT = 1.428


def test_the_first_sample_counts_threefold():
    trip = RoundTrip()
    trip.sample(0.010, LIMIT)
    assert trip.crtt == pytest.approx(0.030)


def test_later_samples_are_smoothed():
    trip = RoundTrip()
    trip.sample(0.010, LIMIT)
    trip.sample(0.018, LIMIT)
    # sa = 80 + 8, sv = 20 + 8 - 5, in ms
    assert trip.crtt == pytest.approx(0.011 + 0.023)


def test_a_steady_target_has_a_crtt_near_its_round_trip():
    trip = RoundTrip()
    for _ in range(100):
        trip.sample(0.010, LIMIT)
    assert trip.crtt == pytest.approx(0.010, rel=0.01)


def test_one_suspicious_sample_is_set_aside_two_are_believed():
    trip = RoundTrip()
    trip.sample(0.010, LIMIT)
    trip.sample(3.0, LIMIT)
    assert trip.crtt == pytest.approx(0.030)
    trip.sample(3.0, LIMIT)
    assert trip.crtt > LIMIT


def test_an_ordinary_sample_forgets_the_suspicious_one():
    trip = RoundTrip()
    for rtt in (0.010, 3.0, 0.010, 3.0):
        trip.sample(rtt, LIMIT)
    assert trip.crtt < 0.1


def test_a_measuring_probe_may_lower_but_not_raise():
    trip = RoundTrip()
    trip.sample_if_better(0.010)
    assert trip.crtt == 0
    trip.sample(0.100, LIMIT)
    trip.sample_if_better(0.3)
    assert trip.crtt == pytest.approx(0.3)
    trip.sample_if_better(0.1)
    assert trip.crtt < 0.3


# --- the detection time of the group ---


def test_the_interval_is_raised_to_twice_the_crtt():  # behaviour 57
    detection = DetectionTime(10_000)
    detection.raise_for(2.0, now=0.0)
    assert (detection.interval, detection.current_ms) == (4.0, 28_000)
    assert detection.requested_interval == 1.428


def test_it_is_lowered_by_halves_after_a_minute_and_never_below_what_was_asked_for():
    # behaviour 57
    detection = DetectionTime(10_000)
    detection.raise_for(2.0, now=0.0)
    assert not detection.lower([0.01], now=59.0)
    assert not detection.lower([0.01, 1.1], now=60.0)
    assert detection.lower([0.01, 0.9], now=60.0)
    assert detection.current_ms == 14_000
    assert detection.lower([0.01], now=61.0)
    assert detection.current_ms == 10_000
    assert not detection.lower([0.01], now=200.0)


def test_a_new_request_ends_what_was_raised():
    detection = DetectionTime(10_000)
    detection.raise_for(2.0, now=0.0)
    detection.request(700)
    assert (detection.current_ms, detection.interval) == (700, 0.1)


def test_slow_answers_raise_the_detection_time_of_the_whole_group_until_they_are_fast():
    # behaviour 57
    group = ProbeGroup(10_000)
    slow = make_prober(routers(2), name="hme0", detection=group.detection)
    other = make_prober(routers(2), name="hme1", detection=group.detection, seed=2)
    for prober in (slow, other):
        group.add(prober, 0.0)
    bench = Bench(slow, other, link=lambda request, _: 1.2 if request.interface == "hme0" else RTT)
    assert bench.run(120.0, stop=lambda: group.detection.is_raised)
    (fact,) = [f for f in group.take_facts() if isinstance(f, DetectionTimeRaised)]
    assert fact.interface == "hme0"
    assert group.detection.current_ms == fact.detection_ms > 10_000
    raised_at = bench.now
    bench.run(raised_at + 200)
    kinds = {request.kind for at, request in bench.sent if at > raised_at}
    assert kinds == {ProbeKind.UNICAST, ProbeKind.ROUND_TRIP}
    assert slow.statistics().lost <= 1
    assert group.detection.is_raised

    bench.link = lambda _request, _now: RTT
    bench.answered = lambda prober, request, at: group.answered(
        prober.interface, prober.family, request.sequence, request.target, at, request.kind
    )
    assert bench.run(bench.now + 300, stop=lambda: not group.detection.is_raised)
    assert group.detection.current_ms == 10_000
    assert any(isinstance(fact, DetectionTimeLowered) for fact in group.take_facts())


def test_the_pace_asked_for_is_kept_while_fewer_probes_count():
    prober = make_prober(routers(1))
    prober._detection.raise_for(3.0, 0.0)
    bench = Bench(prober)
    bench.run(600.0)
    measuring = [1 for _, request in bench.sent if request.kind is ProbeKind.ROUND_TRIP]
    assert len(bench.sent) == pytest.approx(600 / 1.428, rel=0.02)
    assert len(bench.times()) == pytest.approx(600 / 6.0, rel=0.2)
    assert len(measuring) > 2 * len(bench.times())


def test_one_slow_router_among_four_is_set_aside():  # behaviour 58
    addresses = routers(4)
    prober = make_prober(addresses)
    bench = Bench(prober, link=lambda request, _: 1.3 if request.target == addresses[2] else RTT)
    assert bench.run(60.0, stop=lambda: len(prober.targets.active) == 3)
    states = {target.address: target.state for target in prober.targets}
    assert states[addresses[2]] is TargetState.SLOW
    assert not prober._detection.is_raised
    assert TargetSlow("hme0", prober.family, addresses[2]) in prober.take_facts()


def test_one_slow_router_among_three_is_not():  # behaviour 58
    addresses = routers(3)
    prober = make_prober(addresses)
    bench = Bench(prober, link=lambda request, _: 1.3 if request.target == addresses[2] else RTT)
    assert bench.run(60.0, stop=lambda: prober._detection.is_raised)
    assert len(prober.targets.active) == 3


def test_who_is_beside_others_that_are_not_fast_either_is_no_outlier():
    # behaviour 58: all others within half an interval
    targets = TargetList(Family.IPV4, PREFIX)
    targets.set_routers(routers(4), 0.0)
    slow, *others = targets
    slow.round_trip.sample(0.9, 1.0)
    for crtt, is_outlier in ((0.5, True), (0.51, False), (0.99, False)):
        others[0].round_trip.crtt = crtt
        assert targets.is_outlier(slow, 1.0) is is_outlier


def test_a_failed_interface_does_not_measure():
    prober = make_prober(routers(1))
    bench = Bench(prober)
    bench.run(10.0)
    (target,) = prober.targets
    assert target.round_trip.crtt > 0
    prober.judged(is_running=False)
    bench.run(20.0)
    assert target.round_trip.crtt == 0
    prober.judged(is_running=True)
    bench.run(30.0)
    assert target.round_trip.crtt > 0


def test_an_answer_before_its_probe_counts_but_is_not_measured():
    prober = make_prober(routers(1))
    bench = Bench(prober, link=lambda _request, _now: -0.01)
    bench.run(20.0)
    (target,) = prober.targets
    assert prober.statistics().acked > 5
    assert target.round_trip.crtt == 0
    assert prober.take_facts()[0].target == ip_address("10.0.0.100")
