"""Routes that end by themselves, and routes that prefer a source address."""

from __future__ import annotations

from .scenes import DUAL_STACK, PAIR
from .teller import tell


def test_a_route_that_has_ended_is_not_put_back() -> None:
    tell(
        DUAL_STACK,
        """
        at 60s  add route 2001:db8:9::/48 via fe80::1 on hme0 expires 600s
        at 70s  note before
        at 80s  offline hme0
                expect route 2001:db8:9::/48 on hme1 protocol 153
        at 300s online hme0
                expect as before
        at 400s offline hme0
        at 500s restart
                expect route 2001:db8:9::/48 on hme1 protocol 153
        at 661s expect no route 2001:db8:9::/48
        at 700s online hme0
                expect no route 2001:db8:9::/48
        """,
    )


def test_a_route_ends_at_home_too() -> None:
    tell(
        DUAL_STACK,
        """
        at 60s  add route 2001:db8:9::/48 via fe80::1 on hme0 expires 30s
        at 91s  expect no route 2001:db8:9::/48
        at 100s carrier hme0 down
                expect no route 2001:db8:9::/48
        """,
    )


def test_a_route_ends_while_it_is_nowhere() -> None:
    tell(
        """
        file6 hme0: 2001:db8::19/64 up
        start
        at 60s  add route 2001:db8:9::/48 via fe80::1 on hme0 expires 600s
        at 100s set hme0 down
                expect no route 2001:db8:9::/48
        at 700s set hme0 up
                expect no route 2001:db8:9::/48
        """
    )


def test_a_route_comes_back_with_the_source_that_was_taken_away() -> None:
    """The file wants the address; the kernel took the route with it."""
    tell(
        PAIR,
        """
        at 60s  add route 10.9.0.0/16 via 192.168.85.1 on hme1 source 192.168.85.19
        at 70s  delete 192.168.85.19 on hme0
                expect 192.168.85.19 on hme0 as hme0
                expect route 10.9.0.0/16 on hme1 protocol 3
                expect no report "refused"
        at 100s expect route 10.9.0.0/16 on hme1 protocol 3
                expect no report "refused"
        """,
    )


def test_a_route_of_another_member_prefers_the_address_that_moved() -> None:
    """The address is nowhere for a moment, and the kernel drops what prefers it."""
    tell(
        PAIR,
        """
        at 60s  add route 10.9.0.0/16 via 192.168.85.1 on hme1 source 192.168.85.19
        at 61s  note before
        at 70s  tear out hme0
                expect 192.168.85.19 on hme1
                expect route 10.9.0.0/16 on hme1 protocol 3
        at 80s  put in hme0
        at 120s expect as before
        """,
    )


def test_an_ipv6_route_gets_the_source_back_that_the_kernel_took() -> None:
    tell(
        DUAL_STACK,
        """
        at 60s  add route 2001:db8:9::/48 via fe80::1 on hme1 source 2001:db8::19
        at 70s  tear out hme0
                expect 2001:db8::19 on hme1
                expect route 2001:db8:9::/48 on hme1 protocol 3
                expect route 2001:db8:9::/48 from 2001:db8::19
        at 75s  note after
        at 99s  expect as after
        at 100s put in hme0
        at 140s expect route 2001:db8:9::/48 from 2001:db8::19
        """,
    )


def test_an_ipv6_route_waits_for_its_source() -> None:
    """There is nowhere for the address to go; the kernel would refuse the route."""
    tell(
        """
        file6 hme0: group test addif 2001:db8::19/64 up
        file hme1: 192.168.85.20/24 group test up
        start
        at 60s  add route 2001:db8:9::/48 via fe80::1 on hme0 source 2001:db8::19
        at 70s  tear out hme0
                expect no report "refused"
        at 100s expect no report "refused"
        at 101s put in hme0
                expect route 2001:db8:9::/48 on hme0 protocol 3
        """
    )


def test_routes_to_a_metadata_service_and_to_multicast_follow() -> None:
    tell(
        PAIR,
        """
        at 60s  add route 169.254.169.254/32 via 192.168.85.1 on hme0
        at 61s  add route 224.0.0.0/4 via 192.168.85.1 on hme0
        at 70s  carrier hme0 down
                expect route 169.254.169.254/32 on hme1 protocol 153
                expect route 224.0.0.0/4 on hme1 protocol 153
        at 200s carrier hme0 up
                expect route 169.254.169.254/32 on hme0 protocol 3
        """,
    )


def test_a_look_at_one_group_leaves_the_same_route_of_another_alone() -> None:
    world = tell(
        """
        file hme0: 192.168.85.19/24 group a up
        file hme1: 192.168.85.20/24 group a up
        file hme2: 192.168.85.21/24 group b up
        file hme3: 192.168.85.22/24 group b up
        start
        at 60s  add route default via 192.168.85.1 on hme0
        at 61s  add route default via 192.168.85.1 on hme2
        at 62s  note before
        """
    )
    world.forget_past()
    world.speed("hme0", 1000)
    assert world.commands == []
