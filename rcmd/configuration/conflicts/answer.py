"""Yes, no, or not to be known from here."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from fnmatch import fnmatchcase


class Answer(Enum):
    NO = "no"
    YES = "yes"
    UNKNOWN = "unknown"

    @property
    def opposite(self) -> Answer:
        match self:
            case Answer.NO:
                return Answer.YES
            case Answer.YES:
                return Answer.NO
            case Answer.UNKNOWN:
                return Answer.UNKNOWN


def yes_if(*, holds: bool) -> Answer:
    return Answer.YES if holds else Answer.NO


def every(answers: Iterable[Answer]) -> Answer:
    """Do all of them hold?  One that does not settles it, whatever the others are."""
    found = set(answers)
    if Answer.NO in found:
        return Answer.NO
    return Answer.UNKNOWN if Answer.UNKNOWN in found else Answer.YES


def some(answers: Iterable[Answer]) -> Answer:
    """Does one of them hold?"""
    return every(answer.opposite for answer in answers).opposite


_LONGEST = 256
"""A pattern takes a time that grows with the square of its length, and names are short."""


def matches_glob(text: str, pattern: str) -> Answer:
    """As fnmatch(3) without flags, as far as `fnmatchcase` means the same."""
    if len(pattern) > _LONGEST or any(word in pattern for word in ("\\", "[^", "[:", "[.", "[=")):
        return Answer.UNKNOWN
    return yes_if(holds=fnmatchcase(text, pattern))
