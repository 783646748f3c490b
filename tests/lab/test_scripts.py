"""RCM scripts at the side of a running daemon: good ones, and all the bad ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from evidence import await_as, begin, dump, ended, essence, rcmctl_in_background
from scenes import PAIR, state_of

from rcmd.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long]

HEAD = """#!/bin/sh
echo "$@" >> /run/script.log
case "$1" in
scriptinfo) echo rcm_script_version=1; echo "rcm_script_func_info=a test";
    echo rcm_cmd_timeout=${TIMEOUT:-20};;
register) echo rcm_resource_name=hme0;;
resourceinfo) echo "rcm_resource_usage_info=backup of /home";;
"""
REST = "*) exit 2;;\nesac\n"
SETTINGS = {"rcmd/rcmd.yaml": "groups: {test: {probe: none}}\nhooks: {timeout: 2s}\n"}


def install(lab: Lab, name: str, *cases: str, timeout_s: int = 20, mode: str = "755") -> None:
    text = "\n".join((HEAD.replace("${TIMEOUT:-20}", str(timeout_s)), *cases, REST))
    path = f"/etc/rcm/scripts/{name}"
    lab.write(path, text)
    lab.run(["chmod", mode, path], check=True)


def scripts(lab: Lab) -> dict[str, dict[str, Any]]:
    shown = json.loads(lab.rcmctl("scripts", "--json").stdout)["scripts"]
    return {script["name"]: script for script in shown}


def await_loaded(lab: Lab, *names: str) -> None:
    lab.wait_for(lambda: all(it in scripts(lab) for it in names), what="the scripts")
    lab.wait_for(lambda: all(scripts(lab)[it]["resources"] for it in names), what="their names")


def asked(lab: Lab) -> list[str]:
    return lab.read("/run/script.log").splitlines()


def has_ended(lab: Lab) -> bool:
    """Whatever sleeps in a script."""
    return lab.run(["pgrep", "-f", "-x", "sleep 31557"]).returncode == 1


def test_a_script_says_no_and_is_told_the_outcome(lab: Lab) -> None:
    # behaviours 107, 109, 110, 115
    refusal = 'if [ -e /run/backup ]; then echo "rcm_failure_reason=backup running"; exit 3; fi'
    forced = '[ "$RCM_ENV_FORCE" = TRUE ] && rm -f /run/backup'
    lab.write("/run/backup", "")
    install(lab, "example,backup", f"queryremove) {forced}; {refusal};;", "postremove) ;;")
    begin(lab, {**PAIR, **SETTINGS})
    await_loaded(lab, "example,backup")
    before = dump(lab)
    done = lab.rcmctl("detach", "hme0")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "hme0: example,backup: backup running\n"
    assert dump(lab) == before
    planned = lab.rcmctl("detach", "hme0", "-n").stdout
    assert "hme0: example,backup: backup of /home" in planned
    assert lab.rcmctl("detach", "hme0", "-f").returncode == 0
    lab.wait_for(lambda: "postremove hme0" in asked(lab), what="the last word")
    assert [line for line in asked(lab) if "remove" in line][-3:] == [
        "queryremove hme0",
        "preremove hme0",
        "postremove hme0",
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("sleep 31557", "timeout error"),
        ("(sleep 31557) & sleep 31557", "timeout error"),
        ("trap '' ABRT TERM; while :; do sleep 31557; done", "timeout error"),
        ("while :; do echo rcm_log_info=flood; done", "error"),
        ("echo what is this", "scripting protocol error"),
        ("exit 1", "scripting protocol error"),
        ("kill -KILL $$", "unknown error"),
    ],
    ids=["hangs", "forks", "will not die", "floods", "prints garbage", "no reason", "is killed"],
)
def test_a_bad_script_is_a_refusal_and_holds_up_nothing(lab: Lab, body: str, said: str) -> None:
    # behaviours 111, 113
    install(lab, "bad", f"queryremove) {body};;", timeout_s=1)
    begin(lab, {**PAIR, **SETTINGS})
    await_loaded(lab, "bad")
    before = essence(lab)
    detach = rcmctl_in_background(lab, "detach", "hme0")
    assert lab.rcmctl("status").returncode == 0
    status, _, reason = ended(detach)
    assert (status, said in reason, "bad" in reason) == (3, True, True)
    await_as(lab, before)
    lab.wait_for(lambda: has_ended(lab), what="its children")


def test_an_unsafe_script_is_not_run(lab: Lab) -> None:
    install(lab, "unsafe", "queryremove) exit 1;;", mode="777")
    install(lab, "good", "queryremove) ;;")
    begin(lab, {**PAIR, **SETTINGS})
    await_loaded(lab, "good")
    shown = scripts(lab)["unsafe"]
    assert (shown["state"], bool(shown["problem"])) == ("refused", True)
    assert lab.rcmctl("detach", "hme0").returncode == 0
    assert state_of(lab, "hme0") == "detached"
    assert asked(lab).count("scriptinfo") == 1


def test_a_script_that_is_replaced_while_it_runs_ends_as_it_began(lab: Lab) -> None:
    waits = "touch /run/begun; while [ ! -e /run/go ]; do sleep .1; done"
    install(lab, "slow", f"queryremove) {waits};;")
    begin(lab, {**PAIR, **SETTINGS})
    await_loaded(lab, "slow")
    detach = rcmctl_in_background(lab, "detach", "hme0")
    lab.wait_for(lambda: lab.run(["test", "-e", "/run/begun"]).returncode == 0, what="a question")
    install(lab, "new", "queryremove) ;;", "preremove) echo rcm_failure_reason=new; exit 3;;")
    lab.run(["mv", "/etc/rcm/scripts/new", "/etc/rcm/scripts/slow"], check=True)
    lab.write("/run/go", "")
    assert ended(detach)[0] == 1
    assert state_of(lab, "hme0") == "running"


def test_a_daemon_that_died_leaves_no_script_behind_and_the_next_tells_the_outcome(
    lab: Lab,
) -> None:
    # behaviour 105
    install(lab, "slow", "preremove) sleep 31557;;", "undoremove) ;;")
    begin(lab, {**PAIR, **SETTINGS})
    await_loaded(lab, "slow")
    before = essence(lab)
    detach = rcmctl_in_background(lab, "detach", "hme0")
    lab.wait_for(lambda: "preremove hme0" in asked(lab), what="the question")
    lab.kill_daemon()
    assert ended(detach)[0] == 6
    lab.start_daemon()
    lab.wait_for(lambda: "undoremove hme0" in asked(lab), what="the outcome")
    lab.wait_for(lambda: has_ended(lab), what="its end")
    await_as(lab, before)
