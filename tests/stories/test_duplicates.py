"""Addresses that another machine on the link has: held back, told once, tried again."""

from __future__ import annotations

from itertools import pairwise

from .scenes import DUAL_STACK
from .teller import tell

DATA = "2001:db8::19"
REPORT = (
    "2001:db8::19/64 on hme0 is in use by another machine on the link (duplicate address detection "
    "failed); it is not used until that is over"
)
OVER = "2001:db8::19/64 on hme0 is no longer in use by another machine, and is in service"
TAKEN = f"another machine takes {DATA}\n" + DUAL_STACK


def test_it_is_told_once_and_tried_again() -> None:
    tell(
        TAKEN,
        f"""
        expect report "{REPORT}"
        expect problem of hme0: "another machine on the link has 2001:db8::19/64"
        at 5s   wait
        at 500s expect no more reports
                expect {DATA} on hme0
        another machine leaves {DATA}
        at 800s expect report "{OVER}"
                expect {DATA} on hme0
        at 801s wait
                expect silence for 1000s
        """,
    )


def test_the_tries_become_rare() -> None:
    world = tell(TAKEN, "at 3600s wait")
    tries = [line for line in world.transcript if f"remove {DATA}/64 on hme0" in line]
    seconds = [float(line.partition("s")[0]) for line in tries]
    gaps = [round(after - before) for before, after in pairwise(seconds)]
    assert round(seconds[0]) == 10
    assert gaps[:4] == [20, 40, 80, 160]
    assert set(gaps[4:]) == {300}


def test_it_is_not_moved_as_if_it_were_fine() -> None:
    tell(
        TAKEN,
        f"""
        at 5s   carrier hme0 down
                expect 192.168.85.19 on hme1
                expect {DATA} on hme0
        at 400s carrier hme0 up
                expect 192.168.85.19 on hme0
        """,
    )


def test_it_is_tried_where_it_would_live() -> None:
    """Its home is dead when it is tried again: then another interface tries, with detection."""
    tell(
        TAKEN,
        f"""
        at 5s   carrier hme0 down
        another machine leaves {DATA}
        at 60s  expect {DATA} on hme1
        at 61s  wait
        at 200s carrier hme0 up
                expect move {DATA} hme1 -> hme0
        """,
    )


def test_its_interface_can_be_detached() -> None:
    tell(
        TAKEN,
        f"""
        at 5s   detach hme0
                expect hme0 bare
                expect {DATA} nowhere
        at 100s attach hme0
        at 110s expect {DATA} on hme0
                expect problem of hme0: "another machine"
        """,
    )


def test_its_device_is_torn_out() -> None:
    """Then another has it, but not unless it is unique there."""
    tell(
        TAKEN,
        f"""
        at 5s   tear out hme0
                expect {DATA} on hme1
                expect problem of hme1: "another machine on the link has 2001:db8::19/64"
        another machine leaves {DATA}
        at 500s expect {DATA} on hme1
                expect report "{OVER.replace("hme0", "hme1")}"
        """,
    )


def test_what_is_removed_and_accepted_is_not_tried_again() -> None:
    tell(
        "setting when_removed: accept",
        TAKEN,
        f"""
        at 5s   delete {DATA} on hme0
        at 6s   wait
                expect silence for 600s
                expect {DATA} nowhere
        """,
    )


def test_by_hand() -> None:
    tell(
        DUAL_STACK,
        "another machine takes 2001:db8::60",
        """
        at 60s  add 2001:db8::60/64 on hme0
                expect problem of hme0: "another machine on the link has 2001:db8::60/64"
        another machine leaves 2001:db8::60
        at 140s expect 2001:db8::60 at home on hme0
                expect 2001:db8::60 on hme0
        at 141s carrier hme0 down
                expect move 2001:db8::60 hme0 -> hme1
        """,
    )


def test_a_restart_finds_it_again() -> None:
    tell(
        TAKEN,
        f"""
        at 5s   restart
                expect problem of hme0: "another machine on the link has 2001:db8::19/64"
        at 6s   carrier hme0 down
                expect {DATA} on hme0
        """,
    )


def test_a_link_local_address() -> None:
    """The test address of the interface: no probe leaves from it."""
    tell(
        "another machine takes fe80::4",
        DUAL_STACK,
        """
        expect problem of hme0: "another machine on the link has fe80::4/64"
        another machine leaves fe80::4
        at 60s  expect fe80::4 on hme0
        at 61s  wait
                expect silence for 600s
        """,
    )
