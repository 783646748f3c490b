"""`rcmctl detach`: take a NIC out of use, so that nobody notices."""

from __future__ import annotations

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from typing import Any, assert_never

from rcmd.ctl.output import Line, Output, Span, Tone
from rcmd.ctl.session import session_of
from rcmd.ctl.table import blocks
from rcmd.ctl.verb import Manager, Verb
from rcmd.ctl.waiting import outcome
from rcmd.errors import Vetoed
from rcmd.ports.plan import MATTER_OF_COURSE, DetachPlan, Fate, PlannedMove

RESOURCE_HELP = (
    "an interface (eth0), a PCI device or one function of it (pci:0000:03:00, pci:0000:03:00.0), "
    "a USB device (usb:1-2), or a hotplug slot (slot:NAME)"
)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("resource", metavar="RESOURCE", help=RESOURCE_HELP)
    parser.add_argument(
        "-f", "--force", action="store_true", help="override the refusals that may be overridden"
    )
    parser.add_argument(
        "-n",
        "--dry-run",
        action="store_true",
        help="print every refusal and every move there would be, and change nothing",
    )


async def _run(manager: Manager, arguments: Namespace, output: Output) -> int:
    if arguments.dry_run:
        return await _dry_run(manager, arguments, output)
    request = manager.detach(
        arguments.resource, force=arguments.force, session=session_of(os.getpid())
    )
    plan = await outcome(request, manager, output)
    if output.is_json:
        output.json({"result": "detached", **_document(plan)})
        return 0
    for line in (*_moves(plan, "disappeared"), *_warnings(plan)):
        output.line(*line)
    output.line(f"{plan.resource}: detached")
    return 0


async def _dry_run(manager: Manager, arguments: Namespace, output: Output) -> int:
    plan = await manager.query_detach(
        arguments.resource, force=arguments.force, session=session_of(os.getpid())
    )
    is_refused = bool(plan.vetoes)
    if output.is_json:
        result = "would be refused" if is_refused else "would be detached"
        output.json({"result": result, **_document(plan)})
    else:
        for line in _report(plan, is_refused=is_refused):
            output.line(*line)
    return Vetoed.exit_status if is_refused else 0


def _report(plan: DetachPlan, *, is_refused: bool) -> Iterator[Line]:
    for veto in plan.vetoes:
        yield (Span(str(veto), Tone.BAD),)
    if is_refused:
        yield (Span(f"{plan.resource}: would be refused; what a detach would move:"),)
    else:
        yield (Span(f"{plan.resource}: would be detached:"),)
    yield from _moves(plan, "disappears")
    if not plan.moves:
        yield (Span("  no address and no route would move"),)
    yield from _warnings(plan)
    yield (Span("nothing was changed"),)


def _moves(plan: DetachPlan, disappears: str) -> Iterator[Line]:
    for block in blocks((_row(move, disappears) for move in plan.moves), None):
        yield from ((Span("  "), *line) for line in block)


def _row(move: PlannedMove, disappears: str) -> tuple[Span, ...]:
    reason = f" ({move.reason})" if move.reason else ""
    match move.fate:
        case Fate.LOST:
            tone = Tone.PLAIN if move.reason in MATTER_OF_COURSE else Tone.WARNING
            where = Span(f"nowhere: {disappears} with {move.source}{reason}", tone)
        case Fate.STAYS:
            where = Span(f"stays on {move.source}{reason}")
        case Fate.MOVED:
            where = Span(f"{move.source} -> {move.destination}")
        case _:
            assert_never(move.fate)
    return (Span(move.kind), Span(move.what), where)


def _warnings(plan: DetachPlan) -> Iterator[Line]:
    for warning in plan.warnings:
        yield (Span(f"  warning: {warning}", Tone.WARNING),)


def _document(plan: DetachPlan) -> dict[str, Any]:
    return {
        "resource": plan.resource,
        "vetoes": [
            {"resource": veto.resource, "client": veto.client, "reason": veto.reason}
            for veto in plan.vetoes
        ],
        "moves": [
            {
                "kind": str(move.kind),
                "address": move.what,
                "from": move.source,
                "to": move.destination,
                "fate": str(move.fate),
                "reason": move.reason,
            }
            for move in plan.moves
        ],
        "warnings": list(plan.warnings),
    }


VERB = Verb(
    "detach",
    "move everything off a NIC, or a whole card, and take it out of use",
    _run,
    _add_arguments,
    when_interrupted="rcmd undoes what it has begun",
)
