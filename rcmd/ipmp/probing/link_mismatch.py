"""Members that seem to be on another IP link than the rest of their group, told once.

Solaris does not support that, and does not detect it (solaris.md 1.13); here it is told as the
configuration fault it is.
"""

from __future__ import annotations

from collections.abc import Mapping

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Report
from rcmd.ipmp.probing.group import ProbeGroup
from rcmd.model.network import IPAddress

LOOK_EVERY_S = 1.0


class Strangers:
    """Looks for them, and remembers what was found."""

    __slots__ = ("_found", "_has_changed", "_look_at", "_news")

    def __init__(self) -> None:
        self._found: dict[str, tuple[IPAddress, ...]] = {}
        self._look_at = 0.0
        self._news: list[Report] = []
        self._has_changed = False

    def targets(self, interface: str) -> tuple[IPAddress, ...]:
        """The targets that answer others of its group and never this interface."""
        return self._found.get(interface, ())

    def forget(self, interface: str) -> None:
        """It is no longer probed."""
        self._found.pop(interface, None)

    def look(self, groups: Mapping[str, ProbeGroup], now: float) -> None:
        """Once a second is enough."""
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        for name, group in groups.items():
            found = group.strangers()
            for interface in group.interfaces:
                self._compare(interface, name, found.get(interface, ()))

    def _compare(self, interface: str, group: str, targets: tuple[IPAddress, ...]) -> None:
        old = self.targets(interface)
        if old == targets:
            return
        self._has_changed = True
        if not targets:
            del self._found[interface]
            self._news.append(messages.on_one_link(interface, group))
            return
        self._found[interface] = targets
        if not old:
            self._news.append(messages.on_another_link(interface, group, targets))

    def take_change(self) -> bool:
        """Has anything changed since the last call?"""
        has_changed, self._has_changed = self._has_changed, False
        return has_changed

    def take_news(self) -> list[Report]:
        """What has happened since the last call that is worth telling."""
        news, self._news = self._news, []
        return news
