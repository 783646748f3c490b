"""`rcmctl groups`: who shares addresses with whom, and how the groups are."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from rcmd.ctl.output import Line, Output, Span, Tone
from rcmd.ctl.picture import Picture, is_inactive, picture_of
from rcmd.ctl.table import table
from rcmd.ctl.verb import Manager, Verb
from rcmd.model.kinds import LoadSpreading
from rcmd.model.status import GroupState, GroupStatus, ProbeState

TONES = {
    GroupState.OK: Tone.PLAIN,
    GroupState.DEGRADED: Tone.WARNING,
    GroupState.FAILED: Tone.BAD,
}


async def _run(manager: Manager, _: Namespace, output: Output) -> int:
    document = await manager.status()
    if output.is_json:
        output.json({"groups": document["groups"]})
        return 0
    for line in group_table(picture_of(document), output.width):
        output.line(*line)
    return 0


def group_table(picture: Picture, width: int | None) -> list[Line]:
    """Who shares the outgoing traffic is shown where any group shares it."""
    groups = picture.status.groups
    is_spread = any(group.load_spreading is not LoadSpreading.OFF for group in groups)
    return table(
        ("GROUP", "STATE", "FDT", "INTERFACES", *(("SPREAD OVER",) if is_spread else ())),
        (
            (
                group.name,
                Span(group.state, TONES[group.state]),
                _detection_time(picture, group),
                members(picture, group),
                *((_spread_over(group),) if is_spread else ()),
            )
            for group in groups
        ),
        width,
    )


def _spread_over(group: GroupStatus) -> str:
    """`by flow: hme0 hme1`."""
    if group.load_spreading is LoadSpreading.OFF:
        return ""
    return f"by {group.load_spreading}: {' '.join(group.carriers)}"


def members(picture: Picture, group: GroupStatus) -> str:
    """Active ones first, then `(inactive ...)`, then `[unusable ...]`, as ipmpstat lists them."""
    active: list[str] = []
    inactive: list[str] = []
    unusable: list[str] = []
    for name in group.interfaces:
        interface = picture.interface(name)
        if interface is None or not interface.is_functioning:
            unusable.append(name)
        elif is_inactive(interface):
            inactive.append(name)
        else:
            active.append(name)
    parts = (" ".join(active), _enclosed("()", inactive), _enclosed("[]", unusable))
    return " ".join(part for part in parts if part)


def _enclosed(brackets: str, names: Sequence[str]) -> str:
    return f"{brackets[0]}{' '.join(names)}{brackets[1]}" if names else ""


def _detection_time(picture: Picture, group: GroupStatus) -> str:
    """The one in force; empty where nothing probes (solaris.md 6.1)."""
    is_probed = any(
        interface.group == group.name and interface.probe is not ProbeState.DISABLED
        for interface in picture.status.interfaces
    )
    return f"{group.failure_detection_ms / 1000:.2f}s" if is_probed else ""


VERB = Verb("groups", "show the groups and their members", _run, reads_documents=True)
