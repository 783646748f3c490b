"""What is done to a device, and which refusals of the kernel count."""

from __future__ import annotations

import errno

import pytest

from rcmd.ipmp.api.commands import Plumb, Release
from rcmd.kernel import sysctls
from rcmd.kernel.devices import DeviceRefused, KernelDevices
from rcmd.kernel.netlink.sockets import KernelRefused
from rcmd.model.network import Family

MAC = "02:00:00:00:00:99"


class Refusing:
    """A kernel that refuses some changes of a link, while it is up or always."""

    def __init__(self, refusals: dict[str, int], *, only_while_up: bool = False) -> None:
        self._refusals = refusals
        self._only_while_up = only_while_up
        self._is_up = True
        self.done: list[tuple[str, object]] = []

    def set_link(self, ifindex: int, **changes: object) -> None:
        assert ifindex == 4
        for what, value in changes.items():
            if value is None:
                continue
            if what in self._refusals and (self._is_up or not self._only_while_up):
                raise KernelRefused(self._refusals[what], "the driver says no")
            self.done.append((what, value))
            if what == "is_up":
                self._is_up = bool(value)


@pytest.fixture(autouse=True)
def written(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Nothing of this machine is touched."""
    written: list[object] = []
    monkeypatch.setattr(sysctls, "apply", lambda *_, **__: ("all/arp_ignore defeats this",))
    monkeypatch.setattr(sysctls, "restore", written.append)
    return written


def devices_on(kernel: Refusing) -> KernelDevices:
    return KernelDevices(kernel)  # type: ignore[arg-type]


def plumb(mtu: int | None = None, mac: str | None = None) -> Plumb:
    return Plumb(4, "hme0", frozenset({Family.IPV4}), mtu, mac, is_grouped=True)


def test_plumb_sets_it_up_last() -> None:
    kernel = Refusing({})
    done = devices_on(kernel).plumb(plumb(9000, MAC))
    assert done.obstacles == ("all/arp_ignore defeats this",)
    assert not done.keeps_address
    assert kernel.done == [("hardware_address", MAC), ("mtu", 9000), ("is_up", True)]


def test_driver_that_changes_its_address_only_while_down() -> None:
    kernel = Refusing({"hardware_address": errno.EBUSY}, only_while_up=True)
    devices_on(kernel).plumb(plumb(mac=MAC))
    assert kernel.done == [("is_up", False), ("hardware_address", MAC), ("is_up", True)]


@pytest.mark.parametrize(
    ("refusals", "message"),
    [
        ({"mtu": errno.EINVAL}, "mtu 9000: the driver says no"),
        ({"hardware_address": errno.EADDRNOTAVAIL}, f"ether {MAC}: the driver says no"),
        ({"hardware_address": errno.EBUSY}, f"ether {MAC}: the driver says no"),
    ],
)
def test_nic_is_set_up_whatever_else_is_refused(refusals: dict[str, int], message: str) -> None:
    kernel = Refusing(refusals)
    done = devices_on(kernel).plumb(plumb(9000, MAC))
    assert f"hme0 goes without {message}" in done.obstacles
    assert done.keeps_address is ("hardware_address" in refusals)
    assert kernel.done[-1] == ("is_up", True)


def test_nic_that_cannot_be_set_up_is_refused() -> None:
    with pytest.raises(DeviceRefused, match="up: the driver says no"):
        devices_on(Refusing({"is_up": errno.EPERM})).plumb(plumb(9000, MAC))


def test_release_takes_down_and_restores(written: list[object]) -> None:
    kernel = Refusing({})
    devices_on(kernel).release(Release(4, "hme0", take_down=True), {"a": "1"})
    devices_on(kernel).release(Release(4, "hme0", take_down=False), {"a": "2"})
    assert kernel.done == [("is_up", False)]
    assert written == [{"a": "1"}, {"a": "2"}]


def test_device_that_is_gone_needs_nothing(written: list[object]) -> None:
    kernel = Refusing({"is_up": errno.ENODEV})
    devices_on(kernel).release(Release(4, "hme0", take_down=True), {})
    assert written == [{}]
