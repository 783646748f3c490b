"""The lab's kernel log reads as the real one does."""

from __future__ import annotations

import pytest
from kernel_log import FakeKernelLog

from rcmd.lab.lab import Lab
from rcmd.platform.kernel_log import KernelLog
from rcmd.rcm.operations.slot_notice import NoticeKind, notice_of

pytestmark = pytest.mark.lab


def open_in_host(lab: Lab) -> KernelLog:
    log = lab.place("host").call(KernelLog.open)
    assert log is not None
    return log


def kinds(log: KernelLog) -> list[NoticeKind]:
    notices = [notice_of(line) for line in log.read()]
    assert {each.slot for each in notices if each} <= {"1"}
    return [each.kind for each in notices if each]


def test_what_is_said_is_heard_in_the_host(lab: Lab) -> None:
    assert lab.place("host").call(KernelLog.open) is None
    with FakeKernelLog(lab) as kernel:
        log = open_in_host(lab)
        kernel.press("1")
        assert kinds(log) == [NoticeKind.BUTTON]
        kernel.press_again("1")
        assert kinds(log) == [NoticeKind.CANCELLED, NoticeKind.CANCELLED]
        kernel.lose_card("1")
        assert kinds(log) == [NoticeKind.CARD_GONE, NoticeKind.CARD_GONE]
        kernel.say("pcieport 0000:00:10.0: pciehp: Slot(1): Link Down", priority=8 | 6)
        assert kinds(log) == []
        log.close()
