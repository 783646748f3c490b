"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from rcmd import __version__
from rcmd.ctl.verb import Verb
from rcmd.errors import InvalidArgument

_EXAMPLES = """\
examples:
  rcmctl status                     what is wrong, and where everything is
  rcmctl detach eth0 --dry-run      what a removal would do
  rcmctl detach eth0                empty eth0 and give it up; its cable or card may go
  rcmctl attach eth0                take it into use again
  rcmctl history --since 2h         what happened in the last two hours
  rcmctl history --follow           what is happening
  rcmctl status --json              for programs

exit status:
  0 done   1 failed, and rolled back   2 usage   3 refused, nothing was changed
  4 no such resource   5 not authorised   6 rcmd cannot be reached   7 busy

rcmctl(8) has the rest.
"""


class Misused(InvalidArgument):
    """A command line that is not one."""

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.usage = usage


class _Parser(argparse.ArgumentParser):
    """Raises `Misused` where argparse would exit, so that `--json` holds for usage errors too."""

    def error(self, message: str) -> NoReturn:
        raise Misused(message, self.format_usage())


def parse(words: Sequence[str], verbs: Sequence[Verb]) -> argparse.Namespace:
    """Return the options, with `verb` and `is_json`; raises `Misused`."""
    parser = _Parser(
        prog="rcmctl",
        description="Show and change how rcmd uses this machine's network interfaces.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"rcmctl {__version__}")
    _add_json(parser, default=False)
    commands = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in verbs:
        command = commands.add_parser(
            verb.name, help=verb.summary, description=verb.summary, allow_abbrev=False
        )
        # Left out where it is not given, so that it does not undo one before the verb.
        _add_json(command, default=argparse.SUPPRESS)
        verb.add_arguments(command)
        command.set_defaults(verb=verb)
    return parser.parse_args(words)


def _add_json(parser: argparse.ArgumentParser, *, default: bool | str) -> None:
    parser.add_argument(
        "--json", dest="is_json", action="store_true", default=default, help="answer in JSON"
    )
