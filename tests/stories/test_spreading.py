"""Outbound load spreading: who carries, when, and what becomes of it (behaviour 77)."""

from __future__ import annotations

from rcmd.ipmp.api.nexthops import PinRule
from rcmd.ipmp.multipath.pins import TO_ANYWHERE, device_of

from .teller import tell
from .world import World

SPREAD = "setting groups: {test: {load_spreading: flow}}"
THREE = """
file hme0: 192.168.85.19/24 group test up
         | addif 192.168.85.21/24 deprecated -failover up
file hme1: 192.168.85.20/24 group test up
         | addif 192.168.85.22/24 deprecated -failover up
file hme2: 192.168.85.23/24 deprecated group test -failover standby up
"""
WITH_ROUTE = f"{SPREAD}\n{THREE}\nstart\nadd route default via 192.168.85.1 on hme0"
DUAL_STACK = f"""
{SPREAD}
file hme0: 192.168.85.19/24 group test up
file6 hme0: addif 2001:db8::19/64 up
file hme1: 192.168.85.20/24 group test up
file6 hme1: addif 2001:db8::20/64 up
start
add route ::/0 via 2001:db8::1 on hme0
"""


def test_active_members_share_prefix_and_gateway_routes() -> None:
    # behaviour 77
    tell(
        WITH_ROUTE,
        """
        expect traffic to 192.168.85.0/24 over hme0, hme1
        expect traffic to default over hme0, hme1
        expect route default on hme0
        expect hash flow
        expect silence for 60s
        """,
    )


def test_a_failed_member_carries_nothing_until_its_addresses_are_back() -> None:
    tell(
        WITH_ROUTE,
        """
        note healthy
        at 60s  carrier hme0 down
                expect report "outgoing IPv4 traffic of group test is spread over hme1, hme2"
                expect traffic to 192.168.85.0/24 over hme1, hme2
                expect traffic to default over hme1, hme2
        at 120s carrier hme0 up
                expect traffic to default over hme0, hme1
                expect as healthy
        """,
    )


def test_what_looks_alive_and_is_not_carries_nothing_either() -> None:
    """The kernel drops nothing by itself where the carrier stays."""
    tell(
        "setting failure_detection_time: 1s",
        "probe everything by icmp",
        WITH_ROUTE,
        """
        target 192.168.85.1
        at 60s  black hole hme0
        at 65s  expect hme0 failed
                expect traffic to default over hme1, hme2
        at 66s  mend hme0
        at 75s  expect hme0 running
                expect traffic to default over hme0, hme1
        """,
    )


def test_a_leaving_member_carries_nothing() -> None:
    tell(
        WITH_ROUTE,
        """
        note healthy
        offline hme0
                expect traffic to default over hme1, hme2
        online hme0
                expect as healthy
        detach hme0
                expect traffic to 192.168.85.0/24 over hme1, hme2
        attach hme0
        at 20s  expect traffic to default over hme0, hme1
        """,
    )


def test_a_torn_out_member_takes_nothing_along() -> None:
    tell(
        WITH_ROUTE,
        """
        at 60s  tear out hme0
                expect traffic to default over hme1, hme2
        at 90s  put in hme0
        at 120s expect traffic to default over hme0, hme1
        """,
    )


def test_ipv6_shares_by_siblings_with_their_own_sources() -> None:
    tell(
        DUAL_STACK,
        """
        expect traffic to ::/0 over hme0, hme1
        expect traffic to 2001:db8::/64 unshared
        note healthy
        at 60s  carrier hme0 down
                expect traffic to ::/0 over hme1
                expect route ::/0 on hme1
        at 120s carrier hme0 up
                expect as healthy
        """,
    )


def test_by_speed_and_resilient_where_asked_for() -> None:
    tell(
        "setting groups: {test: {load_spreading: destination, weights: speed, resilient: yes}}",
        THREE,
        """
        start
        expect hash destination
        expect resilient groups
        expect traffic to 192.168.85.0/24 over hme0, hme1
        speed of hme0 is 10000
        speed of hme1 is 1000
                expect traffic to 192.168.85.0/24 over hme0*10, hme1
        """,
    )


def test_weights_of_siblings_change_too() -> None:
    tell(
        "setting groups: {test: {load_spreading: flow, weights: speed}}",
        DUAL_STACK.replace(SPREAD, ""),
        """
        speed of hme0 is 1000
        speed of hme1 is 2500
                expect traffic to ::/0 over hme0, hme1*2
        """,
    )


def test_nothing_is_shared_where_nobody_asked_or_nobody_else_is_there() -> None:
    tell(
        THREE,
        """
        start
        add route default via 192.168.85.1 on hme0
                expect traffic to default unshared
                expect hash off
        """,
    )
    tell(
        """
        setting groups: {test: {load_spreading: flow}}
        file hme0: 192.168.85.19/24 group test up
        start
        expect traffic to 192.168.85.0/24 unshared
        """
    )


