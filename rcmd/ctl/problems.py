"""What is wrong, since when, and what to do: worst first, as the daemon lists it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rcmd.ctl.moments import show
from rcmd.ctl.output import Line, Span, Tone
from rcmd.ctl.table import fold
from rcmd.model.status import Problem, ProblemCode, ProblemSeverity

TONES = {
    ProblemSeverity.ERROR: Tone.BAD,
    ProblemSeverity.WARNING: Tone.WARNING,
    ProblemSeverity.NOTICE: Tone.PLAIN,
}
_ABOUT_GROUPS = frozenset(
    {ProblemCode.GROUP_FAILED, ProblemCode.GROUP_DEGRADED, ProblemCode.NO_SPARE}
)
_INDENT = "    "


def problem_lines(problems: Iterable[Problem], width: int) -> Iterator[Line]:
    """Each problem folded to the width, its advice under it; one line when all is well."""
    found = tuple(problems)
    if not found:
        yield (Span("All is well."),)
        return
    yield (Span(f"{len(found)} {'problem' if len(found) == 1 else 'problems'}:", Tone.HEADING),)
    for problem in found:
        tone = TONES[problem.severity]
        first, *rest = fold(_sentence(problem), width - len(_INDENT))
        yield (Span("  "), Span(first, tone))
        yield from ((Span(_INDENT), Span(text, tone)) for text in rest)
        yield from ((Span(_INDENT), Span(text)) for text in _advice(problem, width))


def _sentence(problem: Problem) -> str:
    subject = problem.subject
    if problem.code in _ABOUT_GROUPS:
        subject = f"group {subject}"
    since = f" (since {show(problem.since_us)})" if problem.since_us else ""
    return f"{subject}: {problem.text}{since}"


def _advice(problem: Problem, width: int) -> Iterable[str]:
    return fold(problem.advice, width - len(_INDENT)) if problem.advice else ()
