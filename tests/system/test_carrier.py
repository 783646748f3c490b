import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rcmd.kernel.carrier import (
    HASTE_S,
    HASTY_POLL_S,
    POLL_S,
    Carrier,
    CarrierFile,
    CarrierWatch,
    PollPace,
)

TUNSETIFF = 0x400454CA
TUNSETCARRIER = 0x400454E2
IFF_TAP = 0x0002
IFF_NO_PI = 0x1000


class Source:
    """One device whose carrier the test decides."""

    def __init__(self) -> None:
        self.now = Carrier.PRESENT
        self.is_closed = False

    def read(self) -> Carrier:
        assert not self.is_closed
        return self.now

    def close(self) -> None:
        self.is_closed = True


class Devices:
    """Opens sources, and remembers them by what they were opened for."""

    def __init__(self) -> None:
        self.opened: dict[tuple[int, str], Source] = {}

    def open(self, ifindex: int, name: str) -> Source:
        assert (ifindex, name) not in self.opened
        return self.opened.setdefault((ifindex, name), Source())


@pytest.fixture
def devices() -> Devices:
    return Devices()


@pytest.fixture
def watch(devices: Devices) -> CarrierWatch:
    return CarrierWatch(devices.open)


def test_a_change_is_told_once(watch: CarrierWatch, devices: Devices) -> None:
    watch.watch({4: "eth0", 5: "eth1"})
    assert watch.poll() == ()
    devices.opened[5, "eth1"].now = Carrier.ABSENT
    assert watch.poll() == (5,)
    assert watch.poll() == ()
    devices.opened[5, "eth1"].now = Carrier.PRESENT
    devices.opened[4, "eth0"].now = Carrier.GONE
    assert watch.poll() == (4, 5)
    assert watch.poll() == ()


def test_watching_others_too_loses_no_change(watch: CarrierWatch, devices: Devices) -> None:
    watch.watch({4: "eth0"})
    devices.opened[4, "eth0"].now = Carrier.ABSENT
    watch.watch({4: "eth0", 5: "eth1"})
    assert watch.poll() == (4,)


def test_a_device_that_is_not_watched_any_more_is_closed(
    watch: CarrierWatch, devices: Devices
) -> None:
    watch.watch({4: "eth0", 5: "eth1"})
    watch.watch({5: "eth1"})
    assert devices.opened[4, "eth0"].is_closed
    devices.opened[4, "eth0"].now = Carrier.ABSENT
    assert watch.poll() == ()
    watch.close()
    assert devices.opened[5, "eth1"].is_closed


@pytest.mark.parametrize("new", [(9, "eth0"), (4, "eth9")])
def test_another_ifindex_or_name_is_opened_anew(
    watch: CarrierWatch, devices: Devices, new: tuple[int, str]
) -> None:
    watch.watch({4: "eth0"})
    watch.watch(dict([new]))
    assert devices.opened[4, "eth0"].is_closed
    devices.opened[new].now = Carrier.ABSENT
    assert watch.poll() == (new[0],)


def fake_device(root: Path, carrier: str) -> Path:
    device = root / "class/net/eth0"
    device.mkdir(parents=True)
    (device / "ifindex").write_text("4\n")
    (device / "carrier").write_text(carrier)
    return device


def test_the_open_file_is_read_afresh(tmp_path: Path) -> None:
    device = fake_device(tmp_path, "1\n")
    source = CarrierFile(4, "eth0", tmp_path)
    assert source.read() is Carrier.PRESENT
    (device / "carrier").write_text("0\n")
    assert source.read() is Carrier.ABSENT
    source.close()
    assert source.read() is Carrier.GONE


def test_a_name_that_passed_to_another_device_is_gone(tmp_path: Path) -> None:
    fake_device(tmp_path, "1\n")
    assert CarrierFile(5, "eth0", tmp_path).read() is Carrier.GONE
    assert CarrierFile(4, "eth1", tmp_path).read() is Carrier.GONE


class Tap:
    """A NIC whose cable is in our hand.  Unlike veth, its link events may be late."""

    def __init__(self, name: str) -> None:
        self._descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        request = struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI)
        fcntl.ioctl(self._descriptor, TUNSETIFF, request)
        subprocess.run(["ip", "link", "set", name, "up"], check=True)
        self.ifindex = socket.if_nametoindex(name)

    def set_carrier(self, value: int) -> None:
        fcntl.ioctl(self._descriptor, TUNSETCARRIER, struct.pack("I", value))

    def remove(self) -> None:
        os.close(self._descriptor)


@pytest.mark.lab
def test_the_second_loss_within_a_second_is_seen_at_once(
    in_namespaces: Callable[[Callable[[], None]], None],
) -> None:
    def scenario() -> None:
        first, second = Tap("tap0"), Tap("tap1")
        watch = CarrierWatch()
        watch.watch({first.ifindex: "tap0", second.ifindex: "tap1"})
        assert watch.poll() == ()
        first.set_carrier(0)
        assert watch.poll() == (first.ifindex,)
        # From here on the kernel holds its events back, for up to a second.
        second.set_carrier(0)
        assert watch.poll() == (second.ifindex,)
        first.set_carrier(1)
        assert watch.poll() == (first.ifindex,)
        first.set_carrier(0)
        assert watch.poll() == (first.ifindex,)
        watch.close()
        first.remove()
        second.remove()

    in_namespaces(scenario)


@pytest.mark.lab
def test_down_is_no_carrier_and_removal_is_gone(
    in_namespaces: Callable[[Callable[[], None]], None],
) -> None:
    def scenario() -> None:
        tap = Tap("tap0")
        source = CarrierFile(tap.ifindex, "tap0")
        assert source.read() is Carrier.PRESENT
        subprocess.run(["ip", "link", "set", "tap0", "down"], check=True)
        assert source.read() is Carrier.ABSENT
        tap.remove()
        assert source.read() is Carrier.GONE
        source.close()

    in_namespaces(scenario)


def test_polls_in_haste_while_the_kernel_holds_events_back() -> None:
    pace = PollPace()
    assert pace.interval_s(100.0) == POLL_S
    pace.hasten(100.0)
    assert pace.interval_s(100.0) == HASTY_POLL_S
    assert pace.interval_s(101.0) == HASTY_POLL_S
    assert pace.interval_s(100.0 + HASTE_S) == POLL_S


def test_rests_where_a_reading_waits() -> None:
    pace = PollPace()
    pace.hasten(100.0)
    pace.polled(0.02)
    assert pace.interval_s(100.0) == pytest.approx(0.2)
    pace.polled(0.0)
    assert pace.interval_s(100.0) == HASTY_POLL_S
