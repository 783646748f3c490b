"""The rcmscript contract as text: what a script is called with, may print, and means by its exit.

The source is rcmscript(5) as summed up in solaris.md 4.7.  Suspend and capacity commands are not
given: nothing that rcmd does has an interval or an amount.

Beyond the source: a command prints at most `MAX_LINES` lines, because a script that floods the
daemon with valid lines is as broken as one that prints garbage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import assert_never

from rcmd.errors import RcmError
from rcmd.foreign_text import from_bytes

VERSION = 1
"""The only `rcm_script_version` there is."""
MAX_LINE = 4096
"""Bytes of a line, without its end."""
MAX_LINES = 4096
"""Lines that one command may print."""
MAX_REASON = 1000
"""Characters of a reason or a usage text."""
MAX_NAME = 255
MAX_RESOURCES = 1024
LONGEST_TIMEOUT_S = 366 * 24 * 3600.0
"""What `rcm_cmd_timeout` can ask for; only 0 is longer."""
PATH = "/usr/sbin:/usr/bin"
INHERITED = (
    "LANG",
    "LC_COLLATE",
    "LC_CTYPE",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NUMERIC",
    "LC_TIME",
    "LC_ALL",
    "TZ",
)
"""All that a script gets of the daemon's own environment."""


class Command(StrEnum):
    SCRIPTINFO = "scriptinfo"
    REGISTER = "register"
    RESOURCEINFO = "resourceinfo"
    QUERYREMOVE = "queryremove"
    PREREMOVE = "preremove"
    POSTREMOVE = "postremove"
    UNDOREMOVE = "undoremove"
    NO_SUCH_COMMAND = "nosuchcommand"
    """Stands for those of a later version; a script is tested with it."""


ASKING = frozenset({Command.QUERYREMOVE, Command.PREREMOVE})
"""The commands that are told whether force is used, and may be answered with a refusal."""
_ABOUT_REMOVAL = ASKING | {Command.POSTREMOVE, Command.UNDOREMOVE}


class Outcome(StrEnum):
    """What an exit status means."""

    OK = "ok"
    UNSUPPORTED = "unsupported"
    FAILED = "failed"
    REFUSED = "refused"


class Level(Enum):
    """The names with which a script logs, at any time."""

    ERROR = "rcm_log_err"
    WARNING = "rcm_log_warn"
    INFO = "rcm_log_info"
    DEBUG = "rcm_log_debug"


@dataclass(frozen=True, slots=True)
class Remark:
    """A line for the log."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class ScriptInfo:
    """The answer to `scriptinfo`."""

    description: str
    timeout_s: float | None = None
    """None: the daemon's default; 0: no limit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer that keeps to the contract."""

    outcome: Outcome
    reason: str = ""
    """Why it failed or refused: never empty then."""
    resources: tuple[str, ...] = ()
    usage: str = ""
    info: ScriptInfo | None = None
    """After `scriptinfo`."""

    @property
    def is_objection(self) -> bool:
        return self.outcome in (Outcome.FAILED, Outcome.REFUSED)


class ScriptFailed(RcmError):
    """A script gave no answer that keeps to the contract; the message is a sentence of 4.7."""


class ScriptSilent(ScriptFailed):
    """It did not answer in time."""


def timeout_error(script: str) -> ScriptSilent:
    return ScriptSilent(f"rcm script {script}: timeout error")


def protocol_error(script: str, detail: str) -> ScriptFailed:
    return ScriptFailed(f"rcm script {script}: scripting protocol error ({detail})")


def unknown_error(script: str, detail: str) -> ScriptFailed:
    return ScriptFailed(f"rcm script {script}: unknown error ({detail})")


def version_error(script: str, version: int) -> ScriptFailed:
    return ScriptFailed(f"rcm script {script}: unsupported version {version}")


def missing_error(script: str) -> ScriptFailed:
    return ScriptFailed(f"rcm: required name-value parameters missing ({script})")


def environment(
    command: Command, own: Mapping[str, str], *, debug_level: int, is_forced: bool
) -> dict[str, str]:
    """Exactly what a script finds in its environment.  `own` is the daemon's."""
    found = {name: own[name] for name in INHERITED if name in own}
    found["PATH"] = PATH
    found["RCM_ENV_DEBUG_LEVEL"] = str(debug_level)
    if command in ASKING:
        found["RCM_ENV_FORCE"] = "TRUE" if is_forced else "FALSE"
    return found


class _Name(StrEnum):
    SCRIPT_VERSION = "rcm_script_version"
    FUNC_INFO = "rcm_script_func_info"
    CMD_TIMEOUT = "rcm_cmd_timeout"
    RESOURCE_NAME = "rcm_resource_name"
    USAGE_INFO = "rcm_resource_usage_info"
    FAILURE_REASON = "rcm_failure_reason"


_PERMITTED: dict[Command, frozenset[_Name]] = {
    Command.SCRIPTINFO: frozenset(
        {_Name.SCRIPT_VERSION, _Name.FUNC_INFO, _Name.CMD_TIMEOUT, _Name.FAILURE_REASON}
    ),
    Command.REGISTER: frozenset({_Name.RESOURCE_NAME, _Name.FAILURE_REASON}),
    Command.RESOURCEINFO: frozenset({_Name.USAGE_INFO, _Name.FAILURE_REASON}),
    **{command: frozenset({_Name.FAILURE_REASON}) for command in _ABOUT_REMOVAL},
    Command.NO_SUCH_COMMAND: frozenset(),
}
_NUMBERS = frozenset({_Name.SCRIPT_VERSION, _Name.CMD_TIMEOUT})
_LEVELS = {level.value: level for level in Level}


