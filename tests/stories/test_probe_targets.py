"""Whom to probe and from where: solaris.md section 7, behaviours 4, 10, 11, 15 to 19, 44 to 58."""

from __future__ import annotations

from itertools import pairwise

import pytest

from rcmd.ipmp.probing.manager import LONGEST_TICK_S, TICKS_PER_INTERVAL

from .scenes import LINK_ONLY, PAIR
from .teller import tell

ICMP = "setting groups: {test: {probe: icmp}}\n"
ONE_HOST = "target 192.168.85.100\n"


# --- from where ---


def test_the_deprecated_test_address_is_preferred() -> None:
    # behaviours 11, 12, 13, 16, 17: never a data address, never one that is down
    tell(
        ICMP,
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.31/24 -failover up
                 | addif 192.168.85.32/24 -failover deprecated up
                 | addif 192.168.85.33/24 -failover deprecated down
                 | addif 0.0.0.0 -failover deprecated up
        start
        expect hme0 watched IPv4 by icmp from 192.168.85.32
        """,
    )


def test_any_test_address_will_do() -> None:
    # behaviour 16
    tell(
        ICMP,
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.31/24 -failover up
        start
        expect hme0 watched IPv4 by icmp from 192.168.85.31
        """,
    )


def test_ipv6_needs_no_configured_test_address() -> None:
    # behaviours 11, 15: the link-local address serves, a global one never
    tell(
        ICMP,
        "target fe80::1111",
        """
        file hme0: group test up
        file6 hme0: addif 2001:db8::19/64 up
        file hme1: group test up
        file6 hme1: addif 2001:db8::20/64 up
        start
        expect hme0 watched IPv6 by icmp from fe80::4
        at 20s  expect hme0 probed: fe80::1111
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
                expect move 2001:db8::19 hme0 -> hme1
        at 100s mend hme0
                expect report "NIC repair detected on hme0 of group test" within 17s
                expect 2001:db8::19 on hme0
        """,
    )


DUAL = """
file hme0: 192.168.85.19/24 group test up
         | addif 192.168.85.21/24 deprecated -failover up
file6 hme0:
file hme1: 192.168.85.20/24 group test up
         | addif 192.168.85.22/24 deprecated -failover up
file6 hme1:
start
"""


def test_one_family_keeps_an_interface_alive_and_one_repairs_it() -> None:
    # behaviours 34, 35
    tell(
        ICMP,
        "target 192.168.85.100",
        "target fe80::1111",
        DUAL,
        """
        at 60s  target 192.168.85.100 dies
        at 72s  expect silence for 50s
                expect hme0 running
        at 130s black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
        at 160s mend hme0
                expect report "NIC repair detected on hme0 of group test" within 17s
                expect hme0 running
        """,
    )


def test_a_test_address_twice_serves_nobody() -> None:
    # behaviour 18: told once, and when it is over
    tell(
        ICMP,
        "target fe80::1111",
        """
        file hme0: 192.168.85.19/24 group test up
        file6 hme0:
        file hme1: 192.168.85.20/24 group test up
        file6 hme1:
        start
        at 10s  add fe80::4/64 on hme1
                expect hme1 watched IPv6 by icmp from fe80::5
        at 20s  delete fe80::5 on hme1
                expect report "Test address of hme0 is not unique in group; disabling \
probe-based failure detection on hme0"
                expect report "Test address of hme1 is not unique in group; disabling \
probe-based failure detection on hme1"
                expect hme0 unwatched
                expect hme1 unwatched
                expect silence for 60s
                expect hme0 running
        at 90s  delete fe80::4 on hme1
                expect report "Test address now configured on interface hme0; enabling \
probe-based failure detection on it"
                expect hme0 watched IPv6 by icmp from fe80::4
                expect hme1 unwatched
        """,
    )


