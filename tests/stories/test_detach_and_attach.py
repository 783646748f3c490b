"""Detach, its undo, attach and reattach: solaris.md section 7, behaviours 117 to 126."""

from __future__ import annotations

from .scenes import DUAL_STACK, LINK_ONLY, PAIR, THREE
from .teller import tell

WITH_ROUTE = "add route default via 192.168.85.1 on hme0 protocol 4"


def test_an_interface_without_a_group_is_not_let_go() -> None:
    # behaviour 117
    tell(
        """
        file hme0: 192.168.85.19/24 up
        start
        expect objection to hme0: "it is not in a group"
        at 60s  leave hme0
                expect no move
                expect 192.168.85.19 on hme0
        at 61s  unplumb hme0
                expect 192.168.85.19 nowhere
                expect hme0 detached
                expect hme0 bare
        """
    )


def test_the_only_functioning_member_is_not_let_go() -> None:
    # behaviours 118, 126: forced, its addresses disappear with it and are not made elsewhere
    tell(
        LINK_ONLY,
        """
        at 60s  carrier hme1 down
                expect 192.168.85.20 on hme0
                expect objection to hme0: "only functioning interface of group test"
        at 70s  leave hme0
        at 71s  unplumb hme0
                expect 192.168.85.19 nowhere
                expect hme0 detached
        at 80s  carrier hme1 up
                expect 192.168.85.19 nowhere
                expect 192.168.85.20 on hme1
        """,
    )


def test_forced_detach_of_the_last_member_of_all() -> None:
    # behaviour 126
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        start
        at 60s  leave hme0
                expect 192.168.85.19 on hme0
        at 61s  unplumb hme0
                expect 192.168.85.19 nowhere
                expect release hme0 down
        at 70s  restart
                expect hme0 detached
                expect 192.168.85.19 nowhere
        """
    )


def test_an_accepted_detach() -> None:
    # behaviours 119, 122
    tell(
        DUAL_STACK,
        WITH_ROUTE,
        """
        note healthy
        at 60s  leave hme0
                expect one move hme0 -> hme1
                expect cause detach
                expect move 192.168.85.19 hme0 -> hme1
                expect move 2001:db8::19 hme0 -> hme1
                expect route default on hme1 protocol 153
                expect report "Successfully failed over from NIC hme0 to NIC hme1"
                expect hme0 empty
        at 61s  unplumb hme0
                expect release hme0 down
                expect hme0 bare
                expect hme0 detached
                expect group test ok
        at 62s  restart
                expect hme0 detached
        at 70s  tear out hme0
                expect no move
                expect hme0 detached
        at 90s  put in hme0
                expect 192.168.85.19 on hme0
                expect 2001:db8::19 on hme0
                expect report "Successfully failed back to NIC hme0"
                expect hme0 running
        at 100s restart
        """,
    )


def test_an_undone_detach_is_as_before() -> None:
    # behaviours 120, 123
    tell(
        DUAL_STACK,
        WITH_ROUTE,
        """
        note healthy
        at 60s  leave hme0
        at 61s  stay hme0
                expect 192.168.85.19 on hme0 as hme0
                expect as healthy
        at 70s  leave hme0
        at 71s  unplumb hme0
        at 72s  stay hme0
                expect plumb hme0
                expect 192.168.85.19 on hme0 as hme0
                expect as healthy
                expect hme0 running
        """,
    )


def test_an_undone_detach_is_as_before_also_with_failback_off() -> None:
    # behaviours 120, 123
    tell(
        "setting failback: no",
        PAIR,
        WITH_ROUTE,
        """
        note healthy
        at 60s  detach hme0
                expect 192.168.85.19 on hme1
        at 62s  stay hme0
                expect as healthy
        """,
    )


def test_an_undone_detach_brings_back_what_was_hosted_for_others() -> None:
    # behaviour 120
    tell(
        THREE,
        """
        at 60s  carrier hme0 down
                expect 192.168.85.19 on hme1 as hme1:1
        at 61s  note before
        at 70s  detach hme1
                expect 192.168.85.19 on hme2
                expect 192.168.85.20 on hme2
        at 71s  stay hme1
                expect 192.168.85.20 on hme1
                expect 192.168.85.19 on hme1
                expect as before
        """,
    )


def test_an_undone_forced_detach_brings_back_what_went_with_it() -> None:
    # behaviours 120, 126
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 192.168.85.21/24 deprecated -failover up
        start
        at 10s  add 192.168.85.60/24 on hme0
        at 11s  note before
        at 60s  leave hme0
        at 61s  unplumb hme0
                expect 192.168.85.60 nowhere
        at 62s  restart
        at 63s  stay hme0
                expect 192.168.85.19 on hme0
                expect 192.168.85.60 on hme0
                expect 192.168.85.21 on hme0
                expect as before
        """
    )


