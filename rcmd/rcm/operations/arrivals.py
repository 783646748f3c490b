"""Devices that appear: their files are read beside the loop, and then they are taken into use."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from rcmd.model.network import Link
from rcmd.rcm.operations.attach import Attacher


@dataclass(slots=True)
class Arrivals:
    attacher: Attacher
    spawn: Callable[[Coroutine[Any, Any, None], str], object]
    """Lets something go on beside everything else, under a name."""
    _being_read: set[tuple[int, str]] = field(default_factory=set)
    """Devices, by number and name."""

    def take(self, link: Link) -> None:
        """Take a device into use that was not looked at before: now, or when its files are read."""
        if not self.attacher.is_wanted(link):
            return
        link = self.attacher.filed(link)
        # Most devices that come and go on a busy machine have none.
        if not self.attacher.machine.has_hostname_file(link.name):
            self.attacher.take(link, None)
            return
        device = (link.ifindex, link.name)
        if device not in self._being_read:
            self._being_read.add(device)
            self.spawn(self._read_and_take(device), f"attach of {link.name}")

    async def _read_and_take(self, device: tuple[int, str]) -> None:
        ifindex, name = device
        try:
            loaded = await self.attacher.machine.read_configuration()
        finally:
            self._being_read.discard(device)
        # It may have gone, or have got another name, or be an operation's now.
        link = self.attacher.machine.engine.scene.view.links.get(ifindex)
        if link is not None and name in (link.name, *link.names):
            self.attacher.take(link.called_by((name,)), loaded)
