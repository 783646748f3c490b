"""Whom an interface asks that took over addresses, and in whose name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network
from types import SimpleNamespace
from typing import Any, cast

from ipmp.scenes import config, scene

from rcmd.daemon.neighbour_inquiry import MOST_GATEWAYS, NeighbourInquiry
from rcmd.ipmp.api.events import Neighbour, NeighboursSeen
from rcmd.model.network import IPInterface, Route

HME1 = 5
MAC = "02:00:00:00:00:05"
DATA = ip_interface("10.0.0.19/24")
OTHER_NET = ip_interface("10.9.0.19/24")
DATA6 = ip_interface("2001:db8::19/64")


class Outside:
    def __init__(self) -> None:
        self.scene = scene({"hme1": []}, config("hme1"))
        self.hardware_address(MAC)
        self.at_once: list[bytes] = []
        self.paced: list[bytes] = []
        self.looked: list[int] = []
        self.seen: NeighboursSeen | None = None
        self.due: list[Callable[[], None]] = []
        self.inquiry = NeighbourInquiry(
            cast(Any, SimpleNamespace(engine=SimpleNamespace(scene=self.scene))),
            self,
            cast(Any, SimpleNamespace(look=self.looked.extend, read=lambda: self.seen)),
            self.due.append,
        )

    def hardware_address(self, text: str) -> None:
        links = self.scene.view.links
        links[HME1] = replace(links[HME1], hardware_address=text)

    def send_at_once(self, ifindex: int, frames: Sequence[bytes]) -> None:
        assert ifindex == HME1
        self.at_once += frames

    def send_paced(self, ifindex: int, frames: Sequence[bytes], link: str) -> None:
        assert (ifindex, link) == (HME1, self.scene.members["hme1"].circle)
        self.paced += frames

    def take_over(self, *addresses: IPInterface) -> None:
        self.inquiry.moved(HME1, addresses)
        while self.due:
            self.due.pop()()

    def find(self, *addresses: IPv4Address | IPv6Address) -> None:
        found = tuple(Neighbour(HME1, it, "02:00:00:00:00:99") for it in addresses)
        self.seen = NeighboursSeen(frozenset({HME1}), found)
        self.inquiry.readable()


def asked(frames: Sequence[bytes]) -> list[tuple[str, str]]:
    """Source and target of each ARP request."""
    return [(str(IPv4Address(it[28:32])), str(IPv4Address(it[38:42]))) for it in frames]


def route(destination: str, gateway: str) -> Route:
    return Route(HME1, ip_network(destination), ip_address(gateway))


def test_gateways_first_then_neighbours_and_nobody_twice() -> None:
    outside = Outside()
    outside.scene.view.table.add(route("0.0.0.0/0", "10.0.0.1"))
    outside.take_over(DATA)
    assert asked(outside.at_once) == [("10.0.0.19", "10.0.0.1")]
    assert outside.looked == [HME1]
    outside.find(IPv4Address("10.0.0.1"), IPv4Address("10.0.0.7"))
    assert asked(outside.paced) == [("10.0.0.19", "10.0.0.7")]


def test_in_the_name_of_an_address_of_the_same_subnet() -> None:
    outside = Outside()
    outside.take_over(OTHER_NET, DATA)
    outside.find(IPv4Address("10.0.0.7"), IPv4Address("10.9.0.7"), IPv4Address("10.7.0.7"))
    assert asked(outside.paced) == [
        ("10.0.0.19", "10.0.0.7"),
        ("10.9.0.19", "10.9.0.7"),
        ("10.9.0.19", "10.7.0.7"),
    ]


def test_only_of_the_families_that_it_took_over() -> None:
    outside = Outside()
    outside.scene.view.table.add(route("0.0.0.0/0", "10.0.0.1"))
    outside.scene.view.table.add(route("::/0", "fe80::1"))
    outside.take_over(DATA6)
    (solicitation,) = outside.at_once
    assert solicitation[22:38] == DATA6.ip.packed
    assert solicitation[62:78] == ip_address("fe80::1").packed
    outside.find(IPv4Address("10.0.0.7"))
    assert outside.paced == []


def test_of_many_gateways_the_first_few_are_asked_and_no_pinned_target() -> None:
    outside = Outside()
    table = outside.scene.view.table
    table.add(Route(HME1, ip_network("10.0.0.99/32"), ip_address("10.0.0.99"), protocol=4))
    for number in range(1000):
        table.add(route(f"10.1.{number // 250}.{number % 250}/32", f"10.0.0.{number % 50 + 1}"))
    outside.take_over(DATA)
    targets = [target for _, target in asked(outside.at_once)]
    assert targets == [f"10.0.0.{number + 1}" for number in range(MOST_GATEWAYS)]


def test_nothing_is_asked_without_an_ethernet_address() -> None:
    outside = Outside()
    outside.hardware_address("")
    outside.take_over(DATA)
    assert outside.looked == []


def test_who_has_gone_meanwhile_asks_nobody() -> None:
    outside = Outside()
    outside.take_over(DATA)
    del outside.scene.view.links[HME1]
    outside.find(IPv4Address("10.0.0.7"))
    outside.take_over(DATA)
    assert outside.paced == outside.at_once == []
