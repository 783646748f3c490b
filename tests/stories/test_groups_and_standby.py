"""Groups, guards and standbys: solaris.md section 7, behaviours 1 to 7, 12, 20 to 28, 38 to 42."""

from __future__ import annotations

from .scenes import DUAL_STACK, LINK_ONLY, PAIR, THREE, WITH_STANDBY
from .teller import tell


def test_one_name_is_one_group() -> None:
    # behaviour 1
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        file qfe0: 192.168.86.19/24 group other up
        file qfe1: 192.168.87.19/24 up
        start
        expect group test ok
        expect group other ok
        at 60s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme1
                expect group test degraded
                expect group other ok
        """
    )


def test_another_medium_is_rejected() -> None:
    # behaviour 2
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        device hme0 medium 1
        device hme1 medium 32
        start
        expect report "hme1 cannot be a member of group test: its medium (type 32) differs from \
that of hme0 (type 1)"
        expect problem of hme1: "medium"
        expect 192.168.85.20 on hme1
        at 60s  carrier hme0 down
                expect no move
                expect 192.168.85.19 on hme0
        """
    )


def test_a_hardware_address_twice_puts_the_later_one_offline() -> None:
    # behaviours 3, 4
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        device hme0 mac 02:00:00:00:aa:01
        device hme1 mac 02:00:00:00:aa:01
        start
        expect report "hme1: offlining: its hardware address 02:00:00:00:aa:01 is also that of hme0"
        expect flags of hme1: UP RUNNING OFFLINE
        expect problem of hme1: "is also that of hme0"
        expect 192.168.85.20 on hme0
        at 60s  mac of hme1 becomes 02:00:00:00:aa:02
                expect report "hme1 now has a unique hardware address in group test; onlining"
                expect hme1 running
                expect 192.168.85.20 on hme1
        """
    )


def test_an_interface_leaves_its_group() -> None:
    # behaviours 6, 7
    tell(
        DUAL_STACK,
        """
        at 60s  carrier hme1 down
                expect 192.168.85.20 on hme0
        at 70s  carrier hme1 up
                expect 192.168.85.20 on hme1
        at 80s  carrier hme0 down
                expect 192.168.85.19 on hme1
                expect 2001:db8::19 on hme1
        file hme1: 192.168.85.20/24 up
        at 90s  reload
                expect 192.168.85.20 on hme1
                expect 2001:db8::20 on hme1
                expect 192.168.85.19 on hme0
                expect 2001:db8::19 on hme0
        """,
    )


def test_a_failed_interface_that_leaves_its_group_gets_its_own_back() -> None:
    # behaviour 7
    tell(
        LINK_ONLY,
        """
        at 60s  carrier hme0 down
                expect 192.168.85.19 on hme1
        file hme0: 192.168.85.19/24 up
        at 90s  reload
                expect 192.168.85.19 on hme0
        """,
    )


def test_joining_another_group() -> None:
    # behaviour 6
    tell(
        """
        file hme0: 192.168.85.19/24 group one up
        file hme1: 192.168.85.20/24 group one up
        file hme2: 192.168.85.23/24 group two up
        start
        at 60s  carrier hme1 down
                expect 192.168.85.20 on hme0
        file hme1: 192.168.85.20/24 group two up
        at 90s  reload
                expect 192.168.85.20 on hme2
                expect group one ok
                expect group two degraded
        at 99s  carrier hme1 up
                expect 192.168.85.20 on hme1
                expect group two ok
        """
    )


def test_a_reload_moves_nothing() -> None:
    # behaviour 42
    tell(
        PAIR,
        """
        at 60s  reload
                expect nothing
        at 70s  carrier hme0 down
        at 80s  reload
                expect nothing
                expect 192.168.85.19 on hme1 as hme1:2
        """,
    )


def test_a_reload_adds_and_takes_away() -> None:
    tell(
        PAIR,
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.50/24 up
        at 60s  reload
                expect 192.168.85.50 on hme0 as hme0:1
                expect 192.168.85.21 nowhere
        file hme0: 192.168.85.50/24 group test up
        at 70s  reload
                expect 192.168.85.19 nowhere
                expect 192.168.85.50 on hme0
        no file hme1
        at 80s  reload
                expect release hme1
                expect 192.168.85.20 on hme1
                expect group test ok
        """,
    )


def test_a_standby_is_inactive() -> None:
    # behaviours 20, 12
    tell(
        WITH_STANDBY,
        """
        expect flags of hme2: UP RUNNING STANDBY INACTIVE
        expect 192.168.85.23 test address of hme2
        expect 192.168.85.23 deprecated
        """,
    )


def test_a_standby_is_used_before_an_active_member_and_until_the_repair() -> None:
    # behaviours 24, 26
    tell(
        WITH_STANDBY,
        """
        note healthy
        at 60s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme2 as hme2:1
                expect flags of hme2: UP RUNNING STANDBY
        at 200s carrier hme0 up
                expect move 192.168.85.19 hme2 -> hme0 as hme0
                expect flags of hme2: UP RUNNING STANDBY INACTIVE
                expect as healthy
        """,
    )


def test_a_standby_in_use_competes_by_load() -> None:
    # behaviour 25
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.30/24 up
        file hme1: 192.168.85.20/24 group test up
        file hme2: 192.168.85.23/24 group test up
        file hme3: 192.168.85.24/24 group test -failover deprecated standby up
        start
        at 60s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme3
        at 61s  carrier hme1 down
                expect move 192.168.85.20 hme1 -> hme2
        """
    )


def test_a_data_address_on_a_standby_lands_on_an_active_member() -> None:
    # behaviours 21, 23: standby comes first, so the address is movable
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test standby up
        start
        expect 192.168.85.20 on hme0
        expect flags of hme1: UP RUNNING STANDBY INACTIVE
        """
    )


