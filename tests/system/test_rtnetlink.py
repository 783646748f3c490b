"""Changing addresses, routes and links on a real kernel."""

import dataclasses
import select
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from rtnetlink_lab import (
    DEPRECATED,
    NODAD,
    PATIENCE_S,
    PERMANENT,
    Lab,
    address,
    ip,
    lab,
    move,
    route,
    sysctl,
)

from rcmd.ipmp.api.events import AddressGone, AddressSeen, LinkGone, LinkSeen
from rcmd.ipmp.state.memberships import autojoin, is_autojoin
from rcmd.kernel.rtnetlink import KernelRefused, Rtnetlink
from rcmd.model.network import RCMD_PROTOCOL, KernelAddress, Route

pytestmark = pytest.mark.lab


@pytest.fixture
def host() -> Iterator[Lab]:
    with lab() as made:
        yield made


@pytest.mark.parametrize(
    "wanted",
    [
        address(0, "10.0.0.1/24", label="left"),
        address(0, "10.0.0.1/24", label="left:12", broadcast=IPv4Address("10.0.0.255")),
        address(0, "10.0.0.1/24", label="left", protocol=0),
        address(0, "10.0.0.1/24", label="left", metric=77),
        address(0, "10.0.0.1/24", label="left", flags=0x200),
        address(0, "10.0.0.1/32", label="left", peer=IPv4Address("10.0.0.9")),
        address(0, "10.0.0.1/24", label="left", preferred_s=0, flags=DEPRECATED),
        address(0, "fd00::1/64", flags=NODAD),
        address(0, "fd00::1/64", flags=NODAD, metric=77),
        address(0, "fd00::1/64", flags=NODAD | DEPRECATED, preferred_s=0),
        address(0, "fd00::1/128", flags=NODAD, peer=IPv6Address("fd00::9")),
    ],
)
def test_an_address_comes_back_as_it_was_added(host: Lab, wanted: KernelAddress) -> None:
    wanted = dataclasses.replace(wanted, ifindex=host.left)
    host.add(wanted)
    expected = dataclasses.replace(wanted, flags=wanted.flags | PERMANENT)
    assert host.addresses(host.left) == [expected]
    # What the kernel shows can itself be added again: the kernel's own flags are masked out.
    host.execute(remove=(expected,))
    assert host.addresses(host.left) == []
    host.add(expected)
    assert host.addresses(host.left) == [expected]


@pytest.mark.parametrize("group", ["239.1.2.3", "ff05::1:3"])
def test_a_group_is_received_and_can_be_sent_to(host: Lab, group: str) -> None:
    """Without the local route that the kernel makes of the address, sooner or later."""
    wanted = autojoin(ip_address(group), host.left)
    made: list[tuple[int, object]] = []
    host.kernel.on_group_route = lambda ifindex, address: made.append((ifindex, address))

    def hear() -> None:
        end = time.monotonic() + PATIENCE_S
        while not made:
            assert select.select([host.kernel], [], [], max(0.0, end - time.monotonic()))[0]
            host.kernel.read()

    def has_local_route() -> bool:
        family = "-6" if ":" in group else "-4"
        return bool(ip(f"{family} route show table local {group}").strip())

    host.add(address(host.left, "10.0.0.1/24"), wanted)
    hear()
    assert made == [(host.left, ip_address(group))]
    assert has_local_route()
    host.kernel.let_out([wanted])
    assert not has_local_route()
    # Twice does no harm.
    host.kernel.let_out([wanted])
    found = [it for it in host.addresses(host.left) if is_autojoin(it)]
    assert [(it.address, it.protocol) for it in found] == [(wanted.address, RCMD_PROTOCOL)]
    made.clear()
    if ":" not in group:
        ip("link set left down")
        ip("link set left up")
        hear()
        assert has_local_route()
    host.execute(remove=tuple(found))
    assert not [it for it in host.addresses(host.left) if is_autojoin(it)]


def test_lifetimes_are_kept(host: Lab) -> None:
    host.add(address(host.left, "10.0.0.1/24", valid_s=5000, preferred_s=4000))
    (found,) = host.addresses(host.left)
    assert found.valid_s is not None
    assert found.preferred_s is not None
    assert 4000 < found.valid_s <= 5000
    assert 3000 < found.preferred_s <= 4000


def test_a_test_address_is_a_deprecated_host_address_beside_its_data_address(host: Lab) -> None:
    test = address(
        host.left, "10.0.0.2/32", scope=254, preferred_s=0, flags=DEPRECATED, label="left:1"
    )
    host.add(address(host.left, "10.0.0.1/24"), test)
    assert dataclasses.replace(test, flags=DEPRECATED | PERMANENT) in host.addresses(host.left)
    prefixes = {str(found.destination) for found in host.routes(kernels_own=True)}
    assert prefixes == {"10.0.0.0/24"}


