"""A member that becomes a port of something is of no use, until it is set free."""

from __future__ import annotations

import pytest

from .scenes import THREE
from .teller import tell

TAKES = "which takes what it receives"
TAKEN = [
    (
        "enslave hme0 to br0",
        "free hme0",
        f"it is a port of br0 (bridge), {TAKES}",
    ),
    (
        "enslave hme0 to bond0, a bond",
        "free hme0",
        f"it is a port of bond0 (bond), {TAKES}",
    ),
    (
        "enslave hme0 to red, a vrf",
        "free hme0",
        "it belongs to the VRF red, and others of its group do not",
    ),
    (
        "stack mv0 on hme0",
        "unstack mv0",
        "mv0, a macvlan in passthru mode on it, takes what it receives",
    ),
]


@pytest.mark.parametrize(("take", "free", "why"), TAKEN)
def test_a_port_is_emptied_and_gets_nothing(take: str, free: str, why: str) -> None:
    tell(
        THREE,
        f"""
        at 60s  {take}
                expect report "hme0: offlining: {why}"
                expect one move hme0 -> hme1
                expect hme0 offline
                expect problem of hme0: "{why}"
                expect group test degraded
        at 70s  carrier hme1 down
                expect 192.168.85.19 on hme2
                expect 192.168.85.20 on hme2
        at 80s  {free}
                expect report "hme0 receives by itself again in group test; onlining"
                expect 192.168.85.19 on hme0
                expect hme0 running
        """,
    )


@pytest.mark.parametrize(("take", "free", "why"), TAKEN)
def test_a_port_is_known_at_start(take: str, free: str, why: str) -> None:
    tell(
        THREE,
        f"""
        at 60s  kill
                {take}
        at 70s  start
                expect 192.168.85.19 on hme1
                expect hme0 offline
        at 80s  {free}
                expect 192.168.85.19 on hme0
        """,
    )


def test_a_group_that_moves_into_a_vrf_stays_whole() -> None:
    tell(
        THREE,
        """
        at 60s  enslave hme0 to red, a vrf
        at 61s  enslave hme1 to red, a vrf
                expect 192.168.85.19 on hme2
                expect 192.168.85.20 on hme2
        at 62s  enslave hme2 to red, a vrf
                expect 192.168.85.19 on hme0
                expect 192.168.85.20 on hme1
                expect group test ok
        """,
    )


def test_the_only_member_keeps_what_it_has() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 group test up
        start
        at 60s  enslave hme0 to br0
                expect report "All Interfaces in group test have failed"
                expect 192.168.85.19 on hme0
        at 70s  free hme0
                expect report "At least 1 interface (hme0) of group test has repaired"
        """
    )


def test_an_interface_without_a_group_is_told_of() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 up
        start
        at 60s  enslave hme0 to br0
                expect problem of hme0: "it is a port of br0 (bridge), which takes what it receives"
                expect 192.168.85.19 on hme0
        at 70s  free hme0
                expect no trouble interface-impaired hme0
        """
    )
