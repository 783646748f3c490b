"""What is under way, and how it is cancelled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Rcmctl
from .fake_manager import FakeManager


def test_operations(rcmctl: Rcmctl, troubled: dict[str, Any]) -> None:
    second = {
        "number": 12,
        "kind": "attach",
        "resource": "slot:1",
        "caller": "uid 1000, pid 9",
        "step": "configuring",
        "started_us": 1795347297789000,
        "forced": False,
        "waiting_for": [],
    }
    troubled["operations"].append(second)
    answer = rcmctl(FakeManager(troubled), "operations")
    lines = [line.split("  ") for line in answer.out.splitlines()]
    assert [[word.strip() for word in line if word.strip()] for line in lines] == [
        ["NUMBER", "OPERATION", "RESOURCE", "STEP", "SINCE", "BY", "WAITING FOR"],
        [
            "7",
            "detach --force",
            "hme0",
            "leaving",
            "2026-11-22 12:34:56.789",
            "uid 0, pid 4711",
            "backup, cluster",
        ],
        [
            "12",
            "attach",
            "slot:1",
            "configuring",
            "2026-11-22 12:34:57.789",
            "uid 1000, pid 9",
            "--",
        ],
    ]


def test_for_programs(rcmctl: Rcmctl, troubled: dict[str, Any]) -> None:
    answer = rcmctl(FakeManager(troubled), "operations", "--json")
    assert json.loads(answer.out) == {"operations": troubled["operations"]}


def test_a_step_of_a_later_version_is_shown(rcmctl: Rcmctl, troubled: dict[str, Any]) -> None:
    troubled["operations"][0]["step"] = "pondering"
    assert "pondering" in rcmctl(FakeManager(troubled), "operations").out
    assert "pondering" in rcmctl(FakeManager(troubled), "status").out


def test_a_daemon_of_another_version(rcmctl: Rcmctl, troubled: dict[str, Any]) -> None:
    del troubled["operations"][0]["resource"]
    answer = rcmctl(FakeManager(troubled), "operations")
    assert (answer.status, answer.out) == (1, "")
    assert "another version" in answer.err


@pytest.mark.parametrize("number", ["hme0", "-1", "4294967296", ""])
def test_what_is_not_the_number_of_an_operation(rcmctl: Rcmctl, number: str) -> None:
    manager = FakeManager()
    answer = rcmctl(manager, "cancel", number)
    assert (answer.status, manager.calls) == (2, [])
