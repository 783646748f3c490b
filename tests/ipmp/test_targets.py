from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest

from rcmd.ipmp.api.probes import HostFound, ProbeKind, TargetDead
from rcmd.ipmp.probing.group import ProbeGroup
from rcmd.ipmp.probing.source import ProbeSource
from rcmd.ipmp.probing.targets import TargetKind, TargetList
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family
from rcmd.model.status import TargetState

from .probe_bench import (
    ICMP4,
    ICMP6,
    PREFIX,
    RTT,
    Bench,
    answering,
    make_prober,
    routers,
    silent,
    silent_but,
)

HOSTS = [ip_address(f"10.0.0.{20 + index}") for index in range(8)]


def listed(number=0, own=()):
    targets = TargetList(Family.IPV4, PREFIX, frozenset(own))
    targets.set_routers(routers(number), 0.0)
    return targets


def states(targets):
    return [target.state for target in targets]


def test_hosts_serve_until_a_router_appears():  # behaviours 44, 53
    targets = listed()
    assert targets.add_host(HOSTS[0], 0.0)
    assert targets.add_host(HOSTS[1], 0.0)
    given_up = targets.set_routers(routers(1), 1.0)
    assert [target.address for target in given_up] == HOSTS[:2]
    assert [target.address for target in targets] == routers(1)
    assert not targets.add_host(HOSTS[0], 2.0)


def test_without_routers_the_list_is_one_of_hosts_again():
    targets = listed(2)
    assert [t.address for t in targets.set_routers([], 1.0)] == routers(2)
    assert targets.kind is TargetKind.HOSTS
    assert targets.wants_hosts


def test_a_router_found_twice_is_the_same_target():
    targets = listed(2)
    first = next(iter(targets))
    first.round_trip.sample(0.1, 1.0)
    assert targets.set_routers(list(reversed(routers(2))), 5.0) == []
    assert first in list(targets)


def test_while_the_group_is_failed_a_vanished_router_stays():
    targets = listed(2)
    assert targets.set_routers(routers(1), 1.0, keeps_vanished=True) == []
    assert len(targets) == 2


def test_five_hosts_at_most_and_search_goes_on_below_two():  # behaviour 46
    targets = listed()
    wanted = []
    for host in HOSTS:
        wanted.append(targets.wants_hosts)
        targets.add_host(host, 0.0)
    assert wanted == [True, True, *[False] * 6]
    assert targets.hosts == tuple(HOSTS[:5])


def test_more_than_five_routers_are_spares():  # behaviour 46
    targets = listed(7)
    assert states(targets) == [TargetState.ACTIVE] * 5 + [TargetState.UNUSED] * 2
    assert not targets.wants_hosts


@pytest.mark.parametrize("text", ["10.0.1.5", "10.0.0.7", "0.0.0.0", "224.0.0.1", "fe80::5"])
def test_who_cannot_be_a_target(text):  # behaviours 10, 49
    targets = listed(own=[ip_address("10.0.0.7")])
    address = ip_address(text)
    assert not targets.add_host(address, 0.0)
    assert targets.set_routers([address], 0.0) == []
    assert not len(targets)


def test_v6_targets_are_link_local():  # behaviour 11
    targets = TargetList(Family.IPV6, IPv6Network("fe80::/10"))
    assert not targets.add_host(ip_address("2001:db8::5"), 0.0)
    assert targets.add_host(ip_address("fe80::5"), 0.0)


def test_an_address_that_becomes_our_own_is_given_up():  # behaviour 49
    targets = listed(2)
    given_up = targets.confine(PREFIX, frozenset(routers(1)), 1.0)
    assert [target.address for target in given_up] == routers(1)
    given_up = targets.confine(IPv4Network("10.9.0.0/24"), frozenset(), 1.0)
    assert len(given_up) == 1
    assert targets.kind is TargetKind.HOSTS


def test_the_rotation_is_fair_and_survives_a_retirement():
    targets = listed(3)
    turn = [targets.next(0.0).address for _ in range(4)]
    assert turn == [*routers(3), routers(1)[0]]
    targets.retire(targets.active[0], 0.0, TargetState.DEAD)
    assert [targets.next(1.0).address for _ in range(4)] == routers(3)[1:] * 2


def test_a_spare_takes_the_place_of_a_dead_router():
    targets = listed(6)
    targets.retire(targets.active[0], 0.0, TargetState.DEAD)
    targets.next(0.0)
    assert states(targets) == [TargetState.DEAD] + [TargetState.ACTIVE] * 5


def test_a_dead_router_returns_by_way_of_slow():  # behaviour 51
    targets = listed(2)
    dead = targets.active[0]
    targets.retire(dead, 0.0, TargetState.DEAD)
    story = []
    for now in (59.0, 60.0, 119.0, 120.0):
        targets.next(now)
        story.append(dead.state)
    # UNUSED is promoted in the same turn, as there is room.
    assert story == [TargetState.DEAD, TargetState.SLOW, TargetState.SLOW, TargetState.ACTIVE]