def test_a_label_that_the_kernel_cannot_hold_is_left_out(host: Lab) -> None:
    host.add(address(host.left, "10.0.0.1/24", label="left:1234567890123"))
    assert [found.label for found in host.addresses(host.left)] == ["left"]


@pytest.mark.parametrize("text", ["10.0.0.1/24", "fd00::1/64"])
def test_what_is_already_there_counts_as_added_and_is_not_changed(host: Lab, text: str) -> None:
    first = address(host.left, text, flags=NODAD, protocol=5)
    host.add(first)
    again = dataclasses.replace(first, protocol=RCMD_PROTOCOL)
    moved = host.execute(add=(again,))
    assert moved.added == (again,)
    assert not moved.refusals
    assert [found.protocol for found in host.addresses(host.left)] == [5]


def test_what_is_already_gone_counts_as_removed(host: Lab) -> None:
    gone = (
        address(host.left, "10.0.0.1/24"),
        address(host.left, "fd00::1/64"),
        address(9999, "10.0.0.1/24"),
        address(9999, "fd00::1/64"),
    )
    routes = (
        route(host.left, "10.9.0.0/16"),
        route(9999, "10.9.0.0/16"),
        route(host.left, "fd09::/64"),
    )
    moved = host.execute(remove_routes=routes, remove=gone)
    assert moved.removed == (*routes, *gone)
    assert not moved.refusals


def test_a_refusal_carries_the_kernels_own_words(host: Lab) -> None:
    unreachable = route(host.left, "10.9.0.0/16", gateway=IPv4Address("10.99.0.1"))
    moved = host.execute(add_routes=(unreachable,))
    (refusal,) = moved.refusals
    assert refusal.item == unreachable
    assert refusal.reason == "Nexthop has invalid gateway"
    (refusal,) = host.execute(add=(address(9999, "10.0.0.1/24"),)).refusals
    assert refusal.reason


def test_an_address_refused_there_is_kept_here(host: Lab) -> None:
    here = address(host.left, "fd00::1/64", flags=NODAD)
    other = address(host.left, "10.0.0.1/24")
    host.add(here, other)
    sysctl("ipv6/conf/right/disable_ipv6", 1)
    there = dataclasses.replace(here, ifindex=host.right)
    other_there = dataclasses.replace(other, ifindex=host.right)
    moved = host.execute(add=(there, other_there), remove=(other, here))
    assert moved.added == (other_there,)
    assert moved.removed == (other,)
    assert [refusal.item for refusal in moved.refusals] == [there, here]
    assert "refused elsewhere" in moved.refusals[1].reason
    assert [found.address for found in host.addresses(host.left)] == [here.address]


def test_an_address_that_came_home_shows_no_trace_of_the_move(host: Lab) -> None:
    there = address(host.left, "fd00::1/64", flags=NODAD)
    here = dataclasses.replace(there, ifindex=host.right)
    final = dataclasses.replace(here, flags=0)
    host.add(there)
    moved = host.execute(add=(here,), remove=(there,), settle=(final,))
    assert moved.added == (here, final)
    assert not moved.refusals
    # Not tentative: what was added without duplicate detection is not detected afterwards.
    assert host.addresses(host.right) == [dataclasses.replace(final, flags=PERMANENT)]


def test_a_lifetime_is_refreshed(host: Lab) -> None:
    there = address(host.left, "fd00::1/64", flags=NODAD, valid_s=600, preferred_s=300)
    host.add(there)
    longer = dataclasses.replace(there, valid_s=7200, preferred_s=3600)
    moved = host.execute(refresh=(longer,))
    assert moved.added == (longer,)
    (found,) = host.addresses(host.left)
    assert found.valid_s is not None
    assert 7100 < found.valid_s <= 7200
    assert found.flags & PERMANENT == 0


def test_a_route_refused_there_is_kept_here(host: Lab) -> None:
    host.add(address(host.left, "10.0.0.1/24"))
    here = route(host.left, "0.0.0.0/0", gateway=IPv4Address("10.0.0.254"))
    other = route(host.left, "10.7.0.0/16", scope=253)
    assert not host.execute(add_routes=(here, other)).refusals
    there = dataclasses.replace(here, ifindex=host.right)
    moved = host.execute(add_routes=(there,), remove_routes=(here, other))
    assert [refusal.item for refusal in moved.refusals] == [there, here]
    assert host.routes() == {here}


