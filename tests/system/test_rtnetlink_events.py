"""What a real kernel tells, what it keeps to itself, and what it loses."""

import dataclasses
import fcntl
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address

import pytest
from rtnetlink_lab import NODAD, PERMANENT, Lab, address, await_change, ip, lab, route, sysctl

from rcmd.ipmp.api.commands import Cause, Move
from rcmd.ipmp.api.events import (
    AddressGone,
    AddressSeen,
    FamilySwitched,
    ForeignNexthopSeen,
    KernelChange,
    LinkGone,
    LinkSeen,
    RouteGone,
    RouteSeen,
    RoutesFound,
)
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.ipmp.state.losses import is_by_kernel
from rcmd.kernel.netlink.message import Header, MessageType
from rcmd.kernel.netlink.sockets import CommandSocket, EventSocket
from rcmd.kernel.requesters import requester
from rcmd.kernel.rtnetlink import Overrun, Rtnetlink
from rcmd.model.network import Family, Link

pytestmark = pytest.mark.lab

TUNSETIFF = 0x400454CA
TUNSETCARRIER = 0x400454E2
IFF_TAP_NO_PI = 0x0002 | 0x1000


@pytest.fixture
def host() -> Iterator[Lab]:
    with lab() as made:
        # Bring out what is still to be told of making these devices, and forget it.
        for link in made.kernel.snapshot().links:
            made.kernel.link(link.ifindex)
        made.kernel.read()
        yield made


def is_running(change: KernelChange, ifindex: int) -> bool:
    match change:
        case LinkSeen(link=link):
            return link.ifindex == ifindex and link.is_running
        case _:
            return False


def of_kind(changes: Sequence[KernelChange], *kinds: type) -> list[KernelChange]:
    return [change for change in changes if isinstance(change, kinds)]


def test_own_changes_are_not_told_again(host: Lab) -> None:
    default = route(host.left, "0.0.0.0/0", gateway=IPv4Address("10.0.0.254"))
    host.add(address(host.left, "10.0.0.1/24"), address(host.left, "10.0.0.2/24"))
    host.execute(add_routes=(default,))
    host.execute(remove_routes=(default,), remove=(address(host.left, "10.0.0.2/24"),))
    told = host.kernel.read()
    assert not of_kind(told, AddressSeen, AddressGone)
    # The kernel's own prefix route was nobody's request.
    assert {change.route.protocol for change in told if isinstance(change, RouteSeen)} == {2}
    assert not of_kind(told, RouteGone)


def test_changes_of_others_are_told(host: Lab) -> None:
    ip("addr add 10.0.0.1/24 dev left")
    ip("route add default via 10.0.0.254")
    expected = address(host.left, "10.0.0.1/24", label="left", protocol=0, flags=PERMANENT)
    default = route(host.left, "0.0.0.0/0", gateway=IPv4Address("10.0.0.254"), protocol=3)
    told = host.kernel.read()
    assert AddressSeen(expected) in told
    assert RouteSeen(default) in told
    ip("addr del 10.0.0.1/24 dev left")
    assert AddressGone(expected, is_by_request=True) in host.kernel.read()
    assert host.kernel.read() == ()


def test_routes_that_went_before_our_address_came(host: Lab) -> None:
    """What was acknowledged first is not what happened first."""
    ip("addr add 10.0.0.1/24 dev left")
    ip("route add default via 10.0.0.254")
    view = KernelView.of(host.kernel.snapshot())
    host.kernel.read()
    ip("addr del 10.0.0.1/24 dev left")
    mine = address(host.left, "10.0.0.2/24")
    host.add(mine)
    view.add_address(mine)
    told = host.kernel.read()
    assert of_kind(told, RoutesFound)
    for change in told:
        view.apply(change)
    left = [it for it in view.routes[host.left].values() if it.protocol != 2]
    assert left == []
    host.execute(remove=(mine,))
    assert not of_kind(host.kernel.read(), RoutesFound)


