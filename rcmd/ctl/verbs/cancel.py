"""`rcmctl cancel`: end what is under way."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from rcmd.ctl.output import Output
from rcmd.ctl.verb import Manager, Verb


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "number",
        metavar="N",
        type=_number,
        help="the number of an operation, as `rcmctl operations` shows it",
    )


async def _run(manager: Manager, arguments: Namespace, output: Output) -> int:
    await manager.cancel(arguments.number)
    if output.is_json:
        output.json({"result": "cancelled", "number": arguments.number})
    else:
        output.line(f"operation {arguments.number}: cancelled")
    return 0


def _number(text: str) -> int:
    # D-Bus carries it in 32 bits.
    if not (text.isascii() and text.isdecimal()) or int(text) >= 2**32:
        raise ArgumentTypeError(f"{text!r} is not the number of an operation")
    return int(text)


VERB = Verb(
    "cancel",
    "end an operation that is under way; a detach is undone, an attach keeps what has appeared",
    _run,
    _add_arguments,
)
