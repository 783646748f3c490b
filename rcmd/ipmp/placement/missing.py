"""Interfaces that were missing at boot: the two messages of the overview chapter.

Each family has its line, IPv4 first; several interfaces share one header; nothing missing, nothing
said (behaviours 92 to 98).  Where the addresses go is for `placement` to say, as always.
"""

from __future__ import annotations

from collections.abc import Collection

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Report
from rcmd.ipmp.placement.desired import alternative
from rcmd.ipmp.state.group_state import Scene
from rcmd.model.network import Family


def missing_messages(scene: Scene, names: Collection[str]) -> list[Report]:
    reports: list[Report] = []
    for family in (Family.IPV4, Family.IPV6):
        moves = {
            name: alternative(scene, name, family)
            for name in sorted(names)
            if family in scene.members[name].config.families
        }
        if moves:
            reports.append(messages.missing(family, moves))
    return reports
