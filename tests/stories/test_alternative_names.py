"""Devices by their alternative names (`ip link property add`): in files, and at run time."""

from __future__ import annotations

from .scenes import LINK_ONLY
from .teller import tell

LONG = "a-name-of-more-than-fifteen-bytes"

BY_ALTERNATIVE = """
device hme0
device hme1
hme0 is also called uplink enp3s0
file uplink: 192.168.85.19/24 group test up
           | addif 192.168.85.21/24 deprecated -failover up
file hme1: 192.168.85.20/24 group test up
start
"""


def test_a_file_may_go_by_one() -> None:
    tell(
        BY_ALTERNATIVE,
        """
        expect plumb uplink
        expect uplink running
        # What the kernel knows has the kernel's name.
        expect 192.168.85.19 on hme0 as hme0
        expect 192.168.85.21 on hme0 as hme0:1
        expect 192.168.85.19 at home on uplink
        at 60s  carrier hme0 down
                expect 192.168.85.19 on hme1 as hme1:1
        at 61s  carrier hme1 up
        at 62s  carrier hme0 up
                expect 192.168.85.19 on hme0 as hme0
        at 63s  carrier hme1 down
                expect 192.168.85.20 on hme0 as hme0:2
        at 64s  carrier hme1 up
        at 90s  restart
        at 91s  overrun
                expect uplink running
        at 92s  leave uplink
                expect 192.168.85.19 on hme1
        """,
    )


def test_a_device_may_get_it_late_and_lose_it() -> None:
    tell(
        """
        device hme0
        file uplink: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        absent uplink
        start
            expect uplink missing
            expect 192.168.85.19 on hme1
        at 60s  hme0 is also called uplink
                expect uplink running
                expect 192.168.85.19 on hme0 as hme0
        at 90s  restart
        at 91s  hme0 has one name
                expect uplink missing
                expect release hme0
                expect 192.168.85.19 on hme1
        at 120s restart
        """,
    )


def test_one_that_is_longer_than_a_name_can_be() -> None:
    """Without such a device its file would be taken for something else."""
    tell(
        f"""
        device hme0
        file {LONG}: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        absent {LONG}
        start
            expect 192.168.85.19 unlisted
        at 60s  hme0 is also called {LONG}
                expect {LONG} running
                expect 192.168.85.19 on hme0 as hme0
        at 61s  carrier hme0 down
                expect 192.168.85.19 on hme1 as hme1:1
        at 90s  restart
        """,
    )


def test_a_device_may_be_renamed_and_keep_it() -> None:
    tell(
        BY_ALTERNATIVE,
        """
        at 60s  rename hme0 to eth7
                expect no move
                expect uplink running
        at 61s  carrier hme1 down
                expect 192.168.85.20 on eth7 as eth7:2
        at 62s  restart
        """,
    )


def test_what_is_added_by_hand_is_at_home_there() -> None:
    tell(
        BY_ALTERNATIVE,
        """
        at 60s  add 192.168.85.77/24 on hme0
                expect 192.168.85.77 at home on uplink
        add route default via 192.168.85.1 on hme0
        at 61s  tear out hme0
                expect uplink missing
                expect 192.168.85.77 on hme1
                expect route default on hme1
        """,
    )


def test_of_two_files_for_one_device_that_by_its_name_counts() -> None:
    world = tell(
        """
        device hme0
        hme0 is also called uplink
        file hme0: 192.168.85.19/24 group test up
        file uplink: 192.168.85.29/24 group test up
        file hme1: 192.168.85.20/24 group test up
        start
            expect hme0 running
            expect 192.168.85.19 on hme0
            expect 192.168.85.29 unlisted
            expect 192.168.85.29 nowhere
        at 60s  restart
        """,
    )
    assert world.engine
    found = [it for it in world.engine.status().problems if it.subject == "/etc/hostname.uplink"]
    assert [it.text for it in found] == [
        "not used: uplink and hme0 are one device, and /etc/hostname.hme0 counts"
    ]


def test_a_file_by_its_name_may_take_the_place_of_one_by_another() -> None:
    tell(
        BY_ALTERNATIVE,
        """
        no file uplink
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.21/24 deprecated -failover up
        at 60s  reload
                expect hme0 running
                expect 192.168.85.19 on hme0
                expect 192.168.85.19 at home on hme0
        at 90s  restart
        """,
    )


def test_names_that_nobody_asks_for_do_not_matter() -> None:
    tell(
        LINK_ONLY,
        """
        at 60s  hme0 is also called uplink enp3s0
                expect nothing
        at 61s  restart
        """,
    )
