"""Failover and failback: solaris.md section 7, behaviours 59 to 76 where no probe is needed."""

from __future__ import annotations

from .scenes import DUAL_STACK, LINK_ONLY, PAIR, THREE, WITH_STANDBY
from .teller import tell


def test_the_overview_example() -> None:
    # behaviours 12, 28, 60, 63, 68
    tell(
        PAIR,
        """
        expect 192.168.85.19 on hme0 as hme0
        expect 192.168.85.21 on hme0 as hme0:1
        expect flags of hme0: UP RUNNING
        expect group test ok
        note healthy
        at 60s  carrier hme0 down
                expect report "The link has gone down on hme0"
                expect report "NIC failure detected on hme0 of group test"
                expect report "Successfully failed over from NIC hme0 to NIC hme1"
                expect no more reports
                expect move 192.168.85.19 hme0 -> hme1 as hme1:2
                expect cause failover
                expect one move hme0 -> hme1
                expect 192.168.85.21 test address of hme0
                expect 192.168.85.21 on hme0
                expect flags of hme0: UP FAILED
                expect group test degraded
                expect hme0 failed
        at 200s carrier hme0 up
                expect report "The link has come up on hme0"
                expect report "NIC repair detected on hme0 of group test"
                expect report "Successfully failed back to NIC hme0"
                expect no more reports
                expect move 192.168.85.19 hme1 -> hme0 as hme0
                expect cause failback
                expect as healthy
                expect group test ok
        """,
    )


def test_everything_movable_moves_in_one_operation() -> None:
    # behaviour 59: up or not, IPv4 and IPv6
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.30/24 up
                 | addif 192.168.85.31/24 down
        file6 hme0: addif 2001:db8::19/64 up
        file hme1: 192.168.85.20/24 group test up
        file6 hme1: addif 2001:db8::20/64 up
        start
        expect 192.168.85.31 down on hme0
        at 60s  carrier hme0 down
                expect one move hme0 -> hme1
                expect move 192.168.85.19 hme0 -> hme1 as hme1:1
                expect move 192.168.85.30 hme0 -> hme1 as hme1:2
                expect move 2001:db8::19 hme0 -> hme1
                expect 192.168.85.31 down on hme1
        at 200s carrier hme0 up
                expect one move hme1 -> hme0
                expect 192.168.85.30 on hme0 as hme0:1
                expect 192.168.85.31 down on hme0
        """
    )


def test_no_placeholder_is_left_behind() -> None:
    # behaviour 61: the labels do not depend on logical 0, so nothing has to hold its place
    tell(
        PAIR,
        """
        at 60s  carrier hme0 down
                expect 0.0.0.0 nowhere
                expect 192.168.85.21 on hme0 as hme0:1
        at 200s carrier hme0 up
                expect 192.168.85.19 on hme0 as hme0
        """,
    )


def test_labels_take_the_lowest_free_number() -> None:
    # behaviour 60
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.30/24 up
        file hme1: 192.168.85.20/24 group test up
                 | addif 192.168.85.22/24 deprecated -failover up
                 | addif 192.168.85.40/24 up
        file hme2: 192.168.85.23/24 group test -failover deprecated standby up
        start
        at 60s  carrier hme2 down
        at 61s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme1 as hme1:3
                expect move 192.168.85.30 hme0 -> hme1 as hme1:4
        """
    )


def test_ipv6_moves_without_duplicate_address_detection() -> None:
    # behaviour 14: the link-local address is the test address, stays, and is not deprecated
    world = tell(
        DUAL_STACK,
        """
        expect fe80::4 test address of hme0
        at 60s  carrier hme0 down
                expect move 2001:db8::19 hme0 -> hme1
                expect fe80::4 on hme0
        """,
    )
    moved = world.held("2001:db8::19")
    assert moved
    assert moved.flags & 0x02, "the sibling may still answer for it"
    link_local = world.held("fe80::4")
    assert link_local
    assert link_local.preferred_s is None


