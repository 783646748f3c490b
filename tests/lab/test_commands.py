"""What an administrator types, and what files say: exit statuses and messages of the contract."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from conftest import LabFactory
from evidence import AS_NOBODY, await_as, begin, begin_with_routes, dump, essence
from scenes import (
    HME0,
    HME1,
    PAIR,
    STANDBY,
    await_event,
    await_hosted,
    await_state,
    held,
    hosts_of,
    interface,
    kinds,
    lasting_status,
    state_of,
    status,
    write_files,
)

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab

YAML = "/etc/rcmd/rcmd.yaml"
CHANGES = (
    ("detach", "hme0"),
    ("attach", "hme0"),
    ("offline", "hme0"),
    ("online", "hme0"),
    ("reload",),
)
BAD_HME0 = "192.168.85.19 group test frobnicate up\naddif 192.168.85.333 up\n"


def rcmctl_as_nobody(lab: Lab, *arguments: str) -> subprocess.CompletedProcess[str]:
    return lab.run([*AS_NOBODY, sys.executable, "-m", "rcmd.ctl.main", *arguments])


# Who may, and who is there


def test_everybody_may_read_and_only_root_may_change(lab: Lab) -> None:
    begin(lab, PAIR)
    # While it is probed for the first time, one answer may be another than the next.
    lab.wait_for(lambda: status(lab)["problems"] == [], what="everybody is answered")
    before = dump(lab)
    for verb in ("status", "groups", "interfaces", "addresses", "history"):
        for form in ((verb,), (verb, "--json")):
            mine = rcmctl_as_nobody(lab, *form)
            assert (mine.returncode, mine.stderr) == (0, "")
            assert mine.stdout == lab.rcmctl(*form).stdout
    assert rcmctl_as_nobody(lab, "detach", "--dry-run", "hme0").returncode == 0
    for words in CHANGES:
        done = rcmctl_as_nobody(lab, *words)
        assert (done.returncode, done.stdout) == (5, ""), words
        assert done.stderr.startswith("rcmctl: ")
    assert dump(lab) == before
    assert all(kind not in ("detach", "offline", "reload") for kind, _ in kinds(lab))


def test_exit_statuses_without_a_daemon_and_for_what_is_not_there(lab: Lab) -> None:
    for words in (("status",), *CHANGES):
        done = lab.rcmctl(*words)
        assert (done.returncode, done.stdout) == (6, ""), words
        assert "rcmd is not running" in done.stderr
    begin(lab, PAIR)
    before = dump(lab)
    for verb in ("detach", "attach", "offline", "online"):
        done = lab.rcmctl(verb, "nope0")
        assert (done.returncode, done.stdout) == (4, ""), verb
        assert done.stderr == "rcmctl: nope0: no such resource\n"
    for bad in (("frobnicate",), ("detach",), ("detach", "--frob", "hme0"), ("detach", "a/b")):
        done = lab.rcmctl(*bad)
        assert (done.returncode, done.stdout) == (2, ""), bad
        assert "rcmctl: " in done.stderr
    refusal = json.loads(lab.rcmctl("detach", "--json", "nope0").stdout)
    assert refusal["error"]["name"] == "org.rcmd1.Error.NoSuchResource"
    assert dump(lab) == before


def test_status_says_what_the_contract_says(lab: Lab) -> None:
    begin(lab, {**PAIR, "rcmd/rcmd.yaml": ""})
    lab.pull("hme0")
    await_state(lab, "hme0", "failed")
    await_hosted(lab, "hme1", "192.168.85.19")
    told = status(lab)
    (group,) = told["groups"]
    assert (group["name"], group["state"], group["interfaces"]) == (
        "test",
        "degraded",
        ["hme0", "hme1"],
    )
    assert group["failure_detection_ms"] == 10000
    hme0 = interface(lab, "hme0")
    assert {"FAILED"} <= set(hme0["flags"]) <= {"UP", "FAILED"}
    assert (hme0["link_up"], hme0["standby"], hme0["group"]) == (False, False, "test")
    assert hme0["hardware_address"] == "02:00:00:00:00:01"
    addresses = {
        it["address"]: (it["kind"], it["home"], it["hosted_on"], it["label"])
        for it in told["addresses"]
    }
    assert addresses["192.168.85.19/24"] == ("data", "hme0", "hme1", "hme1:2")
    assert addresses["192.168.85.21/24"] == ("test", "hme0", "hme0", "hme0:1")
    assert told["operations"] == []


# Bad files


def test_check_tells_every_fault_at_once(lab: Lab) -> None:
    write_files(lab, {"hostname.hme0": BAD_HME0, "hostname.hme1": HME1})
    lab.write(YAML, "failback: perhaps\nfrobnicate: 1\n")
    done = lab.run([sys.executable, "-m", "rcmd", "--check"])
    assert (done.returncode, done.stderr) == (1, "")
    places = [line.split(": ", 1)[0] for line in done.stdout.splitlines()]
    assert {
        "/etc/hostname.hme0:1",
        "/etc/hostname.hme0:2",
        f"{YAML}:1",
        f"{YAML}:2",
    } <= set(places)
    lab.remove(YAML)
    lab.write("/etc/hostname.hme0", HME0)
    done = lab.run([sys.executable, "-m", "rcmd", "--check"])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bad_hostname_file_costs_only_its_interface(lab: Lab) -> None:
    # behaviour 89
    begin(lab, {"hostname.hme0": "group group group\n", "hostname.hme1": HME1})
    assert hosts_of(lab, "192.168.85.20") == ["hme1"]
    shown = interface(lab, "hme0")
    assert shown["state"] == "failed" or shown["problem"]
    assert "rcmd --check" in shown["problem"]
    assert "/etc/hostname.hme0:1: " in lab.daemon_log()
    assert "hme0" in lab.rcmctl("status").stdout
    lab.write("/etc/hostname.hme0", HME0)
    assert lab.rcmctl("reload").returncode == 0
    await_hosted(lab, "hme0", "192.168.85.19")
    assert not interface(lab, "hme0").get("problem")


def test_bad_settings_are_answered_with_the_last_good_ones(lab: Lab) -> None:
    lab.write(YAML, "failure_detection_time: 700ms\n")
    begin(lab, PAIR)
    before = dump(lab)
    lab.stop_daemon()
    lab.write(YAML, "failure_detection_time: soon\n")
    lab.start_daemon()
    assert status(lab)["groups"][0]["failure_detection_ms"] == 700
    log = lab.daemon_log()
    assert f"{YAML}:1: " in log
    assert "going on with the last good one" in log
    assert any(kind == "configuration" for kind, _ in kinds(lab))
    assert dump(lab) == before


def test_bad_settings_from_the_start_are_answered_with_defaults(lab: Lab) -> None:
    lab.write(YAML, "failure_detection_time: soon\n")
    begin(lab, PAIR)
    assert status(lab)["groups"][0]["failure_detection_ms"] == 10000
    assert "going on with defaults" in lab.daemon_log()
    assert hosts_of(lab, "192.168.85.19") == ["hme0"]


@pytest.mark.parametrize(
    ("path", "text"), [("/etc/hostname.hme1", BAD_HME0), (YAML, "failback: perhaps\n")]
)
def test_reload_of_a_bad_file_is_refused_whole(lab: Lab, path: str, text: str) -> None:
    begin(lab, PAIR)
    before, told = dump(lab), lasting_status(lab)
    lab.write("/etc/hostname.hme0", HME0.replace("192.168.85.19", "192.168.85.39"))
    lab.write(path, text)
    done = lab.rcmctl("reload")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{path}:1: ")
    os.kill(lab.daemon().pid, signal.SIGHUP)
    await_event(lab, "configuration", "rcmd")
    assert dump(lab) == before
    # That the files are not what runs shows until they are mended; nothing else has changed.
    now = lasting_status(lab)
    (problem,) = (it for it in now.pop("problems") if it["subject"] == path)
    assert (problem["code"], problem["severity"]) == ("configuration", "warning")
    assert f"{path}:1: " in problem["text"]
    assert now == {key: value for key, value in told.items() if key != "problems"}


# Reload


def test_reload_without_a_change_changes_nothing(lab: Lab) -> None:
    # behaviour 42
    begin_with_routes(lab, PAIR)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    before = dump(lab)
    assert lab.rcmctl("reload").returncode == 0
    assert dump(lab) == before


def test_reload_adds_and_removes_addresses(lab: Lab) -> None:
    begin(lab, PAIR)
    lab.write("/etc/hostname.hme0", HME0.replace("192.168.85.19", "192.168.85.39"))
    assert lab.rcmctl("reload").returncode == 0
    await_hosted(lab, "hme0", "192.168.85.39", "192.168.85.21")
    assert hosts_of(lab, "192.168.85.19") == []
    lab.write("/etc/hostname.hme0", f"{HME0.rstrip()} \\\naddif 192.168.85.40/24 up\n")
    os.kill(lab.daemon().pid, signal.SIGHUP)
    await_hosted(lab, "hme0", "192.168.85.19", "192.168.85.40")
    # What is there comes before what goes.
    await_hosted(lab, None, "192.168.85.39")


def test_removed_address_is_removed_wherever_it_lives(lab: Lab) -> None:
    begin(lab, PAIR)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    lab.write("/etc/hostname.hme0", HME0.replace("192.168.85.19", "192.168.85.39"))
    assert lab.rcmctl("reload").returncode == 0
    await_hosted(lab, "hme1", "192.168.85.39")
    assert hosts_of(lab, "192.168.85.19") == []


def test_reload_changes_the_group(lab: Lab) -> None:
    # behaviours 6, 7
    begin(lab, PAIR)
    lab.write("/etc/hostname.hme1", HME1.replace("group test", "group other"))
    assert lab.rcmctl("reload").returncode == 0
    groups = {it["name"]: it["interfaces"] for it in status(lab)["groups"]}
    assert groups == {"test": ["hme0"], "other": ["hme1"]}
    lab.pull("hme0")
    await_state(lab, "hme0", "failed")
    assert hosts_of(lab, "192.168.85.19") == ["hme0"]


def test_leaving_a_group_gives_back_what_was_taken(lab: Lab) -> None:
    # behaviour 7
    begin(lab, PAIR)
    lab.pull("hme0")
    await_hosted(lab, "hme1", "192.168.85.19")
    lab.write("/etc/hostname.hme1", HME1.replace("group test", "group other"))
    assert lab.rcmctl("reload").returncode == 0
    await_hosted(lab, "hme0", "192.168.85.19")
    assert hosts_of(lab, "192.168.85.20") == ["hme1"]


def test_reload_makes_an_interface_a_standby(lab: Lab) -> None:
    # behaviours 20, 22
    begin(lab, PAIR)
    lab.write("/etc/hostname.hme1", f"{HME1.rstrip()} \\\nstandby\n")
    assert lab.rcmctl("reload").returncode == 0
    await_hosted(lab, "hme0", "192.168.85.20")
    assert hosts_of(lab, "192.168.85.22") == ["hme1"]
    assert {"STANDBY", "INACTIVE"} <= set(interface(lab, "hme1")["flags"])
    lab.write("/etc/hostname.hme1", HME1)
    assert lab.rcmctl("reload").returncode == 0
    await_hosted(lab, "hme1", "192.168.85.20")


def test_reload_with_new_files(lab_with: LabFactory) -> None:
    lab = begin(lab_with(nics=("hme0", "hme1", "hme2")), PAIR)
    lab.write("/etc/hostname.hme2", STANDBY)
    lab.write("/etc/hostname.hme3", "192.168.85.26 netmask + broadcast + group test up\n")
    assert lab.rcmctl("reload").returncode == 0
    await_hosted(lab, "hme2", "192.168.85.23")
    await_state(lab, "hme2", "running")
    assert state_of(lab, "hme3") == "missing"
    lab.wait_for(lambda: len(hosts_of(lab, "192.168.85.26")) == 1, what="its address elsewhere")
    lab.add_nic("hme3", "02:00:00:00:00:33")
    await_hosted(lab, "hme3", "192.168.85.26")


def test_reload_without_a_file_gives_the_interface_back(lab: Lab) -> None:
    sysctls = ["sysctl", "net.ipv4.conf.hme1.arp_ignore", "net.ipv4.conf.hme1.arp_announce"]
    foreign = lab.run(sysctls, check=True).stdout
    begin(lab, PAIR)
    assert lab.run(sysctls, check=True).stdout != foreign
    before = essence(lab)
    lab.remove("/etc/hostname.hme1")
    assert lab.rcmctl("reload").returncode == 0
    assert [it["name"] for it in status(lab)["interfaces"]] == ["hme0"]
    assert lab.run(sysctls, check=True).stdout == foreign
    # Its addresses are its own affair now.
    assert {"192.168.85.20", "192.168.85.22"} <= set(held(lab, "hme1"))
    lab.write("/etc/hostname.hme1", HME1)
    assert lab.rcmctl("reload").returncode == 0
    await_as(lab, before)


def test_reload_back_and_forth_is_a_round_trip(lab: Lab) -> None:
    begin_with_routes(lab, PAIR)
    before = essence(lab)
    lab.write("/etc/hostname.hme0", HME0.replace("group test", "group other"))
    assert lab.rcmctl("reload").returncode == 0
    lab.write("/etc/hostname.hme0", HME0)
    assert lab.rcmctl("reload").returncode == 0
    await_as(lab, before)
