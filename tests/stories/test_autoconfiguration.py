"""Addresses from router advertisements: they move too, and their originals stay at home."""

from __future__ import annotations

import pytest

from .scenes import DUAL_STACK
from .teller import tell

PUBLIC = "2001:db8::a:0"
PRIVATE = "2001:db8::b:1"
ADVERTISED = (
    DUAL_STACK
    + """
    at 30s  advertise 2001:db8::/64 to hme0 hme1 for 7200s preferred 3600s privately
    expect no move
    expect no more reports
    at 31s  note before
    """
)


def test_they_fail_over_and_come_home_without_a_trace() -> None:  # behaviour 59
    tell(
        ADVERTISED,
        f"""
        expect {PUBLIC} at home on hme0
        expect {PRIVATE} at home on hme0
        at 60s  carrier hme0 down
                expect one move hme0 -> hme1
                expect {PUBLIC} served on hme1, original on hme0
                expect {PRIVATE} served on hme1, original on hme0
                expect report "Successfully failed over from NIC hme0 to NIC hme1"
                expect hme0 empty
        at 75s  restart
                expect {PUBLIC} served on hme1, original on hme0
        at 200s carrier hme0 up
                expect report "Successfully failed back to NIC hme0"
                expect as before
        """,
    )


def test_the_prefix_is_reached_where_they_are_served() -> None:
    tell(
        ADVERTISED,
        f"""
        at 60s  carrier hme0 down
                expect route 2001:db8::/64 on hme1 protocol 153
        at 61s  delete route 2001:db8::/64 on hme1
                expect route 2001:db8::/64 on hme1 protocol 153
        at 62s  delete 2001:db8::a:0 on hme1
                expect {PUBLIC} served on hme1, original on hme0
        at 200s carrier hme0 up
                expect no route 2001:db8::/64
                expect as before
        """,
    )


def test_offline_and_online() -> None:
    tell(
        ADVERTISED,
        f"""
        at 60s  offline hme0
                expect {PUBLIC} served on hme1, original on hme0
                expect hme0 empty
        at 90s  advertise 2001:db8::/64 to hme0 hme1 for 7200s preferred 3600s
                expect no move
        at 100s online hme0
                expect as before
        """,
    )


def test_the_second_failure_takes_them_on() -> None:  # behaviour 67
    tell(
        DUAL_STACK.replace("start", "").rstrip(),
        """
        file hme2: 192.168.85.24/24 group test up
        file6 hme2: addif 2001:db8::24/64 up
        start
        at 30s  advertise 2001:db8::/64 to hme0 hme1 hme2 for 7200s preferred 3600s
        at 31s  note before
        at 60s  carrier hme0 down
                expect 2001:db8::a:0 served on hme1, original on hme0
        at 70s  carrier hme1 down
                expect 2001:db8::a:0 served on hme2, original on hme0
                expect 2001:db8::a:1 served on hme2, original on hme1
                expect route 2001:db8::/64 on hme2 protocol 153
        at 200s carrier hme1 up
                expect 2001:db8::a:0 served on hme2, original on hme0
        at 300s carrier hme0 up
                expect as before
        """,
    )


def test_a_device_that_is_set_down_gets_its_originals_back_before_they_are_advertised() -> None:
    tell(
        ADVERTISED,
        f"""
        at 60s  set hme0 down
                expect {PUBLIC} served on hme1, original on nowhere
        at 70s  black hole hme0
        at 71s  set hme0 up
        at 71s  advertise 2001:db8::/64 to hme0 hme1 for 7200s preferred 3600s
        at 100s expect {PUBLIC} on hme0
                expect {PRIVATE} on hme0
        """,
    )


def test_a_device_that_is_torn_out_and_put_in_again() -> None:
    """Unproven, it serves nothing yet, but has its originals: detection would fail there."""
    tell(
        "probe everything by icmp",
        "target 192.168.85.1",
        "setting groups: {test: {targets: [192.168.85.1]}}",
        f"""
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.91/24 deprecated -failover up
        file6 hme0: addif 2001:db8::19/64 up
        file hme1: 192.168.85.20/24 group test up
                 | addif 192.168.85.92/24 deprecated -failover up
        file6 hme1: addif 2001:db8::20/64 up
        start
        at 60s  advertise 2001:db8::/64 to hme0 hme1 for 7200s preferred 3600s privately
        at 90s  tear out hme0
                expect {PUBLIC} served on hme1, original on nowhere
                expect {PRIVATE} served on hme1, original on nowhere
        at 100s restart
                expect {PUBLIC} served on hme1, original on nowhere
        at 110s put in hme0
                expect {PUBLIC} served on hme1, original on hme0
                expect {PRIVATE} served on hme1, original on hme0
        at 111s advertise 2001:db8::/64 to hme0 hme1 for 7200s preferred 3600s
        at 160s expect {PUBLIC} on hme0
                expect {PRIVATE} on hme0
                expect hme0 running
        """,
    )


