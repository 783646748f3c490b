"""Which route messages are about a local route to a multicast group."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rcmd.ipmp.state.memberships import autojoin
from rcmd.kernel.netlink.encoding import encode_let_out
from rcmd.kernel.netlink.message import HEADER
from rcmd.kernel.netlink.multicast_routes import group_route
from rcmd.model.network import IPAddress

GROUPS = [ip_address("239.1.2.3"), ip_address("ff05::1:3")]


def message(destination: IPAddress, *, kind: int = 2, prefix: int = 0, device: int = 7) -> bytes:
    packed = destination.packed
    family = 2 if destination.version == 4 else 10
    head = struct.pack("=8BI", family, prefix or 8 * len(packed), 0, 0, 255, 2, 254, kind, 0)
    table = struct.pack("=HHI", 8, 15, 255)
    there = struct.pack("=HH", 4 + len(packed), 1) + packed
    return head + table + there + struct.pack("=HHI", 8, 4, device)


@pytest.mark.parametrize("group", GROUPS)
def test_group_and_device_are_found(group: IPAddress) -> None:
    assert group_route(message(group)) == (7, group)


@pytest.mark.parametrize("group", GROUPS)
def test_the_request_that_removes_it_is_about_it(group: IPAddress) -> None:
    request = encode_let_out(autojoin(group, 7))
    assert group_route(request[HEADER.size :]) == (7, group)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        message(ip_address("10.0.0.1")),
        message(ip_address("fe80::1")),
        message(GROUPS[0], kind=1),
        message(GROUPS[1], kind=5, prefix=8),
        message(GROUPS[0], prefix=4),
        message(GROUPS[0])[:-4],
        message(GROUPS[0])[:20],
    ],
)
def test_others_are_not(payload: bytes) -> None:
    assert group_route(payload) is None


@given(st.binary(max_size=64))
def test_any_bytes_are_read(payload: bytes) -> None:
    group_route(payload)
