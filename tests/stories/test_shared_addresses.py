"""Data addresses that a group shares: no member is their home, the active ones carry them."""

from __future__ import annotations

from .teller import tell

FIVE = "192.168.85.40/24, 192.168.85.41/24, 192.168.85.42/24, 192.168.85.43/24, 192.168.85.44/24"
MEMBERS = """
file hme0: group test
         | addif 192.168.85.21/24 -failover deprecated up
file hme1: group test
         | addif 192.168.85.22/24 -failover deprecated up
file hme2: group test
         | addif 192.168.85.23/24 -failover deprecated up
"""
THREE = f"""
setting groups: {{test: {{addresses: [{FIVE}]}}}}
{MEMBERS}
"""
SPREAD = """
expect 192.168.85.40 on hme0 as hme0:2
expect 192.168.85.41 on hme1 as hme1:2
expect 192.168.85.42 on hme2 as hme2:2
expect 192.168.85.43 on hme0 as hme0:3
expect 192.168.85.44 on hme1 as hme1:3
"""
WITHOUT_FAILBACK = f"""
setting groups: {{test: {{failback: no, addresses: [{FIVE}]}}}}
{MEMBERS}
"""
SIX = """
setting groups: {test: {addresses: [2001:db8::40/64, 2001:db8::41/64]}}
file hme0: 192.168.85.19/24 group test up
file6 hme0:
file hme1: 192.168.85.20/24 group test up
file6 hme1:
start
"""


def test_they_are_spread_at_start_and_stay() -> None:
    tell(
        THREE,
        """
        start
        expect cause configure
        expect no report "missing"
        """,
        SPREAD,
        """
        expect 192.168.85.40 shared by test
        at 60s  wait
                expect nothing
        at 70s  restart
        at 80s  kill
        at 90s  start
                expect no move
        """,
        SPREAD,
    )


def test_those_at_home_count_as_load() -> None:
    tell(
        """
        setting groups: {test: {addresses: [192.168.85.40/24, 192.168.85.41/24]}}
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.29/24 up
        file hme1: group test
        start
        expect hme0 hosts 2
        expect 192.168.85.40 on hme1 as hme1:1
        expect 192.168.85.41 on hme1 as hme1:2
        """
    )


def test_a_failure_spreads_them_and_a_repair_brings_them_back() -> None:
    tell(
        THREE,
        """
        start
        note healthy
        at 60s  carrier hme0 down
                expect cause failover
                expect move 192.168.85.40 hme0 -> hme2 as hme2:3
                expect move 192.168.85.43 hme0 -> hme1 as hme1:4
                expect 192.168.85.41 on hme1
                expect 192.168.85.42 on hme2
                expect report "Successfully failed over from NIC hme0 to NIC hme1"
                expect report "Successfully failed over from NIC hme0 to NIC hme2"
        at 70s  restart
        at 120s carrier hme0 up
                expect cause rebalance
                expect move 192.168.85.43 hme1 -> hme0
                expect report "Evened out the load from NIC hme1 to NIC hme0"
                expect hme0 hosts 1
                expect hme1 hosts 2
                expect hme2 hosts 2
        at 130s restart
        at 200s wait
                expect nothing
        """,
    )


def test_six_of_them_are_where_they_were_after_a_repair() -> None:
    tell(
        f"""
        setting groups: {{test: {{addresses: [{FIVE}, 192.168.85.45/24]}}}}
        {MEMBERS}
        start
        note healthy
        at 60s  carrier hme2 down
                expect hme0 hosts 3
                expect hme1 hosts 3
        at 200s carrier hme2 up
                expect as healthy
        at 260s tear out hme1
                expect hme0 hosts 3
                expect hme2 hosts 3
                expect move 192.168.85.41 hme1 -> hme0
                expect move 192.168.85.44 hme1 -> hme2
        at 300s put in hme1
                expect as healthy
        """
    )


def test_members_that_come_one_by_one_at_boot_share_evenly() -> None:
    for settings in (THREE, WITHOUT_FAILBACK):
        tell("carrier takes 2s", settings, "start", SPREAD, "at 30s wait\n expect no move", SPREAD)


