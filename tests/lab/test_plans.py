"""The plan of a detach names all that leaves, and the deed is that plan, on a real kernel."""

from __future__ import annotations

import json
from typing import Any

import pytest
from evidence import Monitor, begin, client, ended, rcmctl_in_background
from scenes import (
    DUAL_STACK,
    PAIR,
    SETTINGS_PATH,
    addr_dump,
    await_hosted,
    await_settled,
    await_state,
    hosts_of,
    kinds,
    route_devices,
    start,
    state_of,
)

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

PASSING = (
    "addr add 10.66.0.5/24 dev hme0 valid_lft 3600 preferred_lft 3600",
    "route add 10.77.0.0/16 via 10.66.0.1 dev hme0",
)
"""An address with an end, which is not ours to move, and a route that needs it."""


def ip(lab: Lab, *commands: str) -> None:
    for words in commands:
        lab.run(["ip", *words.split()], check=True)


def plan_of(lab: Lab, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lab.rcmctl("detach", "-n", "--json", *arguments).stdout)
    return found


def fates(plan: dict[str, Any]) -> dict[str, tuple[str, str | None]]:
    return {it["address"]: (it["fate"], it["to"]) for it in plan["moves"]}


def lying_on(lab: Lab, nic: str) -> set[str]:
    """Addresses and routes, as `ip` shows them."""
    found = {f"{it['local']}/{it['prefixlen']}" for it in lab.addresses(nic)}
    for version in ("-4", "-6"):
        show = ["ip", "-j", version, "route", "show", "dev", nic]
        for route in json.loads(lab.run(show, check=True).stdout or "[]"):
            via = f" via {route['gateway']}" if "gateway" in route else ""
            if not route["dst"].startswith("multicast"):
                found.add(f"{route['dst']}{via}")
    return found


def test_what_cannot_follow_is_refused_and_with_force_as_planned(lab: Lab) -> None:
    begin(lab, PAIR)
    ip(lab, *PASSING)
    lab.wait_for(lambda: "10.77" in json.dumps(plan_of(lab, "hme0")), what="the news")
    plan = plan_of(lab, "hme0")
    for what in ("10.66.0.5/24", "10.77.0.0/16 via 10.66.0.1"):
        assert fates(plan)[what] == ("lost", None)
    assert fates(plan)["192.168.85.19/24"] == ("moved", "hme1")
    (veto,) = plan["vetoes"]
    assert "takes its routes: 10.77.0.0/16 via 10.66.0.1" in veto["reason"]
    before = addr_dump(lab)
    assert lab.rcmctl("detach", "hme0").returncode == 3
    assert addr_dump(lab) == before

    forced = plan_of(lab, "-f", "hme0")
    done = lab.rcmctl("detach", "-f", "--json", "hme0")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["moves"] == forced["moves"]
    assert hosts_of(lab, "10.66.0.5") == route_devices(lab, "10.77.0.0/16") == []
    assert hosts_of(lab, "192.168.85.19") == ["hme1"]


def test_everything_on_the_interface_is_named_once(lab: Lab) -> None:
    start(lab, DUAL_STACK)
    await_settled(lab)
    ip(
        lab,
        *PASSING,
        "addr add 10.68.0.5/24 dev hme0 scope link",
        "addr add 169.254.3.4/16 dev hme0 scope link",
        "addr add 2001:db8:66::5/64 dev hme0 valid_lft 3600 preferred_lft 3600",
        "route add default via 192.168.85.1 dev hme0",
        "route add default via 192.168.85.1 dev hme1 metric 5",
        "route append default via 192.168.85.1 dev hme1",
        "route add default via 192.168.85.1 dev hme0 metric 7",
        "-6 route add 2001:db8:8::/48 via 2001:db8:66::fe dev hme0",
    )
    lab.wait_for(lambda: "2001:db8:8::" in json.dumps(plan_of(lab, "hme0")), what="the news")
    plan = plan_of(lab, "-f", "hme0")
    named = [it["address"] for it in plan["moves"]]
    assert len(named) == len(set(named))
    plain = {name.removesuffix(" metric 7") for name in named}
    assert {name for name in plain if not name.startswith("ff")} == lying_on(lab, "hme0")
    assert fates(plan)["default via 192.168.85.1"] == ("moved", "hme1")
    assert fates(plan)["169.254.3.4/16"] == ("stays", "hme0")
    done = json.loads(lab.rcmctl("detach", "-f", "--json", "hme0").stdout)
    assert done["moves"] == plan["moves"]
    for what, (_, to) in fates(plan).items():
        if "via" not in what and not what.startswith(("fe80", "ff")) and "/16" in what:
            assert hosts_of(lab, what.partition("/")[0]) == ([to] if to else []), what


