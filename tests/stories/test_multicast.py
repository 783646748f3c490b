"""Multicast memberships follow: whoever listens on an interface that fails hears on (62)."""

from __future__ import annotations

from .scenes import DUAL_STACK, PAIR, THREE, WITH_STANDBY
from .teller import tell

LISTENING = """
        join 239.1.2.3 on hme0
        join ff05::1:3 on hme0
        at 2s   note listening
        """


def test_a_cable_is_pulled_and_plugged() -> None:
    # behaviour 62: in one operation with the addresses
    world = tell(
        DUAL_STACK,
        LISTENING,
        """
        at 60s  carrier hme0 down
                expect one move hme0 -> hme1
                expect report "The link has gone down on hme0"
                expect report "NIC failure detected on hme0 of group test"
                expect report "Successfully failed over from NIC hme0 to NIC hme1"
                expect no more reports
                expect 239.1.2.3 on hme1
                expect ff05::1:3 on hme1
                expect 239.1.2.3 received by hme0 hme1
                expect 239.1.2.3 unlisted
                expect hme1 hosts 4
        at 200s carrier hme0 up
                expect one move hme1 -> hme0
                expect as listening
                expect 239.1.2.3 received by hme0
                expect ff05::1:3 received by hme0
        """,
    )
    assert world.engine
    assert not world.kernel.refusals


def test_what_is_received_elsewhere_is_not_announced_and_can_be_told_from_data() -> None:
    world = tell(PAIR, LISTENING, "at 60s  carrier hme0 down")
    (held,) = [it for it in world.kernel.device("hme1").addresses.values() if it.flags & 0x400]
    assert (str(held.address), held.protocol, held.scope) == ("239.1.2.3/32", 0x99, 254)
    assert not held.label
    announced = [it for command in world.commands for it in getattr(command, "announce", ())]
    assert str(announced[0].address) == "192.168.85.19/24"
    assert held.address not in {it.address for it in announced}


def test_a_nic_is_torn_out_and_put_back() -> None:
    """The application's own membership went with the device."""
    tell(
        DUAL_STACK,
        LISTENING,
        """
        at 60s  tear out hme0
                expect 239.1.2.3 received by hme1
                expect ff05::1:3 received by hme1
        at 90s  put in hme0
        at 95s  expect 239.1.2.3 on hme0
                expect 239.1.2.3 received by hme0
                expect ff05::1:3 received by hme0
        at 120s join 239.1.2.3 on hme0
        at 122s expect 239.1.2.3 nowhere
                expect 239.1.2.3 received by hme0
                expect ff05::1:3 on hme0
        at 130s quit 239.1.2.3 on hme0
        at 132s expect 239.1.2.3 received nowhere
        """,
    )


def test_it_is_torn_out_for_good_and_somebody_takes_the_group_away() -> None:
    """Nobody can know whether the application is still there: it is as the administrator says."""
    tell(
        PAIR,
        LISTENING,
        """
        at 60s  tear out hme0
        at 61s  delete 239.1.2.3 on hme1
                expect report "239.1.2.3 was removed by another program on hme1" within 0.3s
                expect 239.1.2.3 received nowhere
        at 90s  put in hme0
        at 95s  expect 239.1.2.3 received nowhere
        """,
    )


def test_what_an_application_listens_to_is_put_back() -> None:
    tell(
        PAIR,
        LISTENING,
        """
        at 60s  carrier hme0 down
        at 61s  delete 239.1.2.3 on hme1
                expect 239.1.2.3 on hme1
        """,
    )


def test_an_application_ends_while_its_nic_has_failed() -> None:
    tell(
        DUAL_STACK,
        LISTENING,
        """
        at 60s  carrier hme0 down
        at 70s  quit 239.1.2.3 on hme0
        at 72s  expect 239.1.2.3 received nowhere
                expect ff05::1:3 received by hme0 hme1
        at 80s  quit ff05::1:3 on hme0
        at 82s  expect ff05::1:3 received nowhere
        """,
    )


def test_an_application_begins_while_its_nic_has_failed() -> None:
    # and nothing has failed because of it
    tell(
        PAIR,
        """
        at 60s  carrier hme0 down
        at 70s  join 239.1.2.3 on hme0
        at 72s  expect no reports
                expect 239.1.2.3 received by hme0 hme1
        at 80s  carrier hme0 up
                expect 239.1.2.3 received by hme0
        """,
    )


