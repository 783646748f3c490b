"""`rcmctl scripts test FILE`: a script compared with the contract, here and without the daemon.

It is run as rcmd would run it, as the owner of its file.  It is asked, but never told to let go:
nothing is detached.
"""

from __future__ import annotations

import re
import socket
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rcmd.ctl.output import Output, Span, Tone
from rcmd.platform.scripts.files import UnsafeScript, open_script
from rcmd.platform.scripts.runner import ScriptRunner
from rcmd.ports.script_protocol import (
    Answer,
    Command,
    Outcome,
    ScriptFailed,
    ScriptInfo,
    name_problem,
)
from rcmd.ports.scripts import Request, Runner

_DEFAULT_TIMEOUT_S = 60.0
_MAX_SAMPLES = 8
_IS_PATTERN = re.compile(r"[*?\[]")


class Verdict(StrEnum):
    OK = "ok"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the contract asks for, and how the script does in it."""

    what: str
    verdict: Verdict
    note: str = ""


async def run(arguments: Namespace, output: Output) -> int:
    """Print each check; the exit status is 1 if there was a fault."""
    path: Path = arguments.file
    done: list[Check] = []
    # The daemon's own list of running scripts is none of our business.
    with TemporaryDirectory() as place:
        runner = ScriptRunner((), Path(place), is_place_trusted=True)
        async for check in checks(runner, path, arguments.resources):
            done.append(check)
            if not output.is_json:
                _show(check, output)
    if output.is_json:
        output.json({"file": str(path), "checks": [_document(check) for check in done]})
    return 1 if any(check.verdict is Verdict.FAULT for check in done) else 0


async def checks(runner: Runner, path: Path, resources: Sequence[str]) -> AsyncIterator[Check]:
    """Every check that is possible; without the first ones there are no more."""
    unsafe = _file_problem(path)
    yield _check("file", unsafe)
    if unsafe:
        return
    script = _Script(runner, path)
    check = await script.scriptinfo()
    yield check
    if check.verdict is Verdict.FAULT:
        return
    yield await script.register()
    problems = {name: name_problem(name, path.name) for name in script.names}
    usable = [name for name, problem in problems.items() if not problem]
    for name in problems.keys() - set(usable):
        yield _check(f"name {name}", problems[name])
    for resource in resources or _samples(usable):
        for command in (Command.RESOURCEINFO, Command.QUERYREMOVE):
            yield await script.question(command, resource)
    yield await script.unknown_command()


class _Script:
    """The script under test, and what it has said of itself."""

    def __init__(self, runner: Runner, path: Path) -> None:
        self._runner = runner
        self._path = path
        self._timeout_s = _DEFAULT_TIMEOUT_S
        self.names: tuple[str, ...] = ()

    async def scriptinfo(self) -> Check:
        try:
            answer = await self._run(Command.SCRIPTINFO)
        except ScriptFailed as error:
            return _check(Command.SCRIPTINFO, str(error))
        if answer.info is None:
            return _check(Command.SCRIPTINFO, answer.reason)
        if answer.info.timeout_s is not None:
            self._timeout_s = answer.info.timeout_s
        return Check(Command.SCRIPTINFO, Verdict.OK, _described(answer.info))

    async def register(self) -> Check:
        try:
            answer = await self._run(Command.REGISTER)
        except ScriptFailed as error:
            return _check(Command.REGISTER, str(error))
        if answer.is_objection:
            return _check(Command.REGISTER, answer.reason)
        self.names = answer.resources
        return Check(Command.REGISTER, Verdict.OK, " ".join(self.names) or "nothing")

    async def question(self, command: Command, resource: str) -> Check:
        """A refusal is a proper answer."""
        what = f"{command} {resource}"
        try:
            answer = await self._run(command, resource)
        except ScriptFailed as error:
            return _check(what, str(error))
        said = f"{answer.outcome.value}: {answer.reason}" if answer.is_objection else answer.usage
        return Check(what, Verdict.OK, said or answer.outcome.value)

    async def unknown_command(self) -> Check:
        what = "a command it cannot know"
        try:
            answer = await self._run(Command.NO_SUCH_COMMAND)
        except ScriptFailed as error:
            return _check(what, f"{error}; the exit status must be 2")
        if answer.outcome is not Outcome.UNSUPPORTED:
            return _check(what, "the exit status must be 2")
        return Check(what, Verdict.OK, answer.outcome.value)

    async def _run(self, command: Command, resource: str = "") -> Answer:
        path = str(self._path)
        request = Request(self._path.name, path, command, resource, timeout_s=self._timeout_s)
        return await self._runner.run(request)


def _file_problem(path: Path) -> str:
    try:
        with open_script(path, is_place_trusted=True):
            return ""
    except UnsafeScript as error:
        return str(error)


def _described(info: ScriptInfo) -> str:
    if info.timeout_s is None:
        return info.description
    limit = f"{info.timeout_s:g} s for a command" if info.timeout_s else "no limit of time"
    return f"{info.description} ({limit})"


def _samples(names: Sequence[str]) -> tuple[str, ...]:
    """Names to ask about: those registered, and for a pattern what it could stand for."""
    interfaces = [name for _, name in socket.if_nameindex()]
    found: dict[str, None] = {}
    for name in names:
        if _IS_PATTERN.search(name):
            fitting = [it for it in interfaces if fnmatchcase(it, name)]
            made = name.replace("*", "0").replace("?", "0")
            found |= dict.fromkeys(fitting[:1] or [it for it in (made,) if fnmatchcase(it, name)])
        else:
            found[name] = None
    return tuple(found)[:_MAX_SAMPLES]


def _check(what: str, problem: str) -> Check:
    return Check(what, Verdict.FAULT if problem else Verdict.OK, problem)


def _show(check: Check, output: Output) -> None:
    tone = Tone.BAD if check.verdict is Verdict.FAULT else Tone.PLAIN
    note = f": {check.note}" if check.note else ""
    output.line(Span(f"{check.verdict.value:<7}", tone), f"{check.what}{note}")
    output.flush()


def _document(check: Check) -> dict[str, Any]:
    return {"check": check.what, "verdict": check.verdict.value, "note": check.note}
