"""A kernel log for the host of a lab, whose /dev has none: a pipe that the test writes.

Make it before the daemon starts, and speak as the kernel does.
"""

from __future__ import annotations

import itertools
import os
import time
from types import TracebackType
from typing import Self

from rcmd.lab.lab import Lab

PATH = "/dev/kmsg"
INFO = 6
PORT = "pcieport 0000:00:10.0: pciehp"


class FakeKernelLog:
    """/dev/kmsg of the host, as long as the block lasts."""

    def __init__(self, lab: Lab) -> None:
        self._sequence = itertools.count(1)
        # Open for reading as well, so that the daemon never sees its end.
        self._pipe = lab.place("host").call(_make)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._pipe)

    def say(self, message: str, *, priority: int = INFO) -> None:
        """One record.  A priority of 8 and more is that of a process, not of the kernel."""
        time_us = time.monotonic_ns() // 1000
        record = f"{priority},{next(self._sequence)},{time_us},-;{message}\n SUBSYSTEM=pci\n"
        os.write(self._pipe, record.encode())

    def press(self, slot: str) -> None:
        """The attention button of a slot that is on: power off in five seconds."""
        self.say(f"{PORT}: Slot({slot}): Attention button pressed")
        self.say(f"{PORT}: Slot({slot}): Powering off due to button press")

    def press_again(self, slot: str) -> None:
        """Within the five seconds: it stays on."""
        self.say(f"{PORT}: Slot({slot}): Attention button pressed")
        self.say(f"{PORT}: Slot({slot}): Button cancel")
        self.say(f"{PORT}: Slot({slot}): Action canceled due to button press")

    def lose_card(self, slot: str) -> None:
        """As after a surprise removal."""
        self.say(f"{PORT}: Slot({slot}): Link Down")
        self.say(f"{PORT}: Slot({slot}): Card not present")


def _make() -> int:
    os.mkfifo(PATH)
    return os.open(PATH, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
