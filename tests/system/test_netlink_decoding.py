"""Messages as bytes: what is understood, what is left out, what is malformed."""

import contextlib
import logging
import struct
from collections.abc import Callable, Iterator
from ipaddress import ip_interface, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcmd.kernel.netlink.decoding import decode_address, decode_link, decode_route
from rcmd.kernel.netlink.encoding import Operation, encode, encode_set_link
from rcmd.kernel.netlink.message import HEADER, MalformedMessage, MessageType, link_lost, split
from rcmd.model.network import KernelAddress, Route

ADDRESS = encode(
    Operation.ADD,
    KernelAddress(
        3, ip_interface("10.0.0.1/24"), label="eth0", protocol=0x99, preferred_s=0, flags=0x200
    ),
)[HEADER.size :]
ROUTE_VALUE = Route(3, ip_network("fd07::/64"), table=1000, priority=9, metrics=((2, 1400),))
ROUTE = encode(Operation.ADD, ROUTE_VALUE)[HEADER.size :]
LINK = (
    struct.pack("=BxHiII", 0, 1, 3, 0x10001, 0)
    + struct.pack("=HH8s", 9, 3, b"eth0")
    + struct.pack("=HHI", 8, 4, 1500)
    + struct.pack("=HH6s2x", 10, 1, bytes(6))
    + struct.pack("=HHB3x", 5, 16, 6)
)


@pytest.fixture(autouse=True)
def _quiet_library() -> Iterator[None]:
    """pyroute2 logs a traceback for every attribute it cannot read."""
    logger = logging.getLogger("pyroute2")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


def test_messages_are_understood() -> None:
    address = decode_address(ADDRESS)
    assert address is not None
    assert (address.label, address.protocol, address.preferred_s) == ("eth0", 0x99, 0)
    assert decode_route(ROUTE) == (ROUTE_VALUE,)
    link = decode_link(LINK)
    assert link is not None
    assert (link.name, link.mtu, link.is_running) == ("eth0", 1500, True)


def test_names_that_are_not_utf8_are_shown_escaped() -> None:
    link = decode_link(LINK.replace(b"eth0", b"et\xff0"))
    assert link is not None
    assert link.name == "et\\xff0"
    address = decode_address(ADDRESS.replace(b"eth0", b"et\xff0"))
    assert address is not None
    assert address.label == "et\\xff0"
    kind = struct.pack("=HH4s", 8, 1, b"\xff\xff")
    link = decode_link(LINK + struct.pack("=HH", 12, 18) + kind)
    assert link is not None
    assert link.kind == "\\xff\\xff"


@pytest.mark.parametrize(
    ("operational_state", "has_carrier"),
    [(0, True), (1, False), (2, False), (3, False), (4, False), (5, False), (6, True)],
)
def test_only_up_and_unknown_carry(operational_state: int, has_carrier: bool) -> None:
    link = decode_link(LINK[:-8] + struct.pack("=HHB3x", 5, 16, operational_state))
    assert link is not None
    assert link.has_carrier is has_carrier


@pytest.mark.parametrize(
    ("kind", "family", "flags", "is_lost"),
    [
        (MessageType.NEWLINK, 0, 0x10001, False),
        (MessageType.NEWLINK, 0, 0x1, True),
        (MessageType.NEWLINK, 0, 0x10000, True),
        (MessageType.DELLINK, 0, 0x10001, True),
        (MessageType.NEWADDR, 0, 0x0, False),
        # A port leaves a bridge.
        (MessageType.DELLINK, 7, 0x10001, False),
    ],
)
def test_a_lost_link_is_seen_without_decoding(
    kind: MessageType, family: int, flags: int, is_lost: bool
) -> None:
    body = struct.pack("=BBHiII", family, 0, 1, 4711, flags, 0)
    message = struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body
    assert link_lost(message) == (4711 if is_lost else None)
    assert link_lost(message[:27]) is None


def test_a_bridge_port_is_not_a_device() -> None:
    assert decode_link(b"\x07" + LINK[1:]) is None


@pytest.mark.parametrize(
    ("offset", "value"),
    [(0, 128), (4, 255), (7, 3), (9, 2)],
    ids=["multicast family", "table local", "type broadcast", "cloned"],
)
def test_other_routes_are_left_out(offset: int, value: int) -> None:
    assert decode_route(ROUTE[:offset] + bytes([value]) + ROUTE[offset + 1 :]) == ()


@pytest.mark.parametrize("kind", [2, 22, 30], ids=["source", "encapsulation", "nexthop object"])
def test_indescribable_routes_are_left_out(kind: int) -> None:
    assert decode_route(ROUTE + struct.pack("=HHI", 8, kind, 7)) == ()


@pytest.mark.parametrize("length", [0, 15, 17, 999])
def test_a_datagram_with_a_wrong_length_is_malformed(length: int) -> None:
    with pytest.raises(MalformedMessage):
        list(split(HEADER.pack(length, 20, 0, 0, 0)))


@pytest.mark.parametrize(
    ("decode", "whole"),
    [(decode_address, ADDRESS), (decode_route, ROUTE), (decode_link, LINK)],
    ids=["address", "route", "link"],
)
@given(data=st.data())
@settings(max_examples=400, deadline=None)
def test_damaged_messages_are_left_out_or_said_to_be_malformed(
    decode: Callable[[bytes], object], whole: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3))):
        if damaged:
            place = data.draw(st.integers(0, len(damaged) - 1))
            damaged[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedMessage):
        decode(bytes(damaged))


def test_the_request_to_change_nothing_names_no_property() -> None:
    request = encode_set_link(3, is_up=None, mtu=None, hardware_address=None)
    assert len(request) == HEADER.size + 16
