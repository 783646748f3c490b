"""The service on a real system bus: what is told when a cable is pulled, and without a bus."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from evidence import Peer, begin, client
from scenes import PAIR, SETTINGS, await_hosted, hosts_of

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

BUS = ["dbus-daemon", "--system", "--nofork", "--nopidfile", "--nosyslog", "--print-address=1"]


def signals_until(listener: Peer, kind: str) -> list[dict[str, Any]]:
    """Everything that was told up to the `Event` of that kind."""
    told = listener.until("Event")
    while told[-1]["arguments"][1] != kind:
        told += listener.until("Event")
    return told


def changed(told: list[dict[str, Any]], path: str) -> dict[str, Any]:
    """The properties of an object as they were told last."""
    properties: dict[str, Any] = {}
    for signal in told:
        if signal["member"] == "PropertiesChanged" and signal["path"] == path:
            properties |= signal["arguments"][1]
    return properties


def kill_bus(lab: Lab) -> None:
    lab.run(["sh", "-c", "kill -9 $(pidof dbus-daemon)"], check=True)


def start_bus(lab: Lab) -> None:
    # As systemd does: nobody listens on what the dead one has left.
    lab.run(["rm", "-f", "/run/dbus/system_bus_socket"], check=True)
    bus = lab.popen(BUS, stdout=subprocess.PIPE)
    assert bus.stdout is not None
    assert bus.stdout.readline().startswith("unix:")


def test_pulled_cable_is_told(lab: Lab) -> None:
    begin(lab, PAIR)
    listener = Peer(lab, "listen")
    lab.pull("hme0")
    told = signals_until(listener, "failover")
    events = [it["arguments"] for it in told if it["member"] == "Event"]
    assert [(kind, subject) for _, kind, subject, _ in events] == [
        ("link-down", "hme0"),
        ("failure", "hme0"),
        ("failover", "hme0"),
    ]
    assert events[-1][3]["message"] == "Successfully failed over from NIC hme0 to NIC hme1"
    told += listener.until("PropertiesChanged")
    # What changes one after the other may be told in one signal, or in several.
    while not (
        changed(told, "/org/rcmd1/interface/hme0").keys() >= {"State", "LinkUp", "DataAddresses"}
        and "DataAddresses" in changed(told, "/org/rcmd1/interface/hme1")
        and "State" in changed(told, "/org/rcmd1/group/test")
    ):
        told.append(listener.next())
    hme0 = changed(told, "/org/rcmd1/interface/hme0")
    assert (hme0["State"], hme0["LinkUp"], hme0["DataAddresses"]) == ("failed", False, [])
    hme1 = changed(told, "/org/rcmd1/interface/hme1")
    assert "192.168.85.19/24" in hme1["DataAddresses"]
    assert changed(told, "/org/rcmd1/group/test")["State"] == "degraded"


def test_new_interface_appears_as_an_object(lab: Lab) -> None:
    begin(lab, PAIR)
    listener = Peer(lab, "listen")
    lab.write("/etc/hostname.hme2", "192.168.85.29 netmask + up\n")
    assert lab.rcmctl("reload").returncode == 0
    path, interfaces = listener.until("InterfacesAdded")[-1]["arguments"]
    assert path == "/org/rcmd1/interface/hme2"
    assert interfaces["org.rcmd1.Interface"]["State"] == "missing"
    lab.remove("/etc/hostname.hme2")
    assert lab.rcmctl("reload").returncode == 0
    path, names = listener.until("InterfacesRemoved")[-1]["arguments"]
    assert path == "/org/rcmd1/interface/hme2"
    assert "org.rcmd1.Interface" in names


def test_dead_bus_holds_up_no_failover_and_is_found_again(lab: Lab) -> None:
    begin(lab, PAIR)
    kill_bus(lab)
    assert lab.rcmctl("status").returncode == 6
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    start_bus(lab)
    lab.wait_for(lambda: lab.rcmctl("status").returncode == 0, what="the service")
    shown = json.loads(lab.rcmctl("status", "--json").stdout)
    assert shown["groups"][0]["state"] == "degraded"
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    listener = Peer(lab, "listen")
    lab.pull("hme0")
    signals_until(listener, "failover")


def test_daemon_starts_and_works_without_a_bus(lab: Lab) -> None:
    kill_bus(lab)
    begin(lab, PAIR)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    start_bus(lab)
    lab.wait_for(lambda: lab.rcmctl("status").returncode == 0, what="the service")
    assert hosts_of(lab, "192.168.85.19") == ["hme1"]


def test_client_that_leaves_the_bus_objects_no_more(lab: Lab) -> None:
    begin(lab, PAIR)
    peer = client(lab, "backup", "--refuse", "QueryRemove=a backup is running")
    assert lab.rcmctl("detach", "hme0").returncode == 3
    peer.kill()
    assert lab.rcmctl("detach", "hme0").returncode == 0


def test_silent_client_counts_as_a_refusal(lab: Lab) -> None:
    lab.write("/etc/rcmd/rcmd.yaml", SETTINGS + "hooks: {timeout: 1s}\n")
    begin(lab, PAIR)
    client(lab, "asleep", "--hold", "QueryRemove")
    done = lab.rcmctl("detach", "hme0")
    assert done.returncode == 3
    assert done.stderr == "hme0: asleep: did not answer within 1 s\n"
    assert hosts_of(lab, "192.168.85.19") == ["hme0"]
