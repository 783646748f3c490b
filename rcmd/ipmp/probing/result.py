"""What the probes say of an interface, and whether it is the interface or the whole group.

From solaris.md 1.7 to 1.9.  Both families must fail; either repairs; a family without targets has
no vote (behaviours 34, 35, 48).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from rcmd.ipmp.probing.prober import Prober


class Outlook(Enum):
    DISABLED = auto()
    """Nothing to probe from: only the link counts."""
    UNKNOWN = auto()
    """Nobody to probe (no-targets); never a failure."""
    ALIVE = auto()
    DEAD = auto()
    """Five losses in a row on every family that has targets."""


@dataclass(frozen=True, slots=True)
class ProbeVerdict:
    outlook: Outlook
    first_loss_at: float | None = None
    """Of a DEAD one: when the earliest run of losses began (TFF)."""
    last_success_at: float | None = None
    is_repaired: bool = False
    """Ten answers in a row on one family at least: what makes a failed interface a running one."""


def verdict_of(probers: Iterable[Prober]) -> ProbeVerdict:
    """Judge one interface by its probers, at most one per family."""
    is_enabled = False
    voters: list[Prober] = []
    for prober in probers:
        is_enabled = is_enabled or prober.is_enabled
        if prober.is_capable:
            voters.append(prober)
    if not voters:
        return ProbeVerdict(Outlook.UNKNOWN if is_enabled else Outlook.DISABLED)
    runs = [prober.first_loss_at for prober in voters]
    losses = [first_at for first_at in runs if first_at is not None]
    successes = [at for voter in voters if (at := voter.last_success_at) is not None]
    last_success_at = max(successes, default=None)
    if len(losses) == len(voters):
        return ProbeVerdict(Outlook.DEAD, min(losses), last_success_at)
    is_repaired = any(voter.is_repaired for voter in voters)
    return ProbeVerdict(Outlook.ALIVE, None, last_success_at, is_repaired)


def outlook_of(probers: Iterable[Prober]) -> Outlook:
    """The outlook of `verdict_of` alone: asked for at every probe and every answer."""
    is_enabled = has_vote = False
    for prober in probers:
        is_enabled = is_enabled or prober.is_enabled
        if prober.is_capable:
            has_vote = True
            if prober.first_loss_at is None:
                return Outlook.ALIVE
    if has_vote:
        return Outlook.DEAD
    return Outlook.UNKNOWN if is_enabled else Outlook.DISABLED


class Scope(Enum):
    """How far a failure goes."""

    INTERFACE = auto()
    GROUP = auto()
    """Everybody failed at once: nothing moves, host targets are flushed."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another member of the group, as far as it can vouch for it."""

    is_running: bool
    """Its state is RUNNING: neither failed, nor offline, nor without targets."""
    has_link: bool
    verdict: ProbeVerdict


def classify(
    first_loss_at: float | None,
    others: Iterable[Peer],
    *,
    is_anonymous: bool = False,
    has_group_failed: bool = False,
) -> Scope:
    """Is it the interface, or the group (1.8, steps 2 to 5)?

    `first_loss_at` is that of the DEAD verdict; None where the link is down.  A member that is not
    probed is vouched for by its link, also when nobody is: so a group without probes fails as a
    whole when its last link goes (section 8).
    """
    if is_anonymous:
        return Scope.INTERFACE
    if has_group_failed:
        return Scope.GROUP
    alive = any(_is_alive(peer, first_loss_at) for peer in others)
    return Scope.INTERFACE if alive else Scope.GROUP


def _is_alive(peer: Peer, first_loss_at: float | None) -> bool:
    """For a failure by probes: has it answered since the losses began (behaviour 75)?"""
    if not peer.is_running or not peer.has_link:
        return False
    if first_loss_at is None or peer.verdict.outlook is Outlook.DISABLED:
        return True
    success_at = peer.verdict.last_success_at
    return success_at is not None and success_at > first_loss_at
