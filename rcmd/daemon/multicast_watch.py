"""Keeps an eye on who listens to multicast: reads the kernel's tables once a second."""

from __future__ import annotations

from collections.abc import Callable

from rcmd.daemon.loop import RECONCILE_S, Daemon
from rcmd.ipmp.api.events import LinkGone, LinkSeen
from rcmd.ipmp.api.memberships import MembershipsSeen
from rcmd.ipmp.multicast.tracking import is_news, own_addresses, own_groups
from rcmd.kernel.memberships import MembershipTables
from rcmd.kernel.rtnetlink import Rtnetlink
from rcmd.model.network import IPAddress

POLL_S = 1.0
"""So long an application that joins a group may have to wait until rcmd knows of it."""

Repeat = Callable[[float, Callable[[], object]], None]


class MulticastWatch:
    def __init__(self, daemon: Daemon, kernel: Rtnetlink, listen: Callable[[], None]) -> None:
        """`listen` takes in what the kernel has said and nobody has read."""
        self._daemon = daemon
        self._kernel = kernel
        self._listen = listen
        self._tables = MembershipTables()

    def start(self, repeat: Repeat) -> None:
        self._kernel.on_group_route = self.route_made
        self._daemon.on_link.append(self.link_changed)
        for ifindex in self._daemon.carrier_devices():
            self._let_out(ifindex)
        self.poll()
        repeat(POLL_S, self.poll)
        # What was seen of a device that was down was not believed.
        repeat(RECONCILE_S, self._tables.forget)

    def poll(self) -> None:
        seen = self._tables.poll(self._daemon.carrier_devices().keys())
        if seen is None:
            return
        # With a device its memberships vanish; that it was set down is told before, and must be
        # known: else it would seem that the applications had left.
        self._listen()
        event = MembershipsSeen(seen)
        if is_news(self._daemon.engine.scene, event):
            self._daemon.feed(event)

    def route_made(self, ifindex: int, group: IPAddress) -> None:
        """By the kernel: what is sent to one of our groups would not leave the machine."""
        if group in own_groups(self._daemon.engine.scene, ifindex):
            self._let_out(ifindex)

    def link_changed(self, change: LinkSeen | LinkGone) -> None:
        """Once more, and now and then: of an overrun nothing is known."""
        if isinstance(change, LinkSeen) and change.link.is_up:
            self._let_out(change.link.ifindex)

    def _let_out(self, ifindex: int) -> None:
        self._kernel.let_out(own_addresses(self._daemon.engine.scene, ifindex))