def test_no_test_address_is_told_after_20_s_and_once() -> None:
    # behaviour 19; solaris.md 1.7: then only the link counts
    tell(
        ICMP,
        LINK_ONLY,
        """
        at 19.9s expect no reports
        at 20s   expect report "No test address configured on interface hme0; disabling \
probe-based failure detection on it"
                 expect report "No test address configured on interface hme1; disabling \
probe-based failure detection on it"
        at 21s   expect silence for 100s
                 expect hme0 running
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.21/24 deprecated -failover up
        at 200s  reload
                 expect report "Test address now configured on interface hme0; enabling \
probe-based failure detection on it"
                 expect hme0 watched IPv4 by icmp from 192.168.85.21
        """,
    )


def test_who_is_asked_by_arp_has_no_test_address_all_the_same() -> None:
    # behaviour 19
    tell(
        "probe by default",
        "target 192.168.85.1 unicast",
        """
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        start
        at 21s  expect report "No test address configured on interface hme0; disabling \
probe-based failure detection on it"
                expect report "No test address configured on interface hme1; disabling \
probe-based failure detection on it"
        at 30s  add route default via 192.168.85.1 on hme0
                expect report "Interface hme0 is probed without a test address; enabling \
probe-based failure detection on it"
                expect report "Interface hme1 is probed without a test address; enabling \
probe-based failure detection on it"
        """,
    )


def test_an_interface_that_leaves_the_configuration_is_waited_for_no_more() -> None:
    # behaviour 19: nobody asks for the test address of what is not ours
    tell(
        ICMP,
        LINK_ONLY,
        """
        no file hme1
        at 10s  reload
        at 19s  expect silence for 0.5s
        at 60s  expect hme0 running
        """,
    )


def test_two_with_one_hardware_address_and_only_one_is_probed() -> None:
    # behaviour 4
    tell(
        ICMP,
        ONE_HOST,
        """
        device hme0 mac 02:00:00:00:aa:01
        device hme1 mac 02:00:00:00:aa:01
        """,
        PAIR,
        """
        expect hme1 offline
        at 20s  expect hme1 unwatched
                expect hme0 watched IPv4 by icmp from 192.168.85.21
        at 30s  mac of hme1 becomes 02:00:00:00:aa:02
                expect hme1 watched IPv4 by icmp from 192.168.85.22
        """,
    )


# --- whom ---


def test_routers_come_before_hosts() -> None:
    # behaviours 44, 45, 53: hosts serve until a router appears, and again when it is gone
    tell(
        ICMP,
        ONE_HOST,
        "target 192.168.85.1",
        "target 192.168.85.1 dies",
        PAIR,
        """
        at 3s   listen
        at 20s  expect hme0 probed: 192.168.85.100
                target 192.168.85.1 lives
                add route default via 192.168.85.1 on hme0
                listen
        at 40s  expect hme0 probed: 192.168.85.1
                expect hme1 probed: 192.168.85.1
                target 192.168.85.1 dies
                delete route default on hme0
        at 45s  listen
        at 60s  expect hme0 probed: 192.168.85.100
        """,
    )


def test_host_routes_pin_targets() -> None:
    # behaviour 47
    tell(
        ICMP,
        "target 192.168.85.1",
        "target 192.168.85.50",
        PAIR,
        """
        add route 192.168.85.50/32 via 192.168.85.50 on hme0
        at 10s  listen
        at 20s  expect hme0 probed: 192.168.85.50
                expect hme1 probed: 192.168.85.50
                add route default via 192.168.85.1 on hme0
        at 30s  listen
        at 40s  expect hme0 probed: 192.168.85.1 192.168.85.50
        """,
    )


def test_targets_of_the_settings() -> None:
    # behaviour 47
    tell(
        "setting groups: {test: {probe: icmp, targets: [192.168.85.60, 192.168.85.61]}}",
        "target 192.168.85.60",
        "target 192.168.85.61",
        "target 192.168.85.100",
        PAIR,
        """
        at 20s  expect hme0 probed: 192.168.85.60 192.168.85.61
        """,
    )


def test_five_hosts_at_most() -> None:
    # behaviours 46, 56
    hosts = [f"192.168.85.{number}" for number in range(101, 109)]
    tell(
        ICMP,
        *(f"target {host}" for host in hosts),
        PAIR,
        f"""
        at 60s  expect hme0 probed: {" ".join(hosts[:5])}
                expect hme1 probed: {" ".join(hosts[:5])}
        """,
    )


