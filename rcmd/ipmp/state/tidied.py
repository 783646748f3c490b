"""What we took off an interface, and did not put on another by the same move: that is told.

It was a second copy of what is served elsewhere, or nothing asks for it any more.
"""

from __future__ import annotations

from rcmd.ipmp.api.events import Moved
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.losses import Fate, Thing, Topic
from rcmd.ipmp.state.member import Intent
from rcmd.ipmp.state.memberships import is_autojoin
from rcmd.model.network import KernelAddress


def note_tidied(scene: Scene, moved: Moved, now: float) -> None:
    """Ask when the view knows of the move."""
    told = {item.address.ip for item in moved.move.announce}
    told |= {item.address.ip for item in moved.added if isinstance(item, KernelAddress)}
    for item in moved.removed:
        if not isinstance(item, KernelAddress) or item.address.ip in told or _is_usual(scene, item):
            continue
        link = scene.view.links.get(item.ifindex)
        cause = _why(scene, item)
        if link is not None and cause:
            topic = Topic(Fate.TAKEN_OFF, link.name, cause=cause)
            scene.losses.note(topic, Thing.ADDRESS, str(item.address), now)


def _is_usual(scene: Scene, item: KernelAddress) -> bool:
    """It belongs to something that is told by itself: an interface that was asked to be empty, a
    duplicate, a lease or an advertisement that is over."""
    member = scene.member_at(item.ifindex)
    is_asked_for = member is not None and member.intent is not Intent.IN
    is_passing = item.valid_s is not None or scene.duplicates.is_suspect(item.address.ip)
    return is_asked_for or is_passing or is_autojoin(item)


def _why(scene: Scene, item: KernelAddress) -> str:
    """Empty where it is about to be added again, with another prefix length."""
    key = item.address.ip
    if not (scene.ledger.knows(key) or scene.is_test_address(key)):
        return "nothing asks for that any more"
    hosts = list(scene.copies_of(key))
    return f"it is on {hosts[0]}" if hosts else ""
