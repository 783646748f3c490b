"""Failures that only probes find: solaris.md section 7, behaviours 28 to 38, 64 to 75, 79 to 83."""

from __future__ import annotations

import pytest

from .scenes import LINK_ONLY, PAIR, THREE, WITH_STANDBY
from .teller import tell

ICMP = """
setting groups: {test: {probe: icmp}}
target 192.168.85.1
"""
ROUTER = """
add route default via 192.168.85.1 on hme0
"""
PROBED = ICMP + PAIR + ROUTER
"""Two active interfaces with test addresses, and a router."""


def test_a_black_hole_is_found_and_the_repair_too() -> None:
    # behaviours 12, 29, 32, 33, 60, 68: five losses, ten answers
    tell(
        PROBED,
        """
        expect hme0 watched IPv4 by icmp from 192.168.85.21
        note healthy
        at 60s  black hole hme0
                expect silence for 5.6s
                expect report "NIC failure detected on hme0 of group test" within 5.9s
                expect report "Successfully failed over from NIC hme0 to NIC hme1"
                expect no more reports
                expect move 192.168.85.19 hme0 -> hme1 as hme1:2
                expect one move hme0 -> hme1
                expect cause failover
                expect 192.168.85.21 on hme0
                expect flags of hme0: UP RUNNING FAILED
                expect problem of hme0: "192.168.85.1"
                expect group test degraded
        at 100s mend hme0
                expect silence for 12s
                expect report "NIC repair detected on hme0 of group test" within 5s
                expect report "Successfully failed back to NIC hme0"
                expect no more reports
                expect cause failback
                expect as healthy
                expect group test ok
        """,
    )


def test_a_loss_begins_the_count_of_answers_anew() -> None:
    # behaviour 33
    tell(
        PROBED,
        """
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 12s
        at 100s mend hme0
                expect silence for 10s
                black hole hme0
                expect silence for 2.2s
                mend hme0
                expect silence for 12s
                expect report "NIC repair detected on hme0 of group test" within 6s
        """,
    )


def test_a_lost_link_is_failed_at_once_and_repaired_by_ten_answers() -> None:
    # behaviours 28, 33, 38: what was answered before the link went down does not count
    tell(
        PROBED,
        """
        at 60s  carrier hme0 down
                expect report "The link has gone down on hme0"
                expect report "NIC failure detected on hme0 of group test"
                expect move 192.168.85.19 hme0 -> hme1
                listen
                expect silence for 30s
                expect hme0 unprobed
                expect hme0 failed
        at 100s carrier hme0 up
                expect report "The link has come up on hme0"
                expect silence for 12s
                expect problem of hme0: "not yet repaired"
                expect report "NIC repair detected on hme0 of group test" within 7s
                expect 192.168.85.19 on hme0 as hme0
        """,
    )


def test_a_flapping_link_that_is_probed_is_not_damped() -> None:
    # solaris.md 1.10: ten answers do that already
    tell(
        PROBED,
        """
        at 60s  carrier hme0 down
        at 61s  carrier hme0 up
        at 62s  carrier hme0 down
        at 63s  carrier hme0 up
        at 64s  carrier hme0 down
        at 65s  carrier hme0 up
                expect report "NIC repair detected on hme0 of group test" within 18s
                expect hme0 running
        """,
    )


def test_losses_before_the_first_answer_mean_nothing_for_40_s() -> None:
    # behaviour 36: the port of the switch may still be blocked
    tell(
        ICMP,
        "black hole hme0",
        PAIR,
        ROUTER,
        """
        at 39s   expect silence for 0.5s
                 expect hme0 running
        at 39.5s expect report "NIC failure detected on hme0 of group test" within 8s
        """,
    )


def test_the_first_answer_ends_the_quiet_period() -> None:
    # behaviour 36
    tell(
        PROBED,
        """
        at 10s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
        """,
    )


