"""Probes that this host cannot send: they say nothing of the interface, and that is told."""

from __future__ import annotations

import pytest

from .scenes import LINK_ONLY, PAIR
from .teller import tell

BY_ROUTER = """
target 192.168.85.1 unicast
"""
ROUTE = "add route default via 192.168.85.1 on hme0"
EPERM = "Operation not permitted (EPERM)"
NOT_SENT = (
    'expect report "IPv4 probes by echo cannot be sent on {}: '
    'Operation not permitted (EPERM); they say nothing about it" within 12s'
)
AGAIN = 'expect report "IPv4 probes by echo can be sent on {} again" within 30s'
ICMP = "setting groups: {test: {probe: icmp}}\n"
AUTO = "setting groups: {test: {probe: auto}}\n"


def test_where_echo_is_dropped_auto_asks_by_arp_and_finds_the_black_hole() -> None:
    tell(
        AUTO,
        BY_ROUTER,
        PAIR,
        ROUTE,
        f"""
        at 30s  expect hme0 watched IPv4 by icmp from 192.168.85.21
        at 60s  filter icmp on hme0 hme1 with "{EPERM}"
                {NOT_SENT.format("hme0")}
                {NOT_SENT.format("hme1")}
                expect hme0 watched IPv4 by arp from 192.168.85.21
                expect warning probes-not-sent hme0: "(EPERM); those by ARP can"
                expect silence for 60s
                expect hme0 running
        at 140s black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
                expect one move hme0 -> hme1
        at 170s mend hme0
                expect report "NIC repair detected on hme0 of group test" within 17s
                expect 192.168.85.19 on hme0
        """,
    )


def test_auto_goes_back_to_echo_when_it_can_be_sent_again() -> None:
    tell(
        AUTO,
        BY_ROUTER,
        PAIR,
        ROUTE,
        f"""
        at 60s  filter icmp on hme0 hme1 with "{EPERM}"
        at 120s expect hme0 watched IPv4 by arp from 192.168.85.21
                let icmp out on hme0 hme1
                {AGAIN.format("hme0")}
                {AGAIN.format("hme1")}
                expect hme0 watched IPv4 by icmp from 192.168.85.21
                expect no trouble probes-not-sent hme0
                expect silence for 60s
                black hole hme1
                expect report "NIC failure detected on hme1 of group test" within 11.5s
        """,
    )


def test_hosts_that_were_found_by_echo_are_asked_by_arp() -> None:
    tell(
        AUTO,
        "target 192.168.85.100",
        PAIR,
        f"""
        at 30s  expect hme0 probed: 192.168.85.100
                filter icmp on hme0 hme1 with "{EPERM}"
        at 60s  expect hme0 watched IPv4 by arp from 192.168.85.21
                listen
        at 80s  expect hme0 probed: 192.168.85.100
                expect hme0 running
                black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
        """,
    )


@pytest.mark.parametrize(
    ("settings", "filters"), [(ICMP, ("icmp",)), (AUTO, ("icmp", "arp"))], ids=["icmp", "auto"]
)
def test_where_nothing_can_be_sent_the_link_alone_counts(
    settings: str, filters: tuple[str, ...]
) -> None:
    # the repair, too: no ten answers can come
    tell(
        settings,
        BY_ROUTER,
        PAIR,
        ROUTE,
        *(f'filter {it} on hme0 hme1 with "{EPERM}"' for it in filters),
        f"""
        {NOT_SENT.format("hme0")}
        {NOT_SENT.format("hme1")}
        at 60s  expect hme0 running
                expect group test ok
                expect warning probes-not-sent hme0: "Operation not permitted (EPERM)"
                expect warning probes-not-sent hme1: "they say nothing about it"
                note healthy
                carrier hme0 down
                expect report "NIC failure detected on hme0 of group test"
                expect 192.168.85.19 on hme1
        at 70s  carrier hme0 up
                expect report "NIC repair detected on hme0 of group test"
                expect as healthy
        at 80s  black hole hme0
                expect silence for 60s
                mend hme0
        """,
        *(f"let {it} out on hme0 hme1" for it in filters),
        f"""
        {AGAIN.format("hme0")}
                black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 60s
        """,
    )