def test_a_member_that_is_missing_at_boot_gets_its_share_when_it_comes() -> None:
    tell(
        THREE,
        """
        absent hme1
        start
        expect hme0 hosts 3
        expect hme2 hosts 2
        at 60s  put in hme1
                expect move 192.168.85.44 hme0 -> hme1
                expect hme0 hosts 2
                expect hme1 hosts 1
                expect hme2 hosts 2
        """,
    )


def test_no_standby_while_an_active_member_is_usable() -> None:
    tell(
        """
        setting groups: {test: {addresses: [192.168.85.40/24, 192.168.85.41/24]}}
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        file hme2: group test standby
        start
        expect 192.168.85.40 on hme0
        expect 192.168.85.41 on hme1
        expect flags of hme2: UP RUNNING STANDBY INACTIVE
        note healthy
        at 60s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme2
                expect move 192.168.85.40 hme0 -> hme1
        at 70s  carrier hme1 down
                expect 192.168.85.40 on hme2
                expect 192.168.85.41 on hme2
        at 80s  restart
        at 200s carrier hme1 up
                expect 192.168.85.40 on hme1
                expect 192.168.85.41 on hme1
                expect 192.168.85.19 on hme2
        at 300s carrier hme0 up
                expect 192.168.85.19 on hme0
                expect hme0 hosts 2
                expect hme1 hosts 2
                expect flags of hme2: UP RUNNING STANDBY INACTIVE
        """
    )


def test_without_failback_they_stay_where_they_were_forced_to_go() -> None:
    tell(
        WITHOUT_FAILBACK,
        """
        start
        at 60s  carrier hme0 down
                expect hme1 hosts 3
                expect hme2 hosts 2
        at 200s carrier hme0 up
                expect no move
                expect flags of hme0: UP RUNNING INACTIVE
        at 300s carrier hme1 down
                expect hme0 hosts 3
                expect hme2 hosts 2
        """,
    )


def test_online_brings_back_what_was_there_whether_or_not_failback_is_enabled() -> None:
    for settings in (THREE, WITHOUT_FAILBACK):
        tell(
            settings,
            """
            start
            note healthy
            at 60s  offline hme0
                    expect move 192.168.85.40 hme0 -> hme2
                    expect move 192.168.85.43 hme0 -> hme1
                    expect hme0 hosts 0
            at 70s  restart
            at 80s  online hme0
                    expect report "Successfully failed back to NIC hme0"
                    expect as healthy
                    expect flags of hme0: UP RUNNING
            at 90s  wait
                    expect nothing
            """,
        )


def test_a_detach_moves_only_what_has_to_and_undone_it_was_never_there() -> None:
    tell(
        f"""
        setting groups: {{test: {{addresses: [{FIVE}]}}}}
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.29/24 up
                 | addif 192.168.85.39/24 up
        file hme1: group test
        file hme2: group test
        start
        expect hme0 hosts 3
        expect hme1 hosts 3
        expect hme2 hosts 2
        note healthy
        expect no objection to hme1
        at 60s  leave hme0
                expect hme1 hosts 3
                expect hme2 hosts 5
        at 61s  stay hme0
                expect as healthy
        at 70s  leave hme1
                expect cause detach
                expect hme1 empty
        at 71s  stay hme1
                expect cause failback
                expect as healthy
        at 80s  detach hme1
                expect hme1 bare
                expect hme0 hosts 4
                expect hme2 hosts 4
        at 90s  restart
        at 100s attach hme1
                expect hme1 hosts 2
        """
    )


def test_the_last_functioning_member_may_not_go() -> None:
    tell(
        THREE,
        """
        start
        at 60s  carrier hme0 down, hme1 down
                expect hme2 hosts 5
                expect objection to hme2: "only functioning interface"
        """,
    )


def test_every_family_needs_a_place() -> None:
    tell(
        """
        setting groups: {test: {addresses: [2001:db8::40/64]}}
        file hme0: 192.168.85.19/24 group test up
        file6 hme0:
        file hme1: 192.168.85.20/24 group test up
        start
        expect 2001:db8::40 on hme0
        expect objection to hme0: "takes IPv6 addresses"
        at 60s  carrier hme0 down
                expect 2001:db8::40 on hme0
        """
    )


