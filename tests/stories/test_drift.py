"""What somebody else takes away: gone for good, or put back without a fight."""

from __future__ import annotations

from .scenes import DUAL_STACK, PAIR
from .teller import tell

RESTORE = "setting when_removed: restore"
REMOVED = "192.168.85.19/24 was removed by another program on hme0, and is put back"
ROUTE = "the route 10.9.0.0/16 via 192.168.85.1"
REMOVED_ROUTE = f"{ROUTE} was removed by another program on hme0, and is put back"
GIVEN_UP = (
    "another program keeps removing 192.168.85.19/24 from hme0: it is left alone for a minute, "
    "and put back once a minute at the most from now on"
)
FIGHT = f"""
at 60s  delete 192.168.85.19 on hme0
        expect 192.168.85.19 on hme0
        expect report "{REMOVED}" within 0.3s
at 61s  delete 192.168.85.19 on hme0
        expect 192.168.85.19 on hme0
        expect silence for 0.9s
at 62s  delete 192.168.85.19 on hme0
        expect 192.168.85.19 on hme0
        expect silence for 0.9s
at 63s  delete 192.168.85.19 on hme0
        expect 192.168.85.19 nowhere
        expect report "{GIVEN_UP}" within 0.3s
        expect error address-missing 192.168.85.19/24: "another program keeps removing it"
"""


def test_a_removed_route_is_told_of() -> None:
    tell(
        PAIR,
        f"""
        at 60s  add route 10.9.0.0/16 via 192.168.85.1 on hme0
        at 61s  delete route 10.9.0.0/16 on hme0
                expect no route 10.9.0.0/16
                expect report "{ROUTE} was removed by another program on hme0" within 0.3s
        """,
    )


def test_data_and_test_addresses_and_routes_are_put_back() -> None:
    tell(
        RESTORE,
        DUAL_STACK,
        f"""
        at 60s  add 192.168.85.60/24 on hme0
        at 61s  add route 10.9.0.0/16 via 192.168.85.1 on hme0 protocol 4
        at 62s  add route ::/0 via fe80::1 on hme0
        at 63s  note before
        at 70s  delete 192.168.85.60 on hme0
                expect 192.168.85.60 on hme0
        at 71s  delete route 10.9.0.0/16 on hme0
                expect route 10.9.0.0/16 on hme0 protocol 4
                expect report "{REMOVED_ROUTE}" within 0.3s
        at 72s  delete route ::/0 on hme0
                expect route ::/0 on hme0 protocol 3
        at 73s  delete 2001:db8::19 on hme0
                expect 2001:db8::19 on hme0
        at 74s  expect as before
        at 80s  carrier hme0 down
                expect route 10.9.0.0/16 on hme1
        at 81s  delete route 10.9.0.0/16 on hme1
                expect route 10.9.0.0/16 on hme1 protocol 153
        at 82s  delete 192.168.85.60 on hme1
                expect 192.168.85.60 on hme1
        at 200s carrier hme0 up
                expect as before
        """,
    )


def test_a_test_address_is_put_back() -> None:
    tell(
        RESTORE,
        PAIR,
        """
        at 60s  delete 192.168.85.21 on hme0
                expect 192.168.85.21 on hme0
        """,
    )


def test_it_is_no_fight() -> None:
    tell(
        RESTORE,
        PAIR,
        FIGHT,
        f"""
        at 122s expect 192.168.85.19 nowhere
        at 123s expect 192.168.85.19 on hme0
        at 150s delete 192.168.85.19 on hme0
                expect 192.168.85.19 nowhere
                expect silence for 1s
        at 209s expect 192.168.85.19 nowhere
        at 210s expect 192.168.85.19 on hme0
        at 271s delete 192.168.85.19 on hme0
                expect report "{REMOVED}" within 0.3s
                expect 192.168.85.19 on hme0
                expect no problems
        """,
    )


def test_reading_the_configuration_ends_the_matter() -> None:
    tell(
        RESTORE,
        PAIR,
        FIGHT,
        f"""
        at 70s  reload
                expect 192.168.85.19 on hme0
        at 71s  delete 192.168.85.19 on hme0
                expect report "{REMOVED}" within 0.3s
        """,
    )


def test_what_was_given_up_gets_another_chance_at_a_restart() -> None:
    tell(
        RESTORE,
        PAIR,
        """
        at 29s  add 192.168.85.61/24 on hme0
        at 30s  add 192.168.85.60/24 on hme0
        at 31s  add route 10.9.0.0/16 via 192.168.85.1 on hme0 protocol 4
        at 32s  note before
        at 50s  delete route 10.9.0.0/16 on hme0
        at 51s  delete route 10.9.0.0/16 on hme0
        at 52s  delete route 10.9.0.0/16 on hme0
        at 53s  delete route 10.9.0.0/16 on hme0
                expect no route 10.9.0.0/16
                expect warning route-missing hme0: "is on no interface: another program keeps"
        """,
        FIGHT,
        """
        at 64s  delete 192.168.85.60 on hme0
        at 65s  delete 192.168.85.60 on hme0
        at 66s  delete 192.168.85.60 on hme0
        at 67s  delete 192.168.85.60 on hme0
                expect 192.168.85.60 nowhere
        at 80s  kill
        at 81s  start
                expect as before
        """,
    )


def test_each_item_is_counted_for_itself_and_slow_removals_are_no_fight() -> None:
    tell(
        RESTORE,
        PAIR,
        """
        at 60s  delete 192.168.85.19 on hme0
        at 61s  delete 192.168.85.20 on hme1
        at 62s  delete 192.168.85.21 on hme0
        at 63s  delete 192.168.85.22 on hme1
                expect 192.168.85.22 on hme1
        at 100s delete 192.168.85.19 on hme0
        at 140s delete 192.168.85.19 on hme0
        at 180s delete 192.168.85.19 on hme0
        at 220s delete 192.168.85.19 on hme0
                expect 192.168.85.19 on hme0
        """,
    )


def test_a_group_may_have_its_own_way() -> None:
    tell(
        "setting when_removed: accept",
        "setting groups: {test: {when_removed: restore}}",
        """
        file hme0: 192.168.85.19/24 group test up
        file hme1: 10.0.0.1/24 up
        start
        at 60s  delete 192.168.85.19 on hme0
                expect 192.168.85.19 on hme0
        at 61s  delete 10.0.0.1 on hme1
                expect 10.0.0.1 nowhere
        """,
    )


def test_a_route_that_was_replaced_is_not_put_back() -> None:
    """`ip route replace` is somebody's last word about that destination."""
    tell(
        RESTORE,
        PAIR,
        """
        at 60s  add route default via 192.168.85.1 on hme0
        at 61s  replace route default via 192.168.85.254 on hme0
                expect no report "default"
        at 70s  carrier hme0 down
                expect route default on hme1
        """,
    )