def test_ipv6_addresses_are_told_whoever_changed_them(host: Lab) -> None:
    mine = address(host.left, "fd00::1/64", flags=NODAD)
    shown = dataclasses.replace(mine, flags=NODAD | PERMANENT)
    host.add(mine)
    await_change(host.kernel, lambda c: c == AddressSeen(shown))
    host.execute(remove=(mine,))
    await_change(host.kernel, lambda c: isinstance(c, AddressGone) and c.address == shown)


@pytest.mark.parametrize("family", [4, 6])
def test_a_route_removed_by_request_differs_from_one_that_the_kernel_dropped(
    host: Lab, family: int
) -> None:
    if family == 4:
        own = "10.0.0.1/24"
        wanted = route(
            host.left,
            "10.7.0.0/16",
            gateway=IPv4Address("10.0.0.254"),
            source=IPv4Address("10.0.0.1"),
            protocol=3,
        )
        text = "route {} 10.7.0.0/16 via 10.0.0.254 dev left src 10.0.0.1"
        drop = "addr del 10.0.0.1/24 dev left"
    else:
        own = "fd00::1/64"
        wanted = route(
            host.left, "fd07::/64", gateway=IPv6Address("fd00::fe"), priority=1024, protocol=3
        )
        text = "-6 route {} fd07::/64 via fd00::fe dev left"
        drop = "link set left down"
    ip(f"addr add {own} dev left" + (" nodad" if family == 6 else ""))
    ip(text.format("add"))
    ip(text.format("del"))
    told = host.kernel.read()
    assert RouteSeen(wanted) in told
    assert RouteGone(wanted, is_by_request=True) in told
    ip(text.format("add"))
    ip(drop)
    await_change(host.kernel, lambda c: c == RouteGone(wanted, is_by_request=False))


def test_ipv6_siblings_are_told_one_by_one(host: Lab) -> None:
    host.add(address(host.left, "fd00::1/64", flags=NODAD))
    host.add(address(host.right, "fd00::2/64", flags=NODAD))
    here, there = (
        route(ifindex, "::/0", gateway=IPv6Address("fd00::fe"), priority=1024, protocol=3)
        for ifindex in (host.left, host.right)
    )
    ip("-6 route add default via fd00::fe dev left")
    ip("-6 route append default via fd00::fe dev right")
    told = host.kernel.read()
    assert RouteSeen(here) in told
    assert RouteSeen(there) in told
    assert host.routes() == {here, there}
    ip("-6 route del default via fd00::fe dev left")
    assert of_kind(host.kernel.read(), RouteGone) == [RouteGone(here, is_by_request=True)]
    assert host.routes() == {there}


def test_what_is_not_a_single_device_route_is_not_told(host: Lab) -> None:
    host.add(address(host.left, "10.0.0.1/24"), address(host.right, "10.0.1.1/24"))
    host.kernel.read()
    ip("route add 10.7.0.0/16 nexthop via 10.0.0.254 dev left nexthop via 10.0.1.254 dev right")
    ip("nexthop add id 7 via 10.0.0.254 dev left")
    ip("route add 10.8.0.0/16 nhid 7")
    ip("route add blackhole 10.9.0.0/16")
    ip("route add local 10.10.0.0/16 dev lo")
    assert host.kernel.read() == (ForeignNexthopSeen(7),)
    assert host.routes() == set()


def test_removing_a_primary_tells_what_else_went(host: Lab) -> None:
    sysctl("ipv4/conf/left/promote_secondaries", 0)
    sysctl("ipv4/conf/all/promote_secondaries", 0)
    primary, other = (address(host.left, f"10.0.0.{n}/24") for n in (1, 2))
    host.add(primary, other)
    host.kernel.read()
    host.execute(remove=(primary,))
    (gone,) = of_kind(host.kernel.read(), AddressGone)
    assert isinstance(gone, AddressGone)
    assert gone.address.address == other.address
    assert not gone.is_by_request
    assert host.addresses(host.left) == []


