"""Logical numbers: the lowest free one away from home, and never one twice (behaviour 60)."""

from __future__ import annotations

from .scenes import LINK_ONLY
from .teller import tell


def test_what_was_meant_for_one_that_never_came_is_free() -> None:
    """A stale reservation kept hme1:1 from use."""
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        file qfe0: 192.168.85.23/24 group test standby up
        start
        at 59s  carrier qfe0 down
        at 60s  refuse 192.168.85.19 on hme1
        at 61s  carrier hme0 down
                expect 192.168.85.19 on hme0
        at 62s  add 192.168.85.78/24 on hme0
                expect 192.168.85.78 on hme1 as hme1:1
        at 63s  accept 192.168.85.19 on hme1
        at 64s  overrun
                expect 192.168.85.19 on hme1 as hme1:3
        at 90s  restart
        """,
    )


def test_what_was_taken_away_keeps_no_number() -> None:
    tell(
        "setting when_removed: accept",
        LINK_ONLY,
        """
        at 59s  add 192.168.85.77/24 on hme0
        at 60s  carrier hme0 down
                expect 192.168.85.19 on hme1 as hme1:1
                expect 192.168.85.77 on hme1 as hme1:2
        at 61s  delete 192.168.85.19 on hme1
        at 62s  carrier hme0 up
        at 63s  add 192.168.85.78/24 on hme0
        at 64s  carrier hme0 down
                expect labels on hme1: hme1 hme1:1 hme1:2
        """,
    )


def test_one_more_in_a_file_where_a_guest_is() -> None:
    tell(
        LINK_ONLY,
        """
        at 60s  carrier hme0 down
                expect 192.168.85.19 on hme1 as hme1:1
        file hme1: 192.168.85.20/24 group test up
                 | addif 192.168.85.30/24 up
                 | addif 192.168.85.31/24 -failover deprecated up
        at 61s  reload
                expect 192.168.85.19 on hme1 as hme1:1
                expect 192.168.85.31 on hme1 as hme1:2
                expect 192.168.85.30 on hme1
                expect labels on hme1: hme1 hme1:1 hme1:2 hme1:3
        at 90s  restart
        at 91s  overrun
                expect labels on hme1: hme1 hme1:1 hme1:2 hme1:3
        """,
    )


def test_a_home_that_moves_to_where_it_is() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.30/24 up
        file hme1: 192.168.85.20/24 group test up
        start
        at 60s  carrier hme0 down
                expect 192.168.85.30 on hme1 as hme1:2
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
                 | addif 192.168.85.30/24 up
                 | addif 192.168.85.31/24 up
        at 61s  reload
                expect labels on hme1: hme1 hme1:1 hme1:2 hme1:3
        at 62s  carrier hme0 up
                expect 192.168.85.19 on hme0 as hme0
                expect 192.168.85.30 at home on hme1
        at 90s  restart
        """,
    )


def test_a_label_that_was_given_by_hand_takes_nothing_away_at_home() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.30/24 up
        file hme1: 192.168.85.20/24 group test up
        start
        note before
        at 60s  carrier hme0 down
        at 61s  carrier hme0 up
                expect as before
        """,
    )
