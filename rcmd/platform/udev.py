"""Network devices as udev sees them: appearance, names, initialisation.

The only file that knows pyudev.  Liveness comes from rtnetlink, and where there is no udev at all
that alone must do.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Protocol, Self

import pyudev

from rcmd.foreign_text import from_bytes

_log = logging.getLogger(__name__)

_SUBSYSTEM = "net"
_LONGEST_IFINDEX = 10
_RECEIVE_BUFFER = 16 << 20
"""A reboot of a machine with 500 devices fits several times."""


class Action(StrEnum):
    ADD = "add"
    REMOVE = "remove"
    MOVE = "move"
    """Renamed."""
    CHANGE = "change"


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """What udev says about one network device."""

    action: Action
    name: str
    ifindex: int
    old_name: str = ""
    """The name before, where udev has just changed it."""
    is_initialized: bool = True
    """udev is done with it: its rules have run and its name will stay."""


@dataclass(frozen=True, slots=True)
class Overrun:
    """Events were lost; `DeviceMonitor.enumerate` tells what is the case."""


class _Device(Protocol):
    """As much of pyudev.Device as is used."""

    @property
    def action(self) -> str | None: ...

    @property
    def sys_name(self) -> str: ...

    @property
    def is_initialized(self) -> bool: ...

    @property
    def properties(self) -> Mapping[str, str]: ...


class _Context(Protocol):
    """As much of pyudev.Context as is used."""

    def list_devices(self, *, subsystem: str) -> Iterator[_Device]: ...


class _Monitor(Protocol):
    """As much of pyudev.Monitor as is used."""

    def fileno(self) -> int: ...

    def poll(self, timeout: float) -> _Device | None: ...


class DeviceMonitor:
    """Events of network devices.  Made by `open`."""

    def __init__(self, context: _Context, monitor: _Monitor) -> None:
        self._context = context
        self._monitor = monitor

    @classmethod
    def open(cls) -> Self | None:
        """Listen to udev; None, with a warning, where there is no udev to listen to.

        Events are kept from now on: enumerate afterwards and nothing is missed.
        """
        try:
            context = pyudev.Context()
            monitor = pyudev.Monitor.from_netlink(context, source="udev")
            monitor.filter_by(_SUBSYSTEM)
            monitor.start()
        except (ImportError, OSError) as error:
            # ImportError is what pyudev raises where it does not find libudev.
            _log.warning("no udev, new devices are noticed by rtnetlink alone: %s", error)
            return None
        try:
            monitor.set_receive_buffer_size(_RECEIVE_BUFFER)
        except OSError as error:
            _log.debug("receive buffer of the udev monitor: %s", error)
        return cls(context, monitor)

    def fileno(self) -> int:
        """Readable when `read` has something to tell."""
        return self._monitor.fileno()

    def read(self) -> Iterator[DeviceEvent | Overrun]:
        """What has arrived, one by one, without waiting; what is not taken stays to be read.

        Raises OSError where the socket fails for good.
        """
        while True:
            try:
                device = self._monitor.poll(timeout=0)
            except OSError as error:
                if error.errno != errno.ENOBUFS and self._take_socket_error() != errno.ENOBUFS:
                    raise
                _log.warning("udev events were lost: too many at a time")
                yield Overrun()
                continue
            if device is None:
                return
            event = event_of(device)
            if event is not None:
                yield event

    def enumerate(self) -> tuple[DeviceEvent, ...]:
        """Every network device that udev is done with, each as if just added."""
        events = []
        for device in self._context.list_devices(subsystem=_SUBSYSTEM):
            event = event_of(device, action=Action.ADD)
            if event is not None and event.is_initialized:
                events.append(event)
        return tuple(events)

    def _take_socket_error(self) -> int:
        """Read and so clear the pending error of the socket.

        pyudev never does: after an overrun its poll() fails for ever and the descriptor stays
        readable.
        """
        with socket.socket(fileno=os.dup(self._monitor.fileno())) as netlink:
            return netlink.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)


def event_of(device: _Device, *, action: Action | None = None) -> DeviceEvent | None:
    """The event in our words; None for an action that is of no interest, or without ifindex."""
    if action is None:
        try:
            action = Action(_shown(lambda: device.action or ""))
        except ValueError:
            return None
    properties = _Properties(device.properties)
    ifindex = properties.get("IFINDEX")
    if not (ifindex.isdecimal() and len(ifindex) <= _LONGEST_IFINDEX):
        return None
    is_renaming = properties.get("ID_RENAMING") == "1"
    return DeviceEvent(
        action=action,
        name=properties.get("INTERFACE") or _shown(lambda: device.sys_name),
        ifindex=int(ifindex),
        old_name=_old_name(properties),
        is_initialized=action is not Action.REMOVE and device.is_initialized and not is_renaming,
    )


def _old_name(properties: _Properties) -> str:
    """From the kernel's `move` event, or from udev's own rename while it handles an `add`."""
    return PurePosixPath(properties.get("DEVPATH_OLD")).name or properties.get("INTERFACE_OLD")


class _Properties:
    """The properties of a device; names of devices are bytes, and pyudev takes them for UTF-8."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        self._properties = properties

    def get(self, name: str) -> str:
        """Empty where it has none of that name."""
        return _shown(lambda: self._properties.get(name, ""))


def _shown(read: Callable[[], str]) -> str:
    """What pyudev reads, or the bytes that it could not, escaped."""
    try:
        return read()
    except UnicodeDecodeError as error:
        return from_bytes(error.object)


def has_settled(run: Path = Path("/run/udev")) -> bool | None:
    """Whether udevd has handled every event it received; None where no udevd runs.

    udevd keeps `queue` while it has work (udev_queue_get_queue_is_empty(3)).  Before the coldplug
    events of the boot were triggered there is none either: be started after
    systemd-udev-trigger.service.
    """
    if not (run / "control").exists():
        return None
    return not (run / "queue").exists()
