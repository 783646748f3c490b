"""Whom the settings and the routing table name as targets of a group (solaris.md 1.5)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Member
from rcmd.model.network import Family, IPAddress, family_of
from rcmd.model.settings import GroupSettings


@dataclass(frozen=True, slots=True)
class Routers:
    """Of one group and family."""

    pinned: tuple[IPAddress, ...] = ()
    """By the settings, then by host routes."""
    learnt: tuple[IPAddress, ...] = ()
    """Next hops of the routing table."""

    @property
    def all(self) -> tuple[IPAddress, ...]:
        """Pinned ones come first (behaviour 47)."""
        return (*self.pinned, *self.learnt)


def routers_of(
    scene: Scene, members: Sequence[Member], settings: GroupSettings, family: Family
) -> Routers:
    pinned = {target: None for target in settings.targets if family_of(target) is family}
    learnt: dict[IPAddress, None] = {}
    sets = [scene.view.table.leads.get(member.ifindex, ()) for member in members]
    # What a device lost when it was set down is about to be put on another.
    sets += [scene.ledger.leads.get(member.name, ()) for member in members]
    for lead in itertools.chain.from_iterable(sets):
        if lead.family is family:
            (pinned if lead.is_pinned else learnt)[lead.address] = None
    return Routers(tuple(pinned), tuple(learnt))
