"""The command line: what it takes, and what it says of a wrong one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rcmd import __version__
from rcmd.ctl.arguments import Misused, parse
from rcmd.ctl.main import main
from rcmd.ctl.verbs import NAMES, verbs_for

from .conftest import Rcmctl
from .fake_manager import FakeManager


def test_a_verb_and_its_options() -> None:
    arguments = parse(["detach", "eth0", "-nf"], verbs_for([]))
    assert arguments.verb.name == "detach"
    assert (arguments.resource, arguments.force, arguments.dry_run) == ("eth0", True, True)
    assert not arguments.is_json


def test_options_are_not_abbreviated() -> None:
    with pytest.raises(Misused, match="--forc"):
        parse(["detach", "eth0", "--forc"], verbs_for([]))


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--version"], verbs_for([]))
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"rcmctl {__version__}\n"


@pytest.mark.parametrize("verb", ["status", "groups", "interfaces", "addresses", "history"])
@pytest.mark.parametrize("is_before", [True, False])
def test_json_may_stand_before_or_after_the_verb(
    rcmctl: Rcmctl, healthy: dict[str, Any], verb: str, is_before: bool
) -> None:
    words = ("--json", verb) if is_before else (verb, "--json")
    document = json.loads(rcmctl(FakeManager(healthy), *words).out)
    if verb == "status":
        assert document == healthy
    elif verb == "history":
        assert document == {"events": []}
    else:
        assert document == {verb: healthy[verb]}


@pytest.mark.parametrize("verb", NAMES)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"], FakeManager().connect)
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [(), ("detatch", "hme0"), ("detach",), ("status", "--colour"), ("history", "--limit", "-1")],
)
def test_a_wrong_command_line_is_2_and_reaches_nobody(
    rcmctl: Rcmctl, words: tuple[str, ...]
) -> None:
    manager = FakeManager()
    answer = rcmctl(manager, *words)
    assert (answer.status, answer.out, manager.calls) == (2, "", [])
    assert answer.err.startswith("usage: rcmctl")


def test_a_wrong_command_line_in_json(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(), "detach", "--json")
    assert (answer.status, answer.err) == (2, "")
    assert "RESOURCE" in json.loads(answer.out)["error"]["message"]


def test_help_has_examples_and_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"], FakeManager().connect)
    out = capsys.readouterr().out
    assert "rcmctl detach eth0 --dry-run" in out
    assert "7 busy" in out
