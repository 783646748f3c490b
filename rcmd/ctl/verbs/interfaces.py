"""`rcmctl interfaces`: the state of each interface."""

from __future__ import annotations

from argparse import Namespace

from rcmd.ctl.output import Line, Output, Span, Tone
from rcmd.ctl.picture import Picture, is_inactive, picture_of
from rcmd.ctl.table import table
from rcmd.ctl.verb import Manager, Verb
from rcmd.model.status import InterfaceState, InterfaceStatus, ProbeState

TONES = {
    InterfaceState.RUNNING: Tone.PLAIN,
    InterfaceState.NO_TARGETS: Tone.PLAIN,
    InterfaceState.FAILED: Tone.BAD,
    InterfaceState.MISSING: Tone.BAD,
    InterfaceState.OFFLINE: Tone.WARNING,
    InterfaceState.DETACHED: Tone.WARNING,
}

PROBE_TONES = {
    ProbeState.OK: Tone.PLAIN,
    ProbeState.FAILED: Tone.BAD,
    ProbeState.UNKNOWN: Tone.WARNING,
    ProbeState.DISABLED: Tone.PLAIN,
}


async def _run(manager: Manager, _: Namespace, output: Output) -> int:
    document = await manager.status()
    if output.is_json:
        output.json({"interfaces": document["interfaces"]})
        return 0
    for line in interface_table(picture_of(document), output.width):
        output.line(*line)
    return 0


def interface_table(picture: Picture, width: int | None) -> list[Line]:
    return table(
        ("INTERFACE", "ACTIVE", "GROUP", "LINK", "PROBE", "STATE", "FLAGS"),
        (
            (
                interface.name,
                "yes" if interface.is_functioning and not is_inactive(interface) else "no",
                interface.group,
                link(interface),
                Span(interface.probe, PROBE_TONES[interface.probe]),
                Span(interface.state, tone(interface)),
                " ".join(interface.flags),
            )
            for interface in picture.status.interfaces
        ),
        width,
    )


def tone(interface: InterfaceStatus) -> Tone:
    has_failed = "FAILED" in interface.flags and interface.state is InterfaceState.NO_TARGETS
    return Tone.BAD if has_failed else TONES[interface.state]


def link(interface: InterfaceStatus) -> str:
    """`up`, `down`, or empty where there is no device to have a link."""
    if interface.ifindex == 0:
        return ""
    return "up" if interface.link_up else "down"


VERB = Verb("interfaces", "show the interfaces, their flags and states", _run, reads_documents=True)
