"""The commands of a hostname file: its lines, joined, without comments, split into words.

Lines are read as the Bourne shell's `read` does (reference section 2.2): backslash-newline joins,
any other backslash removes itself, words are split at blanks, there is no quoting.  Our own
additions: `#` at the start of a word begins a comment that ends with its physical line, and
blank lines do not count.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rcmd.configuration.text import Place
from rcmd.model import Fault

_BLANKS = " \t"


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    place: Place


Command = tuple[Word, ...]
"""One joined line; never empty."""


@dataclass(slots=True)
class _Reader:
    path: str
    commands: list[Command] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    pending: str = ""
    place: Place = field(init=False)
    """Where the pending word began; it may go on over a joined line."""

    def __post_init__(self) -> None:
        self.place = Place(self.path, 1)

    def end_word(self) -> None:
        if self.pending:
            self.words.append(Word(self.pending, self.place))
            self.pending = ""

    def end_command(self) -> None:
        self.end_word()
        if self.words:
            self.commands.append(tuple(self.words))
            self.words = []

    def read_line(self, line: str, number: int) -> bool:
        """Read one physical line; True where the next one is joined to it."""
        position = 0
        while position < len(line):
            character = line[position]
            if character == "\\":
                position += 1
                if position == len(line):
                    return True
                # A blank that was escaped still splits, once the backslash is gone.
                character = line[position]
            elif character == "#" and not self.pending:
                self.warn_of_backslash(line, number)
                return False
            if character in _BLANKS:
                self.end_word()
            else:
                if not self.pending:
                    self.place = Place(self.path, number)
                self.pending += character
            position += 1
        return False

    def warn_of_backslash(self, line: str, number: int) -> None:
        if line.endswith("\\"):
            message = "a backslash in a comment does not join the next line to this one"
            self.warnings.append(Fault(self.path, number, message, is_warning=True))


def split_commands(path: str, text: str) -> tuple[tuple[Command, ...], tuple[Fault, ...]]:
    """The commands of a file, and warnings about its comments."""
    reader = _Reader(path)
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        if not reader.read_line(line.removesuffix("\r"), number):
            reader.end_command()
    reader.end_command()
    return tuple(reader.commands), tuple(reader.warnings)