def test_only_neighbours_that_are_not_us() -> None:
    # behaviours 10, 49
    tell(
        ICMP,
        "target 10.9.9.9",
        "target 192.168.85.20",
        "target 192.168.85.19",
        PAIR,
        """
        add route default via 192.168.85.20 on hme0
        at 60s  expect hme0 no-targets
        """,
    )


def test_nobody_to_probe_is_unknown_and_no_failure() -> None:
    # behaviours 48, 130; solaris.md 1.7
    tell(
        ICMP,
        PAIR,
        """
        at 5s   expect hme0 running
        at 60s  expect hme0 no-targets
                expect hme1 no-targets
                expect no reports
                expect group test ok
        at 70s  carrier hme0 down
                expect report "NIC failure detected on hme0 of group test"
                expect one move hme0 -> hme1
        at 80s  carrier hme0 up
                expect report "NIC repair detected on hme0 of group test"
                expect 192.168.85.19 on hme0
        """,
    )


def test_one_dead_router_of_two_is_not_our_fault() -> None:
    # behaviours 50, 51: it is left alone, and may come back after a minute
    tell(
        ICMP,
        "target 192.168.85.1",
        "target 192.168.85.2",
        PAIR,
        """
        add route default via 192.168.85.1 on hme0
        add route 10.0.0.0/8 via 192.168.85.2 on hme0
        at 30s  expect hme0 probed: 192.168.85.1 192.168.85.2
        at 60s  target 192.168.85.1 dies
                expect report "target 192.168.85.1 is silent on hme0 while others answer" within 20s
        at 90s  listen
        at 119s expect hme0 probed: 192.168.85.2
                expect hme0 running
                expect no move
                target 192.168.85.1 lives
        at 240s expect hme0 probed: 192.168.85.1 192.168.85.2
                expect hme0 running
        """,
    )


def test_the_only_router_dies_while_hosts_live() -> None:
    # behaviour 52: with nobody else to ask it looks like the whole group; nothing moves, and others
    # are looked for (overview, "Group Failures")
    tell(
        ICMP,
        "target 192.168.85.1",
        ONE_HOST,
        PAIR,
        """
        add route default via 192.168.85.1 on hme0
        at 60s  target 192.168.85.1 dies
                expect report "All Interfaces in group test have failed" within 11.5s
                listen
                expect report "At least 1 interface (hme1) of group test has repaired" within 30s
                expect hme1 probed: 192.168.85.1 192.168.85.100
                expect no move
        at 120s expect hme0 running
                expect group test ok
        """,
    )


def test_one_of_several_hosts_dies() -> None:
    # behaviour 50: a host is given up, and another is looked for
    tell(
        ICMP,
        "target 192.168.85.100",
        "target 192.168.85.101",
        PAIR,
        """
        at 60s  target 192.168.85.100 dies
                expect report "target 192.168.85.100 is silent on hme0 while others answer" \
within 20s
                expect hme0 running
        at 100s listen
        at 120s expect hme0 probed: 192.168.85.101
        """,
    )


def test_all_hosts_die_and_others_are_found() -> None:
    # behaviour 52: flushed and rediscovered; the members hear each other, so it is not they
    tell(
        ICMP,
        ONE_HOST,
        "target 192.168.85.101",
        "target 192.168.85.101 dies",
        PAIR,
        """
        at 60s  target 192.168.85.100 dies
                expect report "no answer on hme0 from 192.168.85.100 any more, another member \
hears it, so they are given up" within 11.5s
                expect no move
        at 90s  expect hme0 no-targets
                target 192.168.85.101 lives
                listen
        at 93s  expect hme0 running
        at 110s expect hme0 probed: 192.168.85.101
                expect no move
        """,
    )


@pytest.mark.parametrize("router", ["", "add route default via 192.168.85.1 on hme0"])
def test_a_member_on_another_link_is_told(router: str) -> None:
    tell(
        ICMP,
        "target 192.168.85.1",
        "hme1 is elsewhere",
        PAIR,
        router,
        """
        at 39s  expect no report "another IP link"
        at 80s  expect hme1 failed
                expect problem of hme1: "another IP link"
                expect 192.168.85.20 on hme0
        """,
    )


