import errno
import os
import select
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import pyudev

from rcmd.ipmp.api.events import LinkSeen
from rcmd.kernel.rtnetlink import Rtnetlink
from rcmd.platform.udev import Action, DeviceEvent, DeviceMonitor, Overrun, event_of, has_settled

UDEVD = "/lib/systemd/systemd-udevd"
PATIENCE_S = 30.0
"""An event that takes longer is not going to come."""


class Device:
    """A device as pyudev shows it."""

    def __init__(
        self, action: str | None, *, is_initialized: bool = True, **properties: str
    ) -> None:
        self.action = action
        self.sys_name = "eth7"
        self.is_initialized = is_initialized
        self.properties = {"IFINDEX": "4", "INTERFACE": "eth0"} | properties


class Context:
    def __init__(self, *devices: Device) -> None:
        self._devices = devices

    def list_devices(self, *, subsystem: str) -> Iterator[Device]:
        assert subsystem == "net"
        return iter(self._devices)


class Monitor:
    """Gives what it was given; raises what it was given to raise."""

    def __init__(self, descriptor: int, *news: Device | OSError) -> None:
        self._descriptor = descriptor
        self._news = list(news)

    def fileno(self) -> int:
        return self._descriptor

    def poll(self, timeout: float) -> Device | None:
        assert timeout == 0
        if not self._news:
            return None
        match self._news.pop(0):
            case OSError() as error:
                raise error
            case device:
                return device


@pytest.mark.parametrize("action", list(Action))
def test_each_action_is_told(action: Action) -> None:
    event = event_of(Device(action.value))
    assert event == DeviceEvent(action, "eth0", 4, is_initialized=action is not Action.REMOVE)


@pytest.mark.parametrize("action", ["bind", "offline", None])
def test_other_actions_are_not(action: str | None) -> None:
    assert event_of(Device(action)) is None


@pytest.mark.parametrize("ifindex", ["", "four"])
def test_a_device_without_ifindex_is_not(ifindex: str) -> None:
    assert event_of(Device("add", IFINDEX=ifindex)) is None


def test_a_device_without_interface_has_its_sysfs_name() -> None:
    assert event_of(Device("add", INTERFACE="")) == DeviceEvent(Action.ADD, "eth7", 4)


def test_a_rename_names_both() -> None:
    device = Device("move", DEVPATH_OLD="/devices/virtual/net/veth0")
    assert event_of(device) == DeviceEvent(Action.MOVE, "eth0", 4, "veth0")


def test_a_device_that_udev_is_renaming_is_not_initialized() -> None:
    device = Device("add", ID_RENAMING="1", INTERFACE_OLD="eth9")
    assert event_of(device) == DeviceEvent(Action.ADD, "eth0", 4, "eth9", is_initialized=False)


class OddDevice(Device):
    """As pyudev shows it where a name is not UTF-8."""

    def __init__(self, action: str | None, **properties: bytes) -> None:
        super().__init__(action)
        self.properties = Undecodable(self.properties, properties)

    @property
    def sys_name(self) -> str:
        return b"et\xff".decode("utf-8")

    @sys_name.setter
    def sys_name(self, name: str) -> None:
        """Every device has one, this one in bytes."""


class Undecodable(dict[str, str]):
    def __init__(self, properties: dict[str, str], raw: dict[str, bytes]) -> None:
        super().__init__(properties)
        self._raw = raw

    def get(self, key: str, default: str = "") -> str:  # type: ignore[override]
        return self._raw[key].decode("utf-8") if key in self._raw else super().get(key, default)


def test_a_name_that_is_not_utf8_is_shown_escaped() -> None:
    renamed = OddDevice("move", DEVPATH_OLD=b"/devices/virtual/net/et\xff")
    assert event_of(renamed) == DeviceEvent(Action.MOVE, "eth0", 4, "et\\xff")
    added = OddDevice("add", INTERFACE=b"et\xff", ID_NET_NAME=b"\xff")
    assert event_of(added) == DeviceEvent(Action.ADD, "et\\xff", 4)
    nameless = OddDevice("add", INTERFACE=b"")
    assert event_of(nameless) == DeviceEvent(Action.ADD, "et\\xff", 4)
    assert event_of(OddDevice("add", IFINDEX=b"\xff")) is None
    assert event_of(OddDevice("add", IFINDEX=b"9" * 5000)) is None


def test_only_initialized_devices_are_enumerated() -> None:
    context = Context(
        Device(None),
        Device(None, is_initialized=False, IFINDEX="5"),
        Device(None, ID_RENAMING="1", IFINDEX="6"),
    )
    monitor = DeviceMonitor(context, Monitor(-1))
    assert monitor.enumerate() == (DeviceEvent(Action.ADD, "eth0", 4),)


def test_lost_events_are_told_between_the_others() -> None:
    news = (Device("add"), OSError(errno.ENOBUFS, "full"), Device("bind"), Device("change"))
    monitor = DeviceMonitor(Context(), Monitor(-1, *news))
    assert tuple(monitor.read()) == (
        DeviceEvent(Action.ADD, "eth0", 4),
        Overrun(),
        DeviceEvent(Action.CHANGE, "eth0", 4),
    )
    assert tuple(monitor.read()) == ()


