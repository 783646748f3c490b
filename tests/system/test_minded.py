"""Routes of devices that are none of ours are neither told of nor listed."""

from __future__ import annotations

import select
import subprocess
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

import pytest
from rtnetlink_lab import Lab, address, await_change, ip, lab

from rcmd.ipmp.api.events import KernelChange, LinkSeen, RouteGone, RouteSeen
from rcmd.kernel import rtnetlink
from rcmd.kernel.minded import Minded
from rcmd.kernel.netlink.sockets import EventSocket
from rcmd.model.network import RCMD_PROTOCOL, Route

pytestmark = pytest.mark.lab

MANY = 5000


@pytest.fixture
def host() -> Iterator[Lab]:
    with lab() as made:
        made.add(address(made.left, "10.0.0.1/24"), address(made.right, "10.0.1.1/24"))
        yield made


def batch(verb: str, device: str, gateway: str, count: int = MANY) -> None:
    lines = (
        f"route {verb} 20.{number >> 8}.{number & 255}.0/24 via {gateway} dev {device}\n"
        for number in range(count)
    )
    subprocess.run(["ip", "-batch", "-"], input="".join(lines), text=True, check=True)


def routes(changes: Iterable[KernelChange]) -> list[str]:
    return [
        f"{'+' if isinstance(it, RouteSeen) else '-'}{it.route.destination}"
        for it in changes
        if isinstance(it, RouteSeen | RouteGone) and it.route.protocol != 2
    ]


def everything(host: Lab) -> list[KernelChange]:
    seen: list[KernelChange] = []
    while select.select([host.kernel], [], [], 0.2)[0]:
        seen += host.kernel.read()
    return seen


@pytest.fixture
def filter_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever passes the filter of the socket is taken for ours."""
    monkeypatch.setattr(Minded, "concerns", lambda *_: True)


@pytest.mark.usefixtures("filter_alone")
def test_the_kernel_does_not_even_wake_us_for_routes_of_others(host: Lab) -> None:
    host.kernel.mind({"left"})
    everything(host)
    batch("add", "right", "10.0.1.2")
    assert routes(everything(host)) == []
    host.kernel.reopen()
    batch("del", "right", "10.0.1.2", 10)
    assert routes(everything(host)) == []


def test_the_kernel_does_not_even_wake_us_for_what_we_do_to_routes(host: Lab) -> None:
    host.kernel.mind({"left"})
    everything(host)
    gateway = IPv4Address("10.0.0.2")
    ours = Route(host.left, IPv4Network("10.9.0.0/16"), gateway, protocol=RCMD_PROTOCOL)
    host.execute(add_routes=(ours,))
    assert not select.select([host.kernel], [], [], 0.2)[0]
    host.execute(remove_routes=(ours,))
    assert not select.select([host.kernel], [], [], 0.2)[0]
    ip("route add 10.9.0.0/16 via 10.0.0.2 dev left")
    assert routes(everything(host)) == ["+10.9.0.0/16"]


def test_routes_of_others_are_neither_told_of_nor_listed(host: Lab) -> None:
    host.kernel.mind({"left"})
    everything(host)
    batch("add", "right", "10.0.1.2")
    batch("del", "right", "10.0.1.2", MANY // 2)
    ip("route add 10.9.0.0/16 via 10.0.0.2 dev left")
    assert routes(everything(host)) == ["+10.9.0.0/16"]
    found = host.kernel.snapshot().routes
    assert {it.ifindex for it in found} == {host.left}
    ip("route del 10.9.0.0/16 via 10.0.0.2 dev left")
    assert routes(everything(host)) == ["-10.9.0.0/16"]


def test_without_the_filter_they_are_passed_over_all_the_same(
    host: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventSocket, "let_routes_in", lambda *_: None)
    monkeypatch.setattr(rtnetlink, "_MOST_ASKED_FOR", 0)
    host.kernel.mind({"left"})
    everything(host)
    batch("add", "right", "10.0.1.2", 100)
    assert routes(everything(host)) == []
    assert {it.ifindex for it in host.kernel.snapshot().routes} == {host.left}


def test_who_is_minded_anew_tells_of_what_is_there(host: Lab) -> None:
    host.kernel.mind({"left"})
    batch("add", "right", "10.0.1.2", 100)
    told = host.kernel.mind({"left", "right"})
    assert len(routes(told)) == 100
    assert host.kernel.mind({"left", "right"}) == ()
    everything(host)
    batch("del", "right", "10.0.1.2", 100)
    assert len(routes(everything(host))) == 100


def test_who_gets_a_name_that_is_minded_tells_of_what_is_there(host: Lab) -> None:
    host.kernel.mind({"other"})
    batch("add", "right", "10.0.1.2", 100)
    everything(host)
    ip("link set right name other")
    changes = await_change(host.kernel, lambda it: isinstance(it, RouteSeen))
    named = [it.link.name for it in changes if isinstance(it, LinkSeen)]
    assert "other" in named
    assert len(routes(changes)) == 100


def test_an_alternative_name_is_a_name(host: Lab) -> None:
    host.kernel.mind({"uplink"})
    ip("link property add dev left altname uplink")
    host.kernel.snapshot()
    everything(host)
    ip("route add 20.0.0.0/24 via 10.0.0.254 dev left")
    ip("route add 20.0.1.0/24 via 10.0.1.254 dev right")
    assert routes(everything(host)) == ["+20.0.0.0/24"]


def test_before_the_first_look_nothing_of_others_is_listed(
    host: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at a start, when the names are known from the files."""
    batch("add", "right", "10.0.1.254")
    ip("route add 20.0.1.0/24 via 10.0.0.254 dev left metric 5")
    fresh = rtnetlink.Rtnetlink.open()
    fresh.mind({"left"})
    decoded: list[bytes] = []
    whole = rtnetlink._all_routes
    monkeypatch.setattr(rtnetlink, "_all_routes", lambda it: decoded.append(it) or whole(it))
    assert {it.ifindex for it in fresh.snapshot().routes} == {host.left}
    assert len(decoded) < 20
    fresh.close()