# --- round trips ---


def test_slow_answers_give_the_whole_group_more_time() -> None:
    # behaviour 57: 2 x CRTT x 7; halved a minute later, but not below what was asked for
    tell(
        ICMP,
        "target 192.168.85.1",
        PAIR,
        """
        add route default via 192.168.85.1 on hme0
        at 60s  target 192.168.85.1 takes 2.0s
        at 80s  expect detection of test in 52052ms
                expect hme0 running
                expect no move
                target 192.168.85.1 takes 0.001s
        at 119s expect detection of test in 52052ms
        at 400s expect detection of test in 10000ms
                expect hme0 running
        """,
    )


def test_one_slow_target_among_fast_ones_is_set_aside() -> None:
    # behaviour 58
    routers = [f"192.168.85.{number}" for number in range(1, 6)]
    tell(
        ICMP,
        *(f"target {router}" for router in routers),
        PAIR,
        *(f"add route 10.{n}.0.0/16 via {it} on hme0" for n, it in enumerate(routers)),
        """
        at 60s  target 192.168.85.3 takes 1.9s
                expect report "target 192.168.85.3 answers too slowly on hme0" within 30s
                expect detection of test in 10000ms
        at 150s expect hme0 running
        """,
    )


# --- when ---


@pytest.mark.parametrize(("detection_ms", "interval"), [(10_000, 1.428), (1_000, 0.142)])
def test_the_pace(detection_ms: int, interval: float) -> None:
    # behaviours 30, 31, 32: 0.5 to 1.5 intervals apart, give or take a tick
    world = tell(
        f"setting groups: {{test: {{probe: icmp, failure_detection_time: {detection_ms}ms}}}}",
        "target 192.168.85.1",
        PAIR,
        "add route default via 192.168.85.1 on hme0",
        "at 10s  listen",
        "at 300s wait",
    )
    times = world.network.times("hme0")
    gaps = [later - earlier for earlier, later in pairwise(times)]
    tick = min(LONGEST_TICK_S, interval / TICKS_PER_INTERVAL)
    assert sum(gaps) / len(gaps) == pytest.approx(interval, rel=0.01)
    assert min(gaps) >= 0.5 * interval - tick - 1e-6
    assert max(gaps) <= 1.5 * interval + tick + 1e-6
    assert set(times) != set(world.network.times("hme1"))


# --- without test addresses ---


@pytest.mark.parametrize("method", ["arp", "auto"])
def test_no_address_has_to_be_spent_on_probing(method: str) -> None:
    tell(
        f"setting groups: {{test: {{probe: {method}}}}}",
        "target 192.168.85.1",
        LINK_ONLY,
        """
        add route default via 192.168.85.1 on hme0
        expect hme0 watched IPv4 by arp
        at 60s  expect no reports
                expect hme0 running
                black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
                expect one move hme0 -> hme1
        at 100s mend hme0
                expect report "NIC repair detected on hme0 of group test" within 17s
                expect 192.168.85.19 on hme0
        """,
    )


def test_auto_without_anybody_to_ask_goes_by_the_link() -> None:
    tell(
        "setting groups: {test: {probe: auto}}",
        LINK_ONLY,
        """
        expect hme0 unwatched
        at 60s  expect hme0 running
        """,
    )


def test_auto_uses_the_test_address_where_there_is_one() -> None:
    tell(
        "setting groups: {test: {probe: auto}}",
        "target 192.168.85.1",
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.21/24 deprecated -failover up
        file hme1: 192.168.85.20/24 group test up
        start
        add route default via 192.168.85.1 on hme0
        expect hme0 watched IPv4 by icmp from 192.168.85.21
        expect hme1 watched IPv4 by arp
        """,
    )


def test_arp_with_nobody_to_ask_is_unknown() -> None:
    # behaviour 48
    tell(
        "setting groups: {test: {probe: arp}}",
        LINK_ONLY,
        """
        at 60s  expect hme0 no-targets
        """,
    )
