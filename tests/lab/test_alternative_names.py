"""Devices by their alternative names: in files, and as resources."""

from __future__ import annotations

import json

import pytest
from scenes import (
    HME0,
    HME1,
    SETTINGS,
    await_hosted,
    await_state,
    hosted_on,
    interface,
    labels,
    start,
    state_of,
)

from rcmd.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long]

LONG = "a-name-of-more-than-fifteen-bytes"


def also(lab: Lab, verb: str, nic: str, name: str) -> None:
    lab.run(["ip", "link", "property", verb, "dev", nic, "altname", name], check=True)


@pytest.fixture(autouse=True)
def quick(lab: Lab) -> None:
    """Ten answers are there within a second."""
    lab.write("/etc/rcmd/rcmd.yaml", SETTINGS)


@pytest.mark.parametrize("name", ["uplink", LONG])
def test_a_file_and_a_resource_may_go_by_one(lab: Lab, name: str) -> None:
    also(lab, "add", "hme0", name)
    start(lab, {f"hostname.{name}": HME0, "hostname.hme1": HME1})
    await_state(lab, name, "running")
    assert hosted_on(lab, "192.168.85.19") == "hme0"
    assert labels(lab, "hme0") == {"192.168.85.19": "hme0", "192.168.85.21": "hme0:1"}
    assert interface(lab, name)["ifindex"] > 0
    for resource in (name, "hme0"):
        done = lab.rcmctl("detach", resource, "--dry-run", "--json")
        assert done.returncode == 0, done
        assert "192.168.85.19" in done.stdout
    assert lab.rcmctl("offline", "hme0").returncode == 0
    await_hosted(lab, "hme1", "192.168.85.19")
    assert lab.rcmctl("online", name).returncode == 0
    await_hosted(lab, "hme0", "192.168.85.19")
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    lab.plug("hme0")
    await_hosted(lab, "hme0", "192.168.85.19")
    lab.kill_daemon()
    lab.start_daemon()
    await_state(lab, name, "running")
    assert lab.rcmctl("detach", "hme0").returncode == 0
    await_hosted(lab, "hme1", "192.168.85.19")
    assert state_of(lab, name) == "detached"
    assert lab.rcmctl("attach", name).returncode == 0
    await_hosted(lab, "hme0", "192.168.85.19")


def test_it_is_taken_when_it_gets_the_name_and_given_back_without_it(lab: Lab) -> None:
    start(lab, {f"hostname.{LONG}": HME0, "hostname.hme1": HME1})
    assert hosted_on(lab, "192.168.85.19") is None
    # Of one that is down the kernel does not tell (net/core/dev.c, netdev_state_change).
    lab.run(["ip", "link", "set", "hme0", "up"], check=True)
    also(lab, "add", "hme0", LONG)
    await_hosted(lab, "hme0", "192.168.85.19")
    lab.run(["ip", "link", "set", "hme0", "name", "eth7"], check=True)
    await_hosted(lab, "eth7", "192.168.85.19")
    assert state_of(lab, LONG) == "running"
    also(lab, "del", "eth7", LONG)
    await_hosted(lab, "hme1", "192.168.85.19")
    assert state_of(lab, LONG) == "missing"


def test_a_resource_of_no_file_goes_by_one_too(lab: Lab) -> None:
    start(lab, {"hostname.hme0": HME0, "hostname.hme1": HME1})
    also(lab, "add", "hme0", "uplink")
    done = lab.rcmctl("detach", "uplink", "--dry-run", "--json")
    assert done.returncode == 0, done
    assert json.loads(done.stdout)
    assert lab.rcmctl("detach", "nolink", "--dry-run").returncode == 4
