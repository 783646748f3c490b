"""Can probes leave this machine at all?  Kept for one interface and family, method by method.

A packet filter, a missing route or right, a device that speaks no ARP: what does not leave says
nothing, neither of the interface nor of whom it was meant for.  A method by which several probes
in a row could not be sent is blocked: another one is used where there is one, else the interface
is not probed, and its link alone counts.  Attempts go on, so that the end of it is seen.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rcmd.ipmp.probing.history import LOSSES_TO_FAIL
from rcmd.model.kinds import ProbeMethod

BLOCKED_AFTER = LOSSES_TO_FAIL
"""Turns in a row in which nothing left..."""
BLOCKED_AFTER_S = 2.0
"""... over at least this time: while addresses are just being changed something may be refused."""
OPEN_AFTER = 2
"""Turns in a row in which something left."""
TRY_EVERY_S = 2.0
"""A blocked method in whose place another one is used is tried so often."""


@dataclass(slots=True)
class _Way:
    """One method, as far as it has been tried."""

    asked: int = 0
    """Probes of the last turn..."""
    refused: int = 0
    """... and how many of them did not leave."""
    reason: str = ""
    failed: int = 0
    """Turns in a row in which nothing left, since when..."""
    failing_since: float = 0.0
    left: int = 0
    """... and those in which something did."""
    is_blocked: bool = False
    tried_at: float = 0.0


@dataclass(frozen=True, slots=True)
class WayChanged:
    """A method was blocked, or no longer is."""

    method: ProbeMethod
    reason: str
    """Why nothing leaves; empty when it does again."""


@dataclass(slots=True)
class Dispatch:
    _ways: dict[ProbeMethod, _Way] = field(default_factory=dict)

    @property
    def blocked(self) -> dict[ProbeMethod, str]:
        """By which methods nothing leaves, and why."""
        return {method: way.reason for method, way in self._ways.items() if way.is_blocked}

    def is_blocked(self, method: ProbeMethod) -> bool:
        way = self._ways.get(method)
        return way is not None and way.is_blocked

    def reason(self, method: ProbeMethod) -> str:
        """Why the last one did not leave."""
        way = self._ways.get(method)
        return way.reason if way is not None else ""

    def is_failing(self, method: ProbeMethod) -> bool:
        """Nothing left in the last turn that is known."""
        way = self._ways.get(method)
        return way is not None and way.failed > 0

    def asked(self, method: ProbeMethod, now: float) -> None:
        """A probe is about to be sent."""
        way = self._ways.setdefault(method, _Way())
        way.asked += 1
        way.tried_at = now

    def refused(self, method: ProbeMethod, reason: str) -> None:
        """One that was asked for in this turn did not leave."""
        way = self._ways.setdefault(method, _Way())
        way.refused += 1
        way.reason = reason

    def settle(self, now: float) -> list[WayChanged]:
        """A turn is over: what has not been refused by now has left."""
        changes = []
        for method, way in self._ways.items():
            if not way.asked:
                continue
            if way.refused < way.asked:
                way.left, way.failed = way.left + 1, 0
            else:
                way.failing_since = way.failing_since if way.failed else way.tried_at
                way.left, way.failed = 0, way.failed + 1
            way.asked = way.refused = 0
            if self._turns(way, now):
                way.is_blocked = not way.is_blocked
                changes.append(WayChanged(method, way.reason if way.is_blocked else ""))
        return changes

    def _turns(self, way: _Way, now: float) -> bool:
        if way.is_blocked:
            return way.left >= OPEN_AFTER
        return way.failed >= BLOCKED_AFTER and now - way.failing_since >= BLOCKED_AFTER_S

    def due_for_trial(self, in_use: ProbeMethod, now: float) -> ProbeMethod | None:
        """A blocked method that is not in use, and has not been tried for a while."""
        for method, way in self._ways.items():
            if way.is_blocked and method is not in_use and now >= way.tried_at + TRY_EVERY_S:
                return method
        return None
