"""What is wrong now: what is wanted and not there, and what would be believed wrongly.

Level, not edge: the list is derived from the state at each look, so nothing has to be remembered to
be taken back.  One generator a code.  Whoever has the status in hand has everything they need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import assert_never

from rcmd.ipmp.forecast.no_spare import no_spare
from rcmd.ipmp.forecast.route_absences import absent_routes
from rcmd.ipmp.placement.shortcomings import is_usable
from rcmd.ipmp.reconcile.absences import absent_addresses, absent_leases, unserved_addresses
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Member
from rcmd.model.status import (
    AddressStatus,
    GroupState,
    GroupStatus,
    InterfaceState,
    InterfaceStatus,
    ProbeState,
    Problem,
    ProblemCode,
    ProblemSeverity,
)

_ORDER = {severity: place for place, severity in enumerate(ProblemSeverity)}


def problems_of(
    scene: Scene,
    groups: Iterable[GroupStatus],
    interfaces: Iterable[InterfaceStatus],
    addresses: Iterable[AddressStatus],
) -> tuple[Problem, ...]:
    """Worst first, then in the order of groups, interfaces and addresses."""
    states = {interface.name: interface for interface in interfaces}
    return worst_first(
        (
            *_groups(scene, groups, states),
            *_interfaces(scene, states.values()),
            *_unwatched(scene, states.values()),
            *_unsent(states.values()),
            *_shadowed(scene),
            *absent_addresses(scene, addresses),
            *absent_leases(scene),
            *unserved_addresses(scene, addresses),
            *absent_routes(scene),
        )
    )


def worst_first(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(problems, key=lambda problem: _ORDER[problem.severity]))


# --- groups ---


def _groups(
    scene: Scene, groups: Iterable[GroupStatus], states: Mapping[str, InterfaceStatus]
) -> Iterator[Problem]:
    for group in groups:
        unusable = [name for name in group.interfaces if not states[name].is_functioning]
        match group.state:
            case GroupState.FAILED:
                yield Problem(
                    ProblemCode.GROUP_FAILED,
                    ProblemSeverity.ERROR,
                    group.name,
                    "failed, no interface is usable",
                )
            case GroupState.OK | GroupState.DEGRADED if not group.spares:
                members = [it for it in scene.members.values() if it.config.group == group.name]
                if len(members) > 1:
                    yield no_spare(scene, group.name, members)
            case GroupState.DEGRADED:
                yield Problem(
                    ProblemCode.GROUP_DEGRADED,
                    ProblemSeverity.WARNING,
                    group.name,
                    f"degraded, without {' '.join(unusable)}",
                )
            case GroupState.OK:
                pass
            case _:
                assert_never(group.state)


# --- files ---


def _shadowed(scene: Scene) -> Iterator[Problem]:
    for name, counts in scene.shadowed.items():
        yield Problem(
            ProblemCode.CONFIGURATION,
            ProblemSeverity.WARNING,
            f"/etc/hostname.{name}",
            f"not used: {name} and {counts} are one device, and /etc/hostname.{counts} counts",
            "Put all that is wanted of the device into one of the two files.",
        )


# --- interfaces ---


def _interfaces(scene: Scene, interfaces: Iterable[InterfaceStatus]) -> Iterator[Problem]:
    for interface in interfaces:
        member = scene.members[interface.name]
        code, severity = _kind(interface, member)
        text = _sentence(interface)
        if text:
            yield Problem(code, severity, interface.name, text)


def _kind(interface: InterfaceStatus, member: Member) -> tuple[ProblemCode, ProblemSeverity]:
    if interface.state is InterfaceState.MISSING:
        return ProblemCode.INTERFACE_MISSING, ProblemSeverity.ERROR
    if member.barred or member.rejected:
        return ProblemCode.INTERFACE_EXCLUDED, ProblemSeverity.WARNING
    if interface.state is InterfaceState.FAILED or "FAILED" in interface.flags:
        return ProblemCode.INTERFACE_FAILED, ProblemSeverity.ERROR
    return ProblemCode.INTERFACE_IMPAIRED, ProblemSeverity.WARNING


def _sentence(interface: InterfaceStatus) -> str:
    """What was found; where nothing was, the state, unless it was asked for."""
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


def _unwatched(scene: Scene, interfaces: Iterable[InterfaceStatus]) -> Iterator[Problem]:
    """They are taken for good, and a black hole would not be seen."""
    for interface in interfaces:
        if interface.probe is not ProbeState.UNKNOWN or not interface.is_functioning:
            continue
        if interface.state is InterfaceState.NO_TARGETS:
            yield Problem(
                ProblemCode.NO_TARGETS,
                ProblemSeverity.NOTICE,
                interface.name,
                "only its link is watched: nobody to probe was found",
                "Name routers or hosts on this link that always answer, with `targets:` of"
                f" group {interface.group} in rcmd.yaml; or say `probe: none`.",
            )
        elif interface.link_up:
            is_trusted = is_usable(scene.members[interface.name])
            text = "taken for good, no probe has been answered yet"
            if not is_trusted:
                text = "no probe has been answered yet: nothing moves there before ten in a row are"
            yield Problem(ProblemCode.NOT_ANSWERED, ProblemSeverity.NOTICE, interface.name, text)


def _unsent(interfaces: Iterable[InterfaceStatus]) -> Iterator[Problem]:
    for interface in interfaces:
        if interface.unsent:
            yield Problem(
                ProblemCode.PROBES_NOT_SENT,
                ProblemSeverity.WARNING,
                interface.name,
                interface.unsent,
                "Let them leave: a packet filter of this machine keeps them back, or a right or an"
                " address is missing; or say `probe:` of its group in another way.",
            )
