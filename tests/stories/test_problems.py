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
                expect warning no-spare test: "no spare is left (hme0 has failed): if hme1 \
fails or goes, addresses have nowhere to live"
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
                expect warning no-spare test: "(hme0 is detached): if hme1 fails or goes"
                expect objection to hme1: "it is the only functioning interface"
        """,
    )


def test_an_offline_member_is_asked_for_and_leaves_no_spare() -> None:
    tell(
        LINK_ONLY,
        """
        at 60s  offline hme0
                expect no trouble interface-failed hme0
                expect warning no-spare test: "(hme0 is offline): if hme1"
        at 70s  online hme0
                expect no problems
        """,
    )


def test_a_member_that_is_set_down_leaves_no_spare() -> None:
    tell(
        LINK_ONLY,
        """
        at 60s  set hme0 down
                expect warning no-spare test: "(hme0 is set down): if hme1"
        """,
    )


def test_a_member_that_is_new_is_no_spare_yet() -> None:
    """Both are running, and yet nothing moves to the one before it has proved itself."""
    tell(
        """
        probe by default
        target 192.168.85.1
        setting groups: {test: {targets: [192.168.85.1]}}
        """,
        PAIR,
        """
        at 60s  tear out hme0
        at 61s  put in hme0
        at 65s  expect hme0 running
                expect notice no-spare test: "no spare yet (hme0 has yet to answer ten probes in \
a row): if hme1 fails or goes"
                expect objection to hme1: "it is the only functioning interface of group test \
(hme0 has yet to answer ten probes in a row)"
        at 66s  carrier hme1 down
                expect warning no-spare test: "(hme0 has yet to answer ten probes in a row, hme1 \
has failed): no interface can hold IPv4 addresses"
        at 120s carrier hme1 up
        at 200s expect no problems
        """,
    )


def test_a_member_that_is_being_answered_again_is_no_spare_yet() -> None:
    tell(
        """
        probe by default
        target 192.168.85.1
        setting groups: {test: {targets: [192.168.85.1]}}
        """,
        PAIR,
        """
        at 60s  black hole hme0
        at 90s  expect warning no-spare test: "(hme0 has failed): if hme1 fails"
                mend hme0
        at 96s  expect warning no-spare test: "(hme0 has failed, and is being answered again): \
if hme1 fails"
        """,
    )


def test_whom_nobody_has_answered_is_not_taken_for_good_in_silence() -> None:
    """For forty seconds silence is no failure; it is no success, either."""
    tell(
        """
        probe by default
        target 192.168.85.1
        setting groups: {test: {targets: [192.168.85.1]}}
        """,
        THREE,
        """
        at 60s  expect no problems
                tear out hme0
        at 61s  put in hme0
                black hole hme0
        at 65s  expect notice not-answered hme0: "nothing moves there before ten in a row are"
                mend hme0
        at 70s  expect no problems
        """,
    )
    tell(
        """
        probe by default
        target 192.168.85.1
        target 192.168.85.1 dies
        setting groups: {test: {targets: [192.168.85.1]}}
        """,
        PAIR,
        """
        at 20s  expect notice not-answered hme0: "taken for good, no probe has been answered yet"
                target 192.168.85.1 lives
        at 30s  expect no problems
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
        expect warning no-spare test: "(hme0 is missing): if hme1"
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
        expect warning no-spare test: "no spare is left (hme1 is not plumbed for IPv6): if hme0 \
fails or goes, IPv6 addresses have nowhere to live"
        """,
    )
    tell(DUAL_STACK, "expect 1 spare in test")
    tell(THREE, "expect 2 spares in test")


def test_what_was_added_by_hand_of_a_family_without_a_file_has_no_spare() -> None:
    # behaviour 65
    why = "(hme1 is not plumbed for IPv6): if hme0 fails or goes, IPv6 addresses have nowhere"
    tell(
        LINK_ONLY,
        f"""
        at 60s  expect 1 spare in test
                add 2001:db8::9/64 on hme0
                expect 0 spares in test
                expect warning no-spare test: "{why}"
                expect objection to hme0: "takes IPv6 addresses"
        at 70s  delete 2001:db8::9 on hme0
        at 80s  expect no problems
        """,
    )


def test_a_device_that_cannot_hold_a_family_is_no_spare_for_it() -> None:
    # behaviour 65
    tell(
        DUAL_STACK,
        """
        at 60s  expect 1 spare in test
                switch IPv6 off on hme1
                expect 0 spares in test
                expect warning no-spare test: "(hme1: IPv6 is switched off on it): if hme0 fails \
or goes, IPv6 addresses have nowhere"
        at 65s  carrier hme0 down
                expect warning no-spare test: "(hme0 has failed, hme1: IPv6 is switched off on \
it): no interface can hold IPv6 addresses; if hme1"
        at 70s  switch IPv6 on on hme1
                expect warning no-spare test: "if hme1 fails or goes, addresses have nowhere"
        at 75s  carrier hme0 up
                expect 1 spare in test
        """,
    )
