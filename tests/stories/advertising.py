"""Router advertisements, lifetimes and duplicate detection in the model of the kernel.

As measured on Linux 6.18: an address made from an advertisement is refreshed by every other one,
and made anew, with duplicate detection, where it is missing; one that fails detection is deleted
with a notification; a temporary address bears no mark; all of them end by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv6Address, IPv6Interface, IPv6Network

from rcmd.ipmp.api.events import AddressGone, AddressSeen
from rcmd.model.network import RCMD_PROTOCOL, IPAddress, KernelAddress

from .kernel import Device, Kernel

IFA_F_TEMPORARY = 0x01
IFA_F_DADFAILED = 0x08
IFA_F_TENTATIVE = 0x40
IFA_F_MANAGETEMPADDR = 0x100
PROTOCOL_RA = 2


@dataclass(slots=True)
class Advertising:
    kernel: Kernel
    _aged_at: float = 0.0
    _temporary: int = 0
    _has_advertised: bool = False

    def advertise(
        self, prefix: IPv6Network, name: str, valid_s: int, preferred_s: int, *, is_private: bool
    ) -> None:
        """What the advertisement of one prefix does on one device."""
        self._has_advertised = True
        device = self.kernel.device(name)
        if not device.link.is_running:
            return
        number = int("".join(it for it in name if it.isdigit())) + (0 if "hme" in name else 0x10)
        public = IPv6Interface((prefix.network_address + (0xA0000 + number), prefix.prefixlen))
        wanted = KernelAddress(
            device.link.ifindex,
            public,
            flags=IFA_F_MANAGETEMPADDR,
            protocol=PROTOCOL_RA,
            valid_s=valid_s,
            preferred_s=preferred_s,
        )
        made = self._refresh_or_make(device, wanted)
        temporary = [
            held
            for held in device.addresses.values()
            if held.flags & IFA_F_TEMPORARY and held.address.network == prefix
        ]
        for held in temporary:
            self._refresh_or_make(device, replace(held, valid_s=valid_s, preferred_s=preferred_s))
        if is_private and made and not temporary:
            self._temporary += 1
            suffix = 0xB0000 + 0x100 * number + self._temporary
            address = IPv6Interface((prefix.network_address + suffix, prefix.prefixlen))
            new = replace(wanted, address=address, flags=IFA_F_TEMPORARY, protocol=0)
            self._refresh_or_make(device, new)

    def _refresh_or_make(self, device: Device, wanted: KernelAddress) -> bool:
        """Whether it is there."""
        held = device.addresses.get(wanted.address)
        if held is not None:
            lifetimes = {"valid_s": wanted.valid_s, "preferred_s": wanted.preferred_s}
            device.addresses[wanted.address] = replace(held, **lifetimes)  # type: ignore[arg-type]
        elif self._is_elsewhere(wanted.address.ip):
            flags = wanted.flags | IFA_F_TENTATIVE | IFA_F_DADFAILED
            self.kernel.unread.append(AddressGone(replace(wanted, flags=flags), is_by_request=True))
            return False
        else:
            device.addresses[wanted.address] = wanted
        self.kernel.unread.append(AddressSeen(device.addresses[wanted.address]))
        return True

    def _is_elsewhere(self, key: IPAddress) -> bool:
        return key in self.kernel.duplicates or bool(self.kernel.hosts(key))

    def age(self, now: float) -> None:
        """Whole seconds only, as the kernel tells them."""
        seconds = int(now - self._aged_at)
        if seconds < 1:
            return
        self._aged_at += seconds
        if not self._has_advertised:
            return
        for device in self.kernel.devices.values():
            for held in list(device.addresses.values()):
                if held.valid_s is not None:
                    self._age(device, held, seconds)

    def _age(self, device: Device, held: KernelAddress, seconds: int) -> None:
        assert held.valid_s is not None
        preferred_s = max((held.preferred_s or 0) - seconds, 0)
        older = replace(held, valid_s=held.valid_s - seconds, preferred_s=preferred_s)
        device.addresses[held.address] = older
        if held.valid_s <= seconds:
            self.kernel.end(device, older)


def in_service(kernel: Kernel, key: IPAddress) -> list[str]:
    """The devices that hold it, without an original that a stand-in serves for elsewhere."""
    found = {
        device.link.name: held
        for device in kernel.devices.values()
        for held in device.addresses.values()
        if held.address.ip == key
    }
    is_served_elsewhere = len(found) > 1 and isinstance(key, IPv6Address)
    if is_served_elsewhere and any(_is_original(it) for it in found.values()):
        return [name for name, held in found.items() if held.protocol == RCMD_PROTOCOL]
    return list(found)


def _is_original(held: KernelAddress) -> bool:
    return held.protocol == PROTOCOL_RA or bool(held.flags & IFA_F_TEMPORARY)