def test_with_everybody_failed_they_stay_and_what_is_new_is_spread() -> None:
    tell(
        THREE,
        """
        start
        at 60s  carrier hme0 down, hme1 down, hme2 down
                expect no move
        """,
        SPREAD,
        f"""
        default settings
        setting groups: {{test: {{addresses: [{FIVE}, 192.168.85.45/24]}}}}
        at 70s  reload
                expect 192.168.85.45 on hme2
        at 200s carrier hme1 up
                expect hme1 hosts 6
        at 300s carrier hme0 up, hme2 up
                expect hme0 hosts 2
                expect hme1 hosts 2
                expect hme2 hosts 2
        """,
    )


def test_everybody_torn_out_and_put_in_again() -> None:
    tell(
        THREE,
        """
        start
        at 60s  tear out hme0
        at 61s  tear out hme1
        at 62s  tear out hme2
                expect 192.168.85.40 nowhere
        at 100s put in hme1
                expect hme1 hosts 5
        at 200s put in hme0
        at 300s put in hme2
                expect hme0 hosts 2
                expect hme1 hosts 2
                expect hme2 hosts 1
        """,
    )


def test_a_reload_adds_and_takes_away() -> None:
    tell(
        THREE,
        """
        start
        default settings
        setting groups: {test: {addresses: [192.168.85.44/24, 192.168.85.50/24]}}
        at 60s  reload
                expect 192.168.85.40 nowhere
                expect 192.168.85.40 unlisted
                expect 192.168.85.41 nowhere
                expect 192.168.85.42 nowhere
                expect 192.168.85.43 nowhere
                expect 192.168.85.44 on hme1 as hme1:3
                expect 192.168.85.50 on hme0 as hme0:4
        default settings
        at 70s  reload
                expect 192.168.85.44 nowhere
                expect 192.168.85.50 nowhere
        """,
    )


def test_what_left_the_list_while_no_daemon_ran_leaves_the_kernel() -> None:
    tell(
        THREE,
        """
        start
        at 60s  kill
        default settings
        setting groups: {test: {addresses: [192.168.85.44/24]}}
        at 70s  start
                expect 192.168.85.40 nowhere
                expect 192.168.85.43 nowhere
                expect 192.168.85.44 on hme1 as hme1:3
        """,
    )


def test_another_prefix_length_is_taken_over_in_place() -> None:
    tell(
        """
        setting groups: {test: {addresses: [192.168.85.40/24]}}
        file hme0: group test
        file hme1: group test
        start
        default settings
        setting groups: {test: {addresses: [192.168.85.40/16]}}
        at 60s  reload
                expect 192.168.85.40 on hme0 as hme0:1
        """
    )


def test_one_that_gets_a_home_goes_there_and_one_that_loses_it_stays() -> None:
    tell(
        """
        setting groups: {test: {addresses: [192.168.85.40/24]}}
        file hme0: group test
        file hme1: group test
        start
        expect 192.168.85.40 on hme0
        default settings
        file hme1: 192.168.85.40/24 group test up
        at 60s  reload
                expect 192.168.85.40 on hme1 as hme1
                expect 192.168.85.40 at home on hme1
        file hme1: group test
        setting groups: {test: {addresses: [192.168.85.40/24]}}
        at 70s  reload
                expect no move
                expect 192.168.85.40 shared by test
        at 80s  carrier hme1 down
                expect 192.168.85.40 on hme0 as hme0:1
        """
    )


def test_groups_share_apart() -> None:
    tell(
        """
        setting groups: {one: {addresses: [192.168.85.40/24]}, two: {addresses: [192.168.86.40/24]}}
        file hme0: group one
        file hme1: group one
        file qfe0: group two
        file qfe1: group two
        start
        at 60s  carrier hme0 down
                expect 192.168.85.40 on hme1
                expect 192.168.86.40 on qfe0
        file hme1: group two
        at 70s  reload
                expect 192.168.85.40 on hme0
                expect 192.168.86.40 on qfe0
        file hme0: group two
        at 80s  reload
                expect 192.168.85.40 nowhere
        """
    )


def test_a_hostname_file_that_goes_leaves_nothing_behind() -> None:
    tell(
        THREE,
        """
        start
        no file hme0
        at 60s  reload
                expect release hme0
                expect 192.168.85.40 on hme2
                expect 192.168.85.43 on hme1
        """,
    )


