"""How often something is put back that somebody else takes away again and again.

At once, three times within a minute; then it is left alone for a minute.  What is taken away at the
same moment counts once: `ip rule flush` is one act.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from enum import Enum, auto

from rcmd.ipmp.state.restore_policy import MOST_RESTORED, QUIET_S


class Turn(Enum):
    FIRST = auto()
    AGAIN = auto()
    LAST = auto()
    """From now on it is left alone."""


@dataclass(slots=True)
class Patience:
    _taken_at: dict[Hashable, tuple[float, ...]] = field(default_factory=dict)
    _rests_until: dict[Hashable, float] = field(default_factory=dict)

    def taken(self, thing: Hashable, now: float) -> Turn:
        recent = tuple(at for at in self._taken_at.get(thing, ()) if now - at <= QUIET_S)
        if recent and recent[-1] == now:
            return Turn.AGAIN
        self._taken_at[thing] = (*recent, now)
        if not recent:
            return Turn.FIRST
        if len(recent) < MOST_RESTORED:
            return Turn.AGAIN
        self._rests_until[thing] = now + QUIET_S
        return Turn.LAST

    def is_over(self, thing: Hashable, now: float) -> bool:
        """Is it left alone now?"""
        return self._rests_until.get(thing, now) > now
