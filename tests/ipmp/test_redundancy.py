"""May these interfaces go?"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

from rcmd.ipmp.forecast.redundancy import objection
from rcmd.ipmp.rules.health import Health
from rcmd.model.network import Family, KernelAddress, Route
from rcmd.model.settings import Address, InterfaceConfig

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


def test_one_that_is_not_proven_is_nobody_to_rely_on() -> None:
    # behaviour 118
    made = scene(HELD, HME0, HME1)
    made.members["hme1"].health = Health.UNPROVEN
    assert objection(made, "hme0", {"hme0"}) == (
        "it is the only functioning interface of group test"
        " (hme1 has yet to answer ten probes in a row)"
    )
    made.members["hme1"].health = Health.NO_TARGETS
    assert objection(made, "hme0", {"hme0"}) is None


def test_in_a_group_failure_one_without_anything_may_go() -> None:
    # behaviour 125
    both = {"hme0": [], "hme1": ["10.0.0.1/24", "10.0.0.2/24"]}
    made = scene(both, HME0, HME1, failed=frozenset({"hme0", "hme1"}))
    assert objection(made, "hme0", {"hme0"}) is None
    assert objection(made, "hme1", {"hme1"}) == ("no other interface of group test is functioning")


def test_every_route_needs_a_place() -> None:
    made = scene(HELD, HME0, HME1)
    hme0 = made.members["hme0"]
    passing = KernelAddress(hme0.ifindex, ip_interface("10.66.0.5/24"), valid_s=60)
    made.view.add_address(passing)
    for number, gateway in enumerate(("10.0.0.254", "10.66.0.1")):
        destination = ip_network(f"10.{77 + number}.0.0/16")
        route = Route(hme0.ifindex, destination, ip_address(gateway))
        made.view.add(route)
        made.ledger.record_route("hme0", route)
    assert objection(made, "hme0", {"hme0"}) == (
        "no other functioning interface of group test takes its routes: 10.78.0.0/16 via "
        "10.66.0.1 (the kernel would refuse it on hme1: Network is unreachable)"
    )
