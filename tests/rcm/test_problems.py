"""Since when something is wrong, and what only others can know."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rcmd.model.status import Problem, ProblemCode, ProblemSeverity
from rcmd.rcm.problems import STARTING_US, Problems, recalled_from

FAILED = Problem(ProblemCode.INTERFACE_FAILED, ProblemSeverity.ERROR, "hme0", "no carrier")
DISK = Problem(ProblemCode.CONFIGURATION, ProblemSeverity.WARNING, "rcmd.yaml", "line 3: bad")


def test_it_began_when_it_was_first_seen() -> None:
    problems = Problems()
    assert problems.noted([FAILED], 1000)[0].since_us == 1000
    later = replace(FAILED, text="no carrier, for a long time")
    assert problems.noted([later], 2000) == (later,)
    assert problems.noted([later], 2000)[0].since_us == 1000


def test_one_that_was_over_begins_anew() -> None:
    problems = Problems()
    problems.noted([FAILED], 1000)
    assert problems.noted([], 2000) == ()
    assert problems.noted([FAILED], 3000)[0].since_us == 3000


def test_what_others_say_stays_until_it_is_taken_back() -> None:
    problems = Problems()
    assert problems.set(DISK)
    assert not problems.set(DISK)
    assert problems.noted([FAILED], 1000) == (FAILED, DISK)
    assert problems.clear(DISK.code, DISK.subject)
    assert not problems.clear(DISK.code, DISK.subject)
    assert problems.noted([FAILED], 1000) == (FAILED,)


def test_a_restart_does_not_make_a_problem_younger() -> None:
    before = Problems()
    before.noted([FAILED], 1000)
    start = 10_000_000
    after = Problems(start, recalled_from(before.to_text()))
    assert after.noted([], start) == ()
    assert after.noted([FAILED], start + 1)[0].since_us == 1000


def test_long_after_a_start_it_is_a_new_one() -> None:
    before = Problems()
    before.noted([FAILED], 1000)
    after = Problems(0, recalled_from(before.to_text()))
    assert after.noted([FAILED], STARTING_US)[0].since_us == STARTING_US


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "{}",
        "null",
        "[[1]]",
        '[["a", "b", null]]',
        "[" * 100_000,
        '[["a", "b", Infinity], ["a", [], 1], ["a", "b", -1], ["a", "b", 1e999]]',
    ],
)
def test_a_damaged_record_costs_only_itself(text: str | None) -> None:
    assert recalled_from(text) == {}
