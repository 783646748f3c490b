"""What keeps a member from taking what others have."""

from __future__ import annotations

from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent, Member


def is_usable(member: Member) -> bool:
    """What the others have may move there."""
    return member.fitness >= Fitness.UNKNOWN and not member.rejected


def is_new(member: Member) -> bool:
    """It was only just taken into use, and will be usable by itself."""
    return member.fitness is Fitness.UNPROVEN and member.health is Health.UNPROVEN


def what_keeps(scene: Scene, member: Member) -> str:
    """In a few words that follow its name."""
    link = scene.view.links.get(member.ifindex)
    match member:
        case Member(intent=Intent.DETACHED):
            return "is detached"
        case Member(ifindex=0):
            return "is missing"
        case Member(intent=Intent.LEAVING):
            return "is being detached"
        case Member(intent=Intent.OFFLINE):
            return "is offline"
        case Member(is_set_down=True):
            return "is set down"
        case Member(health=Health.FAILED, is_recovering=True):
            return "has failed, and is being answered again"
        case Member(health=Health.FAILED):
            return "has failed"
        case _ if member.barred or member.rejected:
            return "is out of service"
        case _ if link is None or not link.is_running:
            return "has no link yet"
        case _:
            return "has yet to answer ten probes in a row"
