"""What a member can hold on the real kernel: families that are off, and ports of bridges."""

from __future__ import annotations

import json

import pytest
from evidence import begin
from scenes import (
    DUAL_STACK,
    HME2,
    LabFactory,
    addr_dump,
    await_event,
    await_hosted,
    await_same,
    await_settled,
    await_state,
    group_state,
    history,
    hosts_of,
    interface,
    kinds,
    reaches,
    state_of,
    status,
)

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

DATA, DATA6 = "192.168.85.19", "2001:db8:85::19"
THREE = {
    **DUAL_STACK,
    "hostname.hme2": HME2,
    "hostname6.hme2": "addif 2001:db8:85::24/64 up\n",
}
NICS = ("hme0", "hme1", "hme2")


def planned(lab: Lab, nic: str) -> dict[str, str | None]:
    """Where a dry run says that each address and route would go."""
    said = lab.rcmctl("detach", "--dry-run", "--json", nic)
    assert said.returncode == 0, said.stderr
    return {it["address"]: it["to"] for it in json.loads(said.stdout)["moves"]}


def test_a_plan_knows_where_a_family_is_switched_off(lab_with: LabFactory) -> None:
    lab = begin(lab_with(nics=NICS), THREE)
    lab.run(["sysctl", "-qw", "net.ipv6.conf.hme1.disable_ipv6=1"], check=True)
    await_event(lab, "inconsistent", "hme1")
    # Until it is answered it may be judged otherwise by the time that it is needed.
    for nic in ("hme0", "hme2"):
        lab.wait_for(lambda: interface(lab, nic)["probe"] == "ok", what=f"answers to {nic}")  # noqa: B023
    plan = planned(lab, "hme0")
    assert (plan[f"{DATA}/24"], plan[f"{DATA6}/64"]) == ("hme2", "hme2")
    session = lab.tcp_session(DATA6)
    lab.pull("hme0")
    await_hosted(lab, "hme2", DATA, DATA6)
    assert session.alive()
    (told,) = [it for it in history(lab) if it["kind"] == "failover" and it["subject"] == "hme0"]
    assert told["message"] == "Successfully failed over from NIC hme0 to NIC hme2"
    assert "refused" not in {kind for kind, _ in kinds(lab)}
    (spare,) = [it for it in status(lab)["problems"] if it["code"] == "no-spare"]
    assert "if hme2 fails or goes, IPv6 addresses have nowhere to live" in spare["text"]
    lab.plug("hme0")
    await_hosted(lab, "hme0", DATA, DATA6)
    assert session.alive()


def test_only_what_can_be_held_goes(lab_with: LabFactory) -> None:
    """With nobody left for IPv6 its address waits where it is, and only IPv4 is told of."""
    lab = begin(lab_with(nics=NICS), THREE)
    for nic in ("hme1", "hme2"):
        lab.run(["sysctl", "-qw", f"net.ipv6.conf.{nic}.disable_ipv6=1"], check=True)
        await_event(lab, "inconsistent", nic)
    refused = lab.rcmctl("detach", "--dry-run", "hme0")
    assert refused.returncode == 3
    assert "no other functioning interface of group test takes IPv6 addresses" in refused.stdout
    lab.pull("hme0")
    await_hosted(lab, "hme1", DATA)
    await_event(lab, "failover", "hme0")
    assert hosts_of(lab, DATA6) == ["hme0"]
    (told,) = [it for it in history(lab) if it["kind"] == "failover" and it["subject"] == "hme0"]
    assert told["message"].startswith(f"Failed over from NIC hme0 to NIC hme1, but not {DATA6}/64")
    assert told["detail"]["left"].startswith(f"{DATA6}/64")
    assert f"{DATA6}/64" in {it["subject"] for it in status(lab)["problems"]}
    lab.run(["sysctl", "-qw", "net.ipv6.conf.hme2.disable_ipv6=0"], check=True)
    await_hosted(lab, "hme2", DATA6)


TAKEN = [
    (
        ["link add br0 up type bridge", "link set hme0 master br0"],
        ["link set hme0 nomaster"],
        "it is a port of br0 (bridge), which takes what it receives",
    ),
    (
        ["link add mv0 up link hme0 type macvlan mode passthru"],
        ["link del mv0"],
        "mv0, a macvlan in passthru mode on it, takes what it receives",
    ),
]


@pytest.mark.parametrize(("take", "release", "why"), TAKEN, ids=["bridge", "passthru"])
def test_a_member_whose_traffic_is_taken_serves_nothing(
    lab_with: LabFactory, take: list[str], release: list[str], why: str
) -> None:
    lab = begin(lab_with(nics=NICS), THREE)
    await_settled(lab)
    before = addr_dump(lab)
    session = lab.tcp_session(DATA)
    for command in take:
        lab.run(["ip", *command.split()], check=True)
    await_hosted(lab, "hme1", DATA, DATA6)
    assert session.alive()
    # The kernel joins the solicited-node group a moment after the address is there
    # (linux:net/ipv6/addrconf.c, addrconf_dad_work); who asks in between asks again.
    lab.wait_for(lambda: reaches(lab, DATA6, where="router"), what=f"an answer from {DATA6}")
    assert (state_of(lab, "hme0"), group_state(lab)) == ("offline", "degraded")
    assert why in [it["text"] for it in status(lab)["problems"] if it["subject"] == "hme0"]
    attached = lab.rcmctl("attach", "hme0")
    assert (attached.returncode, f"it serves nothing: {why}" in attached.stderr) == (1, True)
    # Neither foreseen nor in fact it takes anything.
    assert set(planned(lab, "hme1").values()) <= {"hme2", None}
    lab.pull("hme1")
    await_hosted(lab, "hme2", DATA, DATA6, "192.168.85.20")
    lab.plug("hme1")
    await_hosted(lab, "hme1", "192.168.85.20")
    for command in release:
        lab.run(["ip", *command.split()], check=True)
    await_hosted(lab, "hme0", DATA, DATA6)
    await_state(lab, "hme0", "running")
    assert session.alive()
    assert ("unbarred", "hme0") in kinds(lab)
    lab.run(["ip", "link", "del", "br0"])
    await_same(lab, addr_dump, before)
    lab.wait_for(lambda: status(lab)["problems"] == [], what="no problem")


def test_a_port_is_known_to_a_daemon_that_starts(lab_with: LabFactory) -> None:
    lab = begin(lab_with(nics=NICS), THREE)
    lab.kill_daemon()
    for command in TAKEN[0][0]:
        lab.run(["ip", *command.split()], check=True)
    lab.start_daemon()
    await_hosted(lab, "hme1", DATA, DATA6)
    assert state_of(lab, "hme0") == "offline"
    lab.run(["ip", *TAKEN[0][1][0].split()], check=True)
    await_hosted(lab, "hme0", DATA, DATA6)
