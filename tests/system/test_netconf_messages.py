"""What the kernel tells of settings."""

from __future__ import annotations

import struct

import pytest

from rcmd.kernel.netlink.message import MalformedMessage
from rcmd.kernel.netlink.netconf import device_of

HEAD = b"\x02\0\0\0"
RP_FILTER = struct.pack("=HHi", 8, 3, 1)


def of_device(ifindex: int) -> bytes:
    return struct.pack("=HHi", 8, 1, ifindex)


@pytest.mark.parametrize("ifindex", [4, -1, -2])
def test_it_is_of_one_device_or_of_all(ifindex: int) -> None:
    assert device_of(HEAD + of_device(ifindex) + RP_FILTER) == ifindex
    assert device_of(HEAD + RP_FILTER + of_device(ifindex)) == ifindex


@pytest.mark.parametrize(
    "payload", [b"", HEAD, HEAD + RP_FILTER, HEAD + of_device(4)[:6], HEAD + b"\x02\0\x01\0"]
)
def test_what_makes_no_sense_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedMessage):
        device_of(payload)
