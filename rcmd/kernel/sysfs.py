"""What /sys and the driver tell about a network device."""

from __future__ import annotations

import ctypes
import fcntl
import logging
import os
import socket
import struct
from collections.abc import Callable
from pathlib import Path

from rcmd.foreign_text import escaped
from rcmd.model.network import Identity

_log = logging.getLogger(__name__)

_SYS = Path("/sys")
_SIOCETHTOOL = 0x8946
_ETHTOOL_GSET = 0x01
_ETHTOOL_GPERMADDR = 0x20
_SPEED_UNKNOWN = 0xFFFFFFFF
_MAX_ADDR_LEN = 32
_IFNAMSIZ = 16


def permanent_address(name: str) -> str:
    """The address the maker gave the NIC, `02:00:...`; empty where there is none.

    Virtual devices have none, and some drivers answer with zeros.  (include/uapi/linux/ethtool.h,
    ETHTOOL_GPERMADDR)
    """
    question = struct.pack(f"=II{_MAX_ADDR_LEN}x", _ETHTOOL_GPERMADDR, _MAX_ADDR_LEN)
    answer = _ask_driver(name, question)
    if not answer:
        return ""
    (size,) = struct.unpack_from("=I", answer, 4)
    octets = answer[8 : 8 + min(size, _MAX_ADDR_LEN)]
    return octets.hex(":") if any(octets) else ""


def link_speed(name: str) -> int:
    """Mbit/s; 0 where the driver does not tell.  (ETHTOOL_GSET, struct ethtool_cmd)"""
    answer = _ask_driver(name, struct.pack("=I40x", _ETHTOOL_GSET))
    if not answer:
        return 0
    low, high = struct.unpack_from("=12xH14xH", answer)
    speed: int = high << 16 | low
    return 0 if speed == _SPEED_UNKNOWN else speed


def _ask_driver(name: str, question: bytes) -> bytes:
    """The structure, filled in; empty where there is no such device or answer."""
    encoded = os.fsencode(name)
    if not 0 < len(encoded) < _IFNAMSIZ:
        return b""
    answer = ctypes.create_string_buffer(question)
    request = struct.pack(f"{_IFNAMSIZ}sP16x", encoded, ctypes.addressof(answer))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as control:
        try:
            fcntl.ioctl(control, _SIOCETHTOOL, request)
        except OSError as error:
            _log.debug("the driver of %s: %s", name, error)
            return b""
    return answer.raw


def identity_of(
    name: str,
    root: Path = _SYS,
    *,
    read_permanent_address: Callable[[str], str] = permanent_address,
) -> Identity:
    """What makes this NIC recognisable when it returns.  What is not known is left empty."""
    device = root / "class/net" / name / "device"
    return Identity(
        name=name,
        permanent_address=read_permanent_address(name),
        bus_path=_bus_path(device, root),
        driver=_link_target(device / "driver"),
    )


def shows(name: str, ifindex: int, root: Path = _SYS) -> bool:
    """Whether this sysfs shows the device: one of another network namespace does not."""
    try:
        found = (root / "class/net" / name / "ifindex").read_text(
            encoding="ascii", errors="replace"
        )
    except OSError:
        return False
    return found.strip() == str(ifindex)


def _bus_path(device: Path, root: Path) -> str:
    """The nearest PCI function or USB device on the way from `device` to the root of the tree.

    Nearest, not first: behind a virtio NIC (.../0000:00:03.0/virtio0) it is the parent, behind a
    USB NIC (.../0000:00:14.0/usb1/1-2/1-2:1.0) the USB device and not its controller.
    """
    if not device.exists():
        return ""
    place, top = device.resolve(), (root / "devices").resolve()
    while top in place.parents:
        match _link_target(place / "subsystem"):
            case "pci":
                return f"pci:{place.name}"
            case "usb" if ":" not in place.name:  # with a colon it is an interface of a device
                return f"usb:{place.name}"
        place = place.parent
    return ""


def _link_target(link: Path) -> str:
    """The last component of what a link points to; empty where there is no such link."""
    try:
        return escaped(link.readlink().name)
    except OSError:
        return ""