def test_a_process_that_slept_blames_nobody() -> None:
    # behaviour 37: SIGSTOP for 60 s; the answers lie unread, later probes were never sent
    tell(
        PROBED,
        """
        at 60s  sleep 60s
        at 121s expect report "missed sending 83 probes on hme0, hme1"
                expect no more reports
                expect no move
        at 200s expect hme0 running
                expect hme1 running
                expect group test ok
        """,
    )


def test_a_process_that_slept_while_an_interface_died() -> None:
    # behaviour 37: it is judged by what was sent after the awakening
    tell(
        PROBED,
        """
        at 60s  black hole hme0
        at 64s  sleep 60s
                expect report "NIC failure detected on hme0 of group test" within 11.5s
                expect 192.168.85.19 on hme1
                expect hme1 running
        """,
    )


def test_a_standby_is_probed_like_any_other() -> None:
    # behaviours 20, 24, 26, 72
    tell(
        ICMP,
        WITH_STANDBY,
        ROUTER,
        """
        expect hme2 watched IPv4 by icmp from 192.168.85.23
        at 60s  black hole hme2
                expect report "NIC failure detected on hme2 of group test" within 11.5s
                expect no move
                expect flags of hme2: UP RUNNING FAILED STANDBY
        at 100s mend hme2
                expect report "NIC repair detected on hme2 of group test" within 17s
                expect no move
                expect flags of hme2: UP RUNNING STANDBY INACTIVE
        at 200s black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
                expect one move hme0 -> hme2
                expect flags of hme2: UP RUNNING STANDBY
        at 300s mend hme0
                expect report "NIC repair detected on hme0 of group test" within 17s
                expect 192.168.85.19 on hme0
                expect flags of hme2: UP RUNNING STANDBY INACTIVE
        """,
    )


def test_the_fewest_addresses_win_and_the_failed_do_not() -> None:
    # behaviours 64, 65
    tell(
        """
        setting groups: {test: {probe: icmp}}
        target 192.168.85.1
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.31/24 deprecated -failover up
        file hme1: 192.168.85.20/24 group test up
                 | addif 192.168.85.40/24 up
                 | addif 192.168.85.32/24 deprecated -failover up
        file hme2: 192.168.85.33/24 deprecated -failover group test up
        file hme3: 192.168.85.23/24 group test up
                 | addif 192.168.85.34/24 deprecated -failover up
        start
        add route default via 192.168.85.1 on hme0
        at 60s  black hole hme2
                expect report "NIC failure detected on hme2 of group test" within 11.5s
        at 80s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
                expect one move hme0 -> hme3
        """
    )


def test_the_second_failure_moves_both_and_each_goes_home() -> None:
    # behaviours 67, 69, 74
    tell(
        """
        setting groups: {test: {probe: icmp}}
        target 192.168.85.1
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.31/24 deprecated -failover up
        file hme1: 192.168.85.20/24 group test up
                 | addif 192.168.85.32/24 deprecated -failover up
        file hme2: 192.168.85.33/24 deprecated -failover group test standby up
        file hme3: 192.168.85.34/24 deprecated -failover group test standby up
        start
        add route default via 192.168.85.1 on hme0
        note healthy
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
                expect 192.168.85.19 on hme2
        at 90s  black hole hme2
                expect report "NIC failure detected on hme2 of group test" within 11.5s
                expect 192.168.85.19 on hme3
                expect 192.168.85.19 at home on hme0
        at 120s black hole hme1
                expect report "NIC failure detected on hme1 of group test" within 11.5s
                expect 192.168.85.20 on hme3
        at 160s mend hme1
                expect report "NIC repair detected on hme1 of group test" within 17s
                expect 192.168.85.20 on hme1
                expect 192.168.85.19 on hme3
        at 200s mend hme0 hme2
                expect report "NIC repair detected on hme0 of group test" within 17s
                expect 192.168.85.19 on hme0
        at 240s expect as healthy
        """
    )


