"""Notices a change of carrier at once, where the kernel's own event may come a second late.

The kernel reports link changes in batches, one a second (`linkwatch_schedule_work`,
net/core/link_watch.c): the second of two failing NICs, and every flap, is announced up to a second
late.  Reading the state is not delayed; the read even makes the kernel send the waiting event.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Protocol

from rcmd.foreign_text import from_bytes

_log = logging.getLogger(__name__)

POLL_S = 0.05
HASTY_POLL_S = 0.01
HASTE_S = 1.1
"""How long after a link event the kernel may hold the next one back, and a little more."""
REST = 10
"""It rests this many times as long as the last poll took."""


class Carrier(Enum):
    PRESENT = "present"
    ABSENT = "absent"
    """No carrier, or administratively down."""
    GONE = "gone"
    """No such device any more."""


class CarrierSource(Protocol):
    """Tells the carrier of one device, cheaply and without waiting."""

    def read(self) -> Carrier: ...

    def close(self) -> None: ...


class CarrierFile:
    """The `carrier` attribute of one device, kept open: a read costs a few microseconds."""

    def __init__(self, ifindex: int, name: str, root: Path = Path("/sys")) -> None:
        """A device that does not exist, or has another ifindex, reads as gone."""
        self._descriptor: int | None = None
        try:
            directory = os.open(root / "class/net" / name, os.O_PATH | os.O_CLOEXEC)
        except OSError as error:
            _log.debug("carrier of %s: %s", name, error)
            return
        try:
            # The name may have passed to another device since it was learned.
            if _read_attribute(directory, "ifindex") == str(ifindex):
                self._descriptor = os.open("carrier", os.O_RDONLY, dir_fd=directory)
        except OSError as error:
            _log.debug("carrier of %s: %s", name, error)
        finally:
            os.close(directory)

    def read(self) -> Carrier:
        if self._descriptor is None:
            return Carrier.GONE
        try:
            content = os.pread(self._descriptor, 8, 0)
        except OSError as error:
            # carrier_show(), net/core/net-sysfs.c: EINVAL where the device is not running.
            return Carrier.ABSENT if error.errno == errno.EINVAL else Carrier.GONE
        return Carrier.PRESENT if content.strip() == b"1" else Carrier.ABSENT

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _read_attribute(directory: int, attribute: str) -> str:
    descriptor = os.open(attribute, os.O_RDONLY, dir_fd=directory)
    try:
        return from_bytes(os.read(descriptor, 64)).strip()
    finally:
        os.close(descriptor)


class _Watched:
    """One device: where its carrier is read, and what was read last."""

    __slots__ = ("last", "name", "source")

    def __init__(self, name: str, source: CarrierSource) -> None:
        self.name = name
        self.source = source
        self.last = source.read()


class PollPace:
    """How soon to poll again, in seconds of the clock of `now`.

    The kernel holds a link event back only when it has reported another within the last second:
    then it pays to look often, and also while a link event may wait behind much else that is still
    unread.  For events of other namespaces, which it counts too but does not tell us, it must do to
    look now and then.
    """

    def __init__(self) -> None:
        self._hasty_until = 0.0
        self._last_took_s = 0.0

    def polled(self, took_s: float) -> None:
        """While somebody else makes and removes devices a reading waits for them, and so do we."""
        self._last_took_s = took_s

    def hasten(self, now: float) -> None:
        self._hasty_until = now + HASTE_S

    def interval_s(self, now: float) -> float:
        usual_s = HASTY_POLL_S if now < self._hasty_until else POLL_S
        return max(usual_s, REST * self._last_took_s)


class CarrierWatch:
    """Which of a set of devices gained or lost carrier since they were last looked at."""

    def __init__(self, open_source: Callable[[int, str], CarrierSource] = CarrierFile) -> None:
        self._open_source = open_source
        self._watched: dict[int, _Watched] = {}

    def watch(self, devices: Mapping[int, str]) -> None:
        """Watch exactly these devices (name by ifindex).

        Those watched before go on undisturbed: a change of theirs is still reported.  What a new
        one reads now is what its next reading is compared with.
        """
        for ifindex in [i for i, old in self._watched.items() if devices.get(i) != old.name]:
            self._watched.pop(ifindex).source.close()
        for ifindex, name in devices.items():
            if ifindex not in self._watched:
                self._watched[ifindex] = _Watched(name, self._open_source(ifindex, name))

    def poll(self) -> tuple[int, ...]:
        """The ifindexes whose carrier changed since the last call; a vanished one once."""
        changed = []
        for ifindex, device in self._watched.items():
            now = device.source.read()
            if now is not device.last:
                device.last = now
                changed.append(ifindex)
        return tuple(changed)

    def has_carrier(self, ifindex: int) -> bool:
        """As it is now; not for one that is not watched."""
        device = self._watched.get(ifindex)
        return device is not None and device.source.read() is Carrier.PRESENT

    def close(self) -> None:
        self.watch({})
