"""Which names devices have: asked of the kernel name by name, alternative names included."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable

_HEADER = struct.Struct("=IHHII")
"""struct nlmsghdr (linux:include/uapi/linux/netlink.h)."""
_LINK = struct.Struct("=BxHiII")
"""struct ifinfomsg (linux:include/uapi/linux/rtnetlink.h)."""
_ATTRIBUTE = struct.Struct("=HH")
_GET_LINK = 18
_REQUEST = 1
_ERROR = 2
_NAME = 3
_ALTERNATIVE_NAME = 53
_NAME_BYTES = 15
_ALTERNATIVE_BYTES = 127
"""IFNAMSIZ and ALTIFNAMSIZ less the closing NUL (linux:include/uapi/linux/if.h)."""
_ANSWER = 1 << 16
_WAIT_S = 1.0


def existing_names(names: Iterable[str]) -> frozenset[str] | None:
    """Those of the names that a device of this network namespace has; None where none is told."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
            kernel.settimeout(_WAIT_S)
            kernel.bind((0, 0))
            return frozenset(it for it in names if _exists(kernel, os.fsencode(it)))
    except OSError:
        return None


def _exists(kernel: socket.socket, name: bytes) -> bool:
    """Raises OSError where the kernel does not say."""
    if not 1 <= len(name) <= _ALTERNATIVE_BYTES or b"\0" in name:
        return False
    kind = _NAME if len(name) <= _NAME_BYTES else _ALTERNATIVE_NAME
    value = name + b"\0"
    body = _LINK.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + _ATTRIBUTE.pack(4 + len(value), kind) + value
    body += bytes(-len(body) % 4)
    kernel.send(_HEADER.pack(_HEADER.size + len(body), _GET_LINK, _REQUEST, 0, 0) + body)
    answer = kernel.recv(_ANSWER)
    if _HEADER.unpack_from(answer)[1] != _ERROR:
        return True
    (code,) = struct.unpack_from("=i", answer, _HEADER.size)
    # A kernel before 5.5 does not know the attribute, and no alternative names.
    if -code in (errno.ENODEV, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(-code, os.strerror(-code))
