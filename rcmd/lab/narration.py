"""How the demo talks: a sentence, a command with its real output, a verdict.  80 columns."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TextIO

from rcmd.lab.lab import Lab

WIDTH = 80
INDENT = "    "
BOLD, GREEN, RED, DIM, PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[31m", "\x1b[2m", "\x1b[0m"


@dataclass(slots=True)
class Chapter:
    """One step of the story; `losses` says what the traffic lost in it."""

    title: str
    losses: str = ""
    failures: list[str] = field(default_factory=list)


class Narrator:
    """Tells and verifies; colours only where a terminal reads."""

    def __init__(self, lab: Lab, output: TextIO | None = None) -> None:
        self._lab = lab
        self._output = sys.stdout if output is None else output
        self._is_coloured = self._output.isatty() and "NO_COLOR" not in os.environ
        self._chapters: list[Chapter] = []

    @property
    def failures(self) -> list[str]:
        return [failure for chapter in self._chapters for failure in chapter.failures]

    def chapter(self, title: str, what_and_why: str) -> None:
        """Begin a step: what is about to happen, and why it matters."""
        self._chapters.append(Chapter(title))
        heading = f"{len(self._chapters)}. {title}"
        self._say("")
        self._say(heading, BOLD)
        self._say(textwrap.fill(what_and_why, WIDTH))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command on the virtual host, with all it says."""
        self._say(f"{INDENT}# {' '.join(command)}", BOLD)
        done = self._lab.run(command)
        self.quote(done.stdout + done.stderr)
        return done

    def event(self, what: str) -> None:
        """Something that is done to the host from outside."""
        self._say(f"{INDENT}[{what}]", DIM)

    def quote(self, output: str) -> None:
        """Real output, unchanged but for the folding of long lines."""
        for line in output.strip("\n").splitlines():
            for folded in _folded(line):
                self._say(f"{INDENT}{folded}".rstrip())

    def check(self, claim: str, *, is_so: bool) -> None:
        """A claim that was verified; a false one fails the demo."""
        if not is_so:
            self._chapters[-1].failures.append(claim)
        sign, colour = ("✓", GREEN) if is_so else ("✗", RED)
        for number, line in enumerate(textwrap.wrap(claim, WIDTH - 4)):
            self._say(f"  {' ' if number else sign} {line}", colour)

    def note_losses(self, losses: str) -> None:
        self._chapters[-1].losses = losses

    def summary(self) -> None:
        """One line for each step."""
        self._say("")
        self._say("Summary", BOLD)
        width = max(len(chapter.title) for chapter in self._chapters)
        for chapter in self._chapters:
            sign, colour = ("✗", RED) if chapter.failures else ("✓", GREEN)
            self._say(f"  {sign} {chapter.title:<{width}}  {chapter.losses}".rstrip(), colour)
            for failure in chapter.failures:
                self._say(textwrap.fill(failure, WIDTH, initial_indent=INDENT), RED)

    def _say(self, text: str, colour: str = "") -> None:
        if colour and self._is_coloured:
            text = f"{colour}{text}{PLAIN}"
        self._output.write(f"{text}\n")
        self._output.flush()


def _folded(line: str) -> Iterator[str]:
    """As a terminal would, but between words where there are any."""
    width = WIDTH - len(INDENT)
    while len(line) > width:
        cut = line.rfind(" ", width // 2, width + 1)
        cut = width if cut < 0 else cut
        yield line[:cut]
        line = "  " + line[cut:].lstrip()
    yield line