def test_restarts_change_nothing() -> None:
    tell(
        DUAL_STACK,
        LISTENING,
        """
        restart
        at 60s  carrier hme0 down
        restart
        at 65s  expect 239.1.2.3 received by hme0 hme1
        at 70s  tear out hme0
        restart
        at 75s  expect 239.1.2.3 received by hme1
        kill
        put in hme0
        start
        at 80s  expect 239.1.2.3 received by hme0
                expect 239.1.2.3 on hme0
                expect ff05::1:3 on hme0
        restart
        """,
    )


def test_what_happens_while_nobody_is_there() -> None:
    tell(
        PAIR,
        LISTENING,
        """
        kill
        carrier hme0 down
        start
        at 5s   expect 239.1.2.3 received by hme0 hme1
        kill
        quit 239.1.2.3 on hme0
        start
                expect 239.1.2.3 received nowhere
        """,
    )


def test_the_one_that_took_over_fails_too() -> None:
    tell(
        THREE,
        LISTENING,
        """
        at 60s  carrier hme0 down
                expect 239.1.2.3 received by hme0 hme1
        at 70s  carrier hme1 down
                expect 239.1.2.3 received by hme0 hme2
                expect 192.168.85.19 on hme2
        at 80s  carrier hme2 down
                expect 239.1.2.3 received by hme0 hme2
        at 300s carrier hme1 up
                expect 239.1.2.3 received by hme0 hme1
        at 400s carrier hme0 up
                expect 239.1.2.3 received by hme0
        """,
    )


def test_a_standby_stays_inactive() -> None:
    # behaviours 21, 26: listening on a standby keeps it neither busy nor from being chosen
    tell(
        WITH_STANDBY,
        """
        join 239.1.2.3 on hme1
        join 239.9.9.9 on hme2
        at 2s   expect flags of hme2: UP RUNNING STANDBY INACTIVE
                expect no move
                expect 239.9.9.9 received by hme2
        at 60s  carrier hme0 down
                expect 192.168.85.19 on hme2
                expect flags of hme2: UP RUNNING STANDBY
        at 61s  carrier hme1 down
                expect 239.1.2.3 received by hme1 hme2
        at 300s carrier hme0 up
        at 301s carrier hme1 up
                expect flags of hme2: UP RUNNING STANDBY INACTIVE
                expect 239.1.2.3 received by hme1
        at 400s carrier hme2 down
                expect 239.9.9.9 received by hme0 hme2
        at 500s carrier hme2 up
                expect 239.9.9.9 received by hme2
        """,
    )


def test_a_membership_never_keeps_an_address_from_moving() -> None:
    # behaviour 65 is about addresses: nobody else has IPv6
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file6 hme0:
        file hme1: 192.168.85.20/24 group test up
        start
        join ff05::1:3 on hme0
        join 239.1.2.3 on hme0
        at 60s  carrier hme0 down
                expect 192.168.85.19 on hme1
                expect 239.1.2.3 received by hme0 hme1
                expect ff05::1:3 received by hme0
        """
    )


def test_addresses_that_cannot_move_do_not_hold_memberships_back() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file6 hme0: addif 2001:db8::19/64 up
        file hme1: 192.168.85.20/24 group test up
        start
        join 239.1.2.3 on hme0
        at 60s  carrier hme0 down
                expect 192.168.85.19 on hme0
                expect 239.1.2.3 received by hme0 hme1
        """
    )


def test_the_same_group_on_every_interface() -> None:
    """As mDNS has it: everybody listens for himself."""
    tell(
        THREE,
        """
        join 224.0.0.251 on hme0
        join 224.0.0.251 on hme1
        join 224.0.0.251 on hme2
        at 60s  carrier hme0 down
                expect 224.0.0.251 on hme1
        at 70s  quit 224.0.0.251 on hme1
        at 72s  expect 224.0.0.251 received by hme0 hme1 hme2
        at 80s  carrier hme0 up
                expect 224.0.0.251 received by hme0 hme2
        """,
    )


def test_one_receives_for_an_earlier_device_of_its_own_and_for_another() -> None:
    tell(
        PAIR,
        LISTENING,
        """
        at 60s  tear out hme0
        at 70s  put in hme0
        at 80s  expect 239.1.2.3 on hme0
        at 90s  join 239.1.2.3 on hme1
        at 100s carrier hme1 down
                expect 239.1.2.3 on hme0
        at 110s join 239.1.2.3 on hme0
        at 120s expect 239.1.2.3 on hme0
        at 130s carrier hme1 up
                expect 239.1.2.3 nowhere
                expect 239.1.2.3 received by hme0 hme1
        """,
    )


