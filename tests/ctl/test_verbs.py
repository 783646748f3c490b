"""Each verb is a module of its name, and only the one that is asked for is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rcmd.ctl.verbs import (
    NAMES,
    addresses,
    attach,
    cancel,
    detach,
    groups,
    history,
    interfaces,
    offline,
    online,
    operations,
    probes,
    reload,
    resources,
    scripts,
    status,
    targets,
    verbs_for,
)

MODULES = (
    *(status, groups, interfaces, addresses, targets, probes, resources, scripts),
    *(operations, history, detach, attach, cancel, offline, online, reload),
)


def test_all_of_them_in_the_order_of_the_help() -> None:
    assert verbs_for(["--help"]) == tuple(module.VERB for module in MODULES)
    assert tuple(verb.name for verb in verbs_for([])) == NAMES


@pytest.mark.parametrize("words", [["status"], ["--json", "status"], ["status", "--help"]])
def test_the_one_that_is_asked_for(words: list[str]) -> None:
    assert verbs_for(words) == (status.VERB,)


def test_a_word_that_is_no_verb_is_told_with_all_of_them() -> None:
    assert len(verbs_for(["statsu"])) == len(NAMES)


def test_what_a_status_does_not_need_is_not_loaded() -> None:
    code = "import sys, rcmd.ctl.main as it; it.main(['status', '--help'])"
    code = f"import atexit, sys; atexit.register(lambda: print(*sys.modules)); {code}"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "rcmd.ctl.verbs.status" in loaded.split()
    assert not {"rcmd.ctl.verbs.detach", "rcmd.ports.plan", "pyroute2"} & set(loaded.split())
