"""What can befall the card that carries the traffic, and how it is made good again."""

from __future__ import annotations

import time
from enum import Enum
from typing import assert_never

from .guest import Guest
from .machine import Hotplug


class Failure(Enum):
    CARRIER = "carrier off"
    UNPLUG = "unplug"
    YANK = "yank"
    BLACK_HOLE = "black hole"

    def title(self, hotplug: Hotplug) -> str:
        """The heading of its column."""
        match self:
            case Failure.UNPLUG:
                return f"unplug ({hotplug.value})"
            case Failure.BLACK_HOLE:
                return f"black hole, {self.window_s(hotplug):g} s window"
            case Failure.CARRIER | Failure.YANK:
                return str(self.value)
            case _ as never:
                assert_never(never)

    def window_s(self, hotplug: Hotplug) -> float:
        """So long after its beginning its effect is looked at."""
        if self is Failure.UNPLUG and hotplug is Hotplug.NATIVE:
            # Five seconds of notice are part of it.
            return 7.5
        return 3.0 if self is Failure.BLACK_HOLE else 2.0

    def befall(self, guest: Guest, nic: str) -> float:
        """Returns when it began (monotonic clock, s)."""
        match self:
            case Failure.CARRIER:
                return guest.set_link(nic, is_up=False)
            case Failure.UNPLUG:
                return guest.del_nic(nic)
            case Failure.YANK:
                return guest.yank_nic(nic)
            case Failure.BLACK_HOLE:
                now = time.monotonic()
                guest.wire.black_hole(nic)
                return now
            case _ as never:
                assert_never(never)

    def end(self, guest: Guest, nic: str, slot: int) -> bool:
        """Whether the card is another one now, which has to be set up anew."""
        match self:
            case Failure.CARRIER:
                guest.set_link(nic, is_up=True)
                return False
            case Failure.BLACK_HOLE:
                guest.wire.restore(nic)
                return False
            case Failure.UNPLUG:
                guest.wait_until_deleted(nic)
            case Failure.YANK:
                pass
            case _ as never:
                assert_never(never)
        guest.add_nic(nic, slot)
        return True
