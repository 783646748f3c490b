from ipaddress import IPv4Address, ip_address

import pytest

from rcmd.ipmp.api.probes import Answer, ClockAnomaly, DetectionTimeRaised, ProbeKind
from rcmd.ipmp.probing.source import ProbeSource
from rcmd.model.kinds import ProbeMethod

from .probe_bench import ICMP4, RTT, Bench, make_prober, proven, routers, silent, step

FOREIGN = ip_address("10.0.0.77")


def test_which_answers_count():  # behaviour 54
    prober, bench = proven(2)
    request = step(bench, silent)
    at = bench.now + RTT
    ahead = (request.sequence + 1) & 0xFFFF
    old = (request.sequence - 52) & 0xFFFF
    assert prober.answered(ahead, request.target, at) is Answer.OUT_OF_WINDOW
    assert prober.answered(old, request.target, at) is Answer.OUT_OF_WINDOW
    assert prober.answered(request.sequence, FOREIGN, at) is Answer.FAKE
    acked = prober.statistics().acked
    assert prober.answered(request.sequence, request.target, at) is Answer.ACCEPTED
    assert prober.answered(request.sequence, request.target, at) is Answer.DUPLICATE
    assert prober.statistics().acked == acked + 1


def test_a_late_answer_rewrites_history():  # behaviour 54
    prober, bench = proven()
    requests = [step(bench, silent) for _ in range(6)]
    assert prober.first_loss_at is not None
    lost = prober.statistics().lost
    late = requests[2]
    assert prober.answered(late.sequence, late.target, bench.now) is Answer.LATE
    assert prober.first_loss_at is None
    assert prober.statistics().lost == lost - 1


def test_sequence_numbers_wrap():  # behaviour 54
    prober = make_prober(routers(1))
    prober.history.next = 0xFFFE
    bench = Bench(prober)
    sequences = [step(bench).sequence for _ in range(4)]
    assert sequences == [0xFFFE, 0xFFFF, 0, 1]
    bench.run(bench.now + 0.1)
    assert prober.statistics().acked == 4
    assert prober.answered(1, routers(1)[0], bench.now) is Answer.DUPLICATE


def test_arp_answers_have_no_number_and_count_once():
    prober = make_prober(routers(2), source=ProbeSource(ProbeMethod.ARP))
    bench = Bench(prober, link=silent)
    first, second = step(bench, silent), step(bench, silent)
    assert prober.answered(None, first.target, bench.now) is Answer.ACCEPTED
    assert prober.answered(None, first.target, bench.now) is Answer.DUPLICATE
    assert prober.answered(None, FOREIGN, bench.now) is Answer.FAKE
    assert prober.answered(None, second.target, bench.now) is Answer.ACCEPTED
    assert prober.statistics().acked == 2


def test_answers_to_the_multicast():  # behaviours 45, 54
    prober = make_prober()
    assert step_multicast(prober, 0, FOREIGN) is Answer.FAKE  # nothing was asked
    prober.due(prober.deadline(), prober.deadline())
    assert step_multicast(prober, 7, FOREIGN) is Answer.OUT_OF_WINDOW
    assert step_multicast(prober, 0, IPv4Address("0.0.0.0")) is Answer.UNWANTED
    assert step_multicast(prober, 0, FOREIGN) is Answer.HOST_FOUND
    assert step_multicast(prober, 0, FOREIGN) is Answer.UNWANTED
    assert prober.last_success_at is None


def step_multicast(prober, sequence, source):
    return prober.answered(sequence, source, 5.0, ProbeKind.SEARCH)


def test_own_addresses_never_become_targets():  # behaviour 49
    prober = make_prober()
    prober.set_source(ICMP4, frozenset({FOREIGN}), 0.0)
    prober.due(prober.deadline(), prober.deadline())
    assert step_multicast(prober, 0, FOREIGN) is Answer.UNWANTED


def test_a_clock_that_runs_backwards_is_told():
    prober = make_prober(routers(1))
    request = step(Bench(prober, link=silent), silent)
    at = prober.history.sent_at(0) - 1
    assert prober.answered(request.sequence, request.target, at) is Answer.ACCEPTED
    (fact,) = prober.take_facts()
    assert isinstance(fact, ClockAnomaly)
    assert prober.take_facts() == []


def test_the_real_time_of_sending_is_what_a_round_trip_begins_with():
    prober = make_prober(routers(1))
    bench = Bench(prober, link=silent)
    request = step(bench, silent)
    prober.sent(request, bench.now + 0.010)
    prober.answered(request.sequence, request.target, bench.now + 0.012)
    (record,) = prober.history.records()
    assert record.round_trip_s == pytest.approx(0.002)


def test_answers_that_waited_together_are_one_measurement():
    """Probes that were queued until the neighbour was resolved, a second later (solaris.md 1.6)."""
    prober = make_prober(routers(1), detection_ms=500)
    sent = []
    while len(sent) < 5:
        (request,) = prober.due(at := prober.deadline(), at)
        sent.append(request)
    for request in sent:
        prober.answered(request.sequence, request.target, at + 0.05)
    facts = [fact for fact in prober.take_facts() if isinstance(fact, DetectionTimeRaised)]
    assert facts == []
    assert prober.statistics().acked == 5
