"""Leased addresses: who asks for them and through which interface, and where they live."""

from __future__ import annotations

from rcmd.ipmp.api.commands import Move

from .teller import tell

SCENE = """
    file hme0: group test
             | dhcp
    file hme1: 192.168.85.20/24 group test up
    start
"""
LEASED = f"""
    {SCENE}
    lease 192.168.85.100/24 to hme0 for 600s via 192.168.85.1
"""


def test_acquired_on_its_home() -> None:
    tell(
        SCENE,
        """
        expect client of hme0 on hme0
        expect no client of hme1
        at 5s   lease 192.168.85.100/24 to hme0 for 600s via 192.168.85.1
                expect report "192.168.85.100/24 was leased to hme0 for 600 s"
                expect 192.168.85.100 on hme0
                expect 192.168.85.100 at home on hme0
                expect 192.168.85.100 lives 600s
                expect route default on hme0 protocol 16
                expect client of hme0 on hme0 asking for 192.168.85.100
        """,
    )


def test_what_was_not_leased_yet_is_a_problem() -> None:
    tell(
        SCENE,
        """
        at 3s   expect warning address-missing hme0: "no address is leased"
        at 5s   lease 192.168.85.100/24 to hme0 for 600s via 192.168.85.1
                expect no problems
        """,
    )


def test_moves_like_all_others_and_its_client_goes_along() -> None:
    tell(
        LEASED,
        """
        at 60s  carrier hme0 down
                expect move 192.168.85.100 hme0 -> hme1 as hme1:1
                expect route default on hme1 protocol 153
                expect 192.168.85.100 lives 540s
                expect client of hme0 on hme1 asking for 192.168.85.100
        at 61s  lease 192.168.85.100/24 to hme0 for 600s via 192.168.85.1
                expect report "The lease of 192.168.85.100/24 (home hme0) is kept alive \
through hme1"
                expect 192.168.85.100 lives 600s
                expect 192.168.85.100 on hme1 as hme1:1
        at 120s carrier hme0 up
        at 180s wait
                expect 192.168.85.100 on hme0
                expect route default on hme0 protocol 16
                expect client of hme0 on hme0 asking for 192.168.85.100
        """,
    )


def test_comes_home_without_a_trace() -> None:
    # behaviour 68
    there = tell(LEASED, "at 300s wait").kernel.layout()
    back = tell(LEASED, "at 60s carrier hme0 down", "at 120s carrier hme0 up", "at 300s wait")
    assert back.kernel.layout() == there


def test_renewal_touches_nothing_but_the_lifetime() -> None:
    world = tell(
        LEASED,
        """
        at 300s lease 192.168.85.100/24 to hme0 for 600s via 192.168.85.1
                expect no reports
                expect 192.168.85.100 lives 600s
        """,
    )
    (move,) = [it for it in world.commands if isinstance(it, Move)]
    assert not move.items
    assert len(move.settle) == 1


def test_one_that_is_not_renewed_ends() -> None:
    tell(
        LEASED,
        """
        at 599s wait
                expect 192.168.85.100 on hme0
        at 600s wait
                expect report "The lease of 192.168.85.100/24 (home hme0) is given up: it \
ran out and was not renewed"
                expect 192.168.85.100 nowhere
                expect no route default
                expect 192.168.85.100 unlisted
                expect client of hme0 on hme0
        """,
    )


def test_one_that_the_kernel_ends_first_is_not_put_back() -> None:
    tell(
        LEASED,
        """
        at 599s kernel ends 192.168.85.100
                expect report "The lease of 192.168.85.100/24 (home hme0) is given up: it \
ran out and was not renewed"
                expect 192.168.85.100 unlisted
                expect no route default
        """,
    )


def test_refused_while_it_is_away() -> None:
    tell(
        LEASED,
        """
        at 60s  carrier hme0 down
        at 61s  lease of hme0 is refused
                expect report "The lease of 192.168.85.100/24 (home hme0) is given up: the \
server refused it"
                expect 192.168.85.100 nowhere
                expect no route default
                expect no client of hme0
        at 120s carrier hme0 up
        at 180s wait
                expect client of hme0 on hme0
        """,
    )


def test_another_address_takes_its_place() -> None:
    tell(
        LEASED,
        """
        at 60s  carrier hme0 down
        at 61s  lease 192.168.85.111/24 to hme0 for 600s via 192.168.85.1
                expect report "The lease of 192.168.85.100/24 (home hme0) is given up: the \
server gave 192.168.85.111/24 instead"
                expect 192.168.85.100 nowhere
                expect 192.168.85.111 on hme1
                expect 192.168.85.111 at home on hme0
                expect route default on hme1
        """,
    )


def test_a_missing_interface_acquires_nothing() -> None:
    # behaviour 95
    tell(
        "absent hme0",
        SCENE,
        """
        expect hme0 missing
        expect no client of hme0
        at 60s  put in hme0
                expect client of hme0 on hme0
        """,
    )


def test_the_lease_of_one_that_was_torn_out_goes_on_but_gets_no_other() -> None:
    # behaviour 95
    tell(
        LEASED,
        """
        at 60s  tear out hme0
                expect 192.168.85.100 on hme1
                expect client of hme0 on hme1 asking for 192.168.85.100
        at 61s  lease 192.168.85.100/24 to hme0 for 600s via 192.168.85.1
                expect 192.168.85.100 on hme1
        at 62s  lease 192.168.85.111/24 to hme0 for 600s via 192.168.85.1
                expect 192.168.85.100 nowhere
                expect 192.168.85.111 nowhere
                expect no client of hme0
        """,
    )