def test_a_failed_and_empty_interface_goes_without_ado() -> None:
    # behaviour 125
    tell(
        THREE,
        """
        at 60s  carrier hme0 down
                expect no objection to hme0
        at 70s  leave hme0
                expect no move
                expect hme0 empty
        at 71s  unplumb hme0
                expect hme0 bare
        """,
    )


def test_attach_without_a_file_configures_nothing() -> None:
    # behaviour 121: the old addresses stay where they are
    tell(
        PAIR,
        """
        at 60s  detach hme0
                expect 192.168.85.19 on hme1 as hme1:2
        no file hme0
        at 70s  attach hme0
                expect 192.168.85.19 on hme1 as hme1:2
                expect hme0 bare
        """,
    )


def test_attach_again_of_a_configured_interface_does_nothing() -> None:
    # behaviour 124
    tell(PAIR, "at 60s  attach hme0\n expect nothing")


def test_attach_is_as_boot() -> None:
    # behaviour 121
    booted = tell(PAIR).kernel.layout()
    attached = tell(PAIR, "at 60s detach hme0\n at 70s attach hme0").kernel.layout()
    assert attached == booted


def test_attach_reads_the_file_as_it_is_now() -> None:
    # behaviour 121
    tell(
        PAIR,
        """
        at 60s  detach hme0
        file hme0: 192.168.85.70/24 group test up
        at 70s  attach hme0
                expect 192.168.85.70 on hme0 as hme0
                expect 192.168.85.21 nowhere
                expect 192.168.85.19 nowhere
        """,
    )


def test_a_reattached_interface_has_to_prove_itself() -> None:
    # behaviour 122
    tell(
        PAIR,
        """
        at 60s  detach hme0
        at 61s  tear out hme0
        at 70s  put in hme0 without cable
                expect 192.168.85.19 on hme1
                expect 192.168.85.21 on hme0
        at 100s carrier hme0 up
                expect 192.168.85.19 on hme0 as hme0
        """,
    )


def test_a_nic_that_was_torn_out_comes_back_with_another_number() -> None:
    # behaviour 122
    tell(
        DUAL_STACK,
        WITH_ROUTE,
        """
        note healthy
        at 60s  tear out hme0
                expect report "The link has gone down on hme0"
                expect report "NIC failure detected on hme0 of group test"
                expect report "hme0 of group test has been removed from the kernel"
                expect no report "refused"
                expect 192.168.85.19 on hme1
                expect 2001:db8::19 on hme1
                expect route default on hme1
                expect hme0 missing
        at 70s  restart
                expect hme0 missing
        at 90s  put in hme0
                expect 192.168.85.19 on hme0 as hme0
                expect 2001:db8::19 on hme0
                expect route default on hme0 protocol 4
        """,
    )


def test_the_last_nic_is_torn_out_and_put_back() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        start
        at 60s  tear out hme0
                expect 192.168.85.19 nowhere
                expect group test failed
        at 90s  put in hme0
                expect 192.168.85.19 on hme0
                expect group test ok
        """
    )


def test_torn_out_while_the_daemon_was_down() -> None:
    tell(
        PAIR,
        """
        at 60s  kill
        at 61s  tear out hme0
        absent hme0
        at 62s  start
                expect 192.168.85.19 on hme1
                expect hme0 missing
        """,
    )


def test_a_renamed_device_is_no_longer_ours() -> None:
    tell(
        PAIR,
        """
        at 60s  rename hme0 to net7
                expect hme0 missing
                expect 192.168.85.19 on hme1
        at 70s  rename net7 to hme0
        at 71s  attach hme0
                expect 192.168.85.19 on hme0
                expect hme0 running
        """,
    )