def test_when_none_is_left_the_best_three_are_put_back():
    targets = listed(5)
    by_address = {target.address: target for target in targets}
    first, second, third, fourth, fifth = (by_address[address] for address in routers(5))
    targets.retire(first, 90.0, TargetState.DEAD)
    targets.retire(second, 10.0, TargetState.DEAD)
    targets.retire(third, 90.0, TargetState.SLOW)
    targets.retire(fourth, 95.0, TargetState.SLOW)
    targets.retire(fifth, 92.0, TargetState.DEAD)
    assert targets.next(100.0) is third
    assert targets.active == [third, fourth, second]


def test_a_host_is_given_up_instead_of_retired():
    targets = listed()
    targets.add_host(HOSTS[0], 0.0)
    assert targets.retire(targets.active[0], 0.0, TargetState.DEAD)
    assert not len(targets)


# --- hosts in the place of silent routers ---


def seeking(number):
    targets = listed(number)
    targets.seeks_stand_ins = True
    return targets


def test_hosts_beside_routers_only_when_they_are_sought():  # behaviour 52
    targets = listed(1)
    assert not targets.wants_hosts
    assert not targets.add_host(HOSTS[0], 0.0)
    targets = seeking(1)
    assert targets.wants_hosts
    assert [targets.add_host(host, 0.0) for host in HOSTS[:6]] == [True] * 4 + [False] * 2
    assert not targets.wants_hosts
    assert targets.hosts == tuple(HOSTS[:4])
    assert targets.kind is TargetKind.ROUTERS
    assert {targets.next(1.0).address for _ in range(5)} == {*routers(1), *HOSTS[:4]}


def test_stand_ins_go_when_a_router_answers():  # behaviour 53
    targets = seeking(1)
    targets.add_host(HOSTS[0], 0.0)
    assert [target.address for target in targets.dismiss_stand_ins()] == HOSTS[:1]
    assert [target.address for target in targets] == routers(1)
    assert [targets.next(1.0).address for _ in range(2)] == routers(1) * 2
    assert not targets.wants_hosts


def test_stand_ins_go_when_another_router_is_known_or_none():
    targets = seeking(1)
    targets.add_host(HOSTS[0], 0.0)
    assert targets.set_routers(routers(1), 1.0) == []
    assert targets.hosts == (HOSTS[0],)
    given_up = targets.set_routers(routers(2), 1.0)
    assert [target.address for target in given_up] == HOSTS[:1]
    targets = seeking(1)
    targets.add_host(HOSTS[0], 0.0)
    targets.set_routers([], 1.0)
    assert (targets.kind, len(targets)) == (TargetKind.HOSTS, 0)


def test_a_silent_stand_in_is_given_up_like_any_host():
    targets = seeking(1)
    targets.add_host(HOSTS[0], 0.0)
    (stand_in,) = [target for target in targets if target.is_stand_in]
    assert targets.retire(stand_in, 1.0, TargetState.DEAD)
    assert [target.address for target in targets] == routers(1)


def test_an_answer_of_a_router_ends_the_substitution():
    prober = make_prober(routers(1))
    prober.seek_stand_ins()
    bench = Bench(prober, link=silent_but(HOSTS[0]))
    prober.add_host(HOSTS[0], 0.0)
    bench.run(60.0)
    assert prober.is_repaired
    assert prober.targets.seeks_stand_ins
    bench.link = answering
    bench.run(200.0)
    assert prober.targets.hosts == ()
    assert not prober.targets.seeks_stand_ins
    assert prober.is_repaired


# --- with a prober -----------------------------------------------------------------------------


def test_one_dead_router_of_three_is_no_failure_of_the_interface():  # behaviour 50
    addresses = routers(3)
    prober = make_prober(addresses)
    bench = Bench(prober)
    bench.run(100.0)
    bench.link = lambda request, _: None if request.target == addresses[1] else RTT
    worst = 0

    def look():
        nonlocal worst
        worst = max(worst, prober.history.losses()[0])
        return False

    bench.run(150.0, stop=look)
    assert worst == 1
    (dead,) = [target for target in prober.targets if target.state is TargetState.DEAD]
    # Its losses are forgotten, or it would die of them again when it is put back.
    assert prober.history.losses(dead) == (0, None)
    assert TargetDead("hme0", Family.IPV4, addresses[1]) in prober.take_facts()
    assert not [1 for at, request in bench.sent if at > 140 and request.target == addresses[1]]


def test_a_router_that_was_dead_does_not_die_again_of_its_old_losses():  # behaviour 51
    addresses = routers(2)
    prober = make_prober(addresses)
    dead = True
    bench = Bench(prober, link=lambda r, _: None if dead and r.target == addresses[1] else RTT)
    assert bench.run(100.0, stop=lambda: len(prober.targets.active) == 1)
    dead = False
    bench.run(bench.now + 130)
    assert len(prober.targets.active) == 2


