"""What is wrong with the configuration files, as problems of the whole: one for each file.

A fault of a hostname file at the start is a problem of its interface instead, see `attach`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from rcmd.configuration import Loaded
from rcmd.configuration.files import hostname_interface
from rcmd.model.settings import Fault
from rcmd.model.status import Problem, ProblemCode, ProblemSeverity
from rcmd.rcm.runtime import Machine

NOT_TAKEN = "what runs is what was read before"
_MEND = "Run `rcmd --check`, mend the file, then `rcmctl reload`."
_PROTECT = "Let root alone write it (chown root, chmod go-w), then `rcmctl reload`."


@dataclass(slots=True)
class FileProblems:
    """Kept until a reading finds them mended."""

    machine: Machine
    _known: set[tuple[ProblemCode, str]] = field(default_factory=set)

    def started(self, loaded: Loaded) -> None:
        """The process goes on with what could be used."""
        others = [it for it in loaded.errors if not hostname_interface(it.file)]
        self._note((*_faults(others, ProblemSeverity.ERROR, loaded.answer), *_distrusted(loaded)))

    def refused(self, loaded: Loaded) -> None:
        """A reading was not taken: all works as before, until the next start."""
        faults = _faults(loaded.errors, ProblemSeverity.WARNING, NOT_TAKEN)
        self._note((*faults, *_distrusted(loaded)))

    def taken(self, loaded: Loaded) -> None:
        self._note(_distrusted(loaded))

    def _note(self, problems: Iterable[Problem]) -> None:
        found = {problem.key: problem for problem in problems}
        for code, subject in self._known - found.keys():
            self.machine.clear_problem(code, subject)
        for problem in found.values():
            self.machine.set_problem(problem)
        self._known = set(found)


def _faults(faults: Sequence[Fault], severity: ProblemSeverity, answer: str) -> Iterator[Problem]:
    for file in dict.fromkeys(fault.file for fault in faults):
        first, *others = (fault for fault in faults if fault.file == file)
        more = f" (and {len(others)} more)" if others else ""
        text = f"cannot be used as it is: {first}{more}"
        yield Problem(
            ProblemCode.CONFIGURATION,
            severity,
            file,
            f"{text}; {answer}" if answer else text,
            _MEND,
        )


def _distrusted(loaded: Loaded) -> Iterator[Problem]:
    for fault in loaded.distrusted:
        yield Problem(
            ProblemCode.FILE_NOT_TRUSTED,
            ProblemSeverity.WARNING,
            fault.file,
            fault.message,
            _PROTECT,
        )
