"""What is wrong, since when, worst first."""

from __future__ import annotations

from typing import Any

import pytest

from rcmd.ctl.output import Tone
from rcmd.ctl.picture import picture_of
from rcmd.ctl.problems import problems, remarks
from rcmd.rcm.journal import HistoryEvent

NOON = 1795345200000000
"""2026-11-22 12:00 in Berlin."""


def _event(minute: int, kind: str, subject: str = "hme0", **detail: str) -> HistoryEvent:
    return HistoryEvent(NOON + minute * 60_000_000, 3, kind, subject, kind, detail)


def _texts(document: dict[str, Any], *events: HistoryEvent) -> list[str]:
    return [problem.text for problem in problems(picture_of(document), events)]


def test_a_healthy_host_has_none(healthy: dict[str, Any]) -> None:
    assert _texts(healthy, _event(0, "failure"), _event(1, "repair")) == []


def test_red_before_yellow(troubled: dict[str, Any]) -> None:
    tones = [problem.tone for problem in problems(picture_of(troubled), ())]
    assert tones == [Tone.BAD] * 5 + [Tone.WARNING] * 2


@pytest.mark.parametrize("state", ["offline", "detached"])
def test_what_was_asked_for_is_no_problem(healthy: dict[str, Any], state: str) -> None:
    healthy["interfaces"][0]["state"] = state
    assert _texts(healthy) == []


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        ("", "hme0: failed"),
        ("no carrier", "hme0: failed: no carrier"),
        ("failed: no carrier", "hme0: failed: no carrier"),
    ],
)
def test_the_state_is_said_once(healthy: dict[str, Any], problem: str, text: str) -> None:
    healthy["interfaces"][0] |= {"state": "failed", "problem": problem}
    assert _texts(healthy) == [text]


def test_the_latest_beginning_counts(healthy: dict[str, Any]) -> None:
    healthy["interfaces"][0]["state"] = "failed"
    events = (_event(0, "failure"), _event(5, "repair"), _event(9, "failure"))
    assert _texts(healthy, *events) == ["hme0: failed (since 2026-11-22 12:09:00.000)"]


def test_a_beginning_that_ended_says_nothing(healthy: dict[str, Any]) -> None:
    healthy["interfaces"][0]["state"] = "failed"
    events = (_event(0, "failure"), _event(5, "repair"), _event(6, "failure", "hme1"))
    assert _texts(healthy, *events) == ["hme0: failed"]


def test_a_down_address_is_no_problem(troubled: dict[str, Any]) -> None:
    assert not [text for text in _texts(troubled) if "192.168.85.23" in text]


def test_a_test_address_goes_with_its_interface(healthy: dict[str, Any]) -> None:
    healthy["interfaces"][0]["state"] = "detached"
    healthy["addresses"][1]["hosted_on"] = None
    assert _texts(healthy) == []


def test_a_data_address_that_is_nowhere_is_a_problem(healthy: dict[str, Any]) -> None:
    healthy["interfaces"][0]["state"] = "detached"
    healthy["addresses"][0]["hosted_on"] = None
    assert _texts(healthy) == ["192.168.85.19/24: on no interface (home: hme0)"]


def test_who_finds_nobody_to_probe_is_worth_a_remark_only(healthy: dict[str, Any]) -> None:
    assert list(remarks(picture_of(healthy))) == []
    for entry in healthy["interfaces"][:2]:
        entry["state"] = "no-targets"
    assert _texts(healthy) == []
    assert list(remarks(picture_of(healthy))) == [
        "Only the link of hme0 and hme1 is watched: nobody to probe was found."
    ]


def test_one_that_failed_and_lost_its_targets_is_a_problem(healthy: dict[str, Any]) -> None:
    healthy["interfaces"][0] |= {
        "state": "no-targets",
        "flags": ["UP", "RUNNING", "FAILED"],
        "problem": "nobody answers",
    }
    (problem,) = problems(picture_of(healthy), ())
    assert (problem.text, problem.tone) == ("hme0: nobody answers", Tone.BAD)
    assert list(remarks(picture_of(healthy))) == []
