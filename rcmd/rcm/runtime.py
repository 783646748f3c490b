"""What the transactions need of the daemon around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rcmd.configuration import Loaded
from rcmd.ipmp.api.commands import Report
from rcmd.ipmp.api.events import Event
from rcmd.ipmp.engine import Engine
from rcmd.model.network import Identity
from rcmd.model.status import Preparations, Problem, ProblemCode
from rcmd.rcm.problems import Problems


class Machine(Protocol):
    """The engine, kept up to date, and the few things only the outside can do."""

    @property
    def engine(self) -> Engine: ...

    def feed(self, event: Event) -> None:
        """Give the engine an event; when this returns, its commands are carried out."""

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for something that the engine knows; False if the time runs out."""

    def report(self, report: Report) -> None:
        """Tell the log, the history and the bus."""

    async def read_configuration(self) -> Loaded:
        """The files as they are now; takes its time, and other things happen meanwhile."""

    def has_hostname_file(self, name: str) -> bool:
        """Is there any for this interface?  Does not read it."""

    @property
    def problems(self) -> Problems:
        """What is wrong, since when."""

    @property
    def preparations(self) -> Preparations:
        """What has become of the failovers that were prepared."""

    def set_problem(self, problem: Problem) -> None:
        """Say what is wrong that the engine cannot know, until `clear_problem`."""

    def clear_problem(self, code: ProblemCode, subject: str) -> None: ...

    def refusals(self, name: str) -> tuple[str, ...]:
        """What was refused since the device was last plumbed, in sentences."""

    def look_at(self, ifindex: int) -> None:
        """Ask the kernel about one device, now."""

    def look_around(self) -> None:
        """Ask the kernel about everything: now, or soon if it changes too fast to be read now."""

    def identify(self, name: str) -> Identity: ...

    def set_up(self, ifindex: int) -> None:
        """Set a device up that has no configuration."""


REPLUMB_S = 15.0
"""How long a device that was set up again may take to be as it was before."""
SETTLE_S = 10.0
"""How long the kernel may take to do, and tell, what was asked."""
