"""How problems are shown: since when, what to do, and when all is well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rcmd.ctl.output import Tone
from rcmd.ctl.picture import picture_of
from rcmd.ctl.problems import problem_lines
from rcmd.model.status import Problem, ProblemCode, ProblemSeverity

NOON_US = 1795345200_000_000
"""2026-11-22 12:00 in Berlin."""


def _shown(*problems: Problem, width: int = 80) -> list[str]:
    return ["".join(span.text for span in line) for line in problem_lines(problems, width)]


def test_all_is_well_only_where_there_is_no_problem() -> None:
    assert _shown() == ["All is well."]
    for severity in ProblemSeverity:
        shown = _shown(
            Problem(ProblemCode.NO_TARGETS, severity, "hme0", "only its link is watched")
        )
        assert shown == ["1 problem:", "  hme0: only its link is watched"]


def test_since_when_and_what_to_do() -> None:
    problem = Problem(
        ProblemCode.NO_SPARE,
        ProblemSeverity.WARNING,
        "test",
        "no spare is left",
        "Bring another member back.",
        NOON_US,
    )
    assert _shown(problem) == [
        "1 problem:",
        "  group test: no spare is left (since 2026-11-22 12:00:00.000)",
        "    Bring another member back.",
    ]


def test_long_texts_are_folded() -> None:
    text, advice = "word " * 30, "do this " * 20
    problem = Problem(ProblemCode.CONFIGURATION, ProblemSeverity.ERROR, "hme0", text, advice)
    lines = _shown(problem, width=40)
    assert max(map(len, lines)) <= 40
    assert " ".join(" ".join(lines).split()).endswith(advice.strip())


@pytest.mark.parametrize(
    ("severity", "tone"), [("error", Tone.BAD), ("warning", Tone.WARNING), ("notice", Tone.PLAIN)]
)
def test_severity_is_a_tone(severity: str, tone: Tone) -> None:
    problem = Problem(ProblemCode.NO_TARGETS, ProblemSeverity(severity), "hme0", "something")
    assert list(problem_lines((problem,), 80))[1][1].tone is tone


def test_problems_are_read_as_the_daemon_writes_them(troubled: dict[str, Any]) -> None:
    first, second, *_ = picture_of(troubled).status.problems
    assert first == Problem(
        ProblemCode.GROUP_FAILED, ProblemSeverity.ERROR, "solo", "failed, no interface is usable"
    )
    assert second.since_us == NOON_US + (34 * 60 + 56) * 1_000_000 + 789_000


@pytest.mark.parametrize("code", ProblemCode)
def test_the_manual_explains_every_kind_of_problem(code: ProblemCode) -> None:
    manual = (Path(__file__).parents[2] / "man/rcmctl.8").read_text(encoding="utf-8")
    explained = manual.partition(".SH PROBLEMS")[2].partition(".SH ENVIRONMENT")[0]
    assert code.value.replace("-", "\\-") in explained
