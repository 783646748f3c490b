"""`rcmctl scripts`: the RCM scripts, their state and their last run; `scripts test` tries one."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rcmd.ctl.moments import show
from rcmd.ctl.output import Line, Output, Span, Tone
from rcmd.ctl.table import table
from rcmd.ctl.verb import Manager, Verb
from rcmd.errors import RcmError
from rcmd.ports.script import ScriptState
from rcmd.ports.script_protocol import Outcome

_HEADINGS = ("NAME", "STATE", "RESOURCES", "LAST RUN", "PROBLEM")
_TONES = {
    ScriptState.READY: Tone.PLAIN,
    ScriptState.RUNNING: Tone.PLAIN,
    ScriptState.REFUSED: Tone.BAD,
}


def _add_arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    test = actions.add_parser(
        "test",
        help="try a script without the daemon; nothing is detached",
        description="Run a script as rcmd would, and compare it with the contract.",
        allow_abbrev=False,
    )
    test.add_argument(
        "file", metavar="FILE", type=_absolute, help="the script; it need not be installed yet"
    )
    test.add_argument(
        "-r",
        "--resource",
        metavar="NAME",
        dest="resources",
        action="append",
        default=[],
        help="ask about this resource, instead of a sample of what it registers",
    )
    test.add_argument(
        "--json", dest="is_json", action="store_true", default=SUPPRESS, help="answer in JSON"
    )
    test.set_defaults(run_here=_test)


def _absolute(text: str) -> Path:
    return Path(text).absolute()


async def _test(arguments: Namespace, output: Output) -> int:
    # Imported late: nothing else in rcmctl runs programs.
    from rcmd.ctl.verbs import script_test

    return await script_test.run(arguments, output)


async def _run(manager: Manager, _: Namespace, output: Output) -> int:
    document = await manager.scripts()
    if output.is_json:
        output.json(document)
        return 0
    for line in script_table(document, output.width):
        output.line(*line)
    return 0


def script_table(document: Mapping[str, Any], width: int | None) -> list[Line]:
    """One row a script.  Raises `RcmError` for a document of another version."""
    try:
        rows = [_row(entry) for entry in document["scripts"]]
    except (KeyError, TypeError, ValueError) as error:
        raise RcmError(
            f"the scripts of rcmd are not understood ({error!r}); is it of another version?"
        ) from error
    return table(_HEADINGS, rows, width)


def _row(entry: Mapping[str, Any]) -> tuple[Span, ...]:
    state = ScriptState(entry["state"])
    problem_tone = Tone.BAD if state is ScriptState.REFUSED else Tone.WARNING
    return (
        Span(entry["name"]),
        Span(state, _TONES[state]),
        Span(" ".join(entry["resources"])),
        _last_run(entry["last_run"]),
        Span(entry["problem"], problem_tone),
    )


def _last_run(run: Mapping[str, Any] | None) -> Span:
    """When, what, and what came of it."""
    if run is None:
        return Span("")
    outcome = str(run["outcome"])
    is_well = outcome in (Outcome.OK, Outcome.UNSUPPORTED)
    what = " ".join(word for word in (run["command"], run["resource"]) if word)
    text = f"{show(run['time_us'])} {what}: {outcome}"
    return Span(text, Tone.PLAIN if is_well else Tone.WARNING)


VERB = Verb(
    "scripts",
    "show the RCM scripts; `scripts test FILE` tries one",
    _run,
    _add_arguments,
    reads_documents=True,
    when_interrupted="nothing was changed",
)
