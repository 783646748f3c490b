"""Interfaces missing at boot: solaris.md section 7, behaviours 92 to 100."""

from __future__ import annotations

from .scenes import LINK_ONLY, PAIR
from .teller import tell


def test_data_addresses_land_on_an_alternate() -> None:
    # behaviours 92, 96, 100
    tell(
        "absent hme0",
        PAIR,
        """
        expect report "moving addresses from failed IPv4 interfaces: hme0 (moved to hme1)"
        expect no report "failed over"
        expect hme0 missing
        expect 192.168.85.19 on hme1 as hme1:2
        expect 192.168.85.21 nowhere
        expect 192.168.85.19 at home on hme0
        expect group test degraded
        at 60s  restart
                expect no reports
                expect hme0 missing
        at 120s put in hme0
                expect 192.168.85.19 on hme0 as hme0
                expect 192.168.85.21 on hme0 as hme0:1
                expect 192.168.85.20 on hme1 as hme1
                expect group test ok
        """,
    )


def test_a_later_attach_ends_as_a_boot_with_the_interface_present() -> None:
    # behaviour 100
    present = tell(PAIR).kernel.layout()
    late = tell("absent hme0", PAIR, "at 60s  put in hme0").kernel.layout()
    assert late == present


def test_each_family_has_its_line() -> None:
    # behaviour 93
    tell(
        """
        absent hme0
        file hme0: 192.168.85.19/24 group test up
        file6 hme0: addif 2001:db8::19/64 up
        file hme1: 192.168.85.20/24 group test up
        file6 hme1:
        start
        expect report "moving addresses from failed IPv4 interfaces: hme0 (moved to hme1)"
        expect report "moving addresses from failed IPv6 interfaces: hme0 (moved to hme1)"
        expect no report "removed"
        expect 192.168.85.19 on hme1
        expect 2001:db8::19 on hme1
        """
    )


def test_without_an_alternative_it_says_so() -> None:
    # behaviours 94, 97
    tell(
        """
        absent hme0
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group other up
        start
        expect report "moving addresses from failed IPv4 interfaces: hme0 (couldn't move; no \
alternative interface)"
        expect 192.168.85.19 nowhere
        expect group test failed
        """
    )


def test_without_a_group_nothing_moves() -> None:
    # behaviour 97
    tell(
        """
        absent hme0
        file hme0: 192.168.85.19/24 up
        file hme1: 192.168.85.20/24 up
        start
        expect report "moving addresses from failed IPv4 interfaces: hme0 (couldn't move; no \
alternative interface)"
        expect 192.168.85.19 nowhere
        """
    )


def test_the_other_family_is_no_alternative() -> None:
    # behaviours 93, 94
    tell(
        """
        absent hme0
        file hme0: 192.168.85.19/24 group test up
        file6 hme1: group test addif 2001:db8::20/64 up
        start
        expect report "moving addresses from failed IPv4 interfaces: hme0 (couldn't move; no \
alternative interface)"
        expect 192.168.85.19 nowhere
        """
    )


def test_nothing_missing_nothing_said() -> None:
    # behaviour 97
    tell(LINK_ONLY, 'expect no report "moving addresses"')


def test_dhcp_and_test_addresses_of_a_missing_interface_do_not_appear() -> None:
    # behaviours 95, 96
    tell(
        """
        absent hme0
        file hme0: 192.168.85.21/24 group test deprecated -failover up
                 | addif 192.168.85.19/24 up
        file hme1: 192.168.85.20/24 group test up
        start
        expect 192.168.85.21 nowhere
        expect 192.168.85.19 on hme1
        """
    )


def test_a_standby_is_the_preferred_alternate() -> None:
    # behaviours 97, 99: it takes the data although it is a standby
    tell(
        """
        absent hme0
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        file hme2: 192.168.85.23/24 group test -failover deprecated standby up
        start
        expect report "moving addresses from failed IPv4 interfaces: hme0 (moved to hme2)"
        expect 192.168.85.19 on hme2
        expect flags of hme2: UP RUNNING STANDBY
        """
    )


def test_several_missing_interfaces_share_a_header() -> None:
    # behaviour 98
    tell(
        """
        absent hme0
        absent qfe0
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        file qfe0: 192.168.86.19/24 group other up
        start
        expect report "moving addresses from failed IPv4 interfaces: hme0 (moved to hme1) qfe0 \
(couldn't move; no alternative interface)"
        """
    )


def test_a_dead_alternate_is_named_and_left_later() -> None:
    # solaris.md 3.2: only plumb status matters
    tell(
        """
        absent hme0
        file hme0: 192.168.85.19/24 group test up
        file hme1: 192.168.85.20/24 group test up
        device hme1 cable no
        start
        expect report "moving addresses from failed IPv4 interfaces: hme0 (moved to hme1)"
        expect 192.168.85.19 on hme1
        at 60s  carrier hme1 up
                expect 192.168.85.19 on hme1
        """
    )


def test_a_missing_interface_stays_missing_with_failback_off() -> None:
    # behaviours 70, 122
    tell(
        "setting failback: no\nabsent hme0",
        PAIR,
        """
        at 60s  put in hme0
                expect 192.168.85.19 on hme1
                expect 192.168.85.21 on hme0
                expect flags of hme0: UP RUNNING INACTIVE
        """,
    )
