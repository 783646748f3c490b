"""What a resource is and how it is used, in a few words (solaris.md 5.2)."""

from __future__ import annotations

from collections.abc import Sequence

from rcmd.ipmp.state.member import Intent, Member
from rcmd.model.network import IPAddress, Link
from rcmd.ports.hardware import PciFunction, Slot

_CLASSES = {
    0x01: "storage controller",
    0x02: "network controller",
    0x03: "display controller",
    0x04: "multimedia controller",
    0x05: "memory controller",
    0x06: "bridge",
    0x07: "communication controller",
    0x08: "system peripheral",
    0x0C: "serial bus controller",
    0x10: "encryption controller",
    0x12: "processing accelerator",
}
"""PCI base classes (PCI Code and ID Assignment Specification, section 1)."""

_FOR_OTHERS = ("vfio", "uio", "igb_uio", "pci-stub", "xen-pciback", "pciback")
"""Drivers that hand a function to a guest or to a program; matched by their beginning."""


def slot_usage(slot: Slot, *, is_empty: bool) -> str:
    match slot.is_powered:
        case None:
            power = "its power cannot be switched"
        case True:
            power = "powered on"
        case False:
            power = "powered off"
    return f"empty, {power}" if is_empty else power


def function_usage(function: PciFunction) -> str:
    """`network controller, driver igb`, and why it has no interface where one would expect it."""
    what = _CLASSES.get(function.class_code >> 16, "controller")
    if function.physical:
        what = f"virtual function of {function.physical}"
    if not function.driver:
        return f"{what}, no driver"
    absence = absence_of(function)
    return f"{what}, driver {function.driver}{f'; {absence}' if absence else ''}"


def absence_of(function: PciFunction) -> str:
    """Why a NIC that has a driver shows no interface; empty for all others."""
    if not function.driver or not function.is_network or function.interfaces:
        return ""
    if function.driver.startswith(_FOR_OTHERS):
        return f"its interface is not in this network namespace: {function.driver} uses it"
    return "its interface is not in this network namespace: it was moved away"


def interface_usage(
    name: str, member: Member | None, link: Link | None, addresses: Sequence[IPAddress]
) -> str:
    """As the network clients of RCM told it, and of an interface in a group what it is there for.

    `addresses` are all that the kernel holds on it.
    """
    group = member.group if member else ""
    shown = [str(it) for it in addresses if not (it.is_link_local or it.is_multicast)]
    if member and (member.intent is Intent.DETACHED or member.is_offline):
        return f"{name} offlined"
    if link is None:
        return f"{name}: there is no such device" if member else f"{name} has only just appeared"
    if not link.is_up:
        return f"{name} plumbed but down" if member else f"{name} is down"
    if not shown:
        return _in_group(name, group, ": ") if group else f"{name} hosts no IP addresses"
    return _in_group(f"{name} hosts IP addresses: {', '.join(shown)}", group, "; ")


def _in_group(text: str, group: str, separator: str) -> str:
    return f"{text}{separator}providing connectivity for IPMP group {group}" if group else text
