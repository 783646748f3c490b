"""Unique hardware addresses and one medium in a group."""

from __future__ import annotations

from rcmd.ipmp.guards import examine
from rcmd.model import Link

ETHERNET, INFINIBAND = 1, 32


def link(name: str, mac: str, medium: int = ETHERNET) -> Link:
    return Link(ord(name), name, mac, medium)


def test_a_proper_group_passes() -> None:
    assert examine([link("a", "02::1"), link("b", "02::2")]) == {}
    assert examine([]) == {}


def test_the_later_of_two_with_one_hardware_address_is_barred() -> None:
    # behaviours 3, 4
    verdicts = examine([link("a", "02::1"), link("b", "02::1"), link("c", "02::2")])
    assert set(verdicts) == {"b"}
    assert verdicts["b"].barred == "its hardware address 02::1 is also that of a"
    assert not verdicts["b"].rejected


def test_devices_without_hardware_address_are_not_alike() -> None:
    assert examine([link("a", ""), link("b", "")]) == {}


def test_the_first_sets_the_medium() -> None:
    # behaviour 2
    verdicts = examine([link("a", "02::1"), link("b", "80::2", INFINIBAND)])
    assert set(verdicts) == {"b"}
    assert verdicts["b"].rejected == "its medium (type 32) differs from that of a (type 1)"


def test_who_is_rejected_bars_nobody() -> None:
    verdicts = examine([link("a", "02::1"), link("b", "02::2", INFINIBAND), link("c", "02::2")])
    assert set(verdicts) == {"b"}
