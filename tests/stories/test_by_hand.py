"""What an administrator does with ip(8), lost notifications, and refusals."""

from __future__ import annotations

from .scenes import DUAL_STACK, LINK_ONLY, PAIR, THREE
from .teller import tell


def test_an_address_added_by_hand_becomes_a_data_address() -> None:
    tell(
        PAIR,
        """
        at 60s  add 192.168.85.60/24 on hme0
                expect no move
                expect 192.168.85.60 at home on hme0
                expect report "192.168.85.60/24 was added by hand on hme0"
        at 61s  note before
        at 70s  carrier hme0 down
                expect move 192.168.85.60 hme0 -> hme1
        at 75s  restart
                expect 192.168.85.60 at home on hme0
        at 200s carrier hme0 up
                expect as before
        """,
    )


def test_what_was_added_and_is_deleted_by_hand_is_gone_for_good() -> None:
    tell(
        PAIR,
        """
        at 50s  add 192.168.85.60/24 on hme0
        at 60s  delete 192.168.85.60 on hme0
                expect no move
                expect 192.168.85.60 nowhere
                expect report "192.168.85.60/24 was removed by another program on hme0" within 0.3s
                expect 192.168.85.60 unlisted
                expect no problems
        at 70s  restart
                expect 192.168.85.60 nowhere
        at 80s  carrier hme0 down
        at 90s  carrier hme0 up
        at 100s reload
                expect 192.168.85.60 nowhere
        """,
    )


def test_a_moved_address_deleted_by_hand_does_not_come_home() -> None:
    tell(
        PAIR,
        """
        at 50s  add 192.168.85.60/24 on hme0
        at 60s  carrier hme0 down
        at 70s  delete 192.168.85.60 on hme1
                expect no move
        at 200s carrier hme0 up
                expect 192.168.85.60 nowhere
        """,
    )


def test_a_deleted_route_is_not_put_back() -> None:
    tell(
        PAIR,
        """
        add route default via 192.168.85.1 on hme0
        at 60s  carrier hme0 down
                expect route default on hme1
        at 70s  delete route default on hme1
                expect no move
        at 200s carrier hme0 up
                expect no route default
        """,
    )


def test_a_route_that_the_kernel_dropped_is_put_back() -> None:
    tell(
        DUAL_STACK,
        """
        add route default via 192.168.85.1 on hme0
        add route ::/0 via fe80::1 on hme0
        at 60s  set hme0 down
                expect route default on hme1 protocol 153
                expect route ::/0 on hme1 protocol 153
        at 200s set hme0 up
                expect route default on hme0 protocol 3
                expect route ::/0 on hme0 protocol 3
        """,
    )


def test_a_link_local_address_is_left_alone() -> None:
    tell(
        DUAL_STACK,
        """
        at 60s  add fe80::abcd/64 on hme0
                expect no move
        at 70s  carrier hme0 down
                expect fe80::abcd on hme0
        """,
    )


def test_an_overrun_in_the_middle() -> None:
    tell(
        THREE,
        """
        at 60s  go deaf
        at 61s  carrier hme0 down
                expect nothing
        at 62s  add 192.168.85.60/24 on hme1
        at 63s  overrun
                expect move 192.168.85.19 hme0 -> hme2
                expect report "NIC failure detected on hme0 of group test"
                expect 192.168.85.60 at home on hme1
        at 70s  go deaf
        at 71s  tear out hme1
        at 72s  put in hme1
        at 73s  overrun
                expect 192.168.85.20 on hme1
                expect hme1 running
        """,
    )


def test_a_lost_notification_is_made_good_by_the_next_reconciliation() -> None:
    tell(
        LINK_ONLY,
        """
        at 61s  go deaf
        at 62s  carrier hme0 down
                expect nothing
        at 79s  expect 192.168.85.19 on hme0
        at 80s  wait
                expect 192.168.85.19 on hme1
        """,
    )


REFUSED = "the kernel refused 192.168.85.19/24 on hme1: Operation not permitted"
PARTLY = "Failed over from NIC hme0 to NIC hme1, but not"


