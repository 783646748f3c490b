"""Finding somebody to probe on a link without a router, and how far such a one is believed."""

from __future__ import annotations

import pytest

from .scenes import LINK_ONLY, PAIR
from .teller import tell

AUTO = "setting groups: {test: {probe: auto}}\n"
ICMP = "setting groups: {test: {probe: icmp}}\n"
ARP = "setting groups: {test: {probe: arp}}\n"
PEER = "target 192.168.85.100 unicast\n"
"""A Linux host: it answers no echo request to a multicast address."""
FORGED = [f"192.168.85.{number}" for number in range(101, 106)]
HONEST = "192.168.85.200"
FAILURE = 'expect report "NIC failure detected on hme0 of group test" within 11.5s'


# --- finding them ---


@pytest.mark.parametrize("settings", [AUTO, ICMP])
def test_whom_the_machine_talks_to_is_a_target_of_all_members(settings: str) -> None:
    # behaviour 45, on Linux
    tell(
        settings,
        PEER,
        PAIR,
        """
        at 20s  expect hme0 no-targets
                expect notice no-targets hme0
                talk to 192.168.85.100 on hme1
        at 40s  expect hme0 running
                expect hme1 running
                expect no trouble no-targets hme0
                listen
        at 60s  expect hme0 probed: 192.168.85.100
                expect hme1 probed: 192.168.85.100
        at 100s black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
                expect one move hme0 -> hme1
        at 130s mend hme0
                expect report "NIC repair detected on hme0 of group test" within 17s
                expect 192.168.85.19 on hme0
        """,
    )


def test_at_start_nobody_waits_for_the_first_look() -> None:
    tell(
        AUTO,
        PEER,
        "talk to 192.168.85.100 on hme0",
        PAIR,
        """
        at 3s   listen
        at 6s   expect hme0 probed: 192.168.85.100
        """,
    )


def test_only_in_the_prefix_and_not_ourselves() -> None:
    # behaviours 10, 49
    tell(
        AUTO,
        "target 10.9.9.9 unicast",
        "target 192.168.85.20 unicast",
        "talk to 10.9.9.9 on hme0",
        "talk to 192.168.85.20 on hme0",
        PAIR,
        """
        at 60s  expect hme0 no-targets
        """,
    )


def test_neighbours_are_not_asked_where_there_is_a_router() -> None:
    # behaviours 44, 53
    tell(
        AUTO,
        PEER,
        "target 192.168.85.1 unicast",
        "talk to 192.168.85.100 on hme0",
        PAIR,
        """
        add route default via 192.168.85.1 on hme0
        at 20s  listen
        at 60s  expect hme0 probed: 192.168.85.1
        """,
    )


def test_neighbours_stand_in_for_a_router_that_is_silent_everywhere() -> None:
    # behaviours 48, 52
    tell(
        AUTO,
        PEER,
        "target 192.168.85.1 unicast",
        "talk to 192.168.85.100 on hme0",
        PAIR,
        """
        add route default via 192.168.85.1 on hme0
        at 60s  target 192.168.85.1 dies
                expect report "All Interfaces in group test have failed" within 11.5s
                expect report "At least 1 interface (hme1) of group test has repaired" within 60s
                expect no move
        at 150s expect hme0 running
        """,
    )


def test_without_a_test_address_neighbours_are_asked_by_arp_if_that_is_wanted() -> None:
    tell(
        ARP,
        PEER,
        "target 192.168.85.100 answers no echo",
        "talk to 192.168.85.100 on hme0",
        LINK_ONLY,
        f"""
        expect hme0 watched IPv4 by arp
        at 20s  expect hme0 running
                listen
        at 60s  expect hme0 probed: 192.168.85.100
                black hole hme0
                {FAILURE}
        """,
    )


def test_without_a_test_address_neighbours_are_asked_by_arp_by_default_too() -> None:
    tell(
        AUTO,
        PEER,
        LINK_ONLY,
        f"""
        at 20s  expect hme0 unwatched
                expect no problems
                talk to 192.168.85.100 on hme0
        at 60s  expect hme0 watched IPv4 by arp
                expect hme1 watched IPv4 by arp
                expect hme0 running
                expect no problems
                listen
        at 70s  expect hme0 probed: 192.168.85.100
                black hole hme0
                {FAILURE}
                expect one move hme0 -> hme1
        at 100s mend hme0
                expect report "NIC repair detected on hme0 of group test" within 17s
        at 140s expect 192.168.85.19 on hme0
        """,
    )


