"""Where rcmctl writes: lines with colour for people, or JSON for programs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TextIO


class Tone(StrEnum):
    """What a piece of text tells; the value is the terminal's code for its colour."""

    PLAIN = ""
    HEADING = "1"
    BAD = "31"
    WARNING = "33"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a line in one tone."""

    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Span, ...]


class Output:
    """The standard streams, as one command uses them.

    A reader that goes away (`rcmctl history | head`) is no error: the rest is dropped silently,
    and the exit status still tells what became of the request.
    """

    def __init__(self, stdout: TextIO, stderr: TextIO, *, is_json: bool, has_colour: bool) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self._has_colour = has_colour
        self._progress = ""
        self.is_json = is_json
        self.is_read = True
        """Somebody still reads standard output."""

    @property
    def width(self) -> int | None:
        """Columns of the terminal; None where lines may have any length."""
        if self._stdout.closed or not self._stdout.isatty():
            return None
        return shutil.get_terminal_size().columns

    def line(self, *spans: Span | str) -> None:
        """Write one line for people."""
        whole = tuple(Span(span) if isinstance(span, str) else span for span in spans)
        self._write("".join(self._paint(span) for span in whole).rstrip(" ") + "\n")

    def json(self, value: Mapping[str, Any]) -> None:
        """Write one JSON object, readable for people too."""
        self._write(json.dumps(value, indent=2) + "\n")

    def json_line(self, value: Mapping[str, Any]) -> None:
        """Write one JSON object on a line of its own, for a stream of them."""
        self._write(json.dumps(value) + "\n")

    def complain(self, message: str) -> None:
        """Write to standard error, whatever the form of the output."""
        try:
            for line in message.splitlines():
                self._stderr.write(printable(line) + "\n")
            self._stderr.flush()
        except BrokenPipeError:
            _abandon(self._stderr)

    @property
    def shows_progress(self) -> bool:
        """A person is watching, and standard error is where to tell what is awaited."""
        return not self.is_json and not self._stderr.closed and self._stderr.isatty()

    def progress(self, text: str) -> None:
        """Show a line on the terminal in place of the last one; the empty text erases it."""
        line = printable(text)[: shutil.get_terminal_size().columns - 1]
        if line == self._progress:
            return
        blanks = " " * (len(self._progress) - len(line))
        self._progress = line
        try:
            self._stderr.write(f"\r{line}{blanks}\r{line}")
            self._stderr.flush()
        except BrokenPipeError:
            _abandon(self._stderr)

    def flush(self) -> None:
        """Hand everything over now; for a stream that people watch."""
        if not self.is_read:
            return
        try:
            self._stdout.flush()
        except BrokenPipeError:
            self._stop()

    def _write(self, text: str) -> None:
        if not self.is_read:
            return
        try:
            self._stdout.write(text)
        except BrokenPipeError:
            self._stop()

    def _stop(self) -> None:
        self.is_read = False
        _abandon(self._stdout)

    def _paint(self, span: Span) -> str:
        text = printable(span.text)
        if not self._has_colour or span.tone is Tone.PLAIN or not text.strip():
            return text
        return f"\x1b[{span.tone}m{text}\x1b[0m"


def wants_colour(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Only on a terminal that knows colours, and not where NO_COLOR says otherwise."""
    return stream.isatty() and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb"


def printable(text: str) -> str:
    """Text that cannot steer a terminal: names and reasons come from other programs."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _abandon(stream: TextIO) -> None:
    # A stream that stays open with something in its buffer fails again when Python exits.
    try:
        stream.close()
    except BrokenPipeError:
        return
