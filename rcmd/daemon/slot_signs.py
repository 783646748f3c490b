"""A slot has lost its card: the kernel logs it well before it lets go of the card's interfaces.

`Link Down` and `Card not present` are written when the controller has noticed
(linux:drivers/pci/hotplug/pciehp_ctrl.c, pciehp_handle_presence_or_link_change); then the drivers
are unbound one after the other, and only as the last thing of each its interface goes.  Until then
it has its carrier.  Whatever carried traffic on it has none from the first line on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from rcmd.daemon.loop import Daemon
from rcmd.ipmp.api.events import LinkGone, LinkSeen
from rcmd.ports.hardware import Hardware
from rcmd.rcm.operations.slot_notice import NoticeKind, SlotNotice

LOOK_AFTER_S = 1.0
"""A device that has come is named, and set up, before sysfs is asked where it is."""
DOUBT_S = 2.0
"""So long after the sign the kernel is asked what is really there."""

CallLater = Callable[[float, Callable[[], None]], object]


class SlotSigns:
    def __init__(
        self, daemon: Daemon, survey: Callable[[], Hardware], call_later: CallLater
    ) -> None:
        self._daemon = daemon
        self._survey = survey
        self._call_later = call_later
        self._inside: dict[str, frozenset[str]] = {}
        """Slot -> the devices in it, as the kernel calls them."""
        self._is_due = False

    def start(self) -> None:
        self._daemon.on_link.append(self._link_changed)
        self._look()

    def hear(self, notice: SlotNotice) -> None:
        """To be called before anything else is done about it: it takes no time."""
        if notice.kind is not NoticeKind.CARD_GONE:
            return
        scene = self._daemon.engine.scene
        named = self._inside.get(notice.slot, frozenset())
        lost = [
            replace(link, name=link.kernel_name, device="", has_carrier=False)
            for link in scene.view.links.values()
            if link.kernel_name in named and link.name in scene.members and link.has_carrier
        ]
        if lost:
            self._daemon.kernel_changed([LinkSeen(link) for link in lost])
            self._call_later(DOUBT_S, lambda: self._doubt([link.ifindex for link in lost]))

    def _doubt(self, ifindexes: list[int]) -> None:
        for ifindex in ifindexes:
            if ifindex in self._daemon.engine.scene.view.links:
                self._daemon.look_at(ifindex)

    def _link_changed(self, change: LinkSeen | LinkGone) -> None:
        is_ours = isinstance(change, LinkSeen) and change.link.name in (
            self._daemon.engine.scene.members
        )
        if is_ours and not self._is_due:
            self._is_due = True
            self._call_later(LOOK_AFTER_S, self._look)

    def _look(self) -> None:
        self._is_due = False
        hardware = self._survey()
        self._inside = {
            slot.name: frozenset(
                name
                for function in hardware.functions.values()
                if function.interfaces and slot.holds(function)
                for name in function.interfaces
            )
            for slot in hardware.slots.values()
        }
