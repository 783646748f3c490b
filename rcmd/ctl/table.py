"""Aligned columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rcmd.ctl.output import Line, Span, Tone

_GAP = 2
_NARROWEST = 10
"""A last column is never folded to fewer columns than this, however narrow the terminal."""

NOTHING = "--"
"""Shown for an empty value, as ipmpstat does."""

Cell = Span | str


def table(headings: Sequence[str], rows: Iterable[Sequence[Cell]], width: int | None) -> list[Line]:
    """Lay out the rows under their headings; the last column is folded to fit the width."""
    top = [Span(heading, Tone.HEADING) for heading in headings]
    return [line for block in blocks([top, *rows], width) for line in block]


def blocks(rows: Iterable[Sequence[Cell]], width: int | None) -> list[list[Line]]:
    """Lay out rows of equal length; each becomes one line, or more where its end is folded."""
    body = [[_cell(cell) for cell in row] for row in rows]
    widths = [max(len(cell.text) for cell in column) for column in zip(*body, strict=True)]
    start = sum(column + _GAP for column in widths[:-1])
    room = None if width is None else max(width - start, _NARROWEST)
    return [_lines(row, widths, start, room) for row in body]


def _cell(cell: Cell) -> Span:
    span = Span(cell) if isinstance(cell, str) else cell
    return span if span.text else Span(NOTHING, span.tone)


def _lines(row: list[Span], widths: list[int], start: int, room: int | None) -> list[Line]:
    *front, last = row
    padded: list[Span] = []
    for cell, column in zip(front, widths, strict=False):
        padded += (cell, Span(" " * (column + _GAP - len(cell.text))))
    folded = [last.text] if room is None else fold(last.text, room)
    first = (*padded, Span(folded[0], last.tone))
    return [first, *((Span(" " * start), Span(text, last.tone)) for text in folded[1:])]


def fold(text: str, width: int) -> list[str]:
    """Break at blanks only: a name or an address stays in one piece."""
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
