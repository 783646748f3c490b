"""Offline and undo-offline: solaris.md section 7, behaviours 78 to 83."""

from __future__ import annotations

from .scenes import DUAL_STACK, LINK_ONLY, PAIR, THREE, WITH_STANDBY
from .teller import tell


def test_the_last_functioning_member_cannot_be_spared() -> None:
    # behaviour 78
    tell(
        LINK_ONLY,
        """
        expect no objection to hme0
        at 60s  carrier hme1 down
                expect objection to hme0: "it is the only functioning interface of group test"
                expect no objection to hme1
        """,
    )


def test_two_together_are_judged_together() -> None:
    # behaviours 78, 118
    tell(
        THREE,
        """
        expect no objection to hme0
        at 60s  carrier hme2 down
                expect no objection to hme0
                expect no objection to hme1
                expect objection to hme0 with hme1: "only functioning"
        """,
    )


def test_offline_empties_and_undo_restores_even_with_failback_off() -> None:
    # behaviour 79
    tell(
        "setting failback: no",
        PAIR,
        """
        note healthy
        at 60s  offline hme0
                expect move 192.168.85.19 hme0 -> hme1 as hme1:2
                expect report "Successfully failed over from NIC hme0 to NIC hme1"
                expect no report "failure"
                expect hme0 offline
                expect flags of hme0: UP RUNNING OFFLINE
                expect hme0 empty
                expect 192.168.85.21 nowhere
                expect group test degraded
        at 80s  online hme0
                expect 192.168.85.19 on hme0 as hme0
                expect 192.168.85.21 on hme0
                expect report "Successfully failed back to NIC hme0"
                expect as healthy
        """,
    )


def test_an_interface_without_a_group_cannot_be_spared() -> None:
    # behaviour 82
    tell(
        'file hme0: 192.168.85.19/24 up\nstart\nexpect objection to hme0: "not in a group"',
    )


def test_health_goes_on_underneath() -> None:
    # behaviour 81
    tell(
        THREE,
        """
        at 60s  offline hme0
        at 70s  carrier hme0 down
                expect report "NIC failure detected on hme0 of group test"
                expect no move
                expect hme0 offline
                expect flags of hme0: UP FAILED OFFLINE
        at 140s carrier hme0 up
                expect report "NIC repair detected on hme0 of group test"
                expect no move
                expect flags of hme0: UP RUNNING OFFLINE
        """,
    )


def test_undo_with_the_link_down_waits_for_the_repair() -> None:
    # behaviour 83
    tell(
        THREE,
        """
        at 60s  offline hme0
        at 70s  carrier hme0 down
        at 80s  online hme0
                expect hme0 failed
                expect no move
                expect 192.168.85.19 on hme1
        at 200s carrier hme0 up
                expect 192.168.85.19 on hme0
        """,
    )


def test_nothing_lands_on_an_offline_interface() -> None:
    # behaviour 65
    tell(
        WITH_STANDBY,
        """
        at 60s  offline hme2
                expect hme2 empty
        at 70s  carrier hme0 down
                expect move 192.168.85.19 hme0 -> hme1
        at 80s  add 192.168.85.60/24 on hme2
                expect 192.168.85.60 on hme1
        """,
    )


def test_a_restart_changes_nothing_while_offline() -> None:
    tell(
        DUAL_STACK,
        """
        note healthy
        add route default via 192.168.85.1 on hme0
        at 60s  offline hme0
                expect route default on hme1 protocol 153
        at 70s  restart
                expect hme0 offline
        at 80s  online hme0
                expect 192.168.85.19 on hme0
                expect 2001:db8::19 on hme0
                expect route default on hme0 protocol 3
        """,
    )


def test_the_last_one_taken_offline_keeps_its_addresses_in_the_group() -> None:
    # the caller asks for an objection first; who insists loses nothing
    tell(
        LINK_ONLY,
        """
        at 60s  offline hme0
        at 61s  offline hme1
                expect 192.168.85.19 on hme1
                expect 192.168.85.20 on hme1
        at 80s  online hme0
                expect 192.168.85.19 on hme0
                expect 192.168.85.20 on hme0
        """,
    )
