"""What is known of an RCM script: values for the bus and `rcmctl scripts`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ScriptState(StrEnum):
    READY = "ready"
    RUNNING = "running"
    REFUSED = "refused"
    """Not used: its file or its answers violate the contract; `problem` says how."""


@dataclass(frozen=True, slots=True)
class ScriptRun:
    """The last command a script was run with, and what came of it."""

    command: str
    resource: str
    outcome: str
    """`ok`, `unsupported`, or the sentence that says what went wrong."""
    time_us: int
    """Microseconds since the epoch."""


@dataclass(frozen=True, slots=True)
class ScriptStatus:
    name: str
    path: str
    state: ScriptState
    description: str = ""
    """`rcm_script_func_info`."""
    timeout_s: float = 60.0
    """0: it may take as long as it likes."""
    resources: tuple[str, ...] = ()
    problem: str = ""
    last_run: ScriptRun | None = None