@pytest.mark.parametrize(
    ("prefix", "gateway", "metric"),
    [("10.{}.0.1/24", "10.0.0.254", 0), ("fd0{}::1/64", "fd00::fe", 1024)],
)
def test_routes_are_made_before_they_are_broken(
    host: Lab, prefix: str, gateway: str, metric: int
) -> None:
    is_v4 = "." in gateway
    first, second = prefix.format(0), prefix.format(1)
    host.add(
        address(host.left, first, flags=NODAD),
        address(host.right, first, flags=NODAD),
        address(host.right, second, flags=NODAD),
    )
    via = IPv4Address(gateway) if is_v4 else IPv6Address(gateway)
    default = "0.0.0.0/0" if is_v4 else "::/0"
    net = "10.7.0.0/16" if is_v4 else "fd07::/64"
    here = {
        route(host.left, default, gateway=via, priority=metric, protocol=3),
        route(host.left, default, gateway=via, priority=metric + 9, protocol=4),
        route(host.left, net, priority=metric, scope=253 if is_v4 else 0, table=1000),
        route(host.left, net, gateway=via, priority=metric, metrics=((2, 1400), (8, 1300))),
    }
    assert not host.execute(add_routes=tuple(here)).refusals
    assert host.routes() == here
    there = {dataclasses.replace(r, ifindex=host.right, protocol=RCMD_PROTOCOL) for r in here}
    assert not host.execute(add_routes=tuple(there)).refusals
    assert {(r.ifindex, r.destination, r.priority) for r in host.routes()} == {
        (r.ifindex, r.destination, r.priority) for r in here | there
    }
    assert not host.execute(remove_routes=tuple(here)).refusals
    assert host.routes() == there
    assert not host.execute(add_routes=tuple(here), remove_routes=tuple(there)).refusals
    assert host.routes() == here


@pytest.mark.parametrize(
    "wanted",
    [
        route(0, "10.7.0.0/16", gateway=IPv4Address("192.0.2.1"), is_onlink=True),
        route(0, "10.7.0.0/16", gateway=IPv6Address("fe80::1"), tos=8),
        route(0, "10.7.0.0/16", source=IPv4Address("10.0.0.1"), scope=253, priority=5),
        route(0, "fd07::/64", source=IPv6Address("fd00::1"), priority=1024, table=70000),
        route(0, "fd07::/64", gateway=IPv6Address("fe80::1"), priority=1024, protocol=4),
        route(0, "fd07::/64", gateway=IPv6Address("fe80::1"), priority=7, preference=3),
        route(0, "10.7.0.0/16", congestion="reno", metrics=((1, 1 << 2), (2, 1400), (15, 1))),
        route(0, "10.7.0.0/16", congestion="cubic", realm=5),
        route(0, "fd07::/64", priority=9, congestion="reno", metrics=((1, 1 << 16), (8, 900))),
    ],
)
def test_a_route_comes_back_as_it_was_added(host: Lab, wanted: Route) -> None:
    wanted = dataclasses.replace(wanted, ifindex=host.left)
    host.add(address(host.left, "10.0.0.1/24"), address(host.left, "fd00::1/64", flags=NODAD))
    assert not host.execute(add_routes=(wanted,)).refusals
    assert host.routes() == {wanted}
    assert not host.execute(remove_routes=(wanted,)).refusals
    assert host.routes() == set()


def test_what_is_left_of_a_route_is_told_and_given(host: Lab) -> None:
    host.add(address(host.left, "fd00::1/64", flags=NODAD))
    host.add(address(host.right, "fd00::2/64", flags=NODAD))
    ip("-6 route add fd07::/64 via fd00::fe dev left expires 600")
    begin = time.monotonic()
    (here,) = host.routes()
    assert here.expires_at is not None
    assert 598 < here.expires_at - begin < 601
    there = dataclasses.replace(here, ifindex=host.right, protocol=RCMD_PROTOCOL)
    assert not host.execute(add_routes=(there,), remove_routes=(here,)).refusals
    (moved,) = host.routes()
    assert moved == there
    assert moved.expires_at is not None
    assert abs(moved.expires_at - here.expires_at) < 1.1
    # One that ends while it is on its way still ends.
    late = dataclasses.replace(there, ifindex=host.left, expires_at=begin - 5)
    assert not host.execute(add_routes=(late,), remove_routes=(there,)).refusals
    end = time.monotonic() + PATIENCE_S
    while host.routes():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_ipv6_route_gets_back_the_source_that_the_kernel_took_from_it(host: Lab) -> None:
    source = address(host.left, "fd00::1/64", flags=NODAD)
    host.add(source, address(host.right, "fd00::2/64", flags=NODAD))
    wanted = route(host.right, "fd07::/64", source=IPv6Address("fd00::1"), priority=1024)
    assert not host.execute(add_routes=(wanted,)).refusals
    assert not host.execute(remove=(source,)).refusals
    stripped = dataclasses.replace(wanted, source=None)
    assert host.routes() == {stripped}
    there = dataclasses.replace(source, ifindex=host.right)
    assert not host.execute(add=(there,), add_routes=(wanted,)).refusals
    assert host.routes() == {wanted}


