"""Things that happen in the middle of others."""

from __future__ import annotations

import math

from rcmd.ipmp.api.commands import Release

from .scenes import LINK_ONLY, PAIR
from .teller import tell


def test_an_undone_detach_of_an_offline_interface_leaves_it_offline() -> None:
    world = tell(
        PAIR,
        """
        at 60s  offline hme0
        at 61s  leave hme0
        at 62s  stay hme0
                expect 192.168.85.19 on hme1
                expect hme0 offline
        at 63s  leave hme0
        at 64s  kill
        at 65s  start
                expect hme0 offline
        """,
    )
    assert world.engine is not None


def test_a_device_that_was_given_up_and_is_down_asks_for_nothing() -> None:
    world = tell(
        LINK_ONLY,
        """
        at 60s  tear out hme0
        at 61s  put in hme0 without cable
        at 62s  leave hme0
        at 62s  unplumb hme0
                expect hme0 detached
        at 90s  wait
        """,
    )
    assert world.engine is not None
    assert (world.engine.deadline() or math.inf) > world.now


def test_what_is_done_with_a_detached_device_is_not_our_business() -> None:
    tell(
        LINK_ONLY,
        """
        at 60s  leave hme0
        at 61s  unplumb hme0
                expect hme0 bare
        at 70s  set hme0 up
        at 71s  add 192.168.7.7/24 on hme0
                expect no move
        """,
    )


def test_routes_too_come_back_after_a_restart_in_the_middle() -> None:
    tell(
        LINK_ONLY,
        """
        setting failback: no
        at 50s  add route default via 192.168.85.1 on hme0 protocol 4
        at 60s  leave hme0
                expect route default on hme1
        at 61s  kill
        at 62s  start
                expect route default on hme0
                expect 192.168.85.19 on hme0
        """,
    )


def test_a_device_whose_group_is_taken_away_gets_its_sysctls_back() -> None:
    world = tell(
        LINK_ONLY,
        """
        at 60s  file hme0: 192.168.85.19/24 up
                reload
        """,
    )
    assert [it.name for it in world.commands if isinstance(it, Release)] == ["hme0"]


def test_a_routing_daemon_minds_its_own_routes() -> None:
    tell(
        PAIR,
        """
        at 50s  add route 10.9.0.0/16 via 192.168.85.1 on hme0 protocol 186
                add route 10.8.0.0/16 via 192.168.85.1 on hme0 protocol 200
        at 60s  leave hme0
                expect route 10.8.0.0/16 on hme1
                expect route 10.9.0.0/16 on hme0
        """,
    )