def test_without_a_test_address_a_dead_switch_is_no_repair_when_the_hosts_are_forgotten() -> None:
    tell(
        AUTO,
        PEER,
        LINK_ONLY,
        """
        at 10s  talk to 192.168.85.100 on hme0
        at 60s  switch dies
                expect report "All Interfaces in group test have failed" within 11.5s
        at 80s  hang up on 192.168.85.100
        at 300s expect group test failed
                expect no move
                expect no report "has repaired"
        switch lives
        talk to 192.168.85.100 on hme0
        at 400s expect group test ok
                expect hme1 running
        """,
    )


def test_hosts_that_answer_no_echo_are_asked_by_arp() -> None:
    """Behind the packet filter of many a host."""
    tell(
        AUTO,
        PEER,
        "target 192.168.85.100 answers no echo",
        "talk to 192.168.85.100 on hme0",
        PAIR,
        f"""
        expect hme0 watched IPv4 by icmp from 192.168.85.21
        at 60s  expect hme0 watched IPv4 by arp from 192.168.85.21
                expect hme0 running
                black hole hme0
                {FAILURE}
                mend hme0
        at 120s target 192.168.85.1 unicast
                add route default via 192.168.85.1 on hme1
                expect hme0 watched IPv4 by icmp from 192.168.85.21
        """,
    )


def test_one_who_never_answers_is_no_target_and_no_failure() -> None:
    # behaviour 48: it was only asked
    tell(
        ICMP,
        PEER,
        "target 192.168.85.100 answers no echo",
        "talk to 192.168.85.100 on hme0",
        PAIR,
        """
        at 30s  expect hme0 no-targets
                expect silence for 300s
        """,
    )


def test_ipv6_neighbours_are_link_local() -> None:
    # behaviour 11
    tell(
        AUTO,
        "target fe80::1111 unicast",
        "target 2001:db8::1111 unicast",
        "talk to fe80::1111 on hme0",
        "talk to 2001:db8::1111 on hme0",
        """
        file hme0: group test up
        file6 hme0: addif 2001:db8::19/64 up
        file hme1: group test up
        file6 hme1: addif 2001:db8::20/64 up
        start
        at 20s  listen
        at 40s  expect hme0 probed: fe80::1111
                black hole hme1
                expect report "NIC failure detected on hme1 of group test" within 11.5s
        """,
    )


# --- one of each host ---


def test_of_the_addresses_of_one_host_one_is_a_target() -> None:
    tell(
        ICMP,
        *(f"target {it}\ntarget {it} is at 02:00:00:00:99:01" for it in FORGED),
        f"target {HONEST}",
        f"target {HONEST} takes 0.05s",
        PAIR,
        f"""
        at 30s  listen
        at 60s  expect hme0 probed: {FORGED[0]} {HONEST}
                expect hme1 probed: {FORGED[0]} {HONEST}
        """,
    )


def test_of_two_nics_of_one_host_one_is_a_target() -> None:
    """Its address is at one hardware address here, at the other there."""
    tell(
        ICMP,
        "target 192.168.85.100 unicast",
        "target 192.168.85.101 unicast",
        "target 192.168.85.100 is at 02:00:00:00:99:01",
        "target 192.168.85.101 is at 02:00:00:00:99:01",
        "talk to 192.168.85.100 on hme0",
        "talk to 192.168.85.101 on hme1",
        PAIR,
        """
        at 30s  listen
        at 60s  expect hme0 probed: 192.168.85.100
        """,
    )


def test_who_has_been_known_for_long_comes_before_who_is_new() -> None:
    tell(
        ICMP,
        f"target {HONEST} unicast",
        f"talk to {HONEST} on hme0",
        f"target {HONEST} dies",
        PAIR,
        *(f"target {it}" for it in FORGED),
        f"""
        at 30s  expect hme0 probed: {" ".join(FORGED)}
                target {HONEST} lives
        at 100s listen
        at 130s expect hme0 probed: {" ".join(FORGED[:4])} {HONEST}
        """,
    )


# --- what they prove ---


