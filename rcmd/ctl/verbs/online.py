"""`rcmctl online`: take an `offline` back (Solaris `if_mpadm -r`)."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from rcmd.ctl.output import Output
from rcmd.ctl.verb import Manager, Verb


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("interface", metavar="IF", help="an interface that is offline")


async def _run(manager: Manager, arguments: Namespace, output: Output) -> int:
    await manager.undo_offline(arguments.interface)
    if output.is_json:
        output.json({"result": "online", "resource": arguments.interface})
    else:
        output.line(f"{arguments.interface}: online")
    return 0


VERB = Verb("online", "use an interface again after `offline`", _run, _add_arguments)
