"""A route goes only where its gateway can be reached, and its source is."""

from __future__ import annotations

from .scenes import DUAL_STACK, PAIR, THREE
from .teller import tell


def test_a_route_stays_with_the_address_that_leads_to_its_gateway() -> None:
    """An address with an end is not ours to move."""
    tell(
        PAIR,
        """
        at 60s  add 10.5.0.1/24 on hme0 for 3600s
                add route 10.77.0.0/16 via 10.5.0.254 on hme0
                expect 10.77.0.0/16 to go to nowhere if hme0 leaves
                expect 192.168.85.19 to go to hme1 if hme0 leaves
        at 70s  carrier hme0 down
                expect route 10.77.0.0/16 on hme0
                expect report "Successfully failed over from NIC hme0 to NIC hme1"
                expect no report "refused"
        at 80s  carrier hme0 up
                expect route 10.77.0.0/16 on hme0 protocol 3
        """,
    )


def test_a_route_goes_where_something_else_leads_to_its_gateway() -> None:
    """Though the addresses go to another."""
    tell(
        THREE,
        """
        at 60s  add 10.5.0.1/24 on hme0 for 3600s
                add 10.5.0.2/24 on hme2 for 3600s
                add route 10.77.0.0/16 via 10.5.0.254 on hme0
                expect 10.77.0.0/16 to go to hme2 if hme0 leaves
        at 70s  carrier hme0 down
                expect 192.168.85.19 on hme1
                expect route 10.77.0.0/16 on hme2 protocol 153
        at 80s  carrier hme0 up
                expect route 10.77.0.0/16 on hme0 protocol 3
        """,
    )


def test_a_route_follows_the_only_address_that_leads_to_its_gateway() -> None:
    tell(
        THREE,
        """
        at 60s  add 10.5.0.1/24 on hme0
                add route 10.77.0.0/16 via 10.5.0.254 on hme0
        at 70s  carrier hme0 down
                expect route 10.77.0.0/16 on hme1
        at 80s  carrier hme1 down
                expect 10.5.0.1 on hme2
                expect route 10.77.0.0/16 on hme2
        """,
    )


def test_a_gateway_behind_a_route_without_one_goes_after_it() -> None:
    tell(
        THREE,
        """
        at 60s  add link route 10.6.0.254/32 on hme0
                add route 10.78.0.0/16 via 10.6.0.254 on hme0
        at 61s  restart
        at 70s  carrier hme0 down
                expect route 10.6.0.254/32 on hme1
                expect route 10.78.0.0/16 on hme1
                expect no report "refused"
        at 80s  carrier hme0 up
                expect route 10.6.0.254/32 on hme0
                expect route 10.78.0.0/16 on hme0
        """,
    )


def test_ipv6_gateways_are_no_better() -> None:
    tell(
        DUAL_STACK,
        """
        at 60s  add 2001:db8:5::1/64 on hme0 for 3600s
                add route 2001:db8:77::/48 via 2001:db8:5::fe on hme0
                add route 2001:db8:78::/48 via 2001:db8::fe on hme0
                add route 2001:db8:79::/48 via fe80::1 on hme0
                expect 2001:db8:77::/48 to go to nowhere if hme0 leaves
        at 70s  carrier hme0 down
                expect route 2001:db8:77::/48 on hme0
                expect route 2001:db8:78::/48 on hme1
                expect route 2001:db8:79::/48 on hme1
                expect no report "refused"
        """,
    )


def test_no_ipv6_route_is_promised_where_there_is_no_ipv6() -> None:
    tell(
        DUAL_STACK,
        """
        at 60s  add route 2001:db8:79::/48 via fe80::1 on hme0
        at 61s  switch IPv6 off on hme1
                expect 2001:db8:79::/48 to go to nowhere if hme0 leaves
        at 70s  carrier hme0 down
                expect 192.168.85.19 on hme1
                expect route 2001:db8:79::/48 on hme0
                expect no report "refused"
        at 71s  switch IPv6 on on hme1
                expect route 2001:db8:79::/48 on hme1
        """,
    )


def test_a_source_that_goes_with_its_device_takes_the_route_along() -> None:
    tell(
        PAIR,
        """
        at 60s  add 10.5.0.1/24 on hme0 for 3600s
                add route 10.77.0.0/16 via 192.168.85.1 on hme0 source 10.5.0.1
                expect 10.77.0.0/16 to go to nowhere if hme0 leaves
        at 70s  carrier hme0 down
                expect route 10.77.0.0/16 on hme1
                expect route 10.77.0.0/16 from 10.5.0.1
        """,
    )


def test_a_route_waits_for_the_move_that_brings_what_leads_to_its_gateway() -> None:
    """Two come to one interface, and its turn is first."""
    tell(
        THREE,
        """
        at 10s  add 10.5.0.1/24 on hme1
                add route 10.77.0.0/16 via 10.5.0.254 on hme1
        at 60s  carrier hme0 down
                carrier hme1 down
        at 61s  tear out hme2
        at 62s  carrier hme0 up
                expect route 10.77.0.0/16 on hme0
                expect no report "refused"
        """,
    )


def test_a_route_through_the_far_end_of_an_address_is_promised() -> None:
    """The kernel makes the way to an IPv6 one a little later than the address."""
    tell(
        DUAL_STACK,
        """
        at 60s   add 2001:db8:9::1/128 peer 2001:db8:9::2 on hme0
                 add route 2001:db8:77::/48 via 2001:db8:9::2 on hme0
                 add 10.9.0.1/32 peer 10.9.0.2 on hme0
                 add route 10.77.0.0/16 via 10.9.0.2 on hme0
        at 61s   expect 2001:db8:77::/48 to go to hme1 if hme0 leaves
                 expect 10.77.0.0/16 to go to hme1 if hme0 leaves
                 leave hme0
        at 61.3s expect route 2001:db8:77::/48 on hme1
                 expect route 10.77.0.0/16 on hme1
                 expect no report "refused"
        """,
    )


def test_what_routes_wait_for_is_a_problem_with_each_cause() -> None:
    routes = "2 routes (10.77.0.0/16 via 10.5.0.254, 10.78.0.0/16 via 192.168.85.1) are on no"
    why = "nothing leads to the gateway 10.5.0.254; the source 10.5.0.1 is on no interface"
    tell(
        PAIR,
        f"""
        at 60s  add 10.5.0.1/24 on hme0 for 3600s
                add route 10.77.0.0/16 via 10.5.0.254 on hme0
                add route 10.78.0.0/16 via 192.168.85.1 on hme0 source 10.5.0.1
        at 61s  leave hme0
        at 62s  unplumb hme0
                expect no trouble route-missing hme0
        at 63s  attach hme0
        at 70s  expect warning route-missing hme0: "{routes} interface: {why}"
                add 10.5.0.1/24 on hme0 for 3600s
        at 71s  expect no trouble route-missing hme0
        """,
    )
