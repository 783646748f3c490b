"""Places in files, and how words of a file are shown in a message."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

LONGEST_LINE = 1 << 16
"""A longer one is taken apart bit by bit, or not: what is done in one go holds everybody up."""
_SHOWN = 60
_LONGEST_TYPO = 40
_COMPARED = 200
"""Known words that a word is compared with: to find the nearest takes its time."""
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
"""What word processors and web pages make of it."""
_FOREIGN_BYTE = re.compile("[\udc80-\udcff]")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def quoted(word: str) -> str:
    r"""The word in quotes, what cannot be printed escaped, bytes as `\xe9`, overlong ones cut."""
    cut = word if len(word) <= _SHOWN else word[:_SHOWN] + "..."
    if _FOREIGN_BYTE.search(cut) is None:
        return repr(cut)
    # A byte that is not UTF-8, as surrogateescape (PEP 383) has it, is shown as the byte it was.
    return "'" + "".join(_printable(character) for character in cut) + "'"


def printable(text: str) -> str:
    """The text with everything that cannot be printed escaped: a name of a file, a message."""
    return text if text.isprintable() else "".join(_printable(it) for it in text)


def _printable(character: str) -> str:
    if _FOREIGN_BYTE.match(character):
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character if character.isprintable() else repr(character)[1:-1]


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, whatever its case, or nothing."""
    if len(word) > _LONGEST_TYPO:
        return ""
    spelt = {it.lower(): it for it in islice(known, _COMPARED)}
    near = difflib.get_close_matches(word.lower().translate(_DASHES), spelt, n=1, cutoff=0.7)
    return f"; did you mean {quoted(spelt[near[0]])}?" if near else ""


def numbered_lines(text: str) -> Iterator[tuple[int, str]]:
    """Every line with its number, without line end, also that of a file from Windows.

    One by one, so that a thread that reads a huge file gives way to others.
    """
    start, number = 0, 1
    while (end := text.find("\n", start)) >= 0:
        yield number, text[start:end].removesuffix("\r")
        start, number = end + 1, number + 1
    if start < len(text):
        yield number, text[start:].removesuffix("\r")


def foreign_bytes(text: str) -> Iterator[tuple[int, str]]:
    """The first byte of each line that is not UTF-8, with the number of the line."""
    position, line, last = 0, 1, 0
    for found in _FOREIGN_BYTE.finditer(text):
        line += text.count("\n", position, found.start())
        position = found.start()
        if line != last:
            last = line
            yield line, f"0x{ord(found[0]) - 0xDC00:02x}"


def last_line(text: str) -> int:
    """The number of the last line; an empty text has line 1."""
    return max(1, text.count("\n") + (not text.endswith("\n")))
