"""`rcmctl targets`: whom each interface probes."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Mapping
from typing import Any

from rcmd.ctl.output import Line, Output, Span, Tone
from rcmd.ctl.table import table
from rcmd.ctl.verb import Manager, Verb
from rcmd.errors import RcmError
from rcmd.model.status import TargetMode, TargetState


async def _run(manager: Manager, _: Namespace, output: Output) -> int:
    document = await manager.targets()
    if output.is_json:
        output.json(document)
        return 0
    for line in target_table(document, output.width):
        output.line(*line)
    return 0


def target_table(document: Mapping[str, Any], width: int | None) -> list[Line]:
    """The columns of `ipmpstat -t`.  Raises `RcmError` for a document of another version."""
    try:
        rows = [_row(entry) for entry in document["targets"]]
    except (KeyError, TypeError, ValueError) as error:
        raise RcmError(
            f"the targets of rcmd are not understood ({error!r}); is it of another version?"
        ) from error
    return table(("INTERFACE", "MODE", "TESTADDR", "TARGETS"), rows, width)


def is_probing(document: Mapping[str, Any]) -> bool:
    """Whether any interface is probed."""
    return any(entry["mode"] != TargetMode.DISABLED for entry in document["targets"])


def _row(entry: Mapping[str, Any]) -> tuple[Span, ...]:
    mode = TargetMode(entry["mode"])
    targets = _targets(entry["targets"])
    is_alone = mode is not TargetMode.DISABLED and not targets
    return (
        Span(entry["interface"]),
        Span(mode, Tone.WARNING if is_alone else Tone.PLAIN),
        Span(entry["test_address"] or ""),
        Span(targets),
    )


def _targets(entries: Iterable[Mapping[str, Any]]) -> str:
    """In order of use; then `(spare ...)`, then `[silent or slow ...]`, as members of a group."""
    by_state: dict[TargetState, list[str]] = {state: [] for state in TargetState}
    for entry in entries:
        by_state[TargetState(entry["state"])].append(entry["address"])
    spare = by_state[TargetState.UNUSED]
    retired = by_state[TargetState.SLOW] + by_state[TargetState.DEAD]
    parts = (
        " ".join(by_state[TargetState.ACTIVE]),
        f"({' '.join(spare)})" if spare else "",
        f"[{' '.join(retired)}]" if retired else "",
    )
    return " ".join(part for part in parts if part)


VERB = Verb(
    "targets", "show whom each interface probes, and from where", _run, reads_documents=True
)