def test_without_a_group_it_stays_and_waits_for_its_cable() -> None:
    tell(
        """
        file hme0: dhcp
        start
        lease 192.168.85.100/24 to hme0 for 600s via 192.168.85.1
        at 60s  carrier hme0 down
                expect 192.168.85.100 on hme0
                expect no client of hme0
        at 70s  carrier hme0 up
                expect client of hme0 on hme0 asking for 192.168.85.100
        """
    )


def test_detach_and_back() -> None:
    tell(
        LEASED,
        """
        note before
        at 60s  detach hme0
                expect 192.168.85.100 on hme1
                expect route default on hme1
                expect client of hme0 on hme1 asking for 192.168.85.100
        at 120s attach hme0
                expect 192.168.85.100 on hme0
                expect route default on hme0 protocol 16
                expect as before
        """,
    )


def test_detached_with_nowhere_to_go_it_is_given_up_and_asked_for_anew() -> None:
    tell(
        """
        file hme0: dhcp
        start
        lease 192.168.85.100/24 to hme0 for 600s via 192.168.85.1
        at 60s  leave hme0
                unplumb hme0
                expect 192.168.85.100 nowhere
                expect no client of hme0
        at 120s attach hme0
                expect 192.168.85.100 nowhere
                expect client of hme0 on hme0
                expect no route default
        """
    )


def test_an_undone_detach_gives_it_back() -> None:
    tell(
        """
        file hme0: dhcp
        start
        lease 192.168.85.100/24 to hme0 for 600s via 192.168.85.1
        at 60s  leave hme0
                unplumb hme0
                expect 192.168.85.100 nowhere
                stay hme0
                expect 192.168.85.100 on hme0
                expect client of hme0 on hme0 asking for 192.168.85.100
        """
    )


def test_a_restart_goes_on_with_it() -> None:
    tell(
        LEASED,
        """
        at 60s  carrier hme0 down
        at 90s  restart
                expect no reports
                expect 192.168.85.100 on hme1
                expect client of hme0 on hme1 asking for 192.168.85.100
        at 100s kill
        at 700s start
                expect report "The lease of 192.168.85.100/24 (home hme0) is given up: it \
ran out and was not renewed"
                expect 192.168.85.100 nowhere
                expect no route default
        """,
    )


def test_whoever_takes_it_away_it_is_put_back() -> None:
    tell(
        LEASED,
        """
        at 59s  note before
        at 60s  delete 192.168.85.100 on hme0
                expect as before
        at 61s  delete route default on hme0
                expect as before
        at 62s  sweep 192.168.85.100 with default off hme0
                expect as before
                expect no problems
        """,
    )


def test_accepted_it_stays_away_until_the_files_are_read_again() -> None:
    said = "192.168.85.100/24 was removed by another program on hme0: it is left away"
    tell(
        "setting when_removed: accept",
        LEASED,
        f"""
        at 59s  note before
        at 60s  delete 192.168.85.100 on hme0
                expect 192.168.85.100 nowhere
                expect report "{said}, as when_removed says" within 0.3s
                expect 192.168.85.100 listed nowhere
                expect error address-missing 192.168.85.100/24: "leased"
                expect no client of hme0
        at 61s  reload
                expect as before
                expect client of hme0 on hme0 asking for 192.168.85.100
        at 62s  delete 192.168.85.100 on hme0
        at 700s wait
                expect no client of hme0
                expect 192.168.85.100 nowhere
        at 720s detach hme0
        at 730s attach hme0
                expect client of hme0 on hme0
        at 731s lease 192.168.85.100/24 to hme0 for 600s via 192.168.85.1
                expect 192.168.85.100 on hme0
                expect route default on hme0
        """,
    )


def test_nobody_asks_for_it_any_more() -> None:
    tell(
        LEASED,
        """
        at 60s  file hme0: group test
        at 61s  reload
                expect report "The lease of 192.168.85.100/24 (home hme0) is given up: nobody \
asks for it any more"
                expect 192.168.85.100 nowhere
                expect no route default
                expect no client of hme0
        """,
    )


def test_an_address_that_is_written_down_is_not_leased() -> None:
    tell(
        SCENE,
        """
        lease 192.168.85.20/24 to hme0 for 600s
        expect report "192.168.85.20/24, leased to hme0, is an address of this host already"
        expect 192.168.85.20 at home on hme1
        """,
    )


def test_two_leases_share_a_route_and_a_host() -> None:
    tell(
        """
        file hme0: group test
                 | dhcp
        file hme1: group test
                 | dhcp
        start
        lease 192.168.85.100/24 to hme0 for 600s via 192.168.85.1
        lease 192.168.85.101/24 to hme1 for 900s via 192.168.85.1
        expect no report "failed back"
        at 60s  carrier hme0 down
                expect route default on hme1
                expect 192.168.85.100 on hme1
                expect 192.168.85.101 on hme1
                expect client of hme0 on hme1 asking for 192.168.85.100
                expect client of hme1 on hme1 asking for 192.168.85.101
        at 600s wait
                expect 192.168.85.100 nowhere
                expect 192.168.85.101 on hme1
                expect route default on hme1
        """
    )


def test_a_standby_gives_its_lease_away() -> None:
    # behaviours 21, 22
    tell(
        """
        file hme0: group test standby
                 | dhcp
        file hme1: 192.168.85.20/24 group test up
        start
        expect client of hme0 on hme0
        lease 192.168.85.100/24 to hme0 for ever
        expect 192.168.85.100 on hme1
        expect client of hme0 on hme1 asking for 192.168.85.100
        """
    )
