"""Why something goes where it goes."""

from __future__ import annotations

from rcmd.ipmp.api.commands import Cause
from rcmd.ipmp.placement.capability import can_hold
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent
from rcmd.model.network import Family


def origin_of(home: str, source: str | None, target: str | None) -> str | None:
    """Where it comes from: its home, if that is gone and took it along."""
    return source if source or target == home else home


def cause_of(
    scene: Scene, home: str, source: str | None, target: str | None, family: Family
) -> Cause:
    if target == home:
        return Cause.CONFIGURE if source is None else Cause.FAILBACK
    origin = scene.members.get(source or home)
    if origin is None:
        return Cause.FAILOVER
    if origin.intent in (Intent.LEAVING, Intent.DETACHED):
        return Cause.DETACH
    if origin.fitness is Fitness.CLOSED:
        return Cause.OFFLINE
    if not origin.ifindex and not origin.plumbed:
        return Cause.MISSING
    if origin.fitness in (Fitness.ABSENT, Fitness.DOWN, Fitness.BROKEN):
        return Cause.FAILOVER
    if not can_hold(scene, origin, family):
        return Cause.FAILOVER
    return Cause.STANDBY if origin.config.is_standby else Cause.CLEANUP
