"""The JSON of `rcmctl scripts`, as the manager gives it."""

from __future__ import annotations

from typing import Any

from rcmd.ports.script import ScriptRun, ScriptStatus


def script_document(script: ScriptStatus) -> dict[str, Any]:
    """`last_run` is null for a script that has not been run."""
    return {
        "name": script.name,
        "path": script.path,
        "state": script.state.value,
        "description": script.description,
        "timeout_s": script.timeout_s,
        "resources": list(script.resources),
        "problem": script.problem,
        "last_run": None if script.last_run is None else _run(script.last_run),
    }


def _run(run: ScriptRun) -> dict[str, Any]:
    return {
        "command": run.command,
        "resource": run.resource,
        "outcome": run.outcome,
        "time_us": run.time_us,
    }
