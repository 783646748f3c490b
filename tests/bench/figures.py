"""Figures and the table that they make."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

RUNS = 5
COMMAND = "make bench"


@dataclass(frozen=True, slots=True)
class Figure:
    """Repeated measurements of one thing, and the most, or the least, that its median may be."""

    what: str
    values: Sequence[float]
    unit: str
    at_most: float = math.inf
    target_in_words: str = ""
    at_least: float = -math.inf

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def meets_target(self) -> bool:
        return self.at_least <= self.median <= self.at_most

    @property
    def target(self) -> str:
        if self.target_in_words:
            return self.target_in_words
        sign, limit = ("≥", self.at_least) if self.at_most == math.inf else ("≤", self.at_most)
        return f"{sign} {_text(limit)} {self.unit}"

    def row(self) -> str:
        least, most = min(self.values), max(self.values)
        measured = f"{_text(self.median)} ({_text(least)}–{_text(most)}) {self.unit}"
        if len(self.values) == 1:
            measured = f"{_text(self.median)} {self.unit}"
        return f"| {self.what} | {self.target} | {measured.rstrip()} | `{COMMAND}` |"


@dataclass(slots=True)
class Table:
    """Collects figures over all benchmarks."""

    figures: list[Figure] = field(default_factory=list)

    def note(self, *figures: Figure) -> None:
        """Add them; fails the test when a target is missed, after all were noted."""
        self.figures += figures
        missed = [figure.row() for figure in figures if not figure.meets_target]
        assert not missed, "\n".join(missed)

    def lines(self) -> list[str]:
        head = [f"| what | target | median of {RUNS} (min–max) | command |", "|---|---|---|---|"]
        return [*head, *(figure.row() for figure in self.figures)]


def repeat(measure: Callable[[int], float]) -> list[float]:
    """The results of five runs; each is told its number."""
    return [measure(number) for number in range(RUNS)]


def _text(value: float) -> str:
    if value == int(value):
        return str(int(value))
    return f"{value:.2f}" if value < 10 else f"{value:.0f}" if value >= 100 else f"{value:.1f}"