def test_detach_and_attach() -> None:
    tell(
        ADVERTISED,
        f"""
        at 60s  detach hme0
                expect {PUBLIC} served on hme1, original on nowhere
                expect hme0 bare
        at 90s  restart
        at 100s attach hme0
        at 130s expect {PUBLIC} on hme0
                expect {PRIVATE} on hme0
                expect no route 2001:db8::/64
        """,
    )


def test_an_undone_detach() -> None:
    tell(
        ADVERTISED,
        f"""
        at 60s  leave hme0
                expect {PUBLIC} served on hme1, original on hme0
                expect hme0 empty
        at 61s  stay hme0
                expect as before
        """,
    )


def test_they_expire_without_a_word() -> None:
    tell(
        DUAL_STACK,
        f"""
        at 30s  advertise 2001:db8::/64 to hme0 for 100s preferred 50s privately
        at 31s  expect {PUBLIC} at home on hme0
        at 31s  wait
                expect silence for 110s
                expect {PUBLIC} unlisted
                expect {PRIVATE} unlisted
        at 150s advertise 2001:db8::/64 to hme0 for 100s preferred 50s
                expect no more reports
                expect {PUBLIC} at home on hme0
        """,
    )


def test_a_stand_in_expires_where_it_serves() -> None:
    tell(
        DUAL_STACK,
        f"""
        at 30s  advertise 2001:db8::/64 to hme0 for 100s preferred 50s
        at 60s  tear out hme0
                expect {PUBLIC} on hme1 valid for 60 to 100s
        at 61s  wait
                expect silence for 15s
        at 160s expect {PUBLIC} unlisted
                expect {PUBLIC} nowhere
                expect no route 2001:db8::/64
        """,
    )


def test_lifetimes_follow_what_is_advertised_beside_them() -> None:
    """A long outage ends nothing while the prefix is there."""
    minutes = "\n".join(
        f"at {at}s advertise 2001:db8::/64 to hme1 for 600s preferred 300s"
        for at in range(120, 2000, 60)
    )
    tell(
        DUAL_STACK,
        f"""
        at 30s  advertise 2001:db8::/64 to hme0 hme1 for 600s preferred 300s privately
        at 60s  carrier hme0 down
        {minutes}
        at 2000s expect {PUBLIC} on hme1 valid for 400 to 600s
                expect {PUBLIC} served on hme1, original on hme0
                expect {PRIVATE} nowhere
        at 2001s carrier hme0 up
        at 2010s expect {PUBLIC} on hme0
                expect {PUBLIC} on hme0 valid for 300 to 600s
        """,
    )


def test_counting_seconds_is_no_news() -> None:
    """Neither moves nor writes come of lifetimes that only count down."""
    world = tell(ADVERTISED, "at 60s carrier hme0 down", "at 100s wait")
    assert world.engine
    world.forget_past()
    texts = set()
    for at in range(120, 1020, 20):
        world.advance(at)
        texts.add(world.engine.memory().to_text())
    assert world.commands == []
    assert len(texts) <= 2


def test_a_standby_keeps_none_in_service() -> None:  # behaviours 20, 22
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file6 hme0: addif 2001:db8::19/64 up
        file hme1: group test standby up
        file6 hme1: up
        start
        at 30s  advertise 2001:db8::/64 to hme0 hme1 for 600s preferred 300s
                expect 2001:db8::a:1 served on hme0, original on hme1
                expect flags of hme1: UP RUNNING STANDBY INACTIVE
        at 60s  carrier hme0 down
                expect 2001:db8::a:0 served on hme1, original on hme0
        at 200s carrier hme0 up
                expect 2001:db8::a:1 served on hme0, original on hme1
                expect 2001:db8::a:0 on hme0
        """
    )


@pytest.mark.parametrize("names", ["hme0", "hme0 hme1"])
def test_an_interface_without_ipv6_has_none(names: str) -> None:
    """Who wrote no hostname6 file did not ask for them: they are the kernel's alone."""
    tell(
        f"""
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        start
        at 30s  advertise 2001:db8::/64 to {names} for 600s preferred 300s
                expect {PUBLIC} unlisted
                expect no objection to hme0
        at 60s  carrier hme0 down
                expect {PUBLIC} on hme0
        """
    )


def test_an_interface_that_is_no_longer_ours() -> None:
    tell(
        ADVERTISED,
        f"""
        at 60s  carrier hme0 down
                expect {PUBLIC} served on hme1, original on hme0
        no file hme0
        reload
                expect {PUBLIC} unlisted
                expect {PUBLIC} on hme0
        """,
    )
