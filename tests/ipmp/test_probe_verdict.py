import pytest

from rcmd.ipmp.probing.group import ProbeGroup
from rcmd.ipmp.probing.result import Outlook, Peer, ProbeVerdict, Scope, classify, verdict_of
from rcmd.model.network import Family

from .probe_bench import (
    ICMP4,
    ICMP6,
    RTT,
    Bench,
    ProbeSource,
    answering,
    ip_address,
    make_prober,
    routers,
    silent,
)

ROUTER6 = ip_address("fe80::99")


def dual_stack(link=answering):
    four = make_prober(routers(1))
    six = make_prober([ROUTER6], family=Family.IPV6, source=ICMP6, seed=2)
    bench = Bench(four, six, link=link)
    bench.run(100.0)
    return four, six, bench


def only(family):
    return lambda request, _: RTT if request.family is family else None


def test_without_a_test_address_probing_is_disabled():  # behaviours 28, 130
    assert verdict_of([make_prober(source=ProbeSource())]).outlook is Outlook.DISABLED
    assert verdict_of([]).outlook is Outlook.DISABLED


def test_without_targets_nothing_is_known_and_nothing_fails():  # behaviours 48, 130
    prober = make_prober()
    Bench(prober, link=silent).run(200.0)
    assert verdict_of([prober]).outlook is Outlook.UNKNOWN


@pytest.mark.parametrize("family", list(Family))
def test_one_family_keeps_an_interface_alive(family):  # behaviour 34
    four, six, bench = dual_stack()
    bench.link = only(family)
    bench.run(bench.now + 60)
    assert verdict_of([four, six]).outlook is Outlook.ALIVE


def test_both_families_must_fail():  # behaviour 34
    four, six, bench = dual_stack()
    bench.link = silent
    bench.run(bench.now + 60)
    verdict = verdict_of([four, six])
    assert verdict.outlook is Outlook.DEAD
    assert verdict.first_loss_at == min(four.first_loss_at, six.first_loss_at)
    assert verdict.last_success_at < verdict.first_loss_at


def test_a_family_without_targets_has_no_vote():  # behaviour 48
    four, six, bench = dual_stack()
    six.set_routers([], bench.now)
    bench.link = silent
    bench.run(bench.now + 20)
    assert verdict_of([four, six]).outlook is Outlook.DEAD
    assert verdict_of([six]).outlook is Outlook.UNKNOWN


def test_v6_alone_suffices():  # behaviour 15
    _, six, bench = dual_stack()
    without = make_prober(source=ProbeSource())
    assert verdict_of([without, six]).outlook is Outlook.ALIVE
    bench.link = silent
    bench.run(bench.now + 20)
    assert verdict_of([without, six]).outlook is Outlook.DEAD


@pytest.mark.parametrize("family", list(Family))
def test_either_family_repairs(family):  # behaviour 35
    four, six, bench = dual_stack(silent)
    assert verdict_of([four, six]).outlook is Outlook.DEAD
    bench.link = only(family)
    bench.run(bench.now + 10)
    assert not verdict_of([four, six]).is_repaired
    bench.run(bench.now + 10)
    assert verdict_of([four, six]).is_repaired


# --- interface or group ------------------------------------------------------------------------

LINK_ONLY = ProbeVerdict(Outlook.DISABLED)
NO_TARGETS = ProbeVerdict(Outlook.UNKNOWN)


def alive(last_success_at):
    return ProbeVerdict(Outlook.ALIVE, None, last_success_at)


def peer(verdict, is_running=True, has_link=True):
    return Peer(is_running, has_link, verdict)


