"""Repeats announcements no faster than those who police ARP put up with.

Hosts and switches that do let some 100 frames a second pass, and a burst of some 20, and drop the
rest: of two hundred frames sent at once most would be lost, round after round the same ones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

TICK_S = 0.1
PER_TICK = 9
"""Frames: 90 a second, in bursts that pass."""


class Cancellable(Protocol):
    def cancel(self) -> None: ...


CallLater = Callable[[float, Callable[[], None]], Cancellable]
"""`loop.call_later` of asyncio: seconds, what to call."""


SendNext = Callable[[], bool]
"""Sends one frame; False if there is none left."""


class Pace:
    """Of one IP link: all that has to be repeated there takes turns."""

    def __init__(self, call_later: CallLater) -> None:
        self._call_later = call_later
        self._waiting: deque[tuple[SendNext, Callable[[], None]]] = deque()
        self._left = PER_TICK
        """In this tick."""
        self._timer: Cancellable | None = None

    def add(self, send_next: SendNext, on_end: Callable[[], None]) -> None:
        """`on_end` is called when there is no frame left."""
        self._waiting.append((send_next, on_end))
        self._send()

    def close(self) -> None:
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self) -> None:
        while self._waiting and self._left:
            send_next, on_end = self._waiting.popleft()
            if send_next():
                self._left -= 1
                self._waiting.append((send_next, on_end))
            else:
                on_end()
        if self._timer is None and self._left < PER_TICK:
            self._timer = self._call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._left = PER_TICK
        self._send()
