"""What the scripts need of the outside; `platform.scripts.runner` is it, tests have models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rcmd.ports.script_protocol import Answer, Command


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """A script as it was found; its file may be another one by now."""

    name: str
    path: str
    version: tuple[int, ...] = ()
    """Another one after every change of the file, its owner or its mode."""
    problem: str = ""
    """Why it must not be run; empty if it may."""


@dataclass(frozen=True, slots=True)
class Request:
    """One command for one script."""

    script: str
    path: str
    command: Command
    resource: str = ""
    is_forced: bool = False
    timeout_s: float = 60.0
    """0: no limit."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A script that was told to let go of a resource, and not yet what became of that."""

    script: str
    resource: str
    is_released: bool
    """It did let go."""


class Runner(Protocol):
    def survey(self) -> tuple[ScriptFile, ...]:
        """Every script there is, in the order of their names; of one name the first directory's."""

    async def run(self, request: Request) -> Answer:
        """Run one command to its end; what it leaves running is ended if it fails.

        Raises ScriptFailed.  Cancelled, it ends the script before it goes.
        """


class AskedMemory(Protocol):
    """What must outlive the daemon, but not the boot."""

    def recall(self) -> tuple[Asked, ...]: ...

    def keep(self, asked: tuple[Asked, ...]) -> None: ...
