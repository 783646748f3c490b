"""What the kernel log says about a hotplug slot.

A removal asked for by an attention button, or by a hypervisor through PCIe native hotplug, is
announced nowhere else: the controller blinks for five seconds, then cuts the power, and a second
press in that time calls it off (linux:drivers/pci/hotplug/pciehp_ctrl.c).

Nothing is logged where the five seconds end as announced: the interfaces just go.  A press on a
slot that is off, and `Attention button pressed`, which does not say what for, are no notice.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from rcmd.ports.kernel_log import KernelLogLine


class NoticeKind(StrEnum):
    BUTTON = "button"
    """Pressed: the power will be cut in five seconds."""
    CANCELLED = "cancelled"
    """Pressed again: it stays on."""
    POWER_FAILED = "power-failed"
    """The controller would not cut the power: it stays on."""
    POWERED_OFF = "powered-off"
    """It is off."""
    CARD_GONE = "card-gone"
    """It was pulled out, or its link is down."""


@dataclass(frozen=True, slots=True)
class SlotNotice:
    slot: str
    """As /sys/bus/pci/slots names it."""
    kind: NoticeKind


@dataclass(frozen=True, slots=True)
class Wording:
    """How some kernels say it."""

    kind: NoticeKind
    text: str
    """The kernel's format string, without the prefix and the end of the line."""
    source: str
    """Where in drivers/pci/hotplug, and in which kernels where the wording changed."""


WORDINGS = (
    Wording(
        NoticeKind.BUTTON,
        "Slot(%s): Button press: will power off in 5 sec",
        "pciehp_ctrl.c, as in 6.12",
    ),
    Wording(
        NoticeKind.BUTTON,
        "Slot(%s): Powering off due to button press",
        "pciehp_ctrl.c, from 4.9, as in 6.1",
    ),
    Wording(
        NoticeKind.BUTTON,
        "PCI slot #%s - powering off due to button press",
        "shpchp_ctrl.c; pciehp_ctrl.c to 4.8",
    ),
    Wording(
        NoticeKind.BUTTON,
        "PCI slot #%s - powering off due to button press.",
        "cpqphp.h, msg_button_off",
    ),
    Wording(
        NoticeKind.CANCELLED,
        "Slot(%s): Button press: canceling request to power off",
        "pciehp_ctrl.c, as in 6.12",
    ),
    Wording(NoticeKind.CANCELLED, "Slot(%s): Button cancel", "pciehp_ctrl.c, from 4.9, as in 6.1"),
    Wording(
        NoticeKind.CANCELLED,
        "Slot(%s): Action canceled due to button press",
        "pciehp_ctrl.c, from 4.9, as in 6.1",
    ),
    Wording(
        NoticeKind.CANCELLED, "Button cancel on Slot(%s)", "shpchp_ctrl.c; pciehp_ctrl.c to 4.8"
    ),
    Wording(
        NoticeKind.CANCELLED,
        "PCI slot #%s - action canceled due to button press",
        "shpchp_ctrl.c; pciehp_ctrl.c to 4.8",
    ),
    Wording(
        NoticeKind.CANCELLED,
        "PCI slot #%s - action canceled due to button press.",
        "cpqphp.h, msg_button_cancel",
    ),
    Wording(
        NoticeKind.POWER_FAILED,
        "Latch open on slot(%s)",
        "shpchp_ctrl.c, shpchp_disable_slot: refused with ENODEV",
    ),
    Wording(NoticeKind.POWERED_OFF, "Slot(%s): Already disabled", "pciehp_ctrl.c, from 4.9"),
    Wording(
        NoticeKind.POWERED_OFF,
        "Already disabled on slot(%s)",
        "shpchp_ctrl.c; pciehp_ctrl.c to 4.8",
    ),
    Wording(NoticeKind.CARD_GONE, "Slot(%s): Card not present", "pciehp_ctrl.c, from 4.9"),
    Wording(
        NoticeKind.CARD_GONE,
        "Card not present on Slot(%s)",
        "shpchp_ctrl.c; pciehp_hpc.c to 4.8",
    ),
    Wording(NoticeKind.CARD_GONE, "Slot(%s): Link Down", "pciehp_ctrl.c, from 4.9"),
    Wording(NoticeKind.CARD_GONE, "slot(%s): Link Down event", "pciehp_hpc.c to 4.8"),
    Wording(NoticeKind.CARD_GONE, "No adapter on slot(%s)", "shpchp_ctrl.c; pciehp_ctrl.c to 4.8"),
)

_PREFIX = r"(?:(?:pcieport|pciehp|shpchp) [\w.:]+: (?:pciehp: )?|(?:pciehp|shpchp|cpqphp): )"
"""Driver and device, as dev_printk() and pr_fmt() put them."""


def _pattern(wording: Wording) -> re.Pattern[str]:
    text = re.escape(wording.text).replace("%s", r"(?P<slot>[^()]+?)")
    return re.compile(_PREFIX + text)


_PATTERNS = tuple((wording.kind, _pattern(wording)) for wording in WORDINGS)


def notice_of(line: KernelLogLine) -> SlotNotice | None:
    """What the line says of a slot; None for one that is about something else."""
    if not line.is_from_kernel:
        return None
    for kind, pattern in _PATTERNS:
        if found := pattern.fullmatch(line.message):
            return SlotNotice(found["slot"], kind)
    return None