@pytest.mark.parametrize("is_one_machine", [True, False])
@pytest.mark.parametrize("has_honest", [True, False])
def test_forged_hosts_that_fall_silent_towards_one_member_move_nothing(
    is_one_machine: bool, has_honest: bool
) -> None:
    mac = "target {0} is at 02:00:00:00:99:01" if is_one_machine else "wait"
    tell(
        "setting groups: {test: {probe: icmp, failure_detection_time: 1s}}",
        *(f"target {it}\n{mac.format(it)}" for it in FORGED),
        f"target {HONEST}\ntarget {HONEST} takes 0.05s" if has_honest else "wait",
        PAIR,
        "at 10s  expect hme0 running",
        *(f"target {it} spurns hme0" for it in FORGED),
        """
        at 60s  expect group test ok
                expect 192.168.85.19 on hme0
                expect no report "failure"
                expect no report "failed"
        """,
        *(f"target {it} dies" for it in FORGED),
        """
        at 90s  expect group test ok
                expect no report "failure"
                expect no report "failed"
                expect no move
        """,
    )


def test_hosts_that_are_silent_for_all_prove_nothing() -> None:
    # overview, "Group Failures": no failover; flushed, and others are looked for (behaviour 52).
    # A neighbour that is restarted is no failure of ours.
    tell(
        AUTO,
        PEER,
        "talk to 192.168.85.100 on hme0",
        PAIR,
        """
        at 60s  target 192.168.85.100 dies
                expect report "no answer on hme0 from 192.168.85.100 any more, another \
member hears it, so they are given up" within 11.5s
        at 90s  expect hme0 no-targets
                expect hme1 no-targets
                expect group test ok
                expect no move
                expect notice no-targets hme0
        at 100s target 192.168.85.100 unicast
        at 170s expect hme0 running
                listen
        at 190s expect hme0 probed: 192.168.85.100
        """,
    )


def test_where_no_member_hears_another_the_group_has_failed() -> None:
    # overview, "Group Failures": the switch is dead; nothing moves (behaviours 52, 73)
    tell(
        AUTO,
        PEER,
        "talk to 192.168.85.100 on hme0",
        PAIR,
        """
        at 60s  switch dies
                expect report "All Interfaces in group test have failed" within 11.5s
                expect no move
        at 100s switch lives
        at 170s expect hme0 running
                expect hme1 running
                expect no move
        """,
    )


def test_where_nobody_can_vouch_a_silent_host_proves_nothing_alone() -> None:
    """The other cable is out: whoever is silent now may have been switched off."""
    tell(
        AUTO,
        PEER,
        "talk to 192.168.85.100 on hme0",
        PAIR,
        """
        at 50s  carrier hme1 down
        at 60s  target 192.168.85.100 dies
                expect report "no answer on hme0 from 192.168.85.100 any more, nor on any other \
member, so nothing is known" within 11.5s
        at 90s  expect hme0 no-targets
                expect no report "failure"
        """,
    )


def test_a_host_that_never_answered_a_member_cannot_fail_it() -> None:
    """It was found by another one, and is told to be perhaps on another link."""
    tell(
        ICMP,
        "target 192.168.85.100",
        "target 192.168.85.100 spurns hme1",
        PAIR,
        """
        at 120s expect hme1 no-targets
                expect no report "failure"
                expect no report "another IP link"
                expect 192.168.85.20 on hme1
        """,
    )


def test_where_no_member_can_vouch_the_hosts_are_believed() -> None:
    """The other one hears nobody either: it is the only one of which anything is known."""
    tell(
        ICMP,
        "target 192.168.85.100",
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.21/24 deprecated -failover up
        file hme1: 192.168.85.20/24 group test up
                 | addif 192.168.85.22/24 deprecated -failover up
        file hme2: 192.168.85.23/24 group test up
                 | addif 192.168.85.24/24 deprecated -failover up
        start
        """,
        f"""
        at 60s  black hole hme1
                expect report "NIC failure detected on hme1 of group test" within 11.5s
        at 100s black hole hme0
                {FAILURE}
                expect 192.168.85.19 on hme2
        """,
    )


def test_without_a_group_there_is_nobody_to_compare_with() -> None:
    # behaviour 48; nothing of it moves anyhow
    tell(
        "setting track_interfaces_only_with_groups: no",
        "probe by default",
        "target 192.168.85.100",
        """
        file hme0: 192.168.85.19/24 up
                 | addif 192.168.85.21/24 deprecated -failover up
        start
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0" within 11.5s
        """,
    )
