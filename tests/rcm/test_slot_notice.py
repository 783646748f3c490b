import pytest

from rcmd.ports.kernel_log import KernelLogLine
from rcmd.rcm.operations.slot_notice import WORDINGS, NoticeKind, SlotNotice, Wording, notice_of

PREFIXES = (
    "pcieport 0000:00:10.0: pciehp: ",  # pciehp since 5.0
    "pciehp 0000:00:05.0:pcie004: ",  # before
    "shpchp 0000:01:00.0: ",
    "cpqphp: ",
)


def said(message: str, *, priority: int = 6) -> SlotNotice | None:
    return notice_of(KernelLogLine(priority, 1, 1, message))


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("wording", WORDINGS, ids=lambda wording: wording.text)
def test_every_wording(wording: Wording, prefix: str) -> None:
    """Whatever driver says it."""
    assert said(prefix + wording.text % "0-3") == SlotNotice("0-3", wording.kind)


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        # Debian 12, kernel 6.1
        (
            "pcieport 0000:00:10.0: pciehp: Slot(1): Powering off due to button press",
            NoticeKind.BUTTON,
        ),
        ("pcieport 0000:00:10.0: pciehp: Slot(1): Button cancel", NoticeKind.CANCELLED),
        (
            "pcieport 0000:00:10.0: pciehp: Slot(1): Action canceled due to button press",
            NoticeKind.CANCELLED,
        ),
        ("pcieport 0000:00:10.0: pciehp: Slot(1): Card not present", NoticeKind.CARD_GONE),
        ("pcieport 0000:00:10.0: pciehp: Slot(1): Link Down", NoticeKind.CARD_GONE),
        # Debian 13, kernel 6.12
        (
            "pcieport 0000:00:10.0: pciehp: Slot(1): Button press: will power off in 5 sec",
            NoticeKind.BUTTON,
        ),
        (
            "pcieport 0000:00:10.0: pciehp: Slot(1): Button press: canceling request to power off",
            NoticeKind.CANCELLED,
        ),
        # 4.8 and before
        (
            "pciehp 0000:00:05.0:pcie004: PCI slot #1 - powering off due to button press",
            NoticeKind.BUTTON,
        ),
        ("pciehp 0000:00:05.0:pcie004: slot(1): Link Down event", NoticeKind.CARD_GONE),
        ("pciehp 0000:00:05.0:pcie004: Card not present on Slot(1)", NoticeKind.CARD_GONE),
        # conventional PCI
        ("shpchp 0000:01:00.0: Latch open on slot(1)", NoticeKind.POWER_FAILED),
        ("shpchp 0000:01:00.0: Already disabled on slot(1)", NoticeKind.POWERED_OFF),
        ("cpqphp: PCI slot #1 - action canceled due to button press.", NoticeKind.CANCELLED),
    ],
)
def test_as_kernels_say_it(message: str, kind: NoticeKind) -> None:
    assert said(message) == SlotNotice("1", kind)


@pytest.mark.parametrize(
    "message",
    [
        # which way is not said
        "pcieport 0000:00:10.0: pciehp: Slot(1): Attention button pressed",
        "shpchp 0000:01:00.0: Button pressed on Slot(1)",
        # a slot that is off
        "pcieport 0000:00:10.0: pciehp: Slot(1) Powering on due to button press",
        "pcieport 0000:00:10.0: pciehp: Slot(1): Button press: will power on in 5 sec",
        "pcieport 0000:00:10.0: pciehp: Slot(1): Button press: canceling request to power on",
        "shpchp 0000:01:00.0: PCI slot #1 - powering on due to button press",
        "pcieport 0000:00:10.0: pciehp: Slot(1): Card present",
        "pcieport 0000:00:10.0: pciehp: Slot(1): Link Up",
        # pressed while the power is being switched: what was asked for goes on
        "shpchp 0000:01:00.0: Button ignore on Slot(1)",
        "pcieport 0000:00:10.0: pciehp: Slot(1): Button press: ignoring invalid state 0x2",
        # nothing goes
        "pcieport 0000:00:10.0: pciehp: Slot(1): Link Down/Up ignored",
        "pcieport 0000:00:10.0: pciehp: Slot(1): Power fault",
        "shpchp 0000:01:00.0: Latch open on Slot(1)",
        # others
        "virtio_net virtio3 eth1: Slot(1): Powering off due to button press",
        "Slot(1): Powering off due to button press",
        "pcieport 0000:00:10.0: pciehp: Slot(1): Powering off due to button press, they say",
        "pcieport 0000:00:10.0: pciehp: Slot(): Powering off due to button press",
        "",
    ],
)
def test_is_no_notice(message: str) -> None:
    assert said(message) is None


def test_a_process_cannot_pretend_to_be_the_kernel() -> None:
    """What is written to /dev/kmsg gets another facility: 1, user, if it names none."""
    message = "pcieport 0000:00:10.0: pciehp: Slot(1): Powering off due to button press"
    assert said(message, priority=6) is not None
    assert said(message, priority=8 | 6) is None
