"""May these interfaces go?"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

from rcmd.ipmp.redundancy import objection
from rcmd.model import Address, Family, InterfaceConfig

from .scenes import config, scene

HME0 = config("hme0", "10.0.0.1/24")
HME1 = config("hme1", "10.0.0.2/24")
HME2 = config("hme2", "10.0.0.3/24")
HELD = {"hme0": ["10.0.0.1/24"], "hme1": ["10.0.0.2/24"]}


def test_one_of_two_may_go() -> None:
    made = scene(HELD, HME0, HME1)
    assert objection(made, "hme0", {"hme0"}) is None
    assert objection(made, "hme1", {"hme1"}) is None


def test_an_interface_without_a_group_may_not() -> None:
    # behaviours 82, 117
    made = scene(HELD, replace(HME0, group=""), HME1)
    assert "it is not in a group" in (objection(made, "hme0", {"hme0"}) or "")


def test_the_only_functioning_one_may_not() -> None:
    # behaviours 78, 118
    made = scene(HELD, HME0, HME1, failed=frozenset({"hme1"}))
    assert objection(made, "hme0", {"hme0"}) == (
        "it is the only functioning interface of group test"
    )
    assert objection(made, "hme1", {"hme1"}) is None  # behaviour 125


def test_both_together_may_not() -> None:
    # behaviour 118
    made = scene(HELD, HME0, HME1)
    assert objection(made, "hme0", {"hme0", "hme1"})
    assert objection(scene(HELD, HME0, HME1, HME2), "hme0", {"hme0", "hme1"}) is None


def test_every_family_needs_a_place() -> None:
    # behaviour 65
    six = Address(ip_interface("2001:db8::1/64"), "hme0", 1)
    dual = InterfaceConfig("hme0", frozenset(Family), "test", addresses=(*HME0.addresses, six))
    made = scene({"hme0": ["10.0.0.1/24", "2001:db8::1/64"]}, dual, HME1)
    assert objection(made, "hme0", {"hme0"}) == (
        "no other functioning interface of group test takes IPv4 and IPv6 addresses"
    )
    assert objection(made, "hme1", {"hme1"}) is None