def test_offline_and_detach() -> None:
    tell(
        DUAL_STACK,
        LISTENING,
        """
        at 60s  offline hme0
                expect 239.1.2.3 received by hme0 hme1
        at 70s  online hme0
                expect as listening
        at 80s  detach hme0
                expect 239.1.2.3 received by hme0 hme1
        at 81s  tear out hme0
                expect 239.1.2.3 received by hme1
                expect ff05::1:3 received by hme1
        at 90s  put in hme0
                attach hme0
        at 95s  expect 239.1.2.3 on hme0
                expect 239.1.2.3 received by hme0
        at 99s  detach hme0
                expect 239.1.2.3 received by hme1
                expect ff05::1:3 received by hme1
        """,
    )


def test_a_detach_is_undone() -> None:
    tell(
        DUAL_STACK,
        LISTENING,
        """
        at 60s  leave hme0
                expect 239.1.2.3 received by hme0 hme1
                expect hme0 empty
        at 61s  stay hme0
                expect as listening
        """,
    )


def test_without_failback_the_application_hears_where_it_is() -> None:
    """It has joined there: that nobody else receives for it any more is the least."""
    tell(
        "setting failback: no",
        PAIR,
        LISTENING,
        """
        at 60s  carrier hme0 down
                expect 239.1.2.3 received by hme0 hme1
        at 200s carrier hme0 up
                expect 192.168.85.19 on hme1
                expect 239.1.2.3 received by hme0
        """,
    )


def test_source_specific_memberships_do_not_move_and_it_is_said_once() -> None:
    said = '"232.1.1.1 is received on hme0 from 10.0.0.5 only: '
    said += 'such a membership cannot move to another NIC"'
    tell(
        PAIR,
        """
        join 232.1.1.1 on hme0 from 10.0.0.5
        at 3s   wait
        at 4s   expect no reports
        at 60s  carrier hme0 down
                expect 232.1.1.1 received by hme0
        """,
    )
    tell(
        PAIR,
        f"""
        join 232.1.1.1 on hme0 from 10.0.0.5
        join 232.1.1.1 on hme0
        expect report {said} within 2s
        at 20s  quit 232.1.1.1 on hme0
        at 30s  join 232.1.1.1 on hme0 from 10.0.0.5
        at 40s  expect no reports
        restart
        at 50s  expect no reports
        """,
    )


def test_what_the_kernel_joins_is_nobodys() -> None:
    tell(
        DUAL_STACK,
        """
        join 224.0.0.1 on hme0
        join ff02::1 on hme0
        join ff02::1:ff00:19 on hme0
        join ff01::5 on hme0
        at 60s  carrier hme0 down
                expect 224.0.0.1 received by hme0
                expect ff02::1 received by hme0
                expect ff02::1:ff00:19 received by hme0
                expect ff01::5 received by hme0
        """,
    )


def test_the_one_that_receives_is_set_down() -> None:
    """The kernel flushes the address and keeps the membership, and takes no other address."""
    tell(
        DUAL_STACK,
        LISTENING,
        """
        at 60s  carrier hme0 down
        at 61s  set hme1 down
        at 62s  set hme1 up
        at 70s  expect ff05::1:3 received by hme0 hme1
                expect no reports
        at 75s  carrier hme0 up
                expect ff05::1:3 received by hme0 hme1
                expect 239.1.2.3 received by hme0
        restart
        at 90s  carrier hme1 down
                expect ff05::1:3 received by hme0 hme1
        at 100s tear out hme1
                expect ff05::1:3 received by hme0
        """,
    )


def test_a_file_is_gone() -> None:
    # behaviour 121: what an interface left with others stays there
    tell(
        DUAL_STACK,
        LISTENING,
        """
        at 60s  tear out hme0
        no file hme0
        reload
                expect 192.168.85.19 on hme1
                expect 239.1.2.3 on hme1
        restart
        at 70s  join 239.1.2.3 on hme1
        at 72s  expect 239.1.2.3 nowhere
                expect 239.1.2.3 received by hme1
        """,
    )


def test_overruns_lose_nothing() -> None:
    tell(
        DUAL_STACK,
        LISTENING,
        """
        at 60s  go deaf
        at 61s  carrier hme0 down
        at 70s  overrun
                expect 239.1.2.3 received by hme0 hme1
                expect ff05::1:3 received by hme0 hme1
        """,
    )