def test_what_takes_the_place_of_ours_is_told_wherever_it_is(host: Lab) -> None:
    host.kernel.mind({"left"})
    ip("route add 10.9.0.0/16 via 10.0.0.2 dev left")
    everything(host)
    host.kernel.is_rival = lambda route: str(route.destination) == "10.9.0.0/16"
    ip("route replace 10.9.0.0/16 via 10.0.1.2 dev right")
    ip("route add 10.8.0.0/16 via 10.0.1.2 dev right")
    ip("route replace 10.8.0.0/16 via 10.0.1.3 dev right")
    (change,) = (it for it in everything(host) if isinstance(it, RouteSeen))
    assert change.is_replacement
    assert change.route.ifindex == host.right


def test_routes_through_several_devices_and_to_groups_are_told(host: Lab) -> None:
    host.kernel.mind({"left"})
    groups: list[int] = []
    host.kernel.on_group_route = lambda ifindex, _: groups.append(ifindex)
    ip("addr add 239.1.2.3/32 dev right")
    everything(host)
    assert groups == [host.right]


def test_a_reading_ends_in_time_and_goes_on(host: Lab) -> None:
    batch("add", "left", "10.0.0.2")
    seen: list[KernelChange] = []
    readings = 0
    while select.select([host.kernel], [], [], 0.2)[0]:
        seen += host.kernel.read(0.0)
        readings += 1
        assert host.kernel.has_read_all or readings < 10 * MANY
        seen += host.kernel.read(0.001)
    assert len(routes(seen)) == MANY
    assert readings > 1


def test_a_look_that_was_given_up_does_not_bar_the_next(host: Lab) -> None:
    batch("add", "left", "10.0.0.2")
    steps = host.kernel.looking()
    for _ in range(4):
        next(steps)
    del steps
    found = host.kernel.snapshot().routes
    assert sum(it.ifindex == host.left for it in found) > MANY


def test_what_is_changed_during_a_look_is_not_mixed_up_with_it(host: Lab) -> None:
    batch("add", "left", "10.0.0.2")
    steps = host.kernel.looking()
    taken = 0
    try:
        while True:
            next(steps)
            host.add(address(host.left, f"10.0.0.{10 + taken}/24"))
            assert host.kernel.link(host.left)
            taken += 1
    except StopIteration as end:
        snapshot = end.value
    assert taken > 2
    assert sum(it.ifindex == host.left for it in snapshot.routes) > MANY
