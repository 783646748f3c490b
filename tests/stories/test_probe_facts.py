"""What people can see of probing: states, targets, each probe once, the reason of a failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address

from rcmd.ipmp.api.commands import Report
from rcmd.ipmp.engine import Engine
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family
from rcmd.model.status import (
    ProbeOutcome,
    ProbeState,
    ProbeStatus,
    TargetMode,
    TargetState,
    TargetStatus,
)

from .scenes import DUAL_STACK, LINK_ONLY, PAIR
from .teller import tell
from .world import World

ROUTER = ip_address("192.168.85.1")
ROUTED = """
target 192.168.85.1 unicast
probe everything by icmp
"""
BY_ROUTER = f"""
{ROUTED}
{PAIR}
add route default via 192.168.85.1 on hme0
"""
ALL = 10_000


def _engine(world: World) -> Engine:
    assert world.engine
    return world.engine


def _probe_states(world: World) -> dict[str, ProbeState]:
    return {it.name: it.probe for it in _engine(world).status().interfaces}


def _targets(world: World, interface: str) -> list[TargetStatus]:
    return [it for it in _engine(world).targets() if it.interface == interface]


def _reports(world: World, kind: str) -> list[Report]:
    return [it for it in world.commands if isinstance(it, Report) and it.kind == kind]


# --- probe states ---------------------------------------------------------------------------------


def test_what_probes_say_of_an_interface():  # behaviour 130
    world = tell(BY_ROUTER)
    world.advance(20.0)
    assert _probe_states(world) == {"hme0": ProbeState.OK, "hme1": ProbeState.OK}
    world.network.black_holes.add("hme0")
    world.advance(40.0)
    assert _probe_states(world) == {"hme0": ProbeState.FAILED, "hme1": ProbeState.OK}


def test_one_that_is_answered_again_has_failed_until_ten_were_answered():
    world = tell(BY_ROUTER, "at 20s black hole hme0", "at 40s mend hme0")
    world.advance(47.0)
    assert _probe_states(world)["hme0"] is ProbeState.FAILED
    world.advance(60.0)
    assert _probe_states(world)["hme0"] is ProbeState.OK


def test_nobody_to_probe_is_unknown_and_nothing_to_probe_from_is_disabled():  # behaviour 130
    alone = tell("probe everything by icmp", PAIR)
    alone.advance(60.0)
    assert set(_probe_states(alone).values()) == {ProbeState.UNKNOWN}
    without_source = tell("probe everything by icmp", LINK_ONLY)
    without_source.advance(60.0)
    assert set(_probe_states(without_source).values()) == {ProbeState.DISABLED}
    switched_off = tell("setting groups: {test: {probe: none}}", PAIR)
    assert set(_probe_states(switched_off).values()) == {ProbeState.DISABLED}


def test_the_raised_detection_time_is_shown_at_once():  # behaviours 57, 129
    world = tell(BY_ROUTER, "at 20s target 192.168.85.1 takes 2s")
    shown = set()
    for second in range(21, 60):
        revision = _engine(world).revision
        world.advance(float(second))
        (group,) = _engine(world).status().groups
        if group.failure_detection_ms not in shown:
            shown.add(group.failure_detection_ms)
            # Whoever keeps the status looks again when the revision has grown.
            assert len(shown) == 1 or _engine(world).revision > revision
    assert min(shown) == 10_000
    assert max(shown) > 10_000


# --- targets --------------------------------------------------------------------------------------


def test_routers_of_the_routing_table_serve_every_member():
    world = tell(BY_ROUTER)
    world.advance(20.0)
    (status,) = _targets(world, "hme1")
    assert (status.family, status.mode, status.method) == (
        Family.IPV4,
        TargetMode.ROUTES,
        ProbeMethod.ICMP,
    )
    assert status.test_address == ip_address("192.168.85.22")
    (target,) = status.targets
    assert (target.address, target.state, target.lost) == (ROUTER, TargetState.ACTIVE, 0)
    assert target.answered > 10
    assert target.crtt_s is not None
    assert 0 < target.crtt_s < 0.1


def test_named_targets_are_pinned():
    world = tell(
        "setting groups: {test: {probe: icmp, targets: [192.168.85.8]}}",
        "target 192.168.85.8",
        PAIR,
    )
    world.advance(5.0)
    assert [it.mode for it in _targets(world, "hme0")] == [TargetMode.PINNED]


def test_the_solaris_way_to_name_a_target_pins_it():
    # behaviour 47: route add -host T T -static
    world = tell(
        "probe everything by icmp",
        "target 192.168.85.8",
        PAIR,
        "add route 192.168.85.8/32 via 192.168.85.8 on hme0",
    )
    world.advance(5.0)
    assert [it.mode for it in _targets(world, "hme0")] == [TargetMode.PINNED]
    assert [it.mode for it in _targets(world, "hme1")] == [TargetMode.PINNED]


def test_arp_cannot_be_asked_of_everybody():
    world = tell("probe everything by arp", "target 192.168.85.5", LINK_ONLY)
    world.advance(20.0)
    (status,) = _targets(world, "hme0")
    assert (status.mode, status.method) == (TargetMode.HOSTS, ProbeMethod.ARP)
    assert (status.test_address, status.targets) == (None, ())


def test_hosts_that_answered_are_listed_the_next_one_first():
    hosts = [f"192.168.85.{number}" for number in (5, 6, 7)]
    world = tell("probe everything by icmp", *(f"target {host}" for host in hosts), PAIR)
    world.advance(20.0)
    world.network.sent.clear()
    (before,) = _targets(world, "hme0")
    assert before.mode is TargetMode.HOSTS
    assert {str(it.address) for it in before.targets} == set(hosts)
    while not world.network.times("hme0"):
        world.advance(world.now + 0.1)
    sent = next(it for _, it in world.network.sent if it.interface == "hme0")
    assert sent.target == before.targets[0].address


def test_a_silent_target_among_others_is_listed_as_dead():  # behaviour 50
    world = tell(
        "setting groups: {test: {probe: icmp, targets: [192.168.85.8, 192.168.85.9]}}",
        "target 192.168.85.8",
        "target 192.168.85.9",
        PAIR,
        "at 60s target 192.168.85.8 dies",
    )
    world.advance(90.0)
    (status,) = _targets(world, "hme0")
    assert [(str(it.address), it.state) for it in status.targets] == [
        ("192.168.85.9", TargetState.ACTIVE),
        ("192.168.85.8", TargetState.DEAD),
    ]


def test_each_family_has_a_row_and_each_interface_at_least_one():
    world = tell("probe everything by icmp", DUAL_STACK, "file hme2: 10.0.0.1/8 up", "reload")
    world.advance(30.0)
    rows = [(it.interface, it.family, it.mode) for it in _engine(world).targets()]
    assert ("hme0", Family.IPV6, TargetMode.HOSTS) in rows
    assert ("hme2", None, TargetMode.DISABLED) in rows
    assert {name for name, _, _ in rows} == {"hme0", "hme1", "hme2"}


# --- probes ---------------------------------------------------------------------------------------


def _follow(world: World, until: float, step: float) -> Iterator[ProbeStatus]:
    """As `rcmctl probes` does it."""
    newest = _engine(world).probes(0, limit=1)
    since = newest[-1].number if newest else 0
    while world.now < until:
        world.advance(world.now + step)
        for probe in _engine(world).probes(since, limit=ALL):
            since = probe.number
            yield probe


def test_a_follower_sees_each_probe_once_and_misses_none():
    world = tell(BY_ROUTER, "lose 30% on hme0")
    world.advance(50.0)
    world.network.sent.clear()
    seen = list(_follow(world, 350.0, 7.0))
    keys = [(it.interface, it.family, it.sequence) for it in seen]
    assert len(keys) == len(set(keys))
    for name in ("hme0", "hme1"):
        sequences = sorted(it.sequence for it in seen if it.interface == name)
        assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
        # What was under way at either end is not counted.
        assert abs(len(sequences) - len(world.network.times(name))) <= 2
    outcomes = {it.outcome for it in seen if it.interface == "hme0"}
    assert outcomes == {ProbeOutcome.ANSWERED, ProbeOutcome.LOST}
    assert {it.outcome for it in seen if it.interface == "hme1"} == {ProbeOutcome.ANSWERED}


def test_probes_tell_how_long_the_answer_took():
    world = tell(BY_ROUTER)
    world.advance(20.0)
    (probe,) = _engine(world).probes(0, limit=1)
    assert probe.target == ROUTER
    assert 0 < probe.time_s < 20.0
    assert probe.network_rtt_s is not None
    assert probe.rtt_s is not None
    assert abs(probe.network_rtt_s - 0.001) < 1e-6
    # It was read later than it came.
    assert probe.network_rtt_s < probe.rtt_s < 2.0


def test_the_newest_come_last_and_no_more_than_wanted():
    world = tell(BY_ROUTER)
    world.advance(30.0)
    everything = _engine(world).probes(0, limit=ALL)
    assert [it.number for it in everything] == sorted(it.number for it in everything)
    assert _engine(world).probes(0, limit=3) == everything[-3:]
    assert _engine(world).probes(0, limit=0) == ()
    assert _engine(world).probes(everything[-2].number, limit=ALL) == everything[-1:]


def test_what_was_lost_can_be_seen_after_the_group_has_failed():
    """The hosts are given up then, and their probes no longer count; they are kept to be seen."""
    world = tell("probe everything by icmp", "target 192.168.85.5", PAIR, "at 60s switch dies")
    before = _engine(world).probes(0, limit=1)[-1].number
    world.advance(90.0)
    lost = [
        it for it in _engine(world).probes(before, limit=ALL) if it.outcome is ProbeOutcome.LOST
    ]
    by_interface = Counter(it.interface for it in lost)
    assert max(by_interface.values()) == 5
    assert {str(it.target) for it in lost} == {"192.168.85.5"}


def test_while_we_slept_nothing_was_lost():
    world = tell(BY_ROUTER)
    world.advance(20.0)
    before = _engine(world).probes(0, limit=1)[-1].number
    world.network.black_holes |= {"hme0", "hme1"}
    world.advance(20.9)
    world.sleep(60.0)
    world.network.black_holes.clear()
    world.advance(world.now + 20.0)
    outcomes = {it.outcome for it in _engine(world).probes(before, limit=ALL)}
    assert ProbeOutcome.LOST not in outcomes
    assert ProbeOutcome.ANSWERED in outcomes


# --- the reason -----------------------------------------------------------------------------------


def test_a_failure_found_by_probes_says_who_did_not_answer():
    world = tell(BY_ROUTER, "at 20s black hole hme0")
    world.advance(40.0)
    (failure,) = _reports(world, "failure")
    assert failure.detail == {
        "cause": "probes to 192.168.85.1 are not answered",
        "group": "test",
        "found_by": "probes",
        "targets": "192.168.85.1",
    }


def test_a_failure_of_the_link_says_so():
    world = tell(BY_ROUTER, "at 20s carrier hme0 down")
    (failure,) = _reports(world, "failure")
    assert failure.detail["cause"] == "the link is down"
    assert failure.detail["found_by"] == "link"
    assert failure.detail["targets"] == ""


def test_a_group_failure_says_what_is_wrong_with_each_member():
    world = tell(LINK_ONLY, "at 20s carrier hme0 down, hme1 down")
    (failure,) = _reports(world, "group-failed")
    assert failure.detail["cause"] == "hme0: the link is down; hme1: the link is down"


def test_a_group_failure_by_probes_says_who_fell_silent_for_each_member():
    world = tell("probe everything by icmp", "target 192.168.85.5", PAIR, "at 60s switch dies")
    world.advance(75.0)
    (failure,) = _reports(world, "group-failed")
    silence = "probes to 192.168.85.5 are not answered"
    assert failure.detail["cause"] == f"hme0: {silence}; hme1: {silence}"
    # The silent host was given up, and nobody else answered.
    world.advance(100.0)
    problems = {it.name: it.problem for it in _engine(world).status().interfaces}
    assert set(problems.values()) == {"nobody answers, and no other target has been found"}


# --- members on different IP links ----------------------------------------------------------------


def test_a_member_on_another_link_is_told_once_and_shown():
    world = tell(BY_ROUTER, "hme1 is elsewhere")
    world.advance(120.0)
    (report,) = _reports(world, "wrong-link")
    assert report.subject == "hme1"
    assert report.detail == {"group": "test", "targets": "192.168.85.1"}
    problems = {it.name: it.problem for it in _engine(world).status().interfaces}
    assert "it seems to be on another IP link" in problems["hme1"]
    assert "another IP link" not in problems["hme0"]
    world.forget_past()
    world.network.elsewhere.clear()
    world.advance(180.0)
    assert not _reports(world, "wrong-link")
    (over,) = _reports(world, "one-link")
    assert over.subject == "hme1"
    problems = {it.name: it.problem for it in _engine(world).status().interfaces}
    assert problems["hme1"] == ""


def test_a_router_that_is_down_for_all_makes_nobody_a_stranger():
    world = tell(BY_ROUTER, "at 20s target 192.168.85.1 dies")
    world.advance(40.0)
    world.files["/etc/hostname.hme2"] = (
        "192.168.85.23/24 group test up addif 192.168.85.24/24 deprecated -failover up\n"
    )
    world.reload()
    world.put_in("hme2")
    world.advance(200.0)
    assert [it.address for it in _targets(world, "hme2")[0].targets] == [ROUTER]
    assert _targets(world, "hme2")[0].targets[0].lost >= 10
    assert not _reports(world, "wrong-link")


def test_what_is_lost_by_a_black_hole_was_answered_before():
    world = tell(BY_ROUTER, "at 20s black hole hme0")
    world.advance(200.0)
    assert not _reports(world, "wrong-link")
