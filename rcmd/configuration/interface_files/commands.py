"""The commands of a hostname file: its lines, joined, without comments, split into words.

Lines are read as the Bourne shell's `read` does (reference section 2.2): backslash-newline joins,
any other backslash removes itself, words are split at blanks, there is no quoting.  Our own
additions: `#` at the start of a word begins a comment that ends with its physical line, blank
lines do not count, and every blank of Unicode is one (text copied from a web page has them).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from rcmd.configuration.findings import Findings
from rcmd.configuration.text import LONGEST_LINE, numbered_lines

_PIECE = re.compile(r"\\.?|\s+|[^\\\s]+", re.DOTALL)
_BYTE_ORDER_MARK = "\ufeff"
"""Stands at the beginning of files from Windows, and where such files were put together."""

_IN_COMMENT = "a backslash in a comment does not join the next line to this one"
_BEFORE_BLANKS = "a backslash followed by blanks does not join the next line to this one"


class Word(NamedTuple):
    text: str
    line: int


Command = tuple[Word, ...]
"""One joined line; never empty."""


@dataclass(slots=True)
class _Reader:
    path: str
    findings: Findings
    commands: list[Command] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    """Of the pending word; it may go on over a joined line."""
    line: int = 1
    """Where the pending word began."""

    def end_word(self) -> None:
        if self.parts:
            self.words.append(Word("".join(self.parts), self.line))
            self.parts = []

    def end_command(self) -> None:
        self.end_word()
        if self.words:
            self.commands.append(tuple(self.words))
            self.words = []

    def read_line(self, line: str, number: int) -> bool:
        """Read one physical line; True where the next one is joined to it."""
        if not self.parts and "\\" not in line and "#" not in line:
            self.words += [Word(text, number) for text in _split(line)]
            return False
        is_doubtful = False
        for piece in _PIECE.finditer(line):
            text = piece[0]
            if text == "\\":
                return True
            if text.startswith("\\"):
                # A blank that was escaped still splits, once the backslash is gone.
                text = text[1]
                is_doubtful = text.isspace()
            elif text.startswith("#") and not self.parts:
                if line.endswith("\\"):
                    self.warn(number, _IN_COMMENT)
                break
            if text.isspace():
                self.end_word()
                continue
            is_doubtful = False
            if not self.parts:
                self.line = number
            self.parts.append(text)
        if is_doubtful:
            self.warn(number, _BEFORE_BLANKS)
        return False

    def warn(self, line: int, message: str) -> None:
        self.findings.add(self.path, line, message, is_warning=True)


def _split(line: str) -> Iterable[str]:
    if len(line) <= LONGEST_LINE:
        return line.split()
    return (word[0] for word in re.finditer(r"\S+", line))


def split_commands(path: str, text: str, findings: Findings) -> tuple[Command, ...]:
    """The commands of a file; what is doubtful about its lines goes to the findings."""
    reader = _Reader(path, findings)
    for number, line in numbered_lines(text.replace(_BYTE_ORDER_MARK, "")):
        if not reader.read_line(line, number):
            reader.end_command()
    reader.end_command()
    return tuple(reader.commands)
