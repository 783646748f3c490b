"""The JSON of `rcmctl targets` and `rcmctl probes`, as the manager gives it."""

from __future__ import annotations

from typing import Any

from rcmd.model.kinds import ProbeMethod
from rcmd.model.status import ProbeStatus, ProbeTarget, TargetStatus


def target_document(status: TargetStatus) -> dict[str, Any]:
    """`family`, `method` and `test_address` are null where there is none."""
    return {
        "interface": status.interface,
        "family": None if status.family is None else str(status.family),
        "mode": status.mode.value,
        "method": None if status.method is ProbeMethod.NONE else status.method.value,
        "test_address": None if status.test_address is None else str(status.test_address),
        "targets": [_target(target) for target in status.targets],
    }


def _target(target: ProbeTarget) -> dict[str, Any]:
    return {
        "address": str(target.address),
        "state": target.state.value,
        "crtt_us": _microseconds(target.crtt_s),
        "answered": target.answered,
        "lost": target.lost,
    }


def probe_document(probe: ProbeStatus, epoch_s: float) -> dict[str, Any]:
    """`epoch_s`: the time since the epoch when the clock of the engine began.

    The round trips are null for a probe that was not answered.
    """
    return {
        "number": probe.number,
        "time_us": _microseconds(probe.time_s + epoch_s),
        "interface": probe.interface,
        "family": str(probe.family),
        "sequence": probe.sequence,
        "target": str(probe.target),
        "outcome": probe.outcome.value,
        "network_rtt_us": _microseconds(probe.network_rtt_s),
        "rtt_us": _microseconds(probe.rtt_s),
    }


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000_000)
