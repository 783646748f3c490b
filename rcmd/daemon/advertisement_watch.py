"""Tells of interfaces on which more is advertised than is followed (`system/advertised.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from rcmd.daemon.loop import Daemon
from rcmd.ipmp.api.commands import Report, Severity
from rcmd.kernel.advertised import MOST
from rcmd.model.status import Problem, ProblemCode, ProblemSeverity


class Beyond(Protocol):
    @property
    def beyond(self) -> frozenset[int]:
        """Devices (ifindex) of which not everything is followed."""


@dataclass(slots=True)
class AdvertisementWatch:
    daemon: Daemon
    kernel: Beyond
    _told: set[str] = field(default_factory=set)

    def look(self) -> None:
        """A problem for each interface in our care, told once."""
        if not (self._told or self.kernel.beyond):
            # That is asked at every word of the kernel.
            return
        members = self.daemon.engine.scene.members.values()
        names = {it.name for it in members if it.ifindex in self.kernel.beyond}
        for name in names - self._told:
            problem = _problem(name)
            self.daemon.set_problem(problem)
            self.daemon.report(Report(Severity.WARNING, problem.code, name, problem.text))
        for name in self._told - names:
            self.daemon.clear_problem(ProblemCode.ADVERTISEMENTS, name)
        self._told = names


def _problem(name: str) -> Problem:
    return Problem(
        ProblemCode.ADVERTISEMENTS,
        ProblemSeverity.WARNING,
        name,
        f"router advertisements have made more than {MOST} routes or addresses on {name}:"
        " the others are left to the kernel, and stay where they are",
        "Find the host that sends them, or let the switch keep advertisements of others away.",
    )
