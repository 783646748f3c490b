"""Is an interface fit to carry traffic?  The state machine, as a table.

An interface has one `Health`, and what is known of it at a moment is one `Condition`.  The table
says what health follows; whatever is not in it leaves the health as it is.  Offline, detached and
missing are not health: they are what was done with the interface, and health goes on underneath
(behaviour 81).

Link-based detection (overview, "Link-Based Failure Detection"): the loss of RUNNING fails an
interface at once; its return repairs it, unless the link flaps.

Flap damping (solaris.md 1.10): the third link-up within a minute is no repair; repair follows when
60 s have passed since the last but one.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto

LINK_UP_PER_MINUTE = 2
"""More link-ups than this within a minute are flapping."""
FLAP_WINDOW_S = 60.0
LINK_SETTLE_S = 3.0
"""How long a device that was just set up may take to find its carrier (auto-negotiation)."""


class Health(Enum):
    UNPROVEN = auto()
    """Just taken into use: holds what is its own, but nothing comes back to it yet."""
    RUNNING = auto()
    NO_TARGETS = auto()
    """There is nobody to probe: unknown, and taken for good while the link is."""
    FAILED = auto()


class Condition(Enum):
    LINK_UP = auto()
    LINK_DOWN = auto()
    LINK_AWAITED = auto()
    """No carrier yet, and too early to say."""
    FLAPPING = auto()
    ANSWERED = auto()
    """Probes are answered, or it is too early to say that they are not."""
    PROVEN = auto()
    """Ten in a row were answered."""
    PROBES_LOST = auto()
    """Five in a row were not."""
    NO_TARGETS = auto()


TRANSITIONS: dict[tuple[Health, Condition], Health] = {
    (Health.UNPROVEN, Condition.LINK_UP): Health.RUNNING,
    (Health.UNPROVEN, Condition.LINK_DOWN): Health.FAILED,
    (Health.RUNNING, Condition.LINK_DOWN): Health.FAILED,
    (Health.UNPROVEN, Condition.PROVEN): Health.RUNNING,
    (Health.UNPROVEN, Condition.PROBES_LOST): Health.FAILED,
    (Health.UNPROVEN, Condition.NO_TARGETS): Health.NO_TARGETS,
    (Health.RUNNING, Condition.PROBES_LOST): Health.FAILED,
    (Health.RUNNING, Condition.NO_TARGETS): Health.NO_TARGETS,
    (Health.NO_TARGETS, Condition.LINK_DOWN): Health.FAILED,
    (Health.NO_TARGETS, Condition.LINK_UP): Health.RUNNING,
    (Health.NO_TARGETS, Condition.ANSWERED): Health.RUNNING,
    (Health.NO_TARGETS, Condition.PROVEN): Health.RUNNING,
    (Health.NO_TARGETS, Condition.PROBES_LOST): Health.FAILED,
    (Health.FAILED, Condition.LINK_UP): Health.RUNNING,
    (Health.FAILED, Condition.PROVEN): Health.RUNNING,
    (Health.FAILED, Condition.NO_TARGETS): Health.NO_TARGETS,
}


def judge(health: Health, condition: Condition) -> Health:
    return TRANSITIONS.get((health, condition), health)


@dataclass(slots=True)
class LinkWatch:
    """The memory behind a `Condition`: when the link came up, and until when it is awaited."""

    awaited_until: float | None = None
    ups: deque[float] = field(default_factory=lambda: deque(maxlen=LINK_UP_PER_MINUTE + 1))
    is_flapping: bool = False

    def be_patient(self, seconds: float) -> None:
        """So long nobody could have heard of it."""
        if self.awaited_until is not None:
            self.awaited_until += seconds

    def came_up(self, now: float) -> None:
        self.ups.append(now)
        too_many = len(self.ups) > LINK_UP_PER_MINUTE
        self.is_flapping = self.is_flapping or (too_many and self.ups[0] > now - FLAP_WINDOW_S)

    def condition(self, now: float, *, is_running: bool) -> Condition:
        if not is_running:
            awaited = self.awaited_until is not None and now < self.awaited_until
            return Condition.LINK_AWAITED if awaited else Condition.LINK_DOWN
        self.awaited_until = None
        if self.is_flapping and now >= self._quiet_at():
            self.is_flapping = False
        return Condition.FLAPPING if self.is_flapping else Condition.LINK_UP

    def _quiet_at(self) -> float:
        """60 s after the last link-up but one."""
        return self.ups[-2] + FLAP_WINDOW_S

    def deadline(self, *, is_running: bool) -> float | None:
        """When the condition may change by itself."""
        if is_running:
            return self._quiet_at() if self.is_flapping else None
        return self.awaited_until