def test_a_dead_host_is_given_up_and_others_are_looked_for_at_once():  # behaviour 50
    prober = make_prober()
    for host in HOSTS[:4]:
        prober.add_host(host, 0.0)
    bench = Bench(prober, link=lambda r, _: None if r.target == HOSTS[0] else RTT)
    bench.run(100.0)
    assert prober.targets.hosts == tuple(HOSTS[1:4])
    multicasts = [r for _, r in bench.sent if r.kind is ProbeKind.SEARCH]
    assert [str(request.target) for request in multicasts] == ["224.0.0.1"]


def test_without_targets_only_multicasts_are_sent_and_nothing_fails():  # behaviours 45, 48
    for source, group in ((ICMP4, "224.0.0.1"), (ICMP6, "ff02::1")):
        family = Family.IPV4 if source is ICMP4 else Family.IPV6
        prober = make_prober(source=source, family=family)
        bench = Bench(prober, link=silent)
        bench.run(200.0)
        assert {str(request.target) for _, request in bench.sent} == {group}
        assert len(bench.sent) == pytest.approx(200 / 1.428, abs=2)
        assert not prober.is_capable
        assert prober.first_loss_at is None


def test_a_single_host_is_probed_and_the_search_goes_on():  # behaviour 46
    prober = make_prober()
    prober.add_host(HOSTS[0], 0.0)
    requests = Bench(prober).wake(prober.deadline())
    assert [request.kind for request in requests] == [ProbeKind.UNICAST, ProbeKind.SEARCH]


def test_arp_without_a_test_address_probes_routers_and_never_looks_for_hosts():
    prober = make_prober(routers(1), source=ProbeSource(ProbeMethod.ARP))
    (request,) = Bench(prober).wake(prober.deadline())
    assert (request.method, request.source) == (ProbeMethod.ARP, None)
    prober.set_routers([], 2.0)
    assert Bench(prober).wake(prober.deadline()) == []
    prober.add_host(HOSTS[0], 3.0)
    assert not len(prober.targets)


# --- shared by the group -----------------------------------------------------------------------


def pair():
    group = ProbeGroup(10_000)
    probers = [
        make_prober(name=name, detection=group.detection, seed=seed)
        for seed, name in enumerate(("hme0", "hme1"))
    ]
    for prober in probers:
        group.add(prober, 0.0)
    return group, probers


def found(group, host, now=2.0):
    return group.answered("hme0", Family.IPV4, 0, host, now, ProbeKind.SEARCH)


def test_a_host_found_by_one_member_is_a_target_of_all():  # behaviours 45, 56
    group, probers = pair()
    Bench(*probers).run(2.0)
    found(group, HOSTS[0])
    assert [prober.targets.hosts for prober in probers] == [(HOSTS[0],)] * 2
    assert group.take_facts() == [HostFound("hme0", Family.IPV4, HOSTS[0])]  # it alone was answered


def test_a_later_member_copies_the_hosts_of_another():
    group, probers = pair()
    Bench(*probers).run(2.0)
    found(group, HOSTS[0])
    late = make_prober(name="hme2", detection=group.detection)
    group.add(late, 3.0)
    assert late.targets.hosts == (HOSTS[0],)


def test_a_group_failure_flushes_hosts_but_not_routers():  # behaviour 52
    group, probers = pair()
    Bench(*probers).run(2.0)
    found(group, HOSTS[0])
    group.failed()
    assert [len(prober.targets) for prober in probers] == [0, 0]
    group.set_routers(Family.IPV4, [], routers(2), 4.0)
    group.failed()
    assert [len(prober.targets) for prober in probers] == [2, 2]


def test_pinned_targets_come_before_routers():  # behaviour 47
    group, probers = pair()
    group.set_routers(Family.IPV4, HOSTS[:4], routers(3), 1.0)
    active = [target.address for target in probers[0].targets.active]
    assert active == [*HOSTS[:4], routers(1)[0]]


def test_a_member_on_another_link_is_recognised():
    group, probers = pair()
    group.set_routers(Family.IPV4, [], routers(1), 1.0)
    bench = Bench(*probers, link=lambda r, _: RTT if r.interface == "hme0" else None)
    bench.run(39.0)  # behaviour 36: its port may be blocked yet
    assert group.strangers() == {}
    bench.run(43.0)
    assert group.strangers() == {"hme1": tuple(routers(1))}


def test_an_empty_group_returns_to_the_detection_time_asked_for():
    group, _ = pair()
    group.detection.raise_for(3.0, 0.0)
    group.remove("hme0", Family.IPV4)
    assert group.detection.is_raised
    group.remove("hme1", Family.IPV4)
    assert not group.detection.is_raised