def test_first_configuration_of_ipv6_detects_duplicates() -> None:
    first = tell(DUAL_STACK).held("2001:db8::19")
    assert first
    assert not first.flags & 0x02


def test_fewest_data_addresses_that_are_up_win() -> None:
    # behaviour 64
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
                 | addif 192.168.85.30/24 up
        file hme2: 192.168.85.23/24 group test up
                 | addif 192.168.85.24/24 -failover deprecated up
                 | addif 192.168.85.25/24 down
        start
        at 60s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme2 as hme2:3
        """
    )


def test_a_tie_goes_to_the_first() -> None:
    # behaviour 64
    tell(THREE, "at 60s  carrier hme0 down\n expect move 192.168.85.19 hme0 -> hme1")


def test_a_destination_has_every_family_of_the_source() -> None:
    # behaviour 65
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file6 hme0: addif 2001:db8::19/64 up
        file hme1: 192.168.85.20/24 group test up
        file hme2: 192.168.85.23/24 group test up
                 | addif 192.168.85.24/24 up
        file6 hme2:
        start
        at 60s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme2
                expect move 2001:db8::19 hme0 -> hme2
        """
    )


def test_no_failed_and_no_offline_interface_is_a_destination() -> None:
    # behaviour 65
    tell(
        THREE,
        """
        at 60s  offline hme1
        at 61s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme2
        at 62s  carrier hme2 down
                expect no move
                expect 192.168.85.19 on hme2
                expect 192.168.85.20 on hme2
                expect report "All Interfaces in group test have failed"
        """,
    )


def test_without_destination_addresses_stay_until_one_appears() -> None:
    # behaviour 66
    tell(
        LINK_ONLY,
        """
        at 60s  carrier hme1 down
                expect move 192.168.85.20 hme1 -> hme0
        at 70s  carrier hme0 down
                expect no move
                expect hme0 failed
                expect 192.168.85.19 on hme0
        at 200s carrier hme1 up
                expect 192.168.85.19 on hme1
                expect 192.168.85.20 on hme1
        """,
    )


def test_a_second_failure_moves_both_and_each_returns_to_its_owner() -> None:
    # behaviours 67, 69
    tell(
        THREE,
        """
        note healthy
        at 60s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme1 as hme1:1
        at 70s  carrier hme1 down
                expect one move hme1 -> hme2
                expect move 192.168.85.19 hme1 -> hme2 as hme2:1
                expect move 192.168.85.20 hme1 -> hme2 as hme2:2
                expect 192.168.85.19 at home on hme0
        at 200s carrier hme0 up
                expect one move hme2 -> hme0
                expect move 192.168.85.19 hme2 -> hme0 as hme0
                expect 192.168.85.20 on hme2
        at 300s carrier hme1 up
                expect one move hme2 -> hme1
                expect as healthy
        """,
    )


def test_failback_off_leaves_addresses_and_makes_a_spare() -> None:
    # behaviours 70, 71
    tell(
        "setting failback: no",
        THREE,
        """
        at 60s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme1
        at 200s carrier hme0 up
                expect no move
                expect report "NIC repair detected on hme0 of group test"
                expect flags of hme0: UP RUNNING INACTIVE
        at 210s carrier hme2 down
                expect move 192.168.85.23 hme2 -> hme0 as hme0:1
                expect flags of hme0: UP RUNNING
        """,
    )


def test_a_spare_with_failback_off_survives_a_restart() -> None:
    # behaviour 70
    tell(
        "setting failback: no",
        THREE,
        """
        at 60s  carrier hme0 down
        at 200s carrier hme0 up
        at 210s restart
                expect flags of hme0: UP RUNNING INACTIVE
                expect 192.168.85.19 on hme1
        """,
    )


def test_a_repaired_standby_needs_no_failback() -> None:
    # behaviour 72
    tell(
        WITH_STANDBY,
        """
        at 60s  carrier hme2 down
                expect report "NIC failure detected on hme2 of group test"
                expect no move
                expect flags of hme2: UP FAILED STANDBY
        at 200s carrier hme2 up
                expect report "NIC repair detected on hme2 of group test"
                expect no move
                expect flags of hme2: UP RUNNING STANDBY INACTIVE
        """,
    )