def fate(host: Lab, deed: Callable[[], object], count: int = 1) -> dict[str, bool]:
    """Of so many addresses that go: whether somebody asked for it, as far as can be told."""
    host.kernel.read()
    view = KernelView.of(host.kernel.snapshot())
    found: dict[str, bool] = {}
    deed()
    while len(found) < count:
        for change in await_change(host.kernel, lambda _: True):
            if isinstance(change, AddressGone):
                link = view.links[change.address.ifindex]
                found[str(change.address.address)] = not is_by_kernel(change, link)
            view.apply(change)
    return found


@pytest.mark.parametrize("promotes", [0, 1])
def test_who_deletes_a_primary_has_not_deleted_the_others(host: Lab, promotes: int) -> None:
    for name in ("left", "all"):
        sysctl(f"ipv4/conf/{name}/promote_secondaries", promotes)
    for text in ("10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24", "10.1.0.1/24"):
        ip(f"addr add {text} dev left")
    gone = fate(host, lambda: ip("addr del 10.0.0.1/24 dev left"), 1 if promotes else 3)
    cascade = {} if promotes else {"10.0.0.2/24": False, "10.0.0.3/24": False}
    assert gone == {"10.0.0.1/24": True, **cascade}


def test_who_deletes_a_secondary_has_done_so(host: Lab) -> None:
    for text in ("10.0.0.1/24", "10.0.0.2/24"):
        ip(f"addr add {text} dev left")
    assert fate(host, lambda: ip("addr del 10.0.0.2/24 dev left")) == {"10.0.0.2/24": True}


@pytest.mark.parametrize(
    ("deed", "is_by_request"),
    [
        ("link set left mtu 1200", False),
        ("link set left down", False),
        ("-6 addr flush dev left", True),
        ("link set left mtu 1200 down", False),
        ("addr del fd00::1/64 dev left", True),
        ("link del left", False),
    ],
)
def test_what_a_device_loses_by_itself_was_not_asked_for(
    host: Lab, deed: str, is_by_request: bool
) -> None:
    ip("addr add fd00::1/64 dev left nodad")
    assert fate(host, lambda: ip(deed))["fd00::1/64"] is is_by_request


def switch_ipv6(*ways: int) -> None:
    for way in ways:
        sysctl("ipv6/conf/left/disable_ipv6", way)


@pytest.mark.parametrize("ways", [(1,), (1, 0)])
def test_ipv6_switched_off_is_no_request_either(host: Lab, ways: tuple[int, ...]) -> None:
    ip("addr add fd00::1/64 dev left nodad")
    assert fate(host, lambda: switch_ipv6(*ways))["fd00::1/64"] is False
    switch_ipv6(0)
    ip("addr add fd00::1/64 dev left nodad")
    assert fate(host, lambda: ip("addr del fd00::1/64 dev left"))["fd00::1/64"] is True


def test_a_lifetime_that_is_over_is_no_request(host: Lab) -> None:
    ip("addr add 10.0.0.1/24 dev left valid_lft 1 preferred_lft 1")
    assert fate(host, lambda: None) == {"10.0.0.1/24": False}


def test_who_asked_is_told_where_it_can_be_found_out(host: Lab) -> None:
    ip("addr add 10.0.0.1/24 dev left")
    ip("route add 10.7.0.0/16 dev left")
    host.kernel.read()
    other = Rtnetlink.open()
    try:
        gone = route(host.left, "10.7.0.0/16", scope=253, protocol=3)
        mine = address(host.left, "10.0.0.1/24")
        other.execute(Move(Cause.CLEANUP, None, None, remove_routes=(gone,), remove=(mine,)))
        told = of_kind(host.kernel.read(), RouteGone, AddressGone)
    finally:
        other.close()
    asked = [it for it in told if isinstance(it, RouteGone | AddressGone) and it.is_by_request]
    # The first netlink socket of a process has its number; this one may not be the first.
    assert len(asked) == 2
    assert {it.requester for it in asked} <= {"", requester(os.getpid())}