def test_without_a_destination_the_addresses_stay() -> None:
    # behaviours 5, 66: alone in its group there is nobody to vouch for the network
    tell(
        """
        setting groups: {test: {probe: icmp}}
        target 192.168.85.1
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.21/24 deprecated -failover up
        start
        add route default via 192.168.85.1 on hme0
        at 60s  black hole hme0
                expect report "All Interfaces in group test have failed" within 11.5s
                expect no more reports
                expect no move
                expect 192.168.85.19 on hme0
                expect group test failed
        at 100s mend hme0
                expect report "At least 1 interface (hme0) of group test has repaired" within 17s
                expect report "NIC repair detected on hme0 of group test"
                expect no more reports
                expect no move
        """
    )


def test_nothing_goes_home_where_failback_is_off() -> None:
    # behaviour 70
    tell(
        "setting failback: no",
        PROBED,
        """
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
        at 100s mend hme0
                expect report "NIC repair detected on hme0 of group test" within 17s
                expect no more reports
                expect 192.168.85.19 on hme1
                expect flags of hme0: UP RUNNING INACTIVE
        """,
    )


# --- group failure ---


@pytest.mark.parametrize("cut", ["switch dies", "black hole hme0 hme1 hme2"])
def test_all_together_is_a_group_failure(cut: str) -> None:
    # behaviours 52, 73, 74
    back = "switch lives" if cut == "switch dies" else cut.replace("black hole", "mend")
    tell(
        ICMP,
        WITH_STANDBY,
        ROUTER,
        f"""
        note healthy
        at 60s  {cut}
                expect report "All Interfaces in group test have failed" within 11.5s
                expect silence for 60s
                expect hme0 failed
                expect hme1 failed
                expect hme2 failed
                expect flags of hme0: UP RUNNING FAILED
                expect group test failed
                expect as healthy
        at 200s {back}
                expect silence for 12s
                expect report "At least 1 interface (hme1) of group test has repaired" within 7s
                expect report "NIC repair detected on hme1 of group test"
                expect report "NIC repair detected on hme0 of group test" within 5s
                expect report "NIC repair detected on hme2 of group test" within 5s
                expect no more reports
                expect no move
                expect as healthy
                expect group test ok
        """,
    )


def test_who_answers_after_the_first_loss_of_another_is_alive() -> None:
    # behaviour 75: hme1 dies a moment after hme0
    tell(
        ICMP,
        WITH_STANDBY,
        ROUTER,
        """
        at 60s  black hole hme0 hme2
        at 64s  black hole hme1
                expect report "NIC failure detected on hme0 of group test" within 8s
        at 80s  expect group test failed
        """,
    )


def test_joining_a_failed_group_is_failing_at_once() -> None:
    # behaviour 8
    tell(
        ICMP,
        "absent hme1",
        PAIR,
        ROUTER,
        """
        at 60s  switch dies
                expect report "All Interfaces in group test have failed" within 11.5s
        at 80s  put in hme1
                expect hme1 failed
                expect 192.168.85.20 on hme0
        at 81s  expect hme1 failed
                expect 192.168.85.20 on hme0
        at 120s switch lives
                expect report "NIC repair detected on hme1 of group test" within 18s
        at 150s expect group test ok
                expect 192.168.85.20 on hme1
        """,
    )


def test_a_member_that_failed_before_the_group_needs_its_ten_answers_too() -> None:
    # behaviours 52, 74: the hosts are flushed, so that nobody is known to probe
    tell(
        "setting groups: {test: {probe: icmp}}",
        "target 192.168.85.100",
        PAIR,
        """
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
        at 90s  black hole hme1
                expect report "All Interfaces in group test have failed" within 11.5s
                expect silence for 100s
                expect hme0 failed
                expect hme1 failed
        """,
    )


# --- offline, detach, attach ---


