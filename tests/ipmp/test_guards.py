"""Unique hardware addresses and one medium in a group."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rcmd.ipmp.api.events import LinkGone, LinkSeen
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.ipmp.state.membership_checks import captivity, examine
from rcmd.model.network import Link

ETHERNET, INFINIBAND = 1, 32


def link(name: str, mac: str, medium: int = ETHERNET) -> Link:
    return Link(ord(name), name, mac, medium)


def test_a_proper_group_passes() -> None:
    assert examine([link("a", "02::1"), link("b", "02::2")], KernelView()) == {}
    assert examine([], KernelView()) == {}


def test_the_later_of_two_with_one_hardware_address_is_barred() -> None:
    # behaviours 3, 4
    verdicts = examine([link("a", "02::1"), link("b", "02::1"), link("c", "02::2")], KernelView())
    assert set(verdicts) == {"b"}
    assert verdicts["b"].barred == "its hardware address 02::1 is also that of a"
    assert not verdicts["b"].rejected


def test_devices_without_hardware_address_are_not_alike() -> None:
    assert examine([link("a", ""), link("b", "")], KernelView()) == {}


def test_the_first_sets_the_medium() -> None:
    # behaviour 2
    verdicts = examine([link("a", "02::1"), link("b", "80::2", INFINIBAND)], KernelView())
    assert set(verdicts) == {"b"}
    assert verdicts["b"].rejected == "its medium (type 32) differs from that of a (type 1)"


def test_who_is_rejected_bars_nobody() -> None:
    verdicts = examine(
        [link("a", "02::1"), link("b", "02::2", INFINIBAND), link("c", "02::2")], KernelView()
    )
    assert set(verdicts) == {"b"}


def under(link: Link, kind: str, number: int = 900) -> tuple[Link, KernelView]:
    """The link as a port of such a device."""
    view = KernelView()
    view.apply(LinkSeen(Link(number, f"{kind}0", kind=kind)))
    port = replace(link, master=number)
    view.apply(LinkSeen(port))
    return port, view


@pytest.mark.parametrize("kind", ["bridge", "bond", "team", "openvswitch", "hsr", ""])
def test_a_port_of_anything_is_barred(kind: str) -> None:
    port, view = under(link("a", "02::1"), kind)
    verdicts = examine([port, link("b", "02::2")], view)
    assert set(verdicts) == {"a"}
    assert verdicts["a"].is_misplaced
    assert verdicts["a"].barred.startswith(f"it is a port of {kind}0")


def test_ports_set_no_medium_and_own_no_address() -> None:
    """A bond gives its ports one hardware address."""
    port, view = under(link("a", "02::1", INFINIBAND), "bond")
    other = replace(port, name="b", ifindex=7)
    verdicts = examine([port, other, link("c", "02::1")], view)
    assert set(verdicts) == {"a", "b"}
    assert all("port of bond0" in it.barred for it in verdicts.values())


def test_a_vrf_bars_those_that_others_are_not_in() -> None:
    inside, view = under(link("a", "02::1"), "vrf")
    outside = link("b", "02::2")
    verdicts = examine([inside, outside], view)
    assert set(verdicts) == {"a"}
    assert "belongs to the VRF vrf0" in verdicts["a"].barred
    assert examine([inside, replace(outside, master=900)], view) == {}


def test_a_macvlan_in_passthru_mode_bars_what_is_below_it() -> None:
    below, view = link("a", "02::1"), KernelView()
    view.apply(LinkSeen(below))
    above = Link(901, "mv0", lower=below.ifindex, kind="macvlan", takes_all=True)
    view.apply(LinkSeen(replace(above, takes_all=False)))
    assert captivity(below, view) == ""
    view.apply(LinkSeen(above))
    assert "mv0, a macvlan in passthru mode" in captivity(below, view)
    assert captivity(below, view.copy()) == captivity(below, view)
    view.apply(LinkGone(901))
    assert captivity(below, view) == ""
