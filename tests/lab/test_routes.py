"""Routes follow the addresses and come home: default, static, both families."""

from __future__ import annotations

import json

import pytest
from evidence import await_as, essence
from scenes import (
    DUAL_STACK,
    OUTSIDE,
    OUTSIDE6,
    PAIR,
    ROUTER,
    ROUTER6,
    LabFactory,
    addr_dump,
    await_hosted,
    await_same,
    await_settled,
    await_state,
    history,
    reaches,
    route_devices,
    route_named,
    snapshot,
    start,
)
from there_and_back import begin_spreading, go_and_return

from rcmd.lab.lab import Lab
from rcmd.model.network import RCMD_PROTOCOL, Route

pytestmark = pytest.mark.lab

STATIC = 4


def add_route(lab: Lab, *words: str) -> None:
    lab.run(["ip", "route", "add", *words], check=True)


def all_routes(lab: Lab) -> list[Route]:
    return sorted(snapshot(lab).routes, key=repr)


def sysctls(lab: Lab) -> str:
    return lab.run(["sysctl", "-a", "--pattern", r"^net\.ipv[46]\.conf\."], check=True).stdout


def test_routes_follow_and_return(lab: Lab) -> None:
    start(lab, DUAL_STACK)
    await_settled(lab)
    add_route(lab, "default", "via", ROUTER, "proto", "static")
    add_route(
        lab,
        *("10.9.0.0/16", "via", ROUTER, "src", "192.168.85.19", "metric", "50"),
        *("proto", "200", "mtu", "1400"),
    )
    add_route(lab, "10.10.0.0/16", "dev", "hme0", "scope", "link")
    add_route(lab, "10.11.0.0/16", "via", ROUTER, "dev", "hme1")
    add_route(lab, "10.12.0.0/16", "via", ROUTER, "dev", "hme0", "table", "77")
    add_route(lab, "default", "via", ROUTER6, "dev", "hme0", "metric", "500")
    assert route_devices(lab, "default") == ["hme0"]
    before, before_addresses = all_routes(lab), addr_dump(lab)
    session = lab.tcp_session("192.168.85.19", source="outside")
    session6 = lab.tcp_session("2001:db8:85::19", source="outside")

    lab.pull("hme0")
    lab.wait_for(
        lambda: all(route_devices(lab, where) == ["hme1"] for where in ("default", "10.9.0.0/16")),
        what="the routes",
    )
    lab.wait_for(
        lambda: route_devices(lab, "default", 6) == ["hme1"], what="the IPv6 default route"
    )
    (default,) = route_named(lab, "default")
    assert (str(default.gateway), default.protocol) == (ROUTER, RCMD_PROTOCOL)
    (static,) = route_named(lab, "10.9.0.0/16")
    assert (str(static.source), static.priority, static.metrics) == (
        "192.168.85.19",
        50,
        ((2, 1400),),
    )
    await_same(lab, lambda lab: route_devices(lab, "10.10.0.0/16"), ["hme1"])
    assert route_devices(lab, "10.11.0.0/16") == ["hme1"]
    assert "dev hme1" in lab.run(["ip", "route", "show", "table", "77"]).stdout
    (default6,) = route_named(lab, "default", 6)
    assert (str(default6.gateway), default6.priority) == (ROUTER6, 500)
    assert reaches(lab, OUTSIDE)
    assert reaches(lab, OUTSIDE, source="192.168.85.19")
    assert reaches(lab, OUTSIDE6)
    assert session.alive()
    assert session6.alive()

    lab.plug("hme0")
    await_same(lab, all_routes, before)
    await_same(lab, addr_dump, before_addresses)
    assert session.alive()
    assert session6.alive()