def test_the_filter_comes_while_the_cable_is_out() -> None:
    """Found out only after the link has come back: then it counts."""
    tell(
        ICMP,
        BY_ROUTER,
        PAIR,
        ROUTE,
        f"""
        at 60s  carrier hme0 down
                filter icmp on hme0 with "{EPERM}"
        at 70s  carrier hme0 up
                expect report "NIC repair detected on hme0 of group test" within 12s
                expect 192.168.85.19 on hme0
        """,
    )


def test_one_member_that_cannot_send_is_vouched_for_by_its_link() -> None:
    # behaviour 75: it is alive for the others, whose silence is their own
    tell(
        ICMP,
        BY_ROUTER,
        PAIR,
        ROUTE,
        f"""
        at 60s  filter icmp on hme1 with "{EPERM}"
        at 90s  expect hme1 running
                black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
                expect 192.168.85.19 on hme1
        """,
    )


def test_losses_before_it_do_not_add_up_with_those_after_it() -> None:
    # behaviour 29
    tell(
        ICMP,
        BY_ROUTER,
        PAIR,
        ROUTE,
        f"""
        at 60s  black hole hme0
        at 65s  filter icmp on hme0 with "{EPERM}"
                mend hme0
        at 90s  expect hme0 running
                let icmp out on hme0
                black hole hme0
        at 95s  mend hme0
        at 150s expect hme0 running
                expect no move
        """,
    )


def test_what_is_dropped_now_and_then_is_neither_told_nor_held_against_anybody() -> None:
    tell(
        ICMP,
        BY_ROUTER,
        PAIR,
        ROUTE,
        f"""
        at 60s  filter icmp on hme0 with "{EPERM}"
        at 64s  let icmp out on hme0
                expect silence for 30s
        at 100s filter icmp on hme0 with "{EPERM}"
        at 104s let icmp out on hme0
                expect silence for 30s
                expect hme0 running
        """,
    )


def test_a_target_to_which_nothing_can_be_sent_is_left_out() -> None:
    # as one that is silent while others answer (behaviour 50); it would cost turns
    tell(
        ICMP,
        BY_ROUTER,
        "target 192.168.85.2 unicast",
        PAIR,
        ROUTE,
        "add route 10.0.0.0/8 via 192.168.85.2 on hme0",
        """
        at 60s  filter 192.168.85.2 on hme0 with "Network is unreachable (ENETUNREACH)"
                expect report "target 192.168.85.2 cannot be asked on hme0: \
Network is unreachable (ENETUNREACH)" within 20s
                listen
        at 90s  expect hme0 probed: 192.168.85.1
                expect hme1 probed: 192.168.85.1 192.168.85.2
                black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
        """,
    )


def test_nobody_to_ask_and_no_way_to_look_for_anybody() -> None:
    tell(
        ICMP,
        PAIR,
        f"""
        at 30s  expect hme0 no-targets
                filter icmp on hme0 hme1 with "{EPERM}"
                {NOT_SENT.format("hme0")}
                {NOT_SENT.format("hme1")}
                expect silence for 60s
        """,
    )


def test_arp_that_cannot_be_sent_leaves_it_to_the_link() -> None:
    tell(
        "setting groups: {test: {probe: arp}}",
        BY_ROUTER,
        LINK_ONLY,
        ROUTE,
        """
        filter arp on hme0 hme1 with "Operation not supported (EOPNOTSUPP)"
        expect report "IPv4 probes by ARP cannot be sent on hme0: Operation not supported \
(EOPNOTSUPP); they say nothing about it" within 12s
        at 60s  carrier hme0 down
                expect 192.168.85.19 on hme1
        at 70s  carrier hme0 up
                expect 192.168.85.19 on hme0
        """,
    )


def test_one_family_that_cannot_be_sent_leaves_it_to_the_other() -> None:
    # behaviours 34, 48: it has no vote
    tell(
        ICMP,
        BY_ROUTER,
        "target fe80::1111",
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.21/24 deprecated -failover up
        file6 hme0:
        file hme1: 192.168.85.20/24 group test up
                 | addif 192.168.85.22/24 deprecated -failover up
        file6 hme1:
        start
        """,
        ROUTE,
        f"""
        at 60s  filter 192.168.85.1 on hme0 with "{EPERM}"
                {NOT_SENT.format("hme0")}
        at 90s  black hole hme0
                expect report "NIC failure detected on hme0 of group test" within 11.5s
        at 120s mend hme0
                expect report "NIC repair detected on hme0 of group test" within 17s
        """,
    )