def test_a_refusal_is_told_once_and_retried_at_the_next_scan() -> None:
    # behaviour 66
    tell(
        PAIR,
        f"""
        at 60s  add 192.168.85.60/24 on hme0
        refuse 192.168.85.19 on hme1
        at 65s  carrier hme0 down
                expect report "{REFUSED}; it stays on hme0"
                expect report "{PARTLY} 192.168.85.19/24 (Operation not permitted)"
                expect 192.168.85.19 on hme0
                expect 192.168.85.60 on hme1
                expect refusal on hme0: "the kernel refused 192.168.85.19/24 on hme1"
        at 67s  wait
        at 70s  expect nothing
        accept 192.168.85.19 on hme1
        at 79s  expect 192.168.85.19 on hme0
        at 80s  wait
                expect 192.168.85.19 on hme1
        """,
    )


def test_a_refused_route_stays_where_it_is() -> None:
    tell(
        PAIR,
        """
        add route default via 192.168.85.1 on hme0
        refuse default on hme1
        at 65s  carrier hme0 down
                expect route default on hme0
                expect 192.168.85.19 on hme1
        accept default on hme1
        at 80s  wait
                expect route default on hme1 protocol 153
        """,
    )


def test_a_refused_leave_keeps_the_interface_full() -> None:
    # behaviour 120
    tell(
        PAIR,
        """
        note before
        refuse 192.168.85.19 on hme1
        at 65s  leave hme0
                expect 192.168.85.19 on hme0
                expect refusal on hme0: "Operation not permitted"
        at 66s  stay hme0
                expect as before
        """,
    )


def test_every_state_survives_a_restart() -> None:
    tell(
        THREE,
        """
        at 10s  restart
        at 20s  carrier hme0 down
        at 30s  restart
                expect hme0 failed
        at 40s  offline hme1
        at 50s  restart
                expect hme1 offline
        at 60s  carrier hme2 down
        at 70s  restart
                expect group test failed
        at 80s  online hme1
                expect 192.168.85.19 on hme1
        """,
    )


def test_what_changed_while_the_daemon_was_down_is_noticed() -> None:
    tell(
        PAIR,
        """
        at 60s  kill
        at 61s  carrier hme0 down
        at 62s  add 192.168.85.60/24 on hme1
        at 63s  start
                expect 192.168.85.19 on hme1
                expect hme0 failed
                expect 192.168.85.60 at home on hme1
        """,
    )


def test_nothing_is_put_on_a_device_that_was_set_down() -> None:
    tell(
        """
        file6 hme0: group test addif 2001:db8::19/64 up
        file6 hme1: group test addif 2001:db8::20/64 up
        start
        at 60s  carrier hme1 down
                expect 2001:db8::20 on hme0
        at 61s  set hme0 down
                expect report "All Interfaces in group test have failed"
                expect 2001:db8::19 on hme1
                expect 2001:db8::20 on hme1
        at 62s  set hme1 down
                expect no move
                expect 2001:db8::19 nowhere
        at 70s  restart
                expect no move
        at 200s set hme0 up
                expect 2001:db8::19 on hme0
                expect 2001:db8::20 on hme0
        """
    )


def test_what_one_member_refuses_another_takes_at_once() -> None:
    tell(
        THREE,
        f"""
        at 60s  add 192.168.85.60/24 on hme0
        refuse 192.168.85.19 on hme1
        at 65s  carrier hme0 down
                expect report "{PARTLY} 192.168.85.19/24 (Operation not permitted)"
                expect report "{REFUSED}; it goes to hme2"
                expect report "Successfully failed over from NIC hme0 to NIC hme2"
                expect no report "kept"
                expect 192.168.85.60 on hme1
                expect 192.168.85.19 on hme2
        accept 192.168.85.19 on hme1
        at 100s expect 192.168.85.19 on hme2
        at 200s carrier hme0 up
                expect 192.168.85.19 on hme0
        """,
    )


def test_what_everybody_refuses_stays_where_it_is() -> None:
    tell(
        THREE,
        f"""
        refuse 192.168.85.19 on hme1
        refuse 192.168.85.19 on hme2
        at 65s  carrier hme0 down
                expect report "{REFUSED}; it goes to hme2"
                expect report "{REFUSED.replace("hme1", "hme2")}; it stays on hme0"
                expect no report "failed over"
                expect 192.168.85.19 on hme0
        """,
    )