def test_outside_is_reached_whatever_happens_to_the_nic(lab: Lab) -> None:
    """The default route leaves with a pulled, a detached, and a torn out NIC."""
    start(lab, PAIR)
    add_route(lab, "default", "via", ROUTER, "proto", "static")
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    assert reaches(lab, OUTSIDE)
    lab.plug("hme0")
    lab.wait_for(lambda: route_devices(lab, "default") == ["hme0"], what="the route at home")
    assert reaches(lab, OUTSIDE)

    done = lab.rcmctl("detach", "hme0")
    assert done.returncode == 0, done.stderr
    assert "route    default via 192.168.85.1  hme0 -> hme1" in done.stdout
    assert route_devices(lab, "default") == ["hme1"]
    assert reaches(lab, OUTSIDE)
    assert lab.rcmctl("attach", "hme0").returncode == 0
    lab.wait_for(lambda: route_devices(lab, "default") == ["hme0"], what="the route at home")
    assert reaches(lab, OUTSIDE)

    lab.tear_out("hme0")
    lab.wait_for(lambda: route_devices(lab, "default") == ["hme1"], what="the route elsewhere")
    assert reaches(lab, OUTSIDE)
    assert reaches(lab, "192.168.85.19", where="outside")
    lab.put_back("hme0")
    lab.wait_for(lambda: route_devices(lab, "default") == ["hme0"], what="the route at home")
    assert route_named(lab, "default")[0].protocol == STATIC
    assert reaches(lab, OUTSIDE)


@pytest.mark.long
def test_twenty_times(lab: Lab) -> None:
    """The kernel's state is the same to the byte, also that of what spreads the load.

    `make bench` does it a hundred times.
    """
    begin_spreading(lab)
    before = essence(lab)
    go_and_return(lab, 20)
    await_as(lab, before)


def test_sysctls_are_put_back(lab: Lab) -> None:
    """Set before the first address, and as they were once the interface is detached."""
    read = ["sysctl", "-n"]
    keys = [
        f"net.ipv4.conf.hme0.{key}"
        for key in ("promote_secondaries", "arp_ignore", "arp_announce", "rp_filter")
    ]
    lab.run(["sysctl", "-w", "net.ipv4.conf.hme0.rp_filter=1"], check=True)
    before = lab.run([*read, *keys], check=True).stdout
    start(lab, PAIR)
    assert lab.run([*read, *keys], check=True).stdout.split() == ["1", "1", "2", "2"]
    assert lab.rcmctl("detach", "hme0").returncode == 0
    await_state(lab, "hme0", "detached")
    assert lab.run([*read, *keys], check=True).stdout == before
    # A restart in between does not lose what was there before.
    assert lab.rcmctl("attach", "hme0").returncode == 0
    lab.kill_daemon()
    lab.start_daemon()
    assert lab.rcmctl("detach", "hme0").returncode == 0
    assert lab.run([*read, *keys], check=True).stdout == before
    assert lab.stop_daemon() == 0
    assert lab.run([*read, "net.ipv4.conf.hme1.arp_announce"], check=True).stdout == "2\n"


def test_routes_that_the_kernel_makes_are_left_alone(lab_with: LabFactory) -> None:
    """Prefix routes are the kernel's, routes of strangers are theirs."""
    lab = lab_with(nics=("hme0", "hme1", "stranger"))
    lab.run(["ip", "link", "set", "stranger", "up"], check=True)
    lab.run(["ip", "addr", "add", "10.50.0.1/24", "dev", "stranger"], check=True)
    add_route(lab, "10.51.0.0/16", "via", "10.50.0.2")
    start(lab, PAIR)
    before = json.loads(lab.run(["ip", "-j", "route"], check=True).stdout)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    assert route_devices(lab, "10.51.0.0/16") == ["stranger"]
    assert not [it for it in snapshot(lab).routes if it.protocol == RCMD_PROTOCOL]
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    after = json.loads(lab.run(["ip", "-j", "route"], check=True).stdout)
    assert sorted(map(str, after)) == sorted(map(str, before))
    assert not [it for it in history(lab) if "stranger" in it["message"]]


def test_the_route_waits_where_nobody_can_take_it(lab_with: LabFactory) -> None:
    """With all cables pulled nothing moves; the first NIC back carries the route."""
    lab = start(lab_with(), PAIR)
    add_route(lab, "default", "via", ROUTER, "proto", "static")
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    lab.pull("hme1")
    lab.wait_for(lambda: not reaches(lab, OUTSIDE, within_s=0.05), what="silence")
    lab.plug("hme1")
    lab.wait_for(lambda: reaches(lab, OUTSIDE, within_s=0.2), what="the outside")
    assert route_devices(lab, "default") == ["hme1"]
    lab.plug("hme0")
    lab.wait_for(lambda: route_devices(lab, "default") == ["hme0"], what="the route at home")
    assert route_named(lab, "default")[0].protocol == STATIC
