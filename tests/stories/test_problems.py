"""What status says is wrong, and for how long: everything that is, and nothing that is not."""

from __future__ import annotations

from .scenes import DUAL_STACK, LINK_ONLY, PAIR, THREE, WITH_STANDBY
from .teller import tell


def test_a_healthy_pair_has_one_spare_and_no_problem() -> None:
    tell(
        PAIR,
        """
        at 60s  expect no problems
                expect 1 spare in test
        """,
    )


def test_a_failure_is_a_problem_until_it_is_repaired() -> None:
    # behaviours 12, 28
    tell(
        PAIR,
        """
        at 60s  carrier hme0 down
                expect error interface-failed hme0: "the link is down"
                expect warning no-spare test: "without hme0: if hme1 fails or goes"
                expect 0 spares in test
        at 200s carrier hme0 up
                expect no problems
        """,
    )


def test_with_a_spare_left_a_group_is_only_degraded() -> None:
    tell(
        WITH_STANDBY,
        """
        expect 2 spares in test
        at 60s  carrier hme0 down
                expect error interface-failed hme0
                expect warning group-degraded test: "without hme0"
                expect no trouble no-spare test
                expect 1 spare in test
        """,
    )


def test_a_failed_group() -> None:
    tell(
        LINK_ONLY,
        """
        at 60s  carrier hme0 down
        at 70s  carrier hme1 down
                expect error group-failed test
                expect 0 spares in test
                expect no trouble no-spare test
        """,
    )


def test_a_detached_member_leaves_no_spare() -> None:
    # behaviour 78: the other one cannot be detached now, and status says why
    tell(
        LINK_ONLY,
        """
        at 60s  leave hme0
        at 61s  unplumb hme0
                expect group test ok
                expect warning no-spare test: "if hme1 fails or goes"
                expect objection to hme1: "it is the only functioning interface"
        """,
    )


def test_an_offline_member_is_asked_for_and_leaves_no_spare() -> None:
    tell(
        LINK_ONLY,
        """
        at 60s  offline hme0
                expect no trouble interface-failed hme0
                expect warning no-spare test: "without hme0"
        at 70s  online hme0
                expect no problems
        """,
    )


def test_a_missing_member() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        absent hme0
        start
        expect error interface-missing hme0
        expect warning no-spare test
        """,
    )


def test_one_member_alone_never_had_a_spare() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        start
        expect 0 spares in test
        expect no problems
        """,
    )


def test_an_address_that_nobody_can_hold() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        start
        at 60s  tear out hme0
                expect error address-missing 192.168.85.19/24: "hme0 is missing"
        """,
    )


def test_a_family_that_only_one_member_takes_has_no_spare() -> None:
    # behaviour 65
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        file6 hme0: addif 2001:db8::19/64 up
        file hme1: 192.168.85.20/24 group test up
        start
        expect 0 spares in test
        expect warning no-spare test: "if hme0 fails or goes, IPv6 addresses have nowhere to live"
        """,
    )
    tell(DUAL_STACK, "expect 1 spare in test")
    tell(THREE, "expect 2 spares in test")


def test_a_device_that_cannot_hold_a_family_is_no_spare_for_it() -> None:
    # behaviour 65
    tell(
        DUAL_STACK,
        """
        at 60s  expect 1 spare in test
                switch IPv6 off on hme1
                expect 0 spares in test
                expect warning no-spare test: "left: if hme0 fails or goes, IPv6 addresses have"
        at 65s  carrier hme0 down
                expect warning no-spare test: "hme0: no interface can hold IPv6 addresses; if hme1"
        at 70s  switch IPv6 on on hme1
                expect warning no-spare test: "if hme1 fails or goes, addresses have nowhere"
        at 75s  carrier hme0 up
                expect 1 spare in test
        """,
    )
