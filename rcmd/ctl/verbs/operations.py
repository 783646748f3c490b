"""`rcmctl operations`: what is under way."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable

from rcmd.ctl.moments import show
from rcmd.ctl.output import Line, Output
from rcmd.ctl.picture import Underway, operations_of
from rcmd.ctl.table import table
from rcmd.ctl.verb import Manager, Verb


async def _run(manager: Manager, _: Namespace, output: Output) -> int:
    document = await manager.operations()
    if output.is_json:
        output.json(document)
        return 0
    for line in _table(operations_of(document), output.width):
        output.line(*line)
    return 0


def _table(operations: Iterable[Underway], width: int | None) -> list[Line]:
    rows = (
        (
            str(one.number),
            one.title,
            one.resource,
            one.step,
            show(one.started_us),
            one.caller,
            ", ".join(one.waiting_for),
        )
        for one in operations
    )
    headings = ("NUMBER", "OPERATION", "RESOURCE", "STEP", "SINCE", "BY", "WAITING FOR")
    return table(headings, rows, width)


VERB = Verb("operations", "show what is under way, and what is waited for", _run)
