"""Since when is something wrong?  And what is wrong that the engine cannot know.

The engine derives its problems anew at each look.  Here is noted when each was first seen, and kept
what others say: a file that cannot be used, a disk that is full.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from rcmd.ipmp.forecast.problems import worst_first
from rcmd.model.status import Problem, ProblemCode

STARTING_US = 30_000_000
"""So long after a start a problem that the last process knew is taken for the same one."""

_LATEST_US = 2**53
"""In the year 2255; what is later is damaged."""
_Key = tuple[str, str]
"""Code and subject."""


@dataclass(slots=True)
class Problems:
    """Times are microseconds since the epoch."""

    started_us: int = 0
    recalled: dict[_Key, int] = field(default_factory=dict)
    """What the last process had noted."""
    _since: dict[_Key, int] = field(default_factory=dict)
    _told: dict[_Key, Problem] = field(default_factory=dict)

    def set(self, problem: Problem) -> bool:
        """Whether that is new."""
        is_new = self._told.get(problem.key) != problem
        self._told[problem.key] = problem
        return is_new

    def clear(self, code: ProblemCode, subject: str) -> bool:
        """Whether there was such a problem."""
        return self._told.pop((code, subject), None) is not None

    def noted(self, derived: Iterable[Problem], now_us: int) -> tuple[Problem, ...]:
        """All that is wrong now, worst first, each since it was first seen."""
        current = {problem.key: problem for problem in (*self._told.values(), *derived)}
        self._since = {key: self._begin(key, now_us) for key in current}
        return worst_first(
            replace(problem, since_us=self._since[key]) for key, problem in current.items()
        )

    def _begin(self, key: _Key, now_us: int) -> int:
        is_starting = now_us - self.started_us < STARTING_US
        known = self.recalled.get(key, now_us) if is_starting else now_us
        return self._since.get(key, known)

    def to_text(self) -> str:
        return json.dumps([[*key, since] for key, since in self._since.items()])


def recalled_from(text: str | None) -> dict[_Key, int]:
    """What `to_text` wrote; anything else is worth nothing, and costs nothing."""
    try:
        entries = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return {}
    return dict(_entry(it) for it in entries if _is_entry(it)) if isinstance(entries, list) else {}


def _is_entry(data: object) -> bool:
    match data:
        case [str(), str(), int(since)]:
            return since in range(_LATEST_US)
        case _:
            return False


def _entry(data: list[str | int]) -> tuple[_Key, int]:
    code, subject, since = data
    return (str(code), str(subject)), int(since)