def test_only_the_named_one_of_similar_routes_is_removed(host: Lab) -> None:
    host.add(address(host.left, "10.0.0.1/24"), address(host.right, "10.0.0.2/24"))
    via = IPv4Address("10.0.0.254")
    similar = (
        route(host.left, "10.7.0.0/16", gateway=via),
        route(host.right, "10.7.0.0/16", gateway=via),
        route(host.left, "10.7.0.0/16", gateway=IPv4Address("10.0.0.253")),
        route(host.left, "10.7.0.0/16", gateway=via, priority=5),
        route(host.left, "10.7.0.0/16", gateway=via, tos=8),
        route(host.left, "10.7.0.0/16", gateway=via, table=100),
        route(host.left, "10.7.0.0/16", gateway=via, protocol=4),
    )
    assert not host.execute(add_routes=similar).refusals
    left = set(similar)
    assert host.routes() == left
    for one in similar[::-1]:
        host.execute(remove_routes=(one,))
        left.discard(one)
        assert host.routes() == left


def test_a_thousand_addresses_move_in_the_order_given(host: Lab) -> None:
    here = tuple(
        address(host.left, f"10.1.{n // 250}.{n % 250 + 1}/16", label=f"left:{n}")
        for n in range(1000)
    )
    there = tuple(
        dataclasses.replace(item, ifindex=host.right, label=item.label.replace("left", "right"))
        for item in here
    )
    host.add(*here)
    onlooker = Rtnetlink.open()
    try:
        failover = move(add=there, remove=here[::-1])
        pauses = sum(1 for _ in host.kernel.prepare(failover))
        assert pauses == 40
        moved = host.kernel.execute(failover)
        assert moved.added == there
        assert moved.removed == here[::-1]
        assert not moved.refusals
        told = [c for c in onlooker.read() if isinstance(c, AddressSeen | AddressGone)]
    finally:
        onlooker.close()
    assert [type(change) for change in told] == [AddressSeen] * 1000 + [AddressGone] * 1000
    assert [change.address.address for change in told] == [
        item.address for item in (*there, *here[::-1])
    ]
    assert host.addresses(host.left) == []
    assert {found.label for found in host.addresses(host.right)} == {i.label for i in there}


def test_set_link(host: Lab) -> None:
    host.kernel.set_link(host.left, mtu=1400, hardware_address="02:00:00:00:00:77")
    seen = host.kernel.link(host.left)
    assert isinstance(seen, LinkSeen)
    assert seen.link.mtu == 1400
    assert seen.link.hardware_address == "02:00:00:00:00:77"
    assert seen.link.is_up
    host.kernel.set_link(host.left, is_up=False)
    seen = host.kernel.link(host.left)
    assert isinstance(seen, LinkSeen)
    assert not seen.link.is_up
    assert not seen.link.has_carrier
    assert seen.link.mtu == 1400


def test_set_link_is_refused_in_the_kernels_words(host: Lab) -> None:
    with pytest.raises(KernelRefused, match="mtu greater than device maximum"):
        host.kernel.set_link(host.left, mtu=1_000_000)
    with pytest.raises(KernelRefused, match="No such device"):
        host.kernel.set_link(9999, is_up=True)
    assert host.kernel.link(9999) == LinkGone(9999)


def test_only_what_is_stacked_has_a_lower_device(host: Lab) -> None:
    ip("link add link left name above type macvlan")
    links = {link.name: link for link in host.kernel.snapshot().links}
    assert links["above"].lower == host.left
    assert links["above"].kind == "macvlan"
    assert links["left"].lower == 0
    assert links["left"].kind == "veth"
    assert links["left"].has_carrier
    assert not links["above"].is_up


def test_a_snapshot_is_limited_to_the_interfaces_asked_for(host: Lab) -> None:
    host.add(address(host.left, "10.0.0.1/24"), address(host.right, "fd00::1/64", flags=NODAD))
    snapshot = host.kernel.snapshot({host.left})
    assert {found.ifindex for found in snapshot.addresses} == {host.left}
    assert {found.ifindex for found in snapshot.routes} == {host.left}
    assert {link.name for link in snapshot.links} == {
        "lo",
        "left",
        "left-far",
        "right",
        "right-far",
    }
    everything = host.kernel.snapshot(None)
    assert {found.ifindex for found in everything.addresses} == {1, host.left, host.right}
