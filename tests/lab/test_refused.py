"""A refusal of the real kernel is over when its cause is."""

from __future__ import annotations

import json

import pytest
from evidence import begin
from scenes import (
    BEFORE_A_LOOK_S,
    DUAL_STACK,
    HME0,
    ROUTER,
    STANDBY,
    LabFactory,
    await_event,
    await_hosted,
    history,
    hosts_of,
    kinds,
    reaches,
    route_devices,
    status,
)

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

DATA = "192.168.85.19"
ONE_AND_A_STANDBY = {
    "hostname.hme0": f"{DATA} netmask + broadcast + group test up\n",
    "hostname.hme1": STANDBY,
}
BY_HAND_AND_A_STANDBY = {**ONE_AND_A_STANDBY, "hostname.hme0": "group test up\n"}


def ip(lab: Lab, *commands: str) -> None:
    for words in commands:
        lab.run(["ip", *words.split()], check=True)


@pytest.mark.parametrize("files", [ONE_AND_A_STANDBY, BY_HAND_AND_A_STANDBY])
def test_taken_away_and_given_again_a_moment_later(lab: Lab, files: dict[str, str]) -> None:
    """What adds it again may find that rcmd was faster."""
    begin(lab, files)
    is_by_hand = files is BY_HAND_AND_A_STANDBY
    address = f"addr add {DATA}/24 dev hme0"
    route = f"route add default via {ROUTER} dev hme0"
    if is_by_hand:
        ip(lab, address)
        await_event(lab, "address-added", "hme0")
    ip(lab, route)
    again = f"ip addr del {DATA}/24 dev hme0; sleep 0.3; ip {address}; ip {route}; true"
    lab.run(["sh", "-c", again], check=True)
    lab.wait_for(lambda: route_devices(lab, "default") == ["hme0"], what="the route")
    lab.pull("hme0")
    await_hosted(lab, "hme1", DATA)
    lab.wait_for(
        lambda: route_devices(lab, "default") == ["hme1"], what="the route", timeout=BEFORE_A_LOOK_S
    )
    lab.plug("hme0")
    await_hosted(lab, "hme0", DATA)
    lab.wait_for(
        lambda: route_devices(lab, "default") == ["hme0"], what="the route", timeout=BEFORE_A_LOOK_S
    )
    assert "refused" not in {kind for kind, _ in kinds(lab)}
    assert status(lab)["problems"] == []


PEER, PEER6 = "10.9.0.2", "2001:db8:9::2"
BEHIND, BEHIND6 = "10.77.0.0/16", "2001:db8:77::/48"


def begin_with_peers(lab: Lab) -> None:
    """Addresses with a far end on hme0, whose router is it, and routes through those."""
    begin(lab, DUAL_STACK)
    ip(
        lab,
        f"addr add 10.9.0.1 peer {PEER} dev hme0",
        f"addr add 2001:db8:9::1 peer {PEER6} dev hme0",
    )
    # The kernel makes the route to the far end a moment after the address.
    shown = ["ip", "-6", "route", "show", PEER6]
    lab.wait_for(lambda: bool(lab.run(shown).stdout), what="the route to the far end")
    ip(
        lab,
        f"route add {BEHIND} via {PEER} dev hme0",
        f"-6 route add {BEHIND6} via {PEER6} dev hme0",
    )
    at_the_router = ("10.9.0.2 peer 10.9.0.1 dev lan0", "2001:db8:9::2 peer 2001:db8:9::1 dev lan0")
    for address in (*at_the_router, "10.77.0.1/32 dev lo", "2001:db8:77::1/128 dev lo"):
        lab.run(["ip", "addr", "add", *address.split()], where="router", check=True)
    lab.wait_for(lambda: kinds(lab).count(("address-added", "hme0")) == 2, what="the news")
    assert is_there(lab)


def is_there(lab: Lab) -> bool:
    return reaches(lab, "10.77.0.1") and reaches(lab, "2001:db8:77::1")


