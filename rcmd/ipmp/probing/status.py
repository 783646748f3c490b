"""What probing has found, for people and programs: probe states, targets, probes.  Only reads."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import nlargest

from rcmd.ipmp import messages
from rcmd.ipmp.probing.history import ProbeRecord, SlotState
from rcmd.ipmp.probing.manager import Surveillance
from rcmd.ipmp.probing.prober import Prober
from rcmd.ipmp.probing.result import Outlook
from rcmd.ipmp.probing.targets import TargetKind
from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Member
from rcmd.model.network import IPAddress
from rcmd.model.status import (
    ProbeOutcome,
    ProbeState,
    ProbeStatus,
    ProbeTarget,
    TargetMode,
    TargetStatus,
)

OUTCOMES = {
    SlotState.ANSWERED: ProbeOutcome.ANSWERED,
    SlotState.LOST: ProbeOutcome.LOST,
    SlotState.UNKNOWN: ProbeOutcome.UNKNOWN,
}


def probe_state(surveillance: Surveillance, member: Member) -> ProbeState:
    """As `ipmpstat -i` has it; who has failed by probes stays so until ten are answered."""
    verdict = surveillance.verdict(member.name)
    match verdict.outlook:
        case Outlook.DISABLED:
            return ProbeState.DISABLED
        case Outlook.UNKNOWN:
            return ProbeState.UNKNOWN
        case Outlook.DEAD:
            return ProbeState.FAILED
        case Outlook.ALIVE if (
            verdict.last_success_at is None and member.health is not Health.FAILED
        ):
            # Too early to call it silent; but nobody has answered.
            return ProbeState.UNKNOWN
        case Outlook.ALIVE:
            is_failed = member.health is Health.FAILED and not verdict.is_repaired
            return ProbeState.FAILED if is_failed else ProbeState.OK


def unsent_probes(surveillance: Surveillance, member: Member) -> str:
    """Which probes cannot be sent, why, and what counts instead; empty where all can."""
    group = surveillance.group(member.group or f"/{member.name}")
    probers = group.of_interface(member.name) if group else ()
    return "; ".join(filter(None, map(_unsent, probers)))


def _unsent(prober: Prober) -> str:
    blocked = prober.dispatch.blocked
    if not blocked:
        return ""
    probes = "; ".join(
        f"{messages.probes_by(prober.family, method)} cannot be sent: {reason}"
        for method, reason in blocked.items()
    )
    if prober.is_enabled:
        return f"{probes}; those by {messages.means(prober.family, prober.source.method)} can"
    return f"{probes}; they say nothing about it"


def target_statuses(scene: Scene, surveillance: Surveillance) -> Iterator[TargetStatus]:
    """By interface, as configured, then by family; one at least for each interface."""
    probers: dict[str, list[Prober]] = {}
    for prober in surveillance.probers():
        probers.setdefault(prober.interface, []).append(prober)
    for member in scene.members.values():
        if member.name not in probers:
            yield TargetStatus(member.name, None, TargetMode.DISABLED)
            continue
        group = surveillance.group(member.group or f"/{member.name}")
        pinned = group.pinned if group else frozenset()
        for prober in sorted(probers[member.name], key=lambda it: it.family):
            yield _target_status(prober, pinned)


def _target_status(prober: Prober, pinned: frozenset[IPAddress]) -> TargetStatus:
    return TargetStatus(
        prober.interface,
        prober.family,
        _mode(prober, pinned),
        prober.source.method,
        prober.source.address,
        tuple(
            ProbeTarget(
                target.address,
                target.state,
                target.round_trip.crtt or None,
                target.answered,
                target.lost,
            )
            for target in prober.targets.in_turn
        ),
    )


def _mode(prober: Prober, pinned: frozenset[IPAddress]) -> TargetMode:
    looks_for_hosts = prober.source.prefix is not None or bool(prober.source.host_prefixes)
    if prober.targets.kind is TargetKind.HOSTS and looks_for_hosts:
        return TargetMode.HOSTS
    is_pinned = any(target.address in pinned for target in prober.targets)
    return TargetMode.PINNED if is_pinned else TargetMode.ROUTES


def probe_statuses(
    surveillance: Surveillance, since: int, *, limit: int
) -> tuple[ProbeStatus, ...]:
    """The newest `limit` probes decided about after decision number `since`, oldest first.

    Each prober keeps its last 52: who asks too seldom misses some.
    """
    # No more than these can be wanted, unless some of them were forgotten with their prober.
    likely = max(since, surveillance.decisions.last - limit)
    found = list(_decided_after(surveillance, likely))
    if len(found) < limit and likely > since:
        found = list(_decided_after(surveillance, since))
    newest = nlargest(limit, found, key=lambda item: item[1].number)
    return tuple(_probe_status(prober, record) for prober, record in reversed(newest))


def _decided_after(surveillance: Surveillance, number: int) -> Iterator[tuple[Prober, ProbeRecord]]:
    for prober in surveillance.probers():
        for record in prober.history.decided_after(number):
            yield prober, record


def _probe_status(prober: Prober, record: ProbeRecord) -> ProbeStatus:
    is_answered = record.state is SlotState.ANSWERED
    return ProbeStatus(
        record.number,
        record.sent_at,
        prober.interface,
        prober.family,
        record.sequence,
        record.target,
        OUTCOMES[record.state],
        record.round_trip_s,
        record.decided_at - record.sent_at if is_answered else None,
    )
