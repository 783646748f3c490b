"""One of each: every route that can follow follows as it is, and every other one is named."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from scenes import (
    DUAL_STACK,
    ROUTER,
    ROUTER6,
    SETTINGS,
    SETTINGS_PATH,
    await_settled,
    hosts_of,
    names,
    snapshot,
    start,
)
from there_and_back import SPREADING

from rcmd.lab.lab import Lab
from rcmd.model.network import RCMD_PROTOCOL, Route

pytestmark = pytest.mark.lab

FOLLOWING = (
    f"-4 route add default via {ROUTER} dev hme0 proto static",
    f"-4 route add 10.1.0.0/16 via {ROUTER} dev hme0 mtu lock 1400 advmss 1300 quickack 1",
    f"-4 route add 10.2.0.0/16 via {ROUTER} dev hme0 congctl reno metric 70",
    f"-4 route add 10.3.0.0/16 via {ROUTER} dev hme0 src 192.168.85.19 table 77",
    "-4 route add 10.4.0.0/16 dev hme0 scope link",
    f"-4 route add 10.5.0.0/16 via {ROUTER} dev hme0 tos 8",
    f"-4 route add 169.254.169.254 via {ROUTER} dev hme0",
    "-4 route add 224.0.0.0/4 dev hme0",
    "-4 route add 10.6.0.0/16 via 192.168.85.254 dev hme0 onlink",
    f"-6 route add default via {ROUTER6} dev hme0 metric 500",
    f"-6 route add 2001:db8:1::/48 via {ROUTER6} dev hme0 expires 600 pref high",
    f"-6 route add 2001:db8:2::/48 via {ROUTER6} dev hme0 src 2001:db8:85::19 mtu 1400",
    f"-6 route add 2001:db8:3::/48 via {ROUTER6} dev hme0 table 77 hoplimit 9",
)
LOST = {
    "-4 route add 10.21.0.0/16 encap ip id 5 dst 192.168.85.1 dev hme0": (
        "10.21.0.0/16",
        "is encapsulated and does not follow",
    ),
    "-4 route add 10.22.0.0/16 nhid 5": (
        f"10.22.0.0/16 via {ROUTER}",
        "uses a nexthop object of others and does not follow",
    ),
    f"-4 route add 10.23.0.0/16 via {ROUTER} dev hme0 proto bird": (
        f"10.23.0.0/16 via {ROUTER}",
        "belongs to a routing daemon, which has to move it",
    ),
    f"-6 route add 2001:db8:4::/48 from 2001:db8:9::/48 via {ROUTER6} dev hme0": (
        f"2001:db8:4::/48 from 2001:db8:9::/48 via {ROUTER6}",
        "is for certain sources only and does not follow",
    ),
    f"-6 route add default via {ROUTER6} dev hme0 proto ra metric 900": (
        f"default via {ROUTER6}",
        "was learned from router advertisements, and every interface learns its own",
    ),
    "neigh add 192.168.85.77 lladdr 02:00:00:00:00:77 nud permanent dev hme0": (
        "192.168.85.77 lladdr 02:00:00:00:00:77",
        "was entered by hand for this interface only",
    ),
}
SHARED = f"-4 route add 10.20.0.0/16 nexthop via {ROUTER} dev hme0 nexthop via {ROUTER} dev hme1"
RULE = "-4 rule add pref 100 oif hme0 lookup 77"
KERNELS_OWN = "is made by the kernel for an address"


def ip(lab: Lab, words: str) -> None:
    lab.run(["ip", *words.split()], check=True)


def routes_on(lab: Lab, nic: str) -> set[Route]:
    """What was added by hand, or by rcmd, and can follow; as it was before."""
    known = names(lab)
    return {
        replace(it, ifindex=0, protocol=0)
        for it in snapshot(lab).routes
        if known[it.ifindex] == nic
        and it.protocol not in (2, 9)
        and str(it.destination) != "10.23.0.0/16"
    }


def ends(lab: Lab) -> list[float]:
    """When routes end by themselves, in seconds from now."""
    found = [it.expires_at for it in snapshot(lab).routes if it.protocol != 9]
    return [expires_at - time.monotonic() for expires_at in found if expires_at is not None]


def test_every_route_follows_or_is_told_of(lab: Lab) -> None:
    # What shares traffic is ours, and nobody is told that it stays.
    lab.write(SETTINGS_PATH, SPREADING)
    start(lab, DUAL_STACK)
    await_settled(lab)
    ip(lab, f"nexthop add id 5 via {ROUTER} dev hme0")
    for command in (*FOLLOWING, *LOST, SHARED, RULE):
        ip(lab, command)
    before = routes_on(lab, "hme0")
    assert len(before) == len(FOLLOWING)

    asked = lab.rcmctl("detach", "hme0", "--dry-run", "--json")
    assert asked.returncode == 0, asked.stderr
    plan = json.loads(asked.stdout)
    (rule,) = plan["warnings"]
    assert rule == (
        "hme0: IPv4 rule 100 (oif hme0 table 77) names the interface and does not follow"
    )
    rest = [it for it in plan["moves"] if it["kind"] in ("route", "neighbour")]
    lost = {(it["address"], it["reason"]) for it in rest if it["fate"] == "lost"}
    assert lost == {*LOST.values(), ("fe80::/64", KERNELS_OWN)}
    moved = {it["address"]: it for it in rest if it["fate"] == "moved"}
    assert {it["to"] for it in moved.values()} == {"hme1"}
    assert moved.pop("10.20.0.0/16")["reason"] == "has several next hops and does not follow"
    for prefix in ("192.168.85.0/24", "2001:db8:85::/64"):
        assert moved.pop(prefix)["reason"] == KERNELS_OWN
    assert len(moved) == len(FOLLOWING)
    assert routes_on(lab, "hme0") == before

    done = lab.rcmctl("detach", "hme0", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["moves"] == plan["moves"]
    assert routes_on(lab, "hme1") == before
    ways = json.loads(lab.run(["ip", "-j", "route", "show", "10.20.0.0/16"], check=True).stdout)
    assert [hop["dev"] for it in ways for hop in it["nexthops"] if "dead" not in hop["flags"]] == [
        "hme1"
    ]
    assert all(590 < left < 602 for left in ends(lab))
    assert all(
        it.protocol in (2, RCMD_PROTOCOL)
        for it in snapshot(lab).routes
        if it.expires_at is not None
    )

    assert lab.rcmctl("attach", "hme0").returncode == 0
    lab.wait_for(lambda: routes_on(lab, "hme0") == before, what="the routes at home")
    assert len([left for left in ends(lab) if left > 500]) == 1
    assert routes_on(lab, "hme1") == set()


def test_a_route_goes_with_its_source_and_is_not_fought_for(lab: Lab) -> None:
    start(lab, DUAL_STACK)
    await_settled(lab)
    ip(lab, f"-4 route add 10.9.0.0/16 via {ROUTER} dev hme1 src 192.168.85.19")
    ip(lab, f"-6 route add 2001:db8:9::/48 via {ROUTER6} dev hme1 src 2001:db8:85::19")
    before = routes_on(lab, "hme1")
    lab.tear_out("hme0")
    lab.wait_for(lambda: hosts_of(lab, "192.168.85.19") == ["hme1"], what="the address")
    lab.wait_for(lambda: routes_on(lab, "hme1") >= before, what="routes that prefer it")
    lab.put_back("hme0")
    lab.wait_for(lambda: hosts_of(lab, "2001:db8:85::19") == ["hme0"], what="the address at home")
    lab.wait_for(lambda: routes_on(lab, "hme1") == before, what="the routes as before")
    for _ in range(2):
        ip(lab, "addr del 192.168.85.19/24 dev hme0")
        ip(lab, "addr del 2001:db8:85::19/64 dev hme0")
        lab.wait_for(lambda: hosts_of(lab, "2001:db8:85::19") == ["hme0"], what="the address again")
        lab.wait_for(lambda: routes_on(lab, "hme1") == before, what="the routes again")
    lab.write(SETTINGS_PATH, SETTINGS + "when_removed: accept\n")
    assert lab.rcmctl("reload").returncode == 0
    ip(lab, "addr del 192.168.85.19/24 dev hme0")
    ip(lab, "addr del 2001:db8:85::19/64 dev hme0")
    lab.wait_for(
        lambda: {str(it.source) for it in routes_on(lab, "hme1")} == {"None"}, what="the end of it"
    )
    assert "refused" not in lab.daemon_log()
