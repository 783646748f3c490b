"""What happens on a host whose administrator wrote no settings: `probe: auto`, 10 s."""

from __future__ import annotations

from .scenes import LINK_ONLY, PAIR
from .teller import tell

DEFAULT = "probe by default"
SILENT_ROUTER = "target 192.168.85.1 unicast"
ROUTE = "add route default via 192.168.85.1 on hme0"


def test_with_nobody_to_probe_the_link_decides() -> None:
    # behaviours 28, 48, 130: usable, never failed by probes, and repaired as soon as the link is up
    tell(
        DEFAULT,
        PAIR,
        """
        expect hme0 running
        expect silence for 11s
        expect hme0 no-targets
        expect flags of hme0: UP RUNNING
        expect group test ok
        note healthy
        at 60s  carrier hme0 down
                expect report "NIC failure detected on hme0 of group test"
                expect 192.168.85.19 on hme1
        at 70s  carrier hme0 up
                expect report "NIC repair detected on hme0 of group test"
                expect hme0 no-targets
                expect as healthy
        """,
    )


def test_while_everybody_is_still_looking_nobody_waits_longer_than_for_the_search() -> None:
    tell(
        DEFAULT,
        PAIR,
        """
        at 3s   carrier hme0 down
        at 5s   carrier hme0 up
                expect 192.168.85.19 on hme1
                expect report "NIC repair detected on hme0 of group test" within 6s
                expect 192.168.85.19 on hme0
        """,
    )


def test_a_switch_that_restarts_repairs_everybody_at_once() -> None:
    tell(
        DEFAULT,
        PAIR,
        """
        at 60s  carrier hme0 down
                carrier hme1 down
                expect report "All Interfaces in group test have failed"
        at 70s  carrier hme1 up
                expect report "At least 1 interface (hme1) of group test has repaired"
                expect 192.168.85.19 on hme1
        at 71s  carrier hme0 up
                expect 192.168.85.19 on hme0
        """,
    )


def test_a_card_that_returns_needs_no_search_of_its_own() -> None:
    # behaviour 122
    tell(
        DEFAULT,
        PAIR,
        """
        note healthy
        at 60s  tear out hme0
                expect 192.168.85.19 on hme1
        at 70s  put in hme0
                expect as healthy
                expect hme0 no-targets
        """,
    )


def test_a_link_that_flaps_is_damped_where_no_answers_prove_it() -> None:
    # behaviour 39
    tell(
        DEFAULT,
        PAIR,
        """
        at 60s  carrier hme0 down
        at 61s  carrier hme0 up
        at 62s  carrier hme0 down
        at 63s  carrier hme0 up
        at 64s  carrier hme0 down
        at 65s  carrier hme0 up
                expect 192.168.85.19 on hme1
        at 100s expect 192.168.85.19 on hme1
        at 130s expect 192.168.85.19 on hme0
        """,
    )


def test_with_a_router_ten_answers_repair() -> None:
    # behaviours 32, 33: about 14 s
    tell(
        DEFAULT,
        SILENT_ROUTER,
        PAIR,
        ROUTE,
        """
        at 20s  expect hme0 probed: 192.168.85.1
        at 60s  carrier hme0 down
                expect 192.168.85.19 on hme1
        at 70s  carrier hme0 up
                expect silence for 12s
                expect 192.168.85.19 on hme1
                expect report "NIC repair detected on hme0 of group test" within 4s
                expect 192.168.85.19 on hme0
        """,
    )


def test_without_test_addresses_the_router_is_asked_by_arp() -> None:
    tell(
        DEFAULT,
        SILENT_ROUTER,
        LINK_ONLY,
        ROUTE,
        """
        at 1s   expect hme0 watched IPv4 by arp
                expect hme1 watched IPv4 by arp
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
                expect 192.168.85.19 on hme1
        """,
    )


def test_without_test_addresses_and_routers_there_is_only_the_link() -> None:
    tell(
        DEFAULT,
        LINK_ONLY,
        """
        expect hme0 unwatched
        at 60s  expect hme0 running
                carrier hme0 down
                expect 192.168.85.19 on hme1
        at 70s  carrier hme0 up
                expect 192.168.85.19 on hme0
        """,
    )


def test_interfaces_without_a_group_are_probed_if_they_are_tracked() -> None:
    # solaris.md 1.1, 1.13
    single = """
    target 192.168.85.1
    file hme0: 192.168.85.19/24 up
             | addif 192.168.85.21/24 deprecated -failover up
    start
    """
    tell(DEFAULT, single, "expect hme0 unwatched")
    tell(
        DEFAULT,
        "setting track_interfaces_only_with_groups: no",
        single,
        """
        expect hme0 watched IPv4 by icmp from 192.168.85.21
        at 60s  black hole hme0
                expect report "NIC failure detected on hme0" within 11.5s
                expect no move
        """,
    )


def test_a_silent_router_is_no_failure_where_hosts_answer() -> None:
    # behaviours 48, 52: all of them fail at once, so nothing moves; others are looked for
    tell(
        DEFAULT,
        SILENT_ROUTER,
        PAIR,
        ROUTE,
        """
        target 192.168.85.100
        note healthy
        at 60s  expect hme0 probed: 192.168.85.1
                listen
                target 192.168.85.1 dies
                expect report "All Interfaces in group test have failed" within 11.5s
                expect hme0 failed
                expect report "At least 1 interface (hme1) of group test has repaired" within 60s
                expect no move
        at 180s expect hme0 running
                expect hme1 running
                expect as healthy
                listen
        at 200s expect hme0 probed: 192.168.85.100
        at 400s target 192.168.85.1 unicast
        at 600s listen
        at 620s expect hme0 probed: 192.168.85.1
        """,
    )


def test_a_member_that_joins_then_is_proven_by_the_hosts_too() -> None:
    tell(
        DEFAULT,
        SILENT_ROUTER,
        PAIR,
        ROUTE,
        """
        target 192.168.85.100
        at 60s  target 192.168.85.1 dies
        at 180s expect hme0 running
        file hme2: 192.168.85.23/24 group test up
                 | addif 192.168.85.24/24 deprecated -failover up
        at 181s put in hme2
        at 300s expect hme2 running
                expect group test ok
        """,
    )


def test_a_target_that_somebody_named_has_no_substitute() -> None:
    # solaris.md 1.5: it replaces dynamic host discovery
    tell(
        "setting groups: {test: {probe: auto, targets: [192.168.85.1]}}",
        SILENT_ROUTER,
        "target 192.168.85.100",
        PAIR,
        """
        at 60s  target 192.168.85.1 dies
        at 180s expect hme0 failed
                expect hme1 failed
        at 181s target 192.168.85.1 unicast
                expect report "At least 1 interface (hme1) of group test has repaired" within 17s
        """,
    )
