"""One guest at a time, kept for the next test that wants the same machine."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from .daemon import Daemon
from .guest import Guest
from .image.build import Image
from .machine import Hotplug, Machine
from .saved_state import accelerator
from .wire import Wire


class GuestHouse:
    def __init__(self, wire: Wire, image: Image, code: Path) -> None:
        self._wire = wire
        self._image = image
        self._code = code
        self._stack = ExitStack()
        self._guest: Guest | None = None

    def guest(self, hotplug: Hotplug) -> Guest:
        """With rcmd installed, not started.  Raises GuestError."""
        if self._guest is None or self._guest.machine.hotplug is not hotplug:
            self.close()
            machine = Machine(hotplug, accelerator(self._wire, self._image))
            guest = Guest(self._wire, machine, self._image, self._code)
            self._guest = self._stack.enter_context(guest)
            Daemon(guest).install()
        return self._guest

    def close(self) -> None:
        """End the guest; the next one starts from the saved state."""
        self._stack.close()
        self._guest = None