def test_removing_a_primary_tells_which_secondary_was_promoted(host: Lab) -> None:
    sysctl("ipv4/conf/left/promote_secondaries", 1)
    primary, other = (address(host.left, f"10.0.0.{n}/24", label="left") for n in (1, 2))
    host.add(primary, other)
    host.kernel.read()
    host.execute(remove=(primary,))
    promoted = dataclasses.replace(other, flags=PERMANENT)
    told = of_kind(host.kernel.read(), AddressSeen, AddressGone)
    assert told == [AddressSeen(promoted)]
    assert host.addresses(host.left) == [promoted]


def test_an_overrun_is_said_and_cured_by_a_snapshot(host: Lab) -> None:
    small = Rtnetlink.open(receive_buffer=4096)
    try:
        wanted = [address(host.left, f"10.0.{n}.1/24") for n in range(200)]
        host.add(*wanted)
        with pytest.raises(Overrun):
            small.read()
        small.reopen()
        found = small.snapshot({host.left}).addresses
        assert [item.address for item in found] == [item.address for item in wanted]
        host.execute(remove=(wanted[-1],))
        (gone,) = of_kind(small.read(), AddressGone)
        assert isinstance(gone, AddressGone)
        assert gone.address.address == wanted[-1].address
    finally:
        small.close()


class Meddled(CommandSocket):
    """A conversation in which somebody adds an address after the first part of each dump."""

    def __init__(self, host: Lab, meddlings: int) -> None:
        super().__init__()
        self.host = host
        self.meddlings = meddlings

    def _receive(self) -> list[tuple[Header, bytes]]:
        messages = super()._receive()
        if self.meddlings and messages[0][0].kind == MessageType.NEWADDR:
            self.host.add(address(self.host.right, f"10.2.0.{self.meddlings}/32"))
            self.meddlings -= 1
        return messages


@pytest.mark.parametrize(("meddlings", "is_cured"), [(2, True), (100, False)])
def test_a_dump_that_was_disturbed_is_repeated(host: Lab, meddlings: int, is_cured: bool) -> None:
    host.add(*(address(host.left, f"10.1.{n // 250}.{n % 250 + 1}/32") for n in range(1000)))
    commands = Meddled(host, meddlings)
    kernel = Rtnetlink(commands, EventSocket(65536), 65536)
    try:
        if is_cured:
            found = kernel.snapshot({host.left, host.right}).addresses
            assert len(found) == len(set(found)) == 1002
            assert commands.meddlings == 0
        else:
            with pytest.raises(Overrun, match="interrupted"):
                kernel.snapshot()
    finally:
        kernel.close()


def test_a_large_buffer_takes_a_burst(host: Lab) -> None:
    onlooker = Rtnetlink.open()
    try:
        host.add(*(address(host.left, f"10.1.{n // 250}.{n % 250 + 1}/32") for n in range(2000)))
        assert len(of_kind(onlooker.read(), AddressSeen)) == 2000
    finally:
        onlooker.close()


def test_a_cable_pulled_and_plugged_is_told(host: Lab) -> None:
    ip("link set left-far down")

    def has_lost_carrier(change: KernelChange) -> bool:
        return (
            isinstance(change, LinkSeen)
            and change.link.ifindex == host.left
            and change.link.is_up
            and not change.link.has_carrier
        )

    lost: list[int] = []
    host.kernel.on_link_lost = lost.append
    await_change(host.kernel, has_lost_carrier)
    assert host.left in lost
    lost.clear()
    ip("link set left-far up")
    await_change(host.kernel, lambda c: is_running(c, host.left))
    assert host.left not in lost
    ip("link delete left")
    await_change(host.kernel, lambda c: isinstance(c, LinkGone) and c.ifindex == host.left)
    assert host.left in lost


def test_own_link_changes_are_told(host: Lab) -> None:
    host.kernel.set_link(host.left, mtu=1400)
    await_change(host.kernel, lambda c: isinstance(c, LinkSeen) and c.link.mtu == 1400)