@pytest.mark.parametrize(
    ("first_loss_at", "others", "scope"),
    [
        # by probes: somebody has answered since the losses began (behaviour 75)
        (50.0, [peer(alive(50.1))], Scope.INTERFACE),
        (50.0, [peer(alive(49.9))], Scope.GROUP),
        (50.0, [peer(alive(50.0))], Scope.GROUP),
        (50.0, [peer(alive(None))], Scope.GROUP),
        (50.0, [peer(alive(49.0)), peer(alive(51.0))], Scope.INTERFACE),
        (50.0, [peer(alive(51.0), is_running=False)], Scope.GROUP),
        (50.0, [peer(alive(51.0), has_link=False)], Scope.GROUP),
        (50.0, [peer(NO_TARGETS)], Scope.GROUP),
        (50.0, [peer(LINK_ONLY)], Scope.INTERFACE),
        # by link: somebody functions (behaviours 28, 73)
        (None, [peer(alive(1.0))], Scope.INTERFACE),
        (None, [peer(LINK_ONLY)], Scope.INTERFACE),
        (None, [peer(LINK_ONLY, has_link=False)], Scope.GROUP),
        (None, [peer(LINK_ONLY, is_running=False)], Scope.GROUP),
        (None, [], Scope.GROUP),
        (50.0, [], Scope.GROUP),
    ],
)
def test_classification(first_loss_at, others, scope):  # behaviours 73, 75
    assert classify(first_loss_at, others) is scope


def test_an_interface_without_a_group_fails_alone():
    assert classify(50.0, [], is_anonymous=True) is Scope.INTERFACE


def test_a_failed_group_stays_failed():
    others = [peer(alive(51.0))]
    assert classify(50.0, others, has_group_failed=True) is Scope.GROUP


def group_of(number, targets):
    group = ProbeGroup(10_000)
    probers = [
        make_prober(routers(targets), name=f"hme{index}", detection=group.detection, seed=index)
        for index in range(number)
    ]
    for prober in probers:
        group.add(prober, 0.0)
    return group, Bench(*probers)


def judge_first_dead(group, bench):
    """The scope of the first failure, as the engine would find it."""
    names = [prober.interface for prober in bench.probers]

    def dead():
        return [name for name in names if group.verdict(name).outlook is Outlook.DEAD]

    assert bench.run(bench.now + 60, stop=lambda: bool(dead()))
    first = dead()[0]
    others = [peer(group.verdict(name)) for name in names if name != first]
    return first, classify(group.verdict(first).first_loss_at, others)


@pytest.mark.parametrize("seed", range(20))
def test_all_targets_die_at_once(seed):  # behaviours 52, 73
    group, bench = group_of(3, 2)
    bench.run(100 + seed * 0.37)
    bench.link = silent
    assert judge_first_dead(group, bench)[1] is Scope.GROUP


@pytest.mark.parametrize("seed", range(20))
def test_one_member_is_cut_off(seed):  # behaviour 75
    group, bench = group_of(3, 2)
    bench.run(100 + seed * 0.37)
    bench.link = lambda request, _: None if request.interface == "hme1" else RTT
    assert judge_first_dead(group, bench) == ("hme1", Scope.INTERFACE)


def test_the_router_dies_and_hosts_do_not():  # behaviour 50
    group, bench = group_of(3, 3)
    bench.run(100.0)
    bench.link = lambda request, _: None if request.target == routers(1)[0] else RTT
    bench.run(200.0)
    assert {group.verdict(prober.interface).outlook for prober in bench.probers} == {Outlook.ALIVE}
    assert all(len(prober.targets.active) == 2 for prober in bench.probers)


def test_probing_works_again_after_a_group_failure():  # behaviours 52, 74
    host = ip_address("10.0.0.9")
    group, bench = group_of(2, 0)
    for prober in bench.probers:
        prober.add_host(host, 0.0)
    bench.run(100.0)
    bench.link = silent
    judge_first_dead(group, bench)
    group.failed()
    assert group.verdict("hme0").outlook is Outlook.UNKNOWN
    bench.link = answering
    for prober in bench.probers:
        prober.add_host(host + 1, bench.now)
    bench.run(bench.now + 10)
    assert not group.verdict("hme0").is_repaired
    bench.run(bench.now + 10)
    assert group.verdict("hme0").is_repaired
    assert ICMP4.is_enabled
