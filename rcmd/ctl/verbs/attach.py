"""`rcmctl attach`: take a NIC (again) into use."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from rcmd.ctl.output import Output
from rcmd.ctl.verb import Manager, Verb
from rcmd.ctl.verbs.detach import RESOURCE_HELP
from rcmd.ctl.waiting import outcome


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("resource", metavar="RESOURCE", help=RESOURCE_HELP)


async def _run(manager: Manager, arguments: Namespace, output: Output) -> int:
    await outcome(manager.attach(arguments.resource), manager, output)
    if output.is_json:
        output.json({"result": "attached", "resource": arguments.resource})
    else:
        output.line(f"{arguments.resource}: attached")
    return 0


VERB = Verb(
    "attach",
    "configure a NIC from its files and take it into use",
    _run,
    _add_arguments,
    when_interrupted="rcmd does not go on with it",
)