def test_offline_stops_probing_and_its_undo_begins_it() -> None:
    # behaviours 79, 83
    tell(
        PROBED,
        """
        at 60s  offline hme0
                expect move 192.168.85.19 hme0 -> hme1
                expect hme0 unwatched
                listen
                expect silence for 30s
                expect hme0 unprobed
        at 100s online hme0
                expect move 192.168.85.19 hme1 -> hme0
                expect hme0 watched IPv4 by icmp from 192.168.85.21
                expect hme0 running
        at 110s expect hme0 probed: 192.168.85.1
        """,
    )


@pytest.mark.parametrize(
    ("away", "state", "flags"),
    [
        ("offline hme2", "offline", "UP RUNNING OFFLINE"),
        ("detach hme2", "detached", ""),
    ],
)
def test_a_group_failure_says_nothing_of_who_is_away(away: str, state: str, flags: str) -> None:
    # behaviour 81; overview, "Group Failures": what is not probed has not fallen silent
    tell(
        PROBED,
        f"""
        file hme2: 192.168.85.23/24 group test up
                 | addif 192.168.85.24/24 deprecated -failover up
        at 20s  put in hme2
        at 50s  expect hme2 running
                {away}
        at 60s  switch dies
                expect report "All Interfaces in group test have failed" within 11.5s
                expect flags of hme0: UP RUNNING FAILED
                expect hme2 {state}
                expect flags of hme2: {flags}
        """,
    )


def test_a_standby_that_is_answered_again_is_still_failed_and_not_inactive() -> None:
    # behaviours 27, 33: never both flags, also while it is on its way back
    tell(
        ICMP,
        WITH_STANDBY,
        ROUTER,
        """
        at 30s  expect flags of hme2: UP RUNNING STANDBY INACTIVE
        at 60s  black hole hme2
                expect report "NIC failure detected on hme2 of group test" within 11.5s
        at 100s mend hme2
        at 108s expect flags of hme2: UP RUNNING FAILED STANDBY
                expect report "NIC repair detected on hme2 of group test" within 9s
                expect flags of hme2: UP RUNNING STANDBY INACTIVE
        """,
    )


def test_a_failed_interface_that_was_offline_is_still_failed() -> None:
    # behaviour 81: only ten answers say otherwise
    tell(
        PROBED,
        """
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
        at 80s  offline hme0
                expect silence for 15s
                expect flags of hme0: UP RUNNING FAILED OFFLINE
        at 100s online hme0
                expect silence for 30s
                expect hme0 failed
                expect 192.168.85.19 on hme1
                mend hme0
                expect report "NIC repair detected on hme0 of group test" within 17s
                expect 192.168.85.19 on hme0
        """,
    )


def test_a_leaving_interface_is_probed_until_its_test_address_goes() -> None:
    # behaviour 119
    tell(
        PROBED,
        """
        at 60s  leave hme0
                expect move 192.168.85.19 hme0 -> hme1
                expect hme0 watched IPv4 by icmp from 192.168.85.21
                unplumb hme0
                expect hme0 unwatched
        """,
    )


def test_a_reattached_interface_proves_itself_first() -> None:
    # behaviour 122; solaris.md 5.6
    tell(
        PROBED,
        """
        note healthy
        at 60s  tear out hme0
                expect 192.168.85.19 on hme1
        at 80s  put in hme0
        at 81s  expect hme0 running
                expect silence for 11s
                expect 192.168.85.19 on hme1
                expect report "Successfully failed back to NIC hme0" within 7s
                expect as healthy
        """,
    )


def test_a_reattached_interface_that_is_not_answered_gets_nothing() -> None:
    # solaris.md 5.6
    tell(
        PROBED,
        """
        at 60s  tear out hme0
                black hole hme0
        at 80s  put in hme0
        at 81s  expect silence for 38s
                expect report "NIC failure detected on hme0 of group test" within 9s
                expect 192.168.85.19 on hme1
        """,
    )


