"""Hosts that were found: what one member or another makes of their silence."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

import pytest

from rcmd.ipmp.api.events import Neighbour
from rcmd.ipmp.api.probes import Answer, HostsSilent, ProbeKind, ProbeRequest
from rcmd.ipmp.probing.found_hosts import MISSES_TO_GIVE_UP
from rcmd.ipmp.probing.group import ProbeGroup
from rcmd.ipmp.probing.prober import Prober
from rcmd.ipmp.probing.result import Outlook
from rcmd.model.network import Family, IPAddress

from .probe_bench import RTT, Bench, make_prober

HOSTS = [ip_address(f"10.0.0.{20 + index}") for index in range(8)]
WITNESS = ip_address("10.0.0.2")
FOUR = Family.IPV4


class Link:
    """Answers all but the silent; WITNESS questions only while the members hear each other."""

    def __init__(self) -> None:
        self.silent: set[tuple[str, IPAddress]] = set()
        self.is_heard = True
        self.late: set[IPAddress] = set()

    def __call__(self, request: ProbeRequest, _now: float) -> float | None:
        if request.kind is ProbeKind.WITNESS:
            return RTT if self.is_heard else None
        return None if (request.interface, request.target) in self.silent else RTT


def group_of(*hosts: IPAddress) -> tuple[ProbeGroup, Bench, Link]:
    group, link = ProbeGroup(10_000), Link()
    probers = [
        make_prober(name=f"hme{n}", seed=n, detection=group.detection, start=False) for n in (0, 1)
    ]
    for prober in probers:
        group.add(prober, 0.0)
        prober.start(0.0)
        group.found[FOUR].introduce(prober.interface, (WITNESS,))
        for host in hosts:
            prober.add_host(host, 0.0)
    bench = Bench(*probers, link=link)
    bench.answered = lambda prober, request, at: group.answered(
        prober.interface, FOUR, request.sequence, request.target, at, request.kind
    )
    return group, bench, link


def run(group: ProbeGroup, bench: Bench, seconds: float) -> None:
    """As `Surveillance.due` does it."""
    end = bench.now + seconds

    def review() -> bool:
        for prober in bench.probers:
            group.review(prober, bench.now)
        return False

    bench.run(end, stop=review)


def facts(group: ProbeGroup) -> list[HostsSilent]:
    return [fact for fact in group.take_facts() if isinstance(fact, HostsSilent)]


def hosts_of(prober: Prober) -> Collection[IPAddress]:
    return prober.targets.hosts


def test_a_member_that_is_heard_has_not_failed_and_gives_the_silent_ones_up() -> None:
    group, bench, link = group_of(*HOSTS[:3])
    run(group, bench, 60.0)
    link.silent = {("hme0", host) for host in HOSTS[:3]}
    run(group, bench, 30.0)
    assert group.verdict("hme0").outlook is Outlook.UNKNOWN
    assert group.verdict("hme1").outlook is Outlook.ALIVE
    told = facts(group)
    assert {(fact.interface, fact.is_heard) for fact in told} == {("hme0", True)}
    # Not before two of their own were lost, so not all of them at once; and each of them once.
    assert sorted(host for fact in told for host in fact.hosts) == HOSTS[:3]
    assert set(hosts_of(bench.probers[1])) == set(HOSTS[:3])


def test_one_that_missed_only_one_probe_among_the_silent_stays() -> None:
    """Its answer may have been late, on a machine that is busy."""
    group, bench, link = group_of(*HOSTS[:5])
    run(group, bench, 60.0)
    (first, _) = bench.probers
    honest = HOSTS[0]
    link.silent = {("hme0", host) for host in HOSTS[:5]}
    while first.first_loss_at is None:
        bench.wake(min(it for each in bench.probers if (it := each.deadline()) is not None))
    link.silent.discard(("hme0", honest))
    assert all(target.missed < MISSES_TO_GIVE_UP for target in first.targets)
    assert not group.review(first, bench.now)
    assert len(hosts_of(first)) == 5
    assert facts(group) == []
    # The others are silent alone then: five of their own (behaviour 50).
    run(group, bench, 60.0)
    assert list(hosts_of(first)) == [honest]
    assert group.verdict("hme0").outlook is Outlook.ALIVE


def test_a_member_that_is_not_heard_has_failed() -> None:
    group, bench, link = group_of(*HOSTS[:2])
    run(group, bench, 60.0)
    link.silent = {("hme0", host) for host in HOSTS[:2]}
    link.is_heard = False
    run(group, bench, 12.0)
    assert group.verdict("hme0").outlook is Outlook.DEAD
    assert facts(group) == []


def test_who_has_failed_waits_for_the_hosts_it_knows() -> None:
    group, bench, link = group_of(HOSTS[0])
    run(group, bench, 60.0)
    link.silent = {("hme0", HOSTS[0])}
    link.is_heard = False
    run(group, bench, 12.0)
    group.judged("hme0", is_running=False)
    link.is_heard = True
    run(group, bench, 60.0)
    assert list(hosts_of(bench.probers[0])) == [HOSTS[0]]
    link.silent.clear()
    run(group, bench, 20.0)
    assert group.verdict("hme0").is_repaired


def test_a_witness_is_only_called_in_doubt() -> None:
    group, bench, link = group_of(HOSTS[0])
    run(group, bench, 60.0)

    def calls() -> list[ProbeRequest]:
        return [it for _, it in bench.sent if it.kind is ProbeKind.WITNESS]

    assert calls() == []
    link.silent = {("hme0", HOSTS[0])}
    run(group, bench, 6.0)
    assert {(it.interface, it.target, it.source) for it in calls()} == {("hme0", WITNESS, None)}


def test_only_another_member_is_a_witness() -> None:
    group, _, _ = group_of(HOSTS[0])
    found = group.found[FOUR]
    assert found.witnessed("hme0", HOSTS[0], 1.0) is Answer.FAKE
    assert found.witnessed("hme0", WITNESS, 1.0) is Answer.WITNESSED


def test_who_was_given_up_out_of_spite_is_not_found_again_at_once() -> None:
    group, bench, link = group_of(HOSTS[0])
    run(group, bench, 60.0)
    link.silent = {("hme0", HOSTS[0])}
    run(group, bench, 12.0)
    assert hosts_of(bench.probers[0]) == ()
    link.silent.clear()
    sequence = bench.probers[0].reception.discovery.record()
    again = group.answered("hme0", FOUR, sequence, HOSTS[0], bench.now, ProbeKind.SEARCH)
    assert again is Answer.UNWANTED
    later = group.answered("hme0", FOUR, sequence, HOSTS[0], bench.now + 61.0, ProbeKind.SEARCH)
    assert later is Answer.HOST_FOUND


def near(address: IPAddress, mac: str = "") -> Neighbour:
    return Neighbour(4, address, mac or f"mac of {address}")


def test_targets_that_turn_out_to_be_one_host_are_parted() -> None:
    group, bench, _ = group_of(*HOSTS[:3])
    assert group.neighbours_seen([near(HOSTS[0], "m"), near(HOSTS[2], "m")], 1.0)
    assert [list(hosts_of(prober)) for prober in bench.probers] == [HOSTS[:2]] * 2
    assert not group.neighbours_seen([near(HOSTS[0], "m"), near(HOSTS[2], "m")], 2.0)


@pytest.mark.parametrize(
    ("looks", "is_old"),
    [
        ([(0.0, True)], True),
        # The first look finds whom the machine talked to before we came.
        ([(2.0, True)], True),
        ([(1.5, False), (2.0, True)], False),
    ],
)
def test_a_full_list_makes_room_for_who_has_been_known_longer(
    looks: list[tuple[float, bool]], is_old: bool
) -> None:
    group, bench, _ = group_of()
    newcomer = HOSTS[7]
    prober = bench.probers[0]
    for host in HOSTS[:5]:
        sequence = prober.reception.discovery.record()
        group.answered("hme0", FOUR, sequence, host, 1.0, ProbeKind.SEARCH)
    for at, is_there in looks:
        group.neighbours_seen([near(newcomer)] if is_there else [], at)
    sequence = prober.reception.discovery.record()
    answer = group.answered("hme0", FOUR, sequence, newcomer, 3.0, ProbeKind.SEARCH)
    assert (answer is Answer.HOST_FOUND) is is_old
    for each in bench.probers:
        assert (newcomer in hosts_of(each)) is is_old
        assert len(hosts_of(each)) == 5


def test_without_a_group_nobody_is_reviewed() -> None:
    assert not ProbeGroup(10_000, is_anonymous=True).review(make_prober(), 0.0)