def test_last_of_a_group_whose_links_are_dead(lab: Lab) -> None:
    """An address whose home is there, though dead, waits there for its cable."""
    lab.write(SETTINGS_PATH, "groups: {test: {probe: none}}\n")
    begin(lab, PAIR)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    lab.pull("hme1")
    await_state(lab, "hme1", "failed")
    plan = plan_of(lab, "-f", "hme1")
    assert fates(plan)["192.168.85.19/24"] == ("moved", "hme0")
    assert fates(plan)["192.168.85.20/24"] == ("lost", None)
    done = json.loads(lab.rcmctl("detach", "-f", "--json", "hme1").stdout)
    assert done["moves"] == plan["moves"]
    assert (hosts_of(lab, "192.168.85.19"), hosts_of(lab, "192.168.85.20")) == (["hme0"], [])


def test_sibling_that_dies_while_a_client_is_told(lab: Lab) -> None:
    begin(lab, PAIR)
    await_state(lab, "hme0", "running")
    slow = client(lab, "slow", "--hold", "PreRemove")
    detach = rcmctl_in_background(lab, "detach", "hme0")
    slow.until("PreRemove")
    lab.pull("hme1")
    await_state(lab, "hme1", "failed")
    slow.release()
    status, _, said = ended(detach)
    assert (status, "it is the only functioning interface of group test" in said) == (1, True)
    assert hosts_of(lab, "192.168.85.19") == hosts_of(lab, "192.168.85.20") == ["hme0"]
    assert "group-failed" not in {kind for kind, _ in kinds(lab)}


UPPER = {
    "hostname.mv0": "192.168.86.19/24 group upper up\n",
    "hostname.mv1": "192.168.86.20/24 group upper up\n",
}


def test_what_is_stacked_on_it_leaves_first_and_comes_back(lab: Lab) -> None:
    """Nobody notices."""
    lab.write(SETTINGS_PATH, "groups: {test: {probe: none}, upper: {probe: none}}\n")
    ip(
        lab,
        "link set hme0 up",
        "link set hme1 up",
        "link add mv0 link hme0 type macvlan mode bridge",
        "link add mv1 link hme1 type macvlan mode bridge",
    )
    begin(lab, {**PAIR, **UPPER})
    before = lying_on(lab, "mv0")
    plan = plan_of(lab, "hme0")
    assert plan["vetoes"] == []
    assert {it["address"]: (it["from"], it["to"]) for it in plan["moves"]}["192.168.86.19/24"] == (
        "mv0",
        "mv1",
    )
    monitor = Monitor(lab)
    done = lab.rcmctl("detach", "--json", "hme0")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["moves"] == plan["moves"]
    news = monitor.news()
    for address in ("192.168.85.19", "192.168.86.19"):
        told = [line for line in news if f"inet {address}/24" in line]
        assert ["Deleted" in line for line in told] == [False, True], told
    assert (state_of(lab, "mv0"), hosts_of(lab, "192.168.86.19")) == ("detached", ["mv1"])
    assert lab.rcmctl("attach", "hme0").returncode == 0
    await_hosted(lab, "mv0", "192.168.86.19")
    lab.wait_for(lambda: lying_on(lab, "mv0") == before, what="mv0 as before")