def test_one_that_is_deleted_and_accepted_is_away_until_the_settings_are_read_again() -> None:
    tell(
        "setting when_removed: accept",
        THREE,
        """
        start
        at 60s  delete 192.168.85.40 on hme0
                expect 192.168.85.40 nowhere
                expect 192.168.85.40 listed nowhere
                expect 192.168.85.40 shared by test
        at 90s  add 192.168.85.40/24 on hme2
                expect 192.168.85.40 shared by test
                expect 192.168.85.40 on hme2
                expect report "192.168.85.40/24 was added by hand on hme2"
        at 100s delete 192.168.85.40 on hme2
                expect 192.168.85.40 nowhere
        at 110s reload
                expect hme0 hosts 2
                expect 192.168.85.40 on hme0
        """,
    )


def test_added_by_hand_where_it_is_not_it_is_there_once() -> None:
    tell(
        THREE,
        """
        start
        at 60s  add 192.168.85.40/24 on hme2
                expect 192.168.85.40 on hme0
        at 61s  add 192.168.85.41/24 on hme0
                expect 192.168.85.41 on hme1
        """,
    )


def test_duplicates_are_looked_for_once_and_not_when_it_moves() -> None:
    tell(
        SIX,
        """
        expect 2001:db8::40 on hme0 as looked for
        expect 2001:db8::41 on hme1 as looked for
        note healthy
        at 60s  carrier hme0 down
                expect move 2001:db8::40 hme0 -> hme1 without detection
                expect 2001:db8::40 on hme1 as looked for
        at 70s  tear out hme1
                expect 2001:db8::40 on hme0
        at 80s  carrier hme0 up
        at 90s  put in hme1
                expect 2001:db8::41 on hme1
                expect move 2001:db8::41 hme0 -> hme1 without detection
        """,
    )


def test_what_cannot_be_added_stays_where_it_is() -> None:
    tell(
        THREE,
        """
        start
        refuse 192.168.85.43 on hme1
        refuse 192.168.85.43 on hme2
        at 60s  carrier hme0 down
                expect 192.168.85.40 on hme2
                expect 192.168.85.43 on hme0
                expect refusal on hme0: "Operation not permitted"
        accept 192.168.85.43 on hme1
        at 90s  overrun
                expect 192.168.85.43 on hme1
        """,
    )


def test_an_interface_that_is_set_down_keeps_none_of_them() -> None:
    tell(
        THREE,
        """
        start
        at 60s  set hme0 down
                expect hme1 hosts 3
                expect hme2 hosts 2
        at 200s set hme0 up
                expect hme0 hosts 1
        """,
    )


def test_one_of_whom_nothing_is_known_gets_no_share_and_a_restart_gives_it_none() -> None:
    """Its test address is in a prefix without anybody to probe.

    A restart forgets that, and takes it on trust once more.
    """
    tell(
        THREE,
        """
        probe everything by icmp
        target 192.168.85.1
        file hme2: group test
                 | addif 192.168.86.23/24 -failover deprecated up
        absent hme2
        start
        at 60s  wait
                expect hme0 hosts 3
                expect hme1 hosts 2
        at 100s put in hme2
        at 200s expect hme2 no-targets
                expect hme2 hosts 0
        at 210s restart
                expect hme2 running
        at 300s expect no move
                expect hme2 no-targets
                expect hme2 hosts 0
        """,
    )


def test_two_that_are_offline_at_once_get_back_what_each_had() -> None:
    """What the first left with the second is not the second's to call back."""
    for order in ("hme0 hme1", "hme1 hme0"):
        first, second = order.split()
        tell(
            THREE,
            f"""
            start
            note healthy
            at 60s  offline hme0
            at 61s  offline hme1
            at 62s  online {first}
            at 63s  online {second}
            at 90s  expect as healthy
                    expect nothing
            """,
        )


def test_an_undone_detach_of_what_is_offline_forgets_nothing() -> None:
    for begin in (THREE, WITHOUT_FAILBACK):
        tell(
            begin,
            """
            start
            note healthy
            at 60s  offline hme0
            at 61s  leave hme0
            at 62s  stay hme0
                    expect hme0 empty
            at 63s  online hme0
                    expect as healthy
            """,
        )
