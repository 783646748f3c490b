"""Has an interface a test address?  Told once, after a while (solaris.md 1.4, 1.15)."""

from __future__ import annotations

from enum import Enum, auto

GRACE_S = 20.0
"""How long an interface may take to get its test address (TESTADDR_CONF_TIME)."""


class SourceState(Enum):
    USABLE = auto()
    NOT_NEEDED = auto()
    """It has none, and is probed without: by ARP or neighbour solicitation."""
    ABSENT = auto()
    """On neither family."""
    DUPLICATE = auto()
    """Another member of the group has it too."""


class SourceNews(Enum):
    """What should be told (behaviours 18, 19), with the severity of solaris.md 1.15."""

    ABSENT = auto()
    """INFO: No test address configured; disabling probe-based failure detection."""
    CONFIGURED = auto()
    """INFO: Test address now configured; enabling probe-based failure detection."""
    NOT_NEEDED = auto()
    """INFO: Probed without a test address; enabling probe-based failure detection."""
    DUPLICATE = auto()
    """ERROR: Test address is not unique in group; disabling probe-based failure detection."""
    UNIQUE = auto()
    """ERROR: Test address now configured, after it had been a duplicate."""


PROBED = frozenset({SourceState.USABLE, SourceState.NOT_NEEDED})
"""Nothing is missing: from one to the other there is nothing to tell."""


class SourceWatch:
    """One per interface."""

    __slots__ = ("_since", "_told")

    def __init__(self, now: float) -> None:
        self._told = SourceState.USABLE
        self.restart(now)

    def restart(self, now: float) -> None:
        """Taken into use, or back from offline: the grace begins (again)."""
        self._since = now

    def deadline(self, state: SourceState) -> float | None:
        """When `seen` may have something to tell although nothing changes."""
        is_due = state is SourceState.ABSENT and self._told is not SourceState.ABSENT
        return self._since + GRACE_S if is_due else None

    def seen(self, state: SourceState, now: float) -> SourceNews | None:
        """Say what is the case; the answer is what has not been told yet."""
        if state is self._told or {state, self._told} <= PROBED:
            return None
        match state:
            case SourceState.ABSENT:
                if now < self._since + GRACE_S:
                    return None
                news = SourceNews.ABSENT
            case SourceState.DUPLICATE:
                news = SourceNews.DUPLICATE
            case SourceState.NOT_NEEDED:
                news = SourceNews.NOT_NEEDED
            case SourceState.USABLE:
                was_duplicate = self._told is SourceState.DUPLICATE
                news = SourceNews.UNIQUE if was_duplicate else SourceNews.CONFIGURED
        self._told = state
        return news
