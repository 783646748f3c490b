"""What is wrong, since when, worst first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import assert_never

from rcmd.ctl.interfaces import tone as tone_of
from rcmd.ctl.moments import show
from rcmd.ctl.output import Span, Tone
from rcmd.ctl.picture import Picture, is_functioning, is_lost
from rcmd.model import GroupState, GroupStatus, InterfaceState, InterfaceStatus
from rcmd.rcm.journal import HistoryEvent

_BEGINNINGS = frozenset({"failure", "removed", "missing", "barred", "rejected", "group-failed"})
_ENDINGS = frozenset({"repair", "unbarred", "group-repaired", "attach", "reattach"})


def problems(picture: Picture, events: Iterable[HistoryEvent]) -> list[Span]:
    """Sentences for people; empty when all is well.  `events` is the history, oldest first."""
    beginnings = _beginnings(events)
    found = [
        *_group_problems(picture, beginnings),
        *_interface_problems(picture, beginnings),
        *_address_problems(picture),
    ]
    return sorted(found, key=lambda problem: problem.tone is not Tone.BAD)


def remarks(picture: Picture) -> Iterator[str]:
    """What is worth knowing and no problem; sentences."""
    names = [
        interface.name
        for interface in picture.status.interfaces
        if interface.state is InterfaceState.NO_TARGETS and is_functioning(interface)
    ]
    if names:
        yield f"Only the link of {_enumerated(names)} is watched: nobody to probe was found."


def _enumerated(names: Sequence[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _beginnings(events: Iterable[HistoryEvent]) -> dict[str, int]:
    """When the trouble began that each subject is in, as far as the history knows."""
    began: dict[str, int] = {}
    for event in events:
        # One event can tell of several missing interfaces; each is a key of its detail.
        subjects = {event.subject, *event.detail} if event.kind == "missing" else {event.subject}
        for subject in subjects:
            if event.kind in _BEGINNINGS:
                began[subject] = event.time_us
            elif event.kind in _ENDINGS:
                began.pop(subject, None)
    return began


def _group_problems(picture: Picture, beginnings: Mapping[str, int]) -> Iterator[Span]:
    for group in picture.status.groups:
        match group.state:
            case GroupState.OK:
                continue
            case GroupState.DEGRADED:
                unusable = " ".join(_unusable(picture, group))
                yield Span(f"group {group.name}: degraded, without {unusable}", Tone.WARNING)
            case GroupState.FAILED:
                since = _since(beginnings, group.name)
                yield Span(f"group {group.name}: failed, no interface is usable{since}", Tone.BAD)
            case _:
                assert_never(group.state)


def _unusable(picture: Picture, group: GroupStatus) -> Iterator[str]:
    for name in group.interfaces:
        interface = picture.interface(name)
        if interface is None or not is_functioning(interface):
            yield name


def _interface_problems(picture: Picture, beginnings: Mapping[str, int]) -> Iterator[Span]:
    for interface in picture.status.interfaces:
        if sentence := _sentence(interface):
            tone = tone_of(interface)
            since = _since(beginnings, interface.name)
            yield Span(
                f"{interface.name}: {sentence}{since}",
                Tone.WARNING if tone is Tone.PLAIN else tone,
            )


def _sentence(interface: InterfaceStatus) -> str:
    """What the daemon says; where it says nothing, the state, unless somebody asked for it."""
    match interface.state:
        case InterfaceState.FAILED | InterfaceState.MISSING:
            state = str(interface.state)
            if not interface.problem:
                return state
            if state in interface.problem:
                return interface.problem
            return f"{state}: {interface.problem}"
        case (
            InterfaceState.RUNNING
            | InterfaceState.NO_TARGETS
            | InterfaceState.OFFLINE
            | InterfaceState.DETACHED
        ):
            return interface.problem
        case _:
            assert_never(interface.state)


def _since(beginnings: Mapping[str, int], subject: str) -> str:
    time_us = beginnings.get(subject)
    return "" if time_us is None else f" (since {show(time_us)})"


def _address_problems(picture: Picture) -> Iterator[Span]:
    for address in picture.status.addresses:
        if is_lost(address):
            whose = f"home: {address.home}" if address.home else f"of group {address.group}"
            yield Span(f"{address.address}: on no interface ({whose})", Tone.BAD)