def test_a_restart_does_not_take_the_unproven_for_proven() -> None:
    tell(
        PROBED,
        """
        at 60s  tear out hme0
        at 80s  put in hme0
        at 85s  restart
                expect 192.168.85.19 on hme1
                expect silence for 8s
                expect report "Successfully failed back to NIC hme0" within 9s
        """,
    )


# --- reload and restart ---


@pytest.mark.parametrize("targets", ["a router", "hosts"])
def test_a_restart_leaves_the_failed_failed(targets: str) -> None:
    # behaviour 42: until ten answers, also where nobody is known to probe yet
    tell(
        ICMP,
        PAIR,
        ROUTER if targets == "a router" else "",
        """
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
        at 80s  restart
                expect flags of hme0: UP RUNNING FAILED
                expect 192.168.85.19 on hme1
        at 82s  expect silence for 30s
                expect hme0 failed
                mend hme0
                expect report "NIC repair detected on hme0 of group test" within 18s
                expect 192.168.85.19 on hme0
        """,
    )


def test_a_restart_in_a_failed_group_repairs_nothing() -> None:
    tell(
        "setting groups: {test: {probe: icmp}}",
        "target 192.168.85.100",
        PAIR,
        """
        note healthy
        at 60s  switch dies
                expect report "All Interfaces in group test have failed" within 11.5s
        at 80s  restart
                expect hme0 failed
                expect hme1 failed
        at 85s  expect silence for 100s
                expect group test failed
                expect as healthy
                switch lives
                expect report "NIC repair detected on hme1 of group test" within 20s
                expect no move
        """,
    )


def test_another_detection_time_is_taken_over_at_a_reload() -> None:
    # behaviour 42
    tell(
        PROBED,
        """
        expect detection of test in 10000ms
        default settings
        setting groups: {test: {probe: icmp, failure_detection_time: 1s}}
        at 60s  reload
                expect no move
                expect detection of test in 1000ms
        at 70s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 1.15s
        at 80s  mend hme0
                expect report "NIC repair detected on hme0 of group test" within 1.7s
        """,
    )


def test_switching_probing_off_goes_back_to_the_link() -> None:
    # solaris.md 1.7: no longer probed while FAILED, link up
    tell(
        PROBED,
        """
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
        default settings
        at 80s  reload
                expect report "NIC repair detected on hme0 of group test"
                expect hme0 unwatched
                expect hme1 unwatched
                expect 192.168.85.19 on hme0
        """,
    )


def test_a_member_that_is_no_longer_configured_is_no_longer_probed() -> None:
    tell(
        PROBED,
        """
        no file hme1
        at 10s  reload
                expect hme1 unwatched
        at 60s  expect hme0 running
        """,
    )


def test_without_groups_each_stands_alone() -> None:
    # solaris.md 1.13: no group failure, no failover; the lines end after the name
    tell(
        """
        setting track_interfaces_only_with_groups: no
        probe everything by icmp
        target 192.168.85.1
        file hme0: 192.168.85.19/24 up
                 | addif 192.168.85.21/24 deprecated -failover up
        start
        add route default via 192.168.85.1 on hme0
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0" within 11.5s
                expect no more reports
                expect no move
                expect hme0 failed
        at 100s mend hme0
                expect report "NIC repair detected on hme0" within 17s
                expect no more reports
        at 200s target 192.168.85.1 takes 2.0s
                expect report "Cannot meet requested failure detection time of 10000 ms on \
(IPv4 hme0) new failure detection time is 52052 ms" within 60s
        """
    )


def test_interfaces_without_a_group_are_not_probed_by_default() -> None:
    tell(
        """
        probe everything by icmp
        target 192.168.85.1
        file hme0: 192.168.85.19/24 up
                 | addif 192.168.85.21/24 deprecated -failover up
        start
        expect hme0 unwatched
        """
    )


def test_a_link_only_group_can_be_in_the_same_house() -> None:
    tell(LINK_ONLY, "expect hme0 unwatched")
    tell(THREE, "at 60s expect hme2 unwatched")
