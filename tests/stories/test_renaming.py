"""Devices that are called otherwise: records and files go by names, what is there by device."""

from __future__ import annotations

import pytest

from .scenes import DUAL_STACK, LINK_ONLY, PAIR
from .teller import tell
from .world import World

SWAP = """
rename hme0 to tmp0
rename hme1 to hme0
rename tmp0 to hme1
"""
BY_HAND = """
at 60s add route default via 192.168.85.1 on hme0
add 192.168.85.77/24 on hme0
"""
AS_BY_NAME = """
expect 192.168.85.19 on hme0 as hme0
expect 192.168.85.20 on hme1 as hme1
expect 192.168.85.77 on hme0
expect 192.168.85.77 at home on hme0
expect route default on hme0 protocol 3
"""
PROBED = """
probe by default
target 192.168.85.1
setting groups: {test: {targets: [192.168.85.1]}}
"""


def has_failed(world: World) -> bool:
    return any("All Interfaces" in line or "removed by hand" in line for line in world.transcript)


@pytest.mark.parametrize("base", [LINK_ONLY, PAIR, f"{PROBED}{PAIR}"])
@pytest.mark.parametrize("failback", ["", "setting failback: no"])
def test_two_swap_their_names_while_nobody_looks(base: str, failback: str) -> None:
    world = tell(
        failback,
        base,
        BY_HAND,
        f"""
        at 61s  kill
        {SWAP}
        at 62s  start
        at 120s expect hme0 running
        {AS_BY_NAME}
        at 121s carrier hme0 down
                expect 192.168.85.19 on hme1
                expect 192.168.85.77 on hme1
                expect route default on hme1 protocol 153
        """,
    )
    assert not has_failed(world)


@pytest.mark.parametrize("base", [LINK_ONLY, PAIR, f"{PROBED}{PAIR}"])
@pytest.mark.parametrize("failback", ["", "setting failback: no"])
def test_two_swap_their_names_while_we_look(base: str, failback: str) -> None:
    world = tell(
        failback,
        base,
        BY_HAND,
        f"""
        at 61s  wait
        {SWAP}
        at 120s expect hme0 running
        # With the labels and marks that a guest has: they came home without a move.
        expect 192.168.85.19 on hme0
        expect 192.168.85.20 on hme1
        expect 192.168.85.77 on hme0
        expect 192.168.85.77 at home on hme0
        expect route default on hme0
        at 121s carrier hme0 down
                expect 192.168.85.19 on hme1
                expect route default on hme1 protocol 153
        """,
    )
    assert not has_failed(world)


def test_test_addresses_follow_the_names() -> None:
    tell(
        PAIR,
        f"""
        at 61s  kill
        {SWAP}
        at 62s  start
                expect 192.168.85.21 on hme0 as hme0:1
                expect 192.168.85.22 on hme1 as hme1:1
        at 90s  restart
        """,
    )


@pytest.mark.parametrize("looks", ["at 61s kill", "at 61s wait"])
def test_the_neighbours_are_told_of_test_addresses(looks: str) -> None:
    """The answers to probes went to where these were before, for as long as the router's table
    said so; nothing came home, and nobody said why."""
    world = tell(
        f"{PROBED}{PAIR}",
        f"""
        {looks}
        {SWAP}
        at 62s  {"start" if "kill" in looks else "wait"}
        # Ten answers, two seconds apart.
        at 90s  expect 192.168.85.19 on hme0
                expect 192.168.85.20 on hme1
        """,
    )
    found = {str(address): mac for address, mac in world.network.known_at.items()}
    assert found["192.168.85.21"] == "02:00:00:00:00:05"
    assert found["192.168.85.22"] == "02:00:00:00:00:04"


def test_a_test_address_of_ipv6_is_told_when_it_is_known_to_be_unique() -> None:
    tell(
        """
        duplicate detection takes 1.5s
        file hme0: 192.168.85.19/24 group test up
        file6 hme0: addif 2001:db8::21/64 deprecated -failover up
        file hme1: 192.168.85.20/24 group test up
        file6 hme1: addif 2001:db8::22/64 deprecated -failover up
        start
        """,
        f"""
        at 61s  kill
        {SWAP}
        at 62s  start
                expect 2001:db8::21 on hme0
        at 63.4s carrier hme1 up
                expect nothing announced
        at 63.5s wait
                expect 2001:db8::21 announced as 02:00:00:00:00:05
                expect 2001:db8::22 announced as 02:00:00:00:00:04
        """,
    )


