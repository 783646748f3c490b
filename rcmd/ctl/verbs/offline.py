"""`rcmctl offline`: empty an interface and keep it empty (Solaris `if_mpadm -d`)."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from rcmd.ctl.output import Output
from rcmd.ctl.verb import Manager, Verb


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("interface", metavar="IF", help="a member of a group")


async def _run(manager: Manager, arguments: Namespace, output: Output) -> int:
    await manager.offline(arguments.interface)
    if output.is_json:
        output.json({"result": "offline", "resource": arguments.interface})
    else:
        output.line(f"{arguments.interface}: offline")
    return 0


VERB = Verb("offline", "move everything off an interface until `online`", _run, _add_arguments)
