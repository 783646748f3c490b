"""The RCM scripts as a table, and a script compared with the contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rcmd.errors import Unreachable

from .conftest import Rcmctl
from .fake_manager import FakeManager

PROPER = """\
#!/bin/sh
case $1 in
scriptinfo) echo rcm_script_version=1; echo 'rcm_script_func_info=Tape robot guard' ;;
register) echo rcm_resource_name=lo; echo 'rcm_resource_name=robot*' ;;
resourceinfo) echo rcm_resource_usage_info=robot at $2 ;;
queryremove) if [ $2 = lo ]; then echo rcm_failure_reason=backup running; exit 3; fi ;;
*) exit 2 ;;
esac
"""
HOOKS = Path(__file__).parents[2] / "hooks" / "scripts"


def _script(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "path": f"/etc/rcm/scripts/{name}",
        "state": "ready",
        "description": "guards the backup",
        "timeout_s": 60.0,
        "resources": ["eth*", "pci:*"],
        "problem": "",
        "last_run": None,
        **changes,
    }


RUN = {
    "command": "queryremove",
    "resource": "eth0",
    "outcome": "ok",
    "time_us": 1795347296789000,
}
DOCUMENT = {
    "scripts": [
        _script("backup", last_run=RUN),
        _script(
            "broken",
            state="refused",
            resources=[],
            problem="is not executable",
        ),
        _script("slow", state="running", last_run={**RUN, "command": "register", "resource": ""}),
    ]
}


@pytest.fixture
def guard(tmp_path: Path) -> Path:
    path = tmp_path / "guard"
    path.write_text(PROPER)
    path.chmod(0o755)
    return path


def test_each_script_with_its_state_and_last_run(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(scripts_document=DOCUMENT), "scripts")
    assert (answer.status, answer.err) == (0, "")
    assert (
        answer.out
        == """\
NAME    STATE    RESOURCES   LAST RUN                                      PROBLEM
backup  ready    eth* pci:*  2026-11-22 12:34:56.789 queryremove eth0: ok  --
broken  refused  --          --                                            is not executable
slow    running  eth* pci:*  2026-11-22 12:34:56.789 register: ok          --
"""
    )


def test_for_programs(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(scripts_document=DOCUMENT), "scripts", "--json")
    assert json.loads(answer.out) == DOCUMENT


def test_a_daemon_of_another_version(rcmctl: Rcmctl) -> None:
    document = {"scripts": [_script("backup", state="dreaming")]}
    answer = rcmctl(FakeManager(scripts_document=document), "scripts")
    assert answer.status == 1
    assert "another version" in answer.err


# --- test FILE ------------------------------------------------------------------------------------

NO_DAEMON = FakeManager(error=Unreachable("rcmd does not run"))


def test_a_proper_script_is_tried_without_the_daemon(rcmctl: Rcmctl, guard: Path) -> None:
    answer = rcmctl(NO_DAEMON, "scripts", "test", str(guard))
    assert (answer.status, answer.err) == (0, "")
    assert (
        answer.out
        == """\
ok     file
ok     scriptinfo: Tape robot guard
ok     register: lo robot*
ok     resourceinfo lo: robot at lo
ok     queryremove lo: refused: backup running
ok     resourceinfo robot0: robot at robot0
ok     queryremove robot0: ok
ok     a command it cannot know: unsupported
"""
    )


def test_resources_to_ask_about_can_be_named(rcmctl: Rcmctl, guard: Path) -> None:
    answer = rcmctl(NO_DAEMON, "scripts", "test", str(guard), "-r", "slot:1", "--json")
    document = json.loads(answer.out)
    assert document["file"] == str(guard)
    checks = {check["check"]: check for check in document["checks"]}
    assert checks["queryremove slot:1"] == {
        "check": "queryremove slot:1",
        "verdict": "ok",
        "note": "ok",
    }
    assert "queryremove lo" not in checks


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("version=1", "version=2", "scriptinfo: rcm script guard: unsupported version 2"),
        ("version=1", "version=one", "rcm_script_version is no number: 'one'"),
        (
            "register) echo rcm_resource_name=lo",
            "register) echo lo",
            "register: rcm script guard: scripting protocol error (no '=' in 'lo')",
        ),
        ("=lo;", "=SUNW_ip/1;", "name SUNW_ip/1: rcm: unknown resource name SUNW_ip/1 (guard)"),
        ("exit 3", "exit 0", "queryremove lo: rcm script guard: scripting protocol error"),
        ("resource_usage_info", "usage", "resourceinfo lo: rcm script guard: scripting protocol"),
        ("*) exit 2", "*) exit 0", "a command it cannot know: the exit status must be 2"),
        ("*) exit 2", "*) exit 64", "exit status 64 after nosuchcommand"),
        (
            "'rcm_script_func_info=Tape robot guard'",
            "rcm_script_func_info=x; echo rcm_cmd_timeout=1 ;;\nregister) sleep 1000",
            "register: rcm script guard: timeout error",
        ),
    ],
)
def test_faults(rcmctl: Rcmctl, guard: Path, old: str, new: str, fault: str) -> None:
    text = PROPER.replace(old, new)
    assert text != PROPER
    guard.write_text(text)
    answer = rcmctl(NO_DAEMON, "scripts", "test", str(guard))
    assert answer.status == 1
    faults = [line for line in answer.out.splitlines() if line.startswith("fault  ")]
    assert any(fault in line for line in faults), answer.out


def test_a_file_that_must_not_be_run(rcmctl: Rcmctl, guard: Path) -> None:
    guard.chmod(0o777)
    answer = rcmctl(NO_DAEMON, "scripts", "test", str(guard))
    assert (answer.status, answer.out) == (1, "fault  file: can be written by group or others\n")
    guard.unlink()
    answer = rcmctl(NO_DAEMON, "scripts", "test", str(guard))
    assert (answer.status, answer.out) == (
        1,
        "fault  file: cannot be opened: No such file or directory\n",
    )


@pytest.mark.parametrize("path", sorted(HOOKS.iterdir()), ids=lambda path: path.name)
def test_those_that_are_shipped_have_no_fault(rcmctl: Rcmctl, path: Path) -> None:
    answer = rcmctl(NO_DAEMON, "scripts", "test", str(path))
    assert answer.status == 0, answer.out