def test_another_failure_is_raised() -> None:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        failure = OSError("Error while polling fd")
        with pytest.raises(OSError, match="polling"):
            tuple(DeviceMonitor(Context(), Monitor(netlink.fileno(), failure)).read())


@pytest.mark.parametrize("failure", [ImportError("No library named udev"), OSError("broken")])
def test_without_libudev_there_is_no_monitor(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    def fail() -> None:
        raise failure

    monkeypatch.setattr(pyudev, "Context", fail)
    assert DeviceMonitor.open() is None
    assert str(failure) in caplog.text


def test_settled_is_an_empty_queue(tmp_path: Path) -> None:
    assert has_settled(tmp_path / "udev") is None
    assert has_settled(tmp_path) is None
    (tmp_path / "control").touch()
    assert has_settled(tmp_path) is True
    (tmp_path / "queue").touch()
    assert has_settled(tmp_path) is False


def ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


def wait_for(monitor: DeviceMonitor, expected: Callable[[DeviceEvent], bool]) -> DeviceEvent:
    while True:
        readable, _, _ = select.select([monitor], [], [], PATIENCE_S)
        assert readable, "the event does not come"
        for event in monitor.read():
            if isinstance(event, DeviceEvent) and expected(event):
                return event


@contextmanager
def udevd() -> Iterator[None]:
    """A udevd of our own, in the namespaces of the caller; ready when this begins."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
        notifications.bind("/run/notify")
        notifications.settimeout(PATIENCE_S)
        with subprocess.Popen([UDEVD], env=os.environ | {"NOTIFY_SOCKET": "/run/notify"}) as daemon:
            try:
                while b"READY=1" not in notifications.recv(4096):
                    pass
                yield
            finally:
                daemon.terminate()


@pytest.mark.lab
def test_the_life_of_a_device(in_namespaces: Callable[[Callable[[], None]], None]) -> None:
    def scenario() -> None:
        assert has_settled() is None
        with udevd():
            monitor = DeviceMonitor.open()
            assert monitor is not None
            ip("link add first type veth peer name other")
            added = wait_for(monitor, lambda e: e.name == "first" and e.is_initialized)
            assert added.action is Action.ADD
            assert added.ifindex == socket.if_nametoindex("first")
            assert added in monitor.enumerate()

            ip("link set first name second")
            moved = wait_for(monitor, lambda e: e.action is Action.MOVE and e.is_initialized)
            assert moved == DeviceEvent(Action.MOVE, "second", added.ifindex, "first")

            ip("link delete second")
            removed = wait_for(
                monitor, lambda e: e.action is Action.REMOVE and e.ifindex == added.ifindex
            )
            assert removed.name == "second"
            assert "second" not in [device.name for device in monitor.enumerate()]

    in_namespaces(scenario)


@pytest.mark.lab
def test_the_life_of_a_device_whose_name_is_not_utf8(
    in_namespaces: Callable[[Callable[[], None]], None],
) -> None:
    def scenario() -> None:
        with udevd():
            monitor = DeviceMonitor.open()
            kernel = Rtnetlink.open()
            assert monitor is not None
            subprocess.run([b"ip", *b"link add et\xff type veth peer other".split()], check=True)
            # udevd itself gives it another one.
            moved = wait_for(monitor, lambda e: e.action is Action.MOVE and e.is_initialized)
            assert moved == DeviceEvent(Action.MOVE, "et_", moved.ifindex, "et\\xff")
            # It has an eye on new devices only.
            subprocess.run([b"ip", *b"link set et_ name et\xff".split()], check=True)
            back = wait_for(monitor, lambda e: e.name == "et\\xff")
            assert back.ifindex == moved.ifindex
            assert "et\\xff" in [it.name for it in monitor.enumerate()]
            link = kernel.link(moved.ifindex)
            assert isinstance(link, LinkSeen)
            assert link.link.name == "et\\xff"
            assert "et\\xff" in [it.name for it in kernel.snapshot().links]
            assert "et\\xff" in {it.link.name for it in kernel.read() if isinstance(it, LinkSeen)}
            kernel.close()

    in_namespaces(scenario)


@pytest.mark.lab
def test_after_an_overrun_events_come_again(
    in_namespaces: Callable[[Callable[[], None]], None],
) -> None:
    def scenario() -> None:
        context = pyudev.Context()
        # The kernel's own events: no udevd that would have to keep up.
        netlink = pyudev.Monitor.from_netlink(context, source="kernel")
        netlink.set_receive_buffer_size(4096)
        netlink.start()
        monitor = DeviceMonitor(context, netlink)
        for number in range(50):
            ip(f"link add v{number} type veth peer name w{number}")
        assert Overrun() in tuple(monitor.read())
        assert tuple(monitor.read()) == ()
        ip("link delete v0")
        wait_for(monitor, lambda e: e.action is Action.REMOVE and e.name == "v0")

    in_namespaces(scenario)