def await_routes(lab: Lab, nic: str) -> None:
    for destination, version in ((BEHIND, 4), (BEHIND6, 6)):
        lab.wait_for(
            lambda: route_devices(lab, destination, version) == [nic],  # noqa: B023
            what=f"{destination} on {nic}",
            timeout=BEFORE_A_LOOK_S,
        )


def test_a_route_through_a_far_end_follows_when_its_device_is_torn_out(lab: Lab) -> None:
    begin_with_peers(lab)
    lab.tear_out("hme0")
    await_hosted(lab, "hme1", "10.9.0.1", "2001:db8:9::1")
    await_routes(lab, "hme1")
    assert is_there(lab)
    lab.put_back("hme0")
    await_hosted(lab, "hme0", "10.9.0.1", "2001:db8:9::1")
    await_routes(lab, "hme0")
    assert "refused" not in {kind for kind, _ in kinds(lab)}


def test_a_route_through_a_far_end_follows_in_a_detach_as_planned(lab: Lab) -> None:
    begin_with_peers(lab)
    plan = json.loads(lab.rcmctl("detach", "-n", "--json", "hme0").stdout)
    goes = {it["address"]: it["to"] for it in plan["moves"]}
    assert goes[f"{BEHIND} via {PEER}"] == goes[f"{BEHIND6} via {PEER6}"] == "hme1"
    assert plan["vetoes"] == []
    done = lab.rcmctl("detach", "--json", "hme0")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["moves"] == plan["moves"]
    await_routes(lab, "hme1")
    assert is_there(lab)


MAC = "02:00:00:00:00:03"


def test_a_device_that_could_not_be_set_up_is_when_it_can_be(lab_with: LabFactory) -> None:
    """A macvlan with the hardware address of the device below it cannot, until that has another."""
    lab = lab_with(nics=("hme0", "low0"), macs={"low0": MAC})
    ip(lab, "link set low0 up", f"link add mv0 link low0 address {MAC} type macvlan mode bridge")
    begin(lab, {"hostname.hme0": HME0, "hostname.mv0": "192.168.85.20/24 group test up\n"})
    await_hosted(lab, "hme0", "192.168.85.20")
    why = "could not be plumbed: up: Address already in use"
    assert f"it {why}" in {it["text"].partition(": ")[2] for it in status(lab)["problems"]}
    attached = lab.rcmctl("attach", "mv0")
    assert (attached.returncode, f"mv0 {why}" in attached.stderr) == (1, True)
    # Not even a restart forgets that it is still to be done.
    lab.kill_daemon()
    lab.start_daemon()
    ip(lab, "link set low0 address 02:00:00:00:77:77")
    await_hosted(lab, "mv0", "192.168.85.20")
    assert lab.rcmctl("attach", "mv0").returncode == 0
    assert ("precondition", "mv0") not in kinds(lab)
    lab.wait_for(lambda: status(lab)["problems"] == [], what="no problem")
    ip(lab, "link set mv0 down")
    await_hosted(lab, "hme0", "192.168.85.20")
    assert lab.rcmctl("reload").returncode == 0
    assert hosts_of(lab, "192.168.85.20") == ["hme0"]


def test_an_mtu_that_was_refused_is_set_when_it_can_be(lab_with: LabFactory) -> None:
    lab = lab_with(nics=("hme0", "low0"))
    ip(lab, "link set low0 up", "link add mv0 link low0 type macvlan mode bridge")
    files = {"hostname.hme0": HME0, "hostname.mv0": "mtu 1800 192.168.85.20/24 group test up\n"}
    begin(lab, files)
    why = "mtu is 1500 instead of 1800 (mtu 1800: Invalid argument)"
    lab.wait_for(lambda: why in {it["text"] for it in status(lab)["problems"]}, what="the problem")
    ip(lab, "link set low0 mtu 2000")
    mtu = "/sys/class/net/mv0/mtu"
    lab.wait_for(lambda: lab.read(mtu).strip() == "1800", what="the MTU", timeout=BEFORE_A_LOOK_S)
    lab.wait_for(lambda: status(lab)["problems"] == [], what="no problem")
    told = [it["message"] for it in history(lab) if it["kind"] == "precondition"]
    assert told == ["mv0: mtu is 1500 instead of 1800: it was set again"]
