"""Sections and entries, in the dialect of systemd and in that of GLib's key files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_TRUE = {"1", "yes", "y", "true", "t", "on"}
_FALSE = {"0", "no", "n", "false", "f", "off"}

NumberedLine = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """`key=value`, with the section it is in."""

    section: str
    key: str
    value: str
    line: int


def numbered_lines(text: str) -> Iterator[NumberedLine]:
    """Stripped, counted from 1."""
    for number, line in enumerate(text.split("\n"), start=1):
        yield number, line.strip()


def joined_lines(text: str, comments: str) -> Iterator[NumberedLine]:
    """Without comments and blank lines; a line that ends in a backslash goes on in the next.

    Comments in between do not end it (systemd.syntax(7)).  The number is that of the first line.
    """
    first, whole = 0, ""
    for number, line in numbered_lines(text):
        if line.startswith(tuple(comments)):
            continue
        first = first or number
        if line.endswith("\\"):
            whole += line[:-1] + " "
            continue
        # Joined blanks are blank, too.
        if joined := (whole + line).strip():
            yield first, joined
        first, whole = 0, ""
    if whole.strip():
        yield first, whole.strip()


def systemd_entries(text: str) -> Iterator[Entry]:
    """systemd.syntax(7)."""
    yield from _entries(joined_lines(text, "#;"))


def keyfile_entries(text: str) -> Iterator[Entry]:
    """GLib's key files: no continuation, and `#` alone begins a comment."""
    yield from _entries(pair for pair in numbered_lines(text) if not pair[1].startswith("#"))


def _entries(lines: Iterable[NumberedLine]) -> Iterator[Entry]:
    section = ""
    for number, line in lines:
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, equals, value = line.partition("=")
        if equals and section:
            yield Entry(section, key.strip(), value.strip(), number)


def truth(word: str) -> bool | None:
    """What a boolean setting says; None where it says nothing that is understood."""
    if word.lower() in _TRUE:
        return True
    return False if word.lower() in _FALSE else None