def test_an_address_added_by_hand_to_a_standby_does_not_stay() -> None:
    # behaviour 21
    tell(
        WITH_STANDBY,
        """
        at 60s  add 192.168.85.60/24 on hme2
                expect move 192.168.85.60 hme2 -> hme0
                expect cause standby
                expect 192.168.85.60 at home on hme2
                expect flags of hme2: UP RUNNING STANDBY INACTIVE
        at 70s  carrier hme0 down
                expect move 192.168.85.60 hme0 -> hme1
                expect move 192.168.85.19 hme0 -> hme2
        at 200s carrier hme0 up
                expect 192.168.85.19 on hme0
        """,
    )


def test_marking_an_interface_as_standby_empties_it() -> None:
    # behaviour 22
    tell(
        PAIR,
        """
        file hme1: 192.168.85.20/24 group test up
                 | addif 192.168.85.22/24 deprecated -failover standby up
        at 60s  reload
                expect move 192.168.85.20 hme1 -> hme0
                expect 192.168.85.22 on hme1
                expect flags of hme1: UP RUNNING STANDBY INACTIVE
        file hme1: 192.168.85.20/24 group test up
                 | addif 192.168.85.22/24 deprecated -failover up
        at 70s  reload
                expect move 192.168.85.20 hme0 -> hme1 as hme1
        """,
    )


def test_only_standbys_keep_what_they_have() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 group test standby up
        file hme1: 192.168.85.20/24 group test standby up
        start
        expect 192.168.85.19 on hme0
        expect 192.168.85.20 on hme1
        at 60s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme1
        at 200s carrier hme0 up
                expect move 192.168.85.19 hme1 -> hme0
        """
    )


def test_failed_and_inactive_are_never_both_shown() -> None:
    # behaviour 27
    tell(
        WITH_STANDBY,
        "at 60s  carrier hme2 down\n expect flags of hme2: UP FAILED STANDBY",
    )


def test_a_link_that_goes_down_fails_at_once_without_test_address() -> None:
    # behaviour 28
    tell(
        LINK_ONLY,
        """
        at 60s  carrier hme0 down
                expect report "NIC failure detected on hme0 of group test"
                expect move 192.168.85.19 hme0 -> hme1
        """,
    )


def test_a_flapping_link_is_not_repaired_until_it_is_quiet() -> None:
    # behaviours 38, 39
    tell(
        LINK_ONLY,
        """
        at 60s  carrier hme0 down
        at 61s  carrier hme0 up
                expect 192.168.85.19 on hme0
        at 62s  carrier hme0 down
        at 63s  carrier hme0 up
                expect 192.168.85.19 on hme0
        at 64s  carrier hme0 down
        at 65s  carrier hme0 up
                expect report "The link has come up on hme0 more than 2 times in the last minute; \
disabling failback until it stabilizes"
                expect hme0 failed
                expect 192.168.85.19 on hme1
                expect problem of hme0: "the link flaps"
        at 66s  restart
                expect hme0 failed
                expect 192.168.85.19 on hme1
        at 67s  wait
        at 122.9s expect nothing
        at 123s wait
                expect report "NIC repair detected on hme0 of group test"
                expect 192.168.85.19 on hme0
        """,
    )


def test_a_link_that_is_down_at_start_fails_in_the_usual_way() -> None:
    # behaviour 40
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        device hme0 cable no
        start
        expect no report "NIC failure"
        expect 192.168.85.19 on hme0
        at 3s   wait
        at 4s   wait
                expect hme0 failed
                expect 192.168.85.19 on hme1 as hme1:1
        at 60s  carrier hme0 up
                expect report "NIC repair detected on hme0 of group test"
                expect 192.168.85.19 on hme0 as hme0
        """
    )


def test_a_slow_negotiation_is_no_failure() -> None:
    tell(
        "carrier takes 2s",
        THREE,
        """
        at 1s   expect no report "NIC failure"
                expect nothing announced
        at 10s  expect no report "NIC failure"
                expect no move
                # Nobody could hear it before.
                expect 192.168.85.19 announced as 02:00:00:00:00:04
                expect 192.168.85.19 on hme0
                expect group test ok
        """,
    )


def test_a_group_with_every_member_negotiating_has_not_failed() -> None:
    tell("carrier takes 2s", LINK_ONLY, "expect group test ok\n at 10s expect no reports")


def test_a_member_that_lacks_a_family_is_named_once() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file6 hme0: addif 2001:db8::19/64 up
        file hme1: 192.168.85.20/24 group test up
        start
        expect report "NIC hme1 of group test is not plumbed for IPv6 and may affect failover \
capability"
        at 60s  reload
                expect nothing
        at 70s  carrier hme0 down
                expect no move
        at 80s  carrier hme0 up
        file6 hme1:
        at 90s  reload
                expect report "NIC hme1 is now consistent with group test and failover capability \
is restored"
        at 95s  carrier hme0 down
                expect move 2001:db8::19 hme0 -> hme1
                expect 192.168.85.19 on hme1
        """
    )


def test_an_interface_without_a_group_is_configured_and_left_alone() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 up
        file hme1: 192.168.85.20/24 up
        start
        at 60s  carrier hme0 down
                expect no move
                expect no report "NIC failure"
                expect 192.168.85.19 on hme0
        """
    )