def test_a_group_failure_moves_nothing_and_is_said_once() -> None:
    # behaviours 73, 74
    tell(
        THREE,
        """
        note healthy
        at 60s  carrier hme0 down, hme1 down, hme2 down
                expect report "All Interfaces in group test have failed"
                expect no report "NIC failure detected"
                expect no report "All Interfaces"
                expect no move
                expect group test failed
                expect hme0 failed
                expect hme1 failed
                expect hme2 failed
                expect as healthy
        at 90s  expect nothing
        at 200s carrier hme1 up
                expect report "At least 1 interface (hme1) of group test has repaired"
                expect report "NIC repair detected on hme1 of group test"
                expect group test degraded
                expect hme0 failed
                expect 192.168.85.19 on hme1
                expect 192.168.85.23 on hme1
        at 300s carrier hme0 up, hme2 up
                expect no report "At least 1"
                expect as healthy
                expect group test ok
        """,
    )


def test_two_cables_in_one_batch_fail_the_group() -> None:
    # behaviour 73
    tell(
        LINK_ONLY,
        """
        at 60s  carrier hme0 down, hme1 down
                expect report "All Interfaces in group test have failed"
                expect no move
        """,
    )


def test_one_fails_alone_while_another_still_works() -> None:
    # behaviour 75
    tell(
        THREE,
        """
        at 60s  carrier hme0 down, hme1 down
                expect report "NIC failure detected on hme0 of group test"
                expect report "NIC failure detected on hme1 of group test"
                expect no report "All Interfaces"
                expect move 192.168.85.19 hme0 -> hme2
                expect move 192.168.85.20 hme1 -> hme2
        """,
    )


def test_a_group_of_one_is_watched_but_nothing_moves() -> None:
    # behaviour 5
    tell(
        """
        file hme0: 192.168.85.19/24 group alone up
        start
        at 60s  carrier hme0 down
                expect hme0 failed
                expect group alone failed
                expect report "All Interfaces in group alone have failed"
                expect no move
        at 200s carrier hme0 up
                expect report "At least 1 interface (hme0) of group alone has repaired"
                expect no move
        """
    )


def test_the_default_route_follows_and_returns() -> None:
    # behaviour 76: what established connections need besides the address
    tell(
        PAIR,
        """
        add route default via 192.168.85.1 on hme0 protocol 4
                expect route default on hme0 protocol 4
        at 60s  carrier hme0 down
                expect route default on hme1 protocol 153
                expect one move hme0 -> hme1
        at 80s  restart
        at 200s carrier hme0 up
                expect route default on hme0 protocol 4
        """,
    )


def test_a_route_that_prefers_the_moved_address_follows() -> None:
    tell(
        PAIR,
        """
        add route 10.0.0.0/8 via 192.168.85.1 on hme0 source 192.168.85.19
        at 60s  carrier hme0 down
                expect route 10.0.0.0/8 on hme1 protocol 153
        at 200s carrier hme0 up
                expect route 10.0.0.0/8 on hme0 protocol 3
        """,
    )


def test_an_interface_that_is_set_down_fails() -> None:
    # behaviour 28
    tell(
        DUAL_STACK,
        """
        note healthy
        at 60s  set hme0 down
                expect report "NIC failure detected on hme0 of group test"
                expect move 192.168.85.19 hme0 -> hme1
                expect 2001:db8::19 on hme1
                expect hme0 failed
        at 200s set hme0 up
                expect 192.168.85.19 on hme0
                expect 2001:db8::19 on hme0
        """,
    )


def test_routes_return_when_an_interface_was_set_down() -> None:
    tell(
        PAIR,
        """
        add route default via 192.168.85.1 on hme0
        at 60s  set hme0 down
                expect route default on hme1
        at 200s set hme0 up
                expect route default on hme0 protocol 3
        """,
    )