def test_routes_with_a_source_and_foreign_gateways_are_not_shared() -> None:
    tell(
        SPREAD,
        THREE,
        """
        start
        add route 10.1.0.0/16 via 192.168.85.1 on hme0 source 192.168.85.19
                expect traffic to 10.1.0.0/16 unshared
        """,
    )


def test_reload_begins_and_ends_it() -> None:
    tell(
        THREE,
        """
        start
        note plain
        setting groups: {test: {load_spreading: flow}}
        reload
                expect traffic to 192.168.85.0/24 over hme0, hme1
                expect hash flow
        default settings
        reload
                expect report "outgoing IPv4 traffic of group test is not spread any more"
                expect as plain
                expect hash off
        """,
    )


def test_a_restart_finds_it_as_it_is() -> None:
    tell(WITH_ROUTE, "note healthy", "restart", "expect as healthy")


def test_a_killed_daemon_misses_a_failure_and_mends_it() -> None:
    tell(
        WITH_ROUTE,
        """
        at 60s  kill
        at 61s  carrier hme0 down
        at 70s  start
                expect traffic to default over hme1, hme2
        at 80s  carrier hme0 up
        at 150s expect traffic to default over hme0, hme1
        """,
    )


REMOVED = "the route default via 192.168.85.1 was removed by another program on hme0"


def test_deleting_the_shared_route_means_the_one_it_stands_for() -> None:
    """`ip route del default` meets ours first."""
    tell(
        WITH_ROUTE,
        f"""
        at 60s  take away the shared route to default
                expect no route default
                expect traffic to default unshared
                expect report "{REMOVED}" within 0.3s
                expect silence for 60s
        """,
    )


def test_a_sweep_that_meets_the_shared_route_means_no_decision_about_it() -> None:
    tell(
        WITH_ROUTE,
        """
        at 59s  note before
        at 60s  delete 192.168.85.19 on hme0
        at 60.1s take away the shared route to default
                expect route default on hme0
                expect 192.168.85.19 on hme0
        """,
    )


def test_two_prefixes_are_shared_only_where_the_source_is_right() -> None:
    """The source of what is on the link is the first address of its NIC, whatever the prefix."""
    tell(
        SPREAD,
        """
        file hme0: 192.168.85.19/24 group test up
                 | addif 10.9.0.19/24 up
        file hme1: 192.168.85.20/24 group test up
        start
        expect traffic to 192.168.85.0/24 over hme0, hme1
        expect traffic to 10.9.0.0/24 unshared
        """,
    )


def test_taking_away_one_sibling_of_several_means_only_that() -> None:
    tell(
        DUAL_STACK,
        """
        at 60s  take away one sibling to ::/0 on hme0
                expect traffic to ::/0 over hme0, hme1
                expect route ::/0 on hme0
        """,
    )


def test_what_one_group_loses_another_keeps() -> None:
    """Default routes of the same metric are usual on IPv6."""
    tell(
        """
        setting groups: {test: {load_spreading: flow}, other: {load_spreading: flow}}
        file6 hme0: group test
                  | addif 2001:db8::19/64 up
        file6 hme1: group test
                  | addif 2001:db8::20/64 up
        file6 qfe0: group other
                  | addif 2001:db8:1::19/64 up
        file6 qfe1: group other
                  | addif 2001:db8:1::20/64 up
        start
        add route ::/0 via 2001:db8::1 on hme0
        add route ::/0 via 2001:db8:1::1 on qfe0
        at 60s  take away one sibling to ::/0 on hme0
        at 61s  take away one sibling to ::/0 on qfe0
        at 62s  take away one sibling to ::/0 on qfe1
                expect traffic to ::/0 over hme0, hme1, qfe0, qfe1
        """
    )


def test_a_member_that_refuses_an_address_does_not_carry_for_it() -> None:
    tell(
        WITH_ROUTE,
        """
        refuse 192.168.85.19 on hme2
        at 60s  carrier hme0 down
                expect traffic to default over hme1
        """,
    )


def test_connections_are_pinned_to_the_nic_whose_address_they_took() -> None:
    """Wherever that address lives now."""
    world = tell(WITH_ROUTE)
    tables = pinned(world)
    assert tables == {"192.168.85.19": "hme0", "192.168.85.20": "hme1"}
    world = tell(WITH_ROUTE, "at 60s carrier hme0 down")
    assert pinned(world) == {"192.168.85.19": "hme2", "192.168.85.20": "hme1"}
    world = tell(WITH_ROUTE.replace("flow", "destination"))
    assert pinned(world) == {}


def pinned(world: World) -> dict[str, str]:
    """Source -> the device whose table leads everywhere for it."""
    pins = [it for it in world.kernel.nexthops.pins if isinstance(it, PinRule)]
    return {
        str(it.source): world.kernel.devices[device_of(it)].link.name
        for it in pins
        if it.priority == TO_ANYWHERE
    }