def test_what_was_remembered_of_a_device_is_not_believed_of_another() -> None:
    """A NIC that had failed, and one that was offline for the neighbours."""
    tell(
        LINK_ONLY,
        f"""
        at 60s  carrier hme0 down
        at 61s  kill
        {SWAP}
        at 62s  start
                expect hme0 running
                expect hme1 failed
                expect no report "NIC repair"
                expect no report "the hardware address of"
        """,
    )


def test_devices_that_are_all_new_have_not_failed() -> None:
    """Their driver was loaded anew while nobody looked."""
    world = tell(
        LINK_ONLY,
        """
        at 60s  kill
        tear out hme0
        tear out hme1
        put in hme0
        put in hme1
        at 61s  start
                expect 192.168.85.19 on hme0
                expect 192.168.85.20 on hme1
        """,
    )
    assert not has_failed(world)


IPV6_ROUTE = "add route 2001:db8:7::/48 via 2001:db8::1 on hme0"


def test_renamed_to_a_name_without_a_file() -> None:
    """It kept our IPv6 route, and the sysctls of a member."""
    tell(
        DUAL_STACK,
        f"""
        at 60s  {IPV6_ROUTE}
        add route default via 192.168.85.1 on hme0
        add 192.168.85.77/24 on hme0
        at 61s  rename hme0 to eth7
                expect report "hme0 of group test is called eth7 now"
                expect release eth7
                expect hme0 missing
                expect 192.168.85.19 on hme1
                expect 192.168.85.77 on hme1
                expect 2001:db8::19 on hme1
                expect route 2001:db8:7::/48 on hme1
                expect route default on hme1
        at 90s  restart
        at 91s  rename eth7 to hme0
                expect plumb hme0
        at 120s expect 192.168.85.19 on hme0
                expect 192.168.85.77 on hme0
                expect 2001:db8::19 on hme0
                expect route 2001:db8:7::/48 on hme0 protocol 3
                expect route default on hme0 protocol 3
        """,
    )


def test_what_was_a_guest_there_goes_too() -> None:
    tell(
        DUAL_STACK,
        f"""
        at 59s  {IPV6_ROUTE}
        at 60s  carrier hme0 down
                expect route 2001:db8:7::/48 on hme1 protocol 153
        at 61s  carrier hme0 up
        at 61.5s rename hme1 to eth7
                expect 192.168.85.19 on hme0
                expect 192.168.85.20 on hme0
                expect 2001:db8::19 on hme0
                expect route 2001:db8:7::/48 on hme0
        """,
    )


def test_renamed_to_a_name_without_a_file_while_nobody_looks() -> None:
    tell(
        DUAL_STACK,
        f"""
        at 60s  {IPV6_ROUTE}
        at 61s  kill
        rename hme0 to eth7
        absent hme0
        at 62s  start
                expect report "hme0 of group test is called eth7 now"
                expect release eth7
                expect 192.168.85.19 on hme1
                expect 2001:db8::19 on hme1
                expect route 2001:db8:7::/48 on hme1
        at 90s  restart
        """,
    )


def test_what_can_live_nowhere_else_stays_until_it_can() -> None:
    tell(
        """
        file hme0: 192.168.85.19/24 up
        start
        at 60s  rename hme0 to eth7
                expect 192.168.85.19 on eth7
        at 70s  restart
                expect 192.168.85.19 on eth7
        put in hme0
                expect 192.168.85.19 on hme0
        """,
    )


def test_what_somebody_else_adds_to_it_later_is_not_ours() -> None:
    tell(
        LINK_ONLY,
        """
        at 60s  rename hme0 to eth7
        at 61s  expect 192.168.85.19 on hme1
        add 192.168.85.78/24 on eth7
        add route 10.9.0.0/16 via 192.168.85.1 on eth7
        at 90s  restart
                expect 192.168.85.78 on eth7
                expect 192.168.85.78 unlisted
                expect route 10.9.0.0/16 on eth7
        """,
    )


def test_what_a_router_gave_it_stays_with_the_device() -> None:
    tell(
        DUAL_STACK,
        """
        at 60s  advertise 2001:db8:99::/64 to hme0 for 3600s preferred 1800s
        at 61s  expect 2001:db8:99::a:0 at home on hme0
        at 62s  rename hme0 to eth7
                expect 2001:db8:99::a:0 on eth7
                expect 2001:db8:99::a:0 unlisted
        """,
    )


def test_an_overrun_hides_it_for_a_while_only() -> None:
    tell(
        DUAL_STACK,
        f"""
        at 60s  {IPV6_ROUTE}
        at 61s  go deaf
        at 62s  rename hme0 to eth7
        at 63s  overrun
                expect 192.168.85.19 on hme1
                expect route 2001:db8:7::/48 on hme1
        """,
    )
