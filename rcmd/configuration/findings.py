"""What is wrong with files: the first hundred faults in words, all others counted.

A file may be of any size and all wrong.  To put a fault into words, with the nearest word that is
known, takes longer than to find it; so that is done only for those that are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field

from rcmd.configuration.text import suggestion
from rcmd.model.settings import Fault

MOST = 100
"""Faults that are shown."""


@dataclass(frozen=True, slots=True)
class Near:
    """A word that is not known, and those that are."""

    word: str
    known: Collection[str]


class Wrong(Exception):
    """A word cannot be carried out; the message says why and names it."""

    def __init__(self, message: str, near: Near | None = None) -> None:
        super().__init__(message)
        self.near = near


@dataclass(slots=True)
class Findings:
    """Faults and warnings in the order in which they were found."""

    errors: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    unlisted: int = 0
    """Faults and warnings beyond the most of either."""
    files: Counter[str] = field(default_factory=Counter)
    """Every file with errors, and how many."""

    def add(
        self,
        file: str,
        line: int,
        message: str,
        near: Near | None = None,
        *,
        is_warning: bool = False,
    ) -> None:
        listed = self._list(file, is_warning=is_warning)
        if listed is not None:
            text = message + suggestion(near.word, near.known) if near else message
            listed.append(Fault(file, line, text, is_warning))

    def take(self, other: Findings) -> None:
        for fault in (*other.errors, *other.warnings):
            self.add_fault(fault)
        self.files += other.files - Counter(fault.file for fault in other.errors)
        self.unlisted += other.unlisted

    def add_fault(self, fault: Fault) -> None:
        listed = self._list(fault.file, is_warning=fault.is_warning)
        if listed is not None:
            listed.append(fault)

    def _list(self, file: str, *, is_warning: bool) -> list[Fault] | None:
        """Where it is to be listed; None where it is only counted."""
        if not is_warning:
            self.files[file] += 1
        listed = self.warnings if is_warning else self.errors
        if len(listed) < MOST:
            return listed
        self.unlisted += 1
        return None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Those that are shown, sorted by file and line; a warning takes no fault's place."""
        return tuple(sorted({*self.errors, *self.warnings[: MOST - len(self.errors)]}))

    @property
    def more(self) -> int:
        """So many are not shown."""
        return self.unlisted + max(0, len(self.errors) + len(self.warnings) - MOST)
