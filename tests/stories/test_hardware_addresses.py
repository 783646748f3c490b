"""A hardware address that changes on a live interface, and one that its file asks for."""

from __future__ import annotations

import pytest

from .scenes import DUAL_STACK, PAIR
from .teller import tell

NEW = "02:00:00:00:00:99"


def test_all_that_lives_there_is_announced_when_the_mac_changes() -> None:
    """1301 of 1351 datagrams went to the old one."""
    tell(
        DUAL_STACK,
        f"""
        at 60s  mac of hme0 becomes {NEW}
                expect 192.168.85.19 announced as {NEW}
                expect 2001:db8::19 announced as {NEW}
                expect report "the hardware address of hme0 is {NEW} now, it was \
02:00:00:00:00:04: telling the neighbours"
                expect no move
        at 61s  overrun
                expect nothing announced
        """,
    )


def test_test_addresses_and_guests_are_announced_too() -> None:
    tell(
        PAIR,
        f"""
        at 60s  carrier hme0 down
                expect 192.168.85.19 on hme1
        at 70s  mac of hme1 becomes {NEW}
                expect 192.168.85.19 announced as {NEW}
                expect 192.168.85.20 announced as {NEW}
                expect 192.168.85.22 announced as {NEW}
        """,
    )


def test_what_changed_while_it_was_down_is_announced_when_it_is_up() -> None:
    tell(
        PAIR,
        f"""
        at 60s  set hme0 down
        at 61s  mac of hme0 becomes {NEW}
                expect nothing announced
        at 62s  set hme0 up
                expect 192.168.85.21 announced as {NEW}
        """,
    )


def test_what_changed_while_nobody_looked_is_announced() -> None:
    tell(
        PAIR,
        f"""
        at 60s  kill
        at 61s  mac of hme0 becomes {NEW}
        at 62s  start
                expect 192.168.85.19 announced as {NEW}
        at 70s  restart
                expect nothing announced
        at 80s  go deaf
        at 81s  mac of hme0 becomes 02:00:00:00:00:98
        at 82s  overrun
                expect 192.168.85.19 announced as 02:00:00:00:00:98
        """,
    )


def test_the_file_may_change_it() -> None:
    tell(
        PAIR,
        f"""
        file hme0: ether {NEW} 192.168.85.19/24 group test up
                 | addif 192.168.85.21/24 deprecated -failover up
        at 61s  reload
                expect plumb hme0
                expect 192.168.85.19 announced as {NEW}
                expect no move
        """,
    )


TWINS = f"""
device hme0 mac 02:00:00:00:00:07
device hme1 mac 02:00:00:00:00:07
file hme0: 192.168.85.19/24 group test up
         | addif 192.168.85.21/24 deprecated -failover up
file hme1: ether {NEW} 192.168.85.20/24 group test up
         | addif 192.168.85.22/24 deprecated -failover up
"""


def test_the_address_that_a_file_asks_for_is_the_one_that_is_judged() -> None:
    """Two functions of a card may come with one address; that is what `ether` is for."""
    world = tell(
        TWINS,
        """
        start
            expect hme0 running
            expect hme1 running
            expect 192.168.85.20 on hme1
            expect no report "offlining"
            expect no report "the hardware address of"
        at 60s restart
        """,
    )
    assert not any("hme1 -> " in line or "unbarred" in line for line in world.transcript)


def test_swapped_by_their_files() -> None:
    tell(
        """
        device hme0 mac 02:00:00:00:00:0a
        device hme1 mac 02:00:00:00:00:0b
        file hme0: ether 02:00:00:00:00:0b 192.168.85.19/24 group test up
        file hme1: ether 02:00:00:00:00:0a 192.168.85.20/24 group test up
        start
            expect no report "offlining"
            expect hme0 running
            expect hme1 running
        """,
    )


def test_what_the_driver_refuses_is_judged_as_it_is() -> None:
    tell(
        "refuse ether on hme1",
        TWINS,
        """
        start
            expect hme1 offline
            expect problem of hme1: "its hardware address 02:00:00:00:00:07 is also that of hme0"
        """,
    )


def test_two_files_that_ask_for_one_address() -> None:
    tell(
        f"""
        file hme0: ether {NEW} 192.168.85.19/24 group test up
        file hme1: ether {NEW} 192.168.85.20/24 group test up
        start
            expect hme0 running
            expect hme1 offline
        """,
    )


@pytest.mark.parametrize("mac", ["02:AA:00:00:00:0b", "02:aa:00:00:00:0b"])
def test_one_that_it_has_already_is_not_waited_for(mac: str) -> None:
    world = tell(
        f"""
        device hme0 mac 02:aa:00:00:00:0b
        file hme0: ether {mac} 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        start
            expect no report "the hardware address of"
        """,
    )
    assert world.engine
    assert world.engine.scene.members["hme0"].coming_address == ""
