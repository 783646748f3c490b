"""What is done to a device as a whole: made ready for addresses, given back, told apart."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping

from rcmd.errors import RcmError
from rcmd.ipmp.api.commands import Plumb, Release
from rcmd.ipmp.api.deviation import Deviation
from rcmd.ipmp.api.events import Plumbed
from rcmd.kernel import path_hash, sysctls
from rcmd.kernel.rtnetlink import KernelRefused, Rtnetlink
from rcmd.kernel.sysfs import identity_of
from rcmd.model.kinds import LoadSpreading
from rcmd.model.network import Identity, Link


class DeviceRefused(RcmError):
    """The kernel or the driver would not do it; the message says what and why."""


class KernelDevices:
    """Implements `ports.network.Devices`."""

    def __init__(self, kernel: Rtnetlink) -> None:
        self._kernel = kernel

    def sysctls_before(self, plumb: Plumb) -> Mapping[str, str]:
        return sysctls.read_member(plumb.kernel_name, plumb.families, is_grouped=plumb.is_grouped)

    def plumb(self, plumb: Plumb) -> Plumbed:
        """Sysctls come first: they must be in force before the first address is.

        A NIC with another MTU or hardware address than it was to have is better than none: it is
        set up all the same, and what the driver refused is among the obstacles.
        """
        obstacles = self._apply_sysctls(plumb)
        refused: tuple[str, ...] = ()
        if plumb.hardware_address is not None:
            refused = _refusal_of(lambda: self._set_hardware_address(plumb), plumb.name)
            obstacles += refused
        if plumb.mtu is not None:
            what = f"mtu {plumb.mtu}"
            obstacles += _refusal_of(
                lambda: self._set(plumb.ifindex, what, mtu=plumb.mtu), plumb.name
            )
        self._set(plumb.ifindex, "up", is_up=True)
        return Plumbed(plumb, obstacles, keeps_address=bool(refused))

    def deviations(self, plumb: Plumb, link: Link) -> tuple[Deviation, ...]:
        settings = sysctls.deviations(
            plumb.kernel_name,
            plumb.families,
            is_grouped=plumb.is_grouped,
            is_bare=plumb.is_bare,
        )
        found = [Deviation(path, *values) for path, values in settings.items()]
        wanted = (plumb.hardware_address or "").lower()
        if wanted and wanted != link.hardware_address:
            found.append(Deviation("ether", link.hardware_address, wanted))
        if plumb.mtu is not None and plumb.mtu != link.mtu:
            found.append(Deviation("mtu", str(link.mtu), str(plumb.mtu)))
        return tuple(found)

    def put_right(self, plumb: Plumb, deviation: Deviation) -> None:
        """Not at any price: a driver that would have to set the device down for it is let be."""
        match deviation.what:
            case "ether":
                what = f"ether {deviation.wanted}"
                self._set(plumb.ifindex, what, hardware_address=deviation.wanted)
            case "mtu":
                self._set(plumb.ifindex, f"mtu {plumb.mtu}", mtu=plumb.mtu)
            case path:
                sysctls.restore({path: deviation.wanted})

    def obstacles(self, plumbs: Iterable[Plumb]) -> tuple[str, ...]:
        grouped = [plumb for plumb in plumbs if plumb.is_grouped]
        if not grouped:
            return ()
        bare = [plumb.name for plumb in grouped if plumb.is_bare]
        return (*sysctls.obstacles(), *sysctls.obstacles_to_bare(bare))

    def answers_for_all(self, name: str) -> bool:
        return sysctls.answers_for_all(name)

    def _apply_sysctls(self, plumb: Plumb) -> tuple[str, ...]:
        """Where they cannot be set (a container's /proc/sys may be read-only) the NIC still may."""
        try:
            return sysctls.apply(
                plumb.kernel_name,
                plumb.families,
                is_grouped=plumb.is_grouped,
                is_bare=plumb.is_bare,
            )
        except sysctls.SysctlError as error:
            return (str(error),)

    def _set_hardware_address(self, plumb: Plumb) -> None:
        address = plumb.hardware_address
        try:
            self._kernel.set_link(plumb.ifindex, hardware_address=address)
        except KernelRefused as refusal:
            if refusal.errno != errno.EBUSY:
                raise DeviceRefused(f"ether {address}: {refusal.strerror}") from refusal
            # Many drivers change it only while the device is down.
            self._set(plumb.ifindex, "down", is_up=False)
            self._set(plumb.ifindex, f"ether {address}", hardware_address=address)

    def release(self, release: Release, saved: Mapping[str, str]) -> None:
        """A device that is gone needs nothing."""
        if release.take_down:
            self._set(release.ifindex, "down", is_up=False)
        sysctls.restore(saved)

    def hash_sysctls(self, mode: LoadSpreading) -> Mapping[str, str]:
        return path_hash.wanted(mode)

    def differing_sysctls(self, values: Mapping[str, str]) -> Mapping[str, str]:
        return sysctls.differing(values)

    def put_sysctls(self, values: Mapping[str, str]) -> None:
        sysctls.restore(values)

    def identify(self, name: str) -> Identity:
        return identity_of(name)

    def is_router(self, name: str) -> bool:
        return sysctls.is_ipv6_router(name)

    def _set(
        self,
        ifindex: int,
        what: str,
        *,
        is_up: bool | None = None,
        mtu: int | None = None,
        hardware_address: str | None = None,
    ) -> None:
        try:
            self._kernel.set_link(ifindex, is_up=is_up, mtu=mtu, hardware_address=hardware_address)
        except KernelRefused as refusal:
            if refusal.errno != errno.ENODEV:
                raise DeviceRefused(f"{what}: {refusal.strerror}") from refusal


def _refusal_of(change: Callable[[], None], name: str) -> tuple[str, ...]:
    """Nothing, or the one sentence that says what was refused."""
    try:
        change()
    except DeviceRefused as refusal:
        return (f"{name} goes without {refusal}",)
    return ()
