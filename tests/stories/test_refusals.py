"""What the kernel refuses is asked for again as soon as its cause may be gone."""

from __future__ import annotations

from rcmd.ipmp.api.commands import Move

from .scenes import DUAL_STACK, PAIR, THREE
from .teller import tell

ONE_AND_A_STANDBY = """
    file hme0: 192.168.85.19/24 group test up
    file hme1: group test -failover standby up
    start
    at 10s  add route default via 192.168.85.1 on hme0
"""


def test_what_the_kernel_needs_a_moment_for_is_asked_for_again() -> None:
    """The route to the far end of an IPv6 address comes a little later than the address."""
    tell(
        DUAL_STACK,
        """
        at 60s   add 2001:db8:9::1/128 peer 2001:db8:9::2 on hme0
                 add route 2001:db8:77::/48 via 2001:db8:9::2 on hme0
        at 61s   tear out hme0
                 expect no report "the kernel refused"
        at 61.3s expect route 2001:db8:77::/48 on hme1
                 expect no report "the kernel refused"
        """,
    )


def test_what_has_no_cause_that_can_be_seen_is_asked_for_twice_soon() -> None:
    tell(
        PAIR,
        """
        refuse 192.168.85.19 on hme1
        at 60s   carrier hme0 down
                 expect 192.168.85.19 on hme0
        accept 192.168.85.19 on hme1
        at 60.3s expect 192.168.85.19 on hme1
        at 61s   carrier hme0 up
        refuse 192.168.85.19 on hme1
        at 62s   carrier hme0 down
        at 62.5s accept 192.168.85.19 on hme1
        at 63.3s expect 192.168.85.19 on hme1
        """,
    )


def test_whatever_happens_on_the_device_may_be_the_end_of_the_cause() -> None:
    tell(
        PAIR,
        """
        refuse 192.168.85.19 on hme1
        at 60s   carrier hme0 down
        at 65s   accept 192.168.85.19 on hme1
                 expect 192.168.85.19 on hme0
        at 66s   add 10.1.1.1/24 on hme1
        at 67s   expect 192.168.85.19 on hme1
        """,
    )


BUSY = "it could not be plumbed: up: Device or resource busy"


def test_a_device_that_could_not_be_set_up_is_tried_again() -> None:
    tell(
        """
        refuse up on hme0
        """,
        PAIR,
        f"""
        at 5s    expect 192.168.85.19 on hme1
                 expect problem of hme0: "{BUSY}"
                 expect no report "up: Device"
        accept up on hme0
        at 6s    mtu of hme1 becomes 1400
        at 8s    expect 192.168.85.19 on hme0
                 expect no trouble interface-failed hme0
        """,
    )


def test_who_starts_again_tries_again_and_who_was_set_down_stays_so() -> None:
    tell(
        "refuse up on hme0",
        PAIR,
        """
        at 5s    kill
        accept up on hme0
        at 6s    start
        at 9s    expect 192.168.85.19 on hme0
        at 10s   set hme0 down
        at 60s   kill
        at 61s   start
        at 90s   expect 192.168.85.19 on hme1
        """,
    )


def test_who_asks_again_is_not_told_what_was_the_case_before() -> None:
    tell(
        PAIR,
        """
        refuse 192.168.85.19 on hme1
        at 65s  leave hme0
                expect refusal on hme0: "Operation not permitted"
        at 67s  stay hme0
        accept 192.168.85.19 on hme1
        at 68s  leave hme0
                expect 192.168.85.19 on hme1
        """,
    )


def test_a_storm_of_events_is_no_storm_of_questions() -> None:
    world = tell(THREE, "refuse 192.168.85.19 on hme1", "refuse 192.168.85.19 on hme2")
    world.advance(60)
    world.set_cables({"hme0": False})
    world.forget_past()
    for step in range(1, 1001):
        world.advance(60 + step / 100)
        name = f"hme{1 + step % 2}"
        world.kernel.set_mtu(name, 1500 + step)
        world.settle()
    assert len([it for it in world.commands if isinstance(it, Move)]) < 40


def test_a_route_comes_back_with_its_address_but_not_in_front_of_who_adds_it() -> None:
    tell(
        """
        file hme0: group test up
        file hme1: group test -failover standby up
        start
        at 10s    add 192.168.85.19/24 on hme0
                  add route default via 192.168.85.1 on hme0
        at 60s    delete 192.168.85.19 on hme0
                  expect no report "refused"
                  expect no route default
        at 70s    add 192.168.85.19/24 on hme0
                  expect no route default
        at 70.15s expect no route default
        at 70.3s  expect route default on hme0 protocol 3
        """
    )
