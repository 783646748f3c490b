"""Places in files, and how words of a file are shown in a message."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

_SHOWN = 60


@dataclass(frozen=True, slots=True, order=True)
class Place:
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def quoted(word: str) -> str:
    """The word in quotes, control characters escaped and overlong ones cut."""
    return repr(word if len(word) <= _SHOWN else word[:_SHOWN] + "...")


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.7)
    return f"; did you mean {quoted(near[0])}?" if near else ""


def last_line(text: str) -> int:
    """The number of the last line; an empty text has line 1."""
    return max(1, text.count("\n") + (not text.endswith("\n")))