def test_a_device_torn_out_is_told_with_what_it_carried(host: Lab) -> None:
    host.add(address(host.left, "10.0.0.1/24"))
    host.kernel.read()
    ip("link del left")
    told = await_change(host.kernel, lambda c: c == LinkGone(host.left))
    (gone,) = of_kind(tuple(told), AddressGone)
    assert isinstance(gone, AddressGone)
    assert str(gone.address.address) == "10.0.0.1/24"
    assert host.kernel.link(host.left) == LinkGone(host.left)


def test_asking_for_a_link_brings_out_an_event_that_the_kernel_holds_back(host: Lab) -> None:
    # A veth is never held back; a TAP is, as a physical card is.
    with open("/dev/net/tun", "rb+", buffering=0) as tap:
        fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"tap", IFF_TAP_NO_PI))
        ip("link set tap addrgenmode none up")
        ifindex = host.ifindex("tap")
        set_carrier(tap.fileno(), 1)
        await_change(host.kernel, lambda c: is_running(c, ifindex))
        # One event a second: the next one has to wait.
        for carrier in (0, 1, 0):
            set_carrier(tap.fileno(), carrier)
        asked = host.kernel.link(ifindex)
        assert isinstance(asked, LinkSeen)
        assert not asked.link.has_carrier
        assert asked in host.kernel.read()


def set_carrier(tap: int, carrier: int) -> None:
    fcntl.ioctl(tap, TUNSETCARRIER, struct.pack("i", carrier))


def test_reopen_changes_the_descriptor_and_close_closes_it(host: Lab) -> None:
    host.kernel.reopen()
    os.fstat(host.kernel.fileno())
    kernel = Rtnetlink.open()
    descriptor = kernel.fileno()
    kernel.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def link_of(host: Lab, name: str) -> Link:
    (found,) = (link for link in host.kernel.snapshot().links if link.name == name)
    return found


def test_ipv6_switched_off_is_told_before_an_address_goes(host: Lab) -> None:
    """The kernel sends no link message of it; a look at the link agrees with what was told."""
    host.add(address(host.left, "fd00::1/64", flags=NODAD))
    sysctl("ipv6/conf/left/disable_ipv6", 1)
    seen = await_change(host.kernel, lambda change: isinstance(change, AddressGone))
    off = seen.index(FamilySwitched(host.left, Family.IPV6, is_on=False))
    assert not of_kind(seen[:off], AddressGone)
    assert link_of(host, "left").families == {Family.IPV4}
    sysctl("ipv6/conf/left/disable_ipv6", 0)
    on = FamilySwitched(host.left, Family.IPV6, is_on=True)
    await_change(host.kernel, lambda change: change == on)
    assert link_of(host, "left").families == set(Family)
    assert not host.execute(add=(address(host.left, "fd00::1/64", flags=NODAD),)).refusals


def test_too_small_an_mtu_takes_ipv6_off(host: Lab) -> None:
    host.add(address(host.left, "fd00::1/64", flags=NODAD))
    ip("link set left mtu 1279")
    seen = await_change(host.kernel, lambda change: isinstance(change, AddressGone))
    small = next(it for it in seen if isinstance(it, LinkSeen) and it.link.mtu == 1279)
    assert small.link.families == {Family.IPV4}
    assert seen.index(small) < seen.index(of_kind(seen, AddressGone)[0])
    ip("link set left mtu 1280")
    on = FamilySwitched(host.left, Family.IPV6, is_on=True)
    await_change(host.kernel, lambda change: change == on)
    assert link_of(host, "left").families == set(Family)


def test_a_multicast_route_removed_by_request_switches_nothing_off(host: Lab) -> None:
    ip("-6 route del ff00::/8 dev left table local")
    assert not of_kind(host.kernel.read(), FamilySwitched)
    assert link_of(host, "left").families == set(Family)


def test_a_macvlan_in_passthru_mode_takes_all(host: Lab) -> None:
    for mode, takes_all in (("bridge", False), ("passthru", True)):
        ip(f"link add above link left type macvlan mode {mode}")
        above = link_of(host, "above")
        assert (above.lower, above.takes_all) == (host.left, takes_all)
        ip("link del above")