@dataclass(slots=True)
class Dialogue:
    """What one command prints, line by line, until its exit status completes the answer."""

    script: str
    command: Command
    _lines: int = 0
    _values: dict[_Name, list[str]] = field(default_factory=dict)

    def take(self, line: bytes) -> Remark | None:
        """One line of standard output without its end.  Raises ScriptFailed: it must be killed."""
        self._lines += 1
        if self._lines > MAX_LINES:
            raise self._violation(f"more than {MAX_LINES} lines")
        if len(line) > MAX_LINE:
            raise self._violation(f"a line of more than {MAX_LINE} characters")
        text = from_bytes(line)
        word, equals, value = text.partition("=")
        if not equals:
            raise self._violation(f"no '=' in {_quoted(text)}")
        if not value.strip():
            raise self._violation(f"{_quoted(word)} has no value")
        if word in _LEVELS:
            return Remark(_LEVELS[word], one_line(value))
        self._keep(word, value)
        return None

    def finish(self, status: int) -> Answer:
        """Its exit status; negative, a signal ended it.  Raises ScriptFailed."""
        reason = self._text(_Name.FAILURE_REASON)
        if status < 0:
            raise unknown_error(self.script, f"ended by signal {-status}")
        match status:
            case 0 if reason:
                raise self._violation("exit status 0 with rcm_failure_reason")
            case 0:
                return self._complete()
            case 2:
                return self._unsupported()
            case 1 | 3 if not reason:
                raise self._violation(f"exit status {status} without rcm_failure_reason")
            case 1:
                return Answer(Outcome.FAILED, reason)
            case 3 if self.command in _ABOUT_REMOVAL:
                return Answer(Outcome.REFUSED, reason)
            case _:
                raise self._violation(f"exit status {status} after {self.command}")

    def _keep(self, word: str, value: str) -> None:
        try:
            name = _Name(word)
        except ValueError:
            raise self._violation(f"unknown name {_quoted(word)}") from None
        if name not in _PERMITTED[self.command]:
            raise self._violation(f"{name} is not for {self.command}")
        if name in _NUMBERS and not (value.isascii() and value.isdigit()):
            raise self._violation(f"{name} is no number: {_quoted(value)}")
        kept = self._values.setdefault(name, [])
        if name is _Name.RESOURCE_NAME and len(kept) >= MAX_RESOURCES:
            raise self._violation(f"more than {MAX_RESOURCES} resources")
        kept.append(value)

    def _complete(self) -> Answer:
        match self.command:
            case Command.SCRIPTINFO:
                return Answer(Outcome.OK, info=self._info())
            case Command.REGISTER:
                names = self._values.get(_Name.RESOURCE_NAME, [])
                return Answer(Outcome.OK, resources=tuple(dict.fromkeys(names)))
            case Command.RESOURCEINFO:
                usage = self._text(_Name.USAGE_INFO)
                if not usage:
                    raise missing_error(self.script)
                return Answer(Outcome.OK, usage=usage)
            case (
                Command.QUERYREMOVE
                | Command.PREREMOVE
                | Command.POSTREMOVE
                | Command.UNDOREMOVE
                | Command.NO_SUCH_COMMAND
            ):
                return Answer(Outcome.OK)
            case _:
                assert_never(self.command)

    def _info(self) -> ScriptInfo:
        version = self._last(_Name.SCRIPT_VERSION)
        description = self._text(_Name.FUNC_INFO)
        if version and int(version) != VERSION:
            raise version_error(self.script, int(version))
        if not version or not description:
            raise missing_error(self.script)
        timeout = self._last(_Name.CMD_TIMEOUT)
        limit_s = min(float(timeout), LONGEST_TIMEOUT_S) if timeout else None
        return ScriptInfo(description, limit_s)

    def _unsupported(self) -> Answer:
        """It counts as success, but for the two commands without which there is no script."""
        if self.command in (Command.SCRIPTINFO, Command.REGISTER):
            raise self._violation(f"{self.command} must be supported")
        return Answer(Outcome.UNSUPPORTED)

    def _last(self, name: _Name) -> str:
        return self._values.get(name, [""])[-1]

    def _text(self, name: _Name) -> str:
        """What was said repeatedly belongs together."""
        text = one_line(" ".join(self._values.get(name, [])))
        return text if len(text) <= MAX_REASON else f"{text[:MAX_REASON]}..."

    def _violation(self, detail: str) -> ScriptFailed:
        return protocol_error(self.script, detail)


def name_problem(resource: str, script: str) -> str:
    """Why a name that a script wants to register is none, as a sentence; empty if it is one.

    Names are shell patterns, as those of bus clients are.  Solaris names (`/devices/...`,
    `SUNW_datalink/...`) have no counterpart here: told, so that nobody relies on them.
    """
    if len(resource) > MAX_NAME or not resource.isprintable() or resource != resource.strip():
        return f"rcm script {script}: failed to register {_quoted(resource)}"
    if "/" in resource:
        return f"rcm: unknown resource name {resource} ({script})"
    return ""


def one_line(text: str) -> str:
    """Printable text on one line, whatever a script prints."""
    words = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def _quoted(text: str) -> str:
    short = text if len(text) <= 40 else f"{text[:40]}..."
    return f"'{one_line(short)}'"
