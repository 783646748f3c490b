"""Our codec beside that of pyroute2: byte for byte, attribute for attribute.

Over messages that the kernel has sent, and over made ones of every shape.
"""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from ipaddress import ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcmd.kernel.netlink import decoding, encoding
from rcmd.kernel.netlink.encoding import Operation, encode
from rcmd.kernel.netlink.layout import LINK, ROUTE, Layout
from rcmd.kernel.netlink.message import HEADER, MalformedMessage
from rcmd.model.network import Family, KernelAddress, Route

from netlink_oracle import ADDRESSES, LINKS, ROUTES, Oracle  # isort: skip

RECORDED = [
    line.split()
    for line in (Path(__file__).parent / "netlink_messages.txt").read_text().splitlines()
    if not line.startswith("#")
]
ORACLES = {16: LINKS, 17: LINKS, 20: ADDRESSES, 21: ADDRESSES, 24: ROUTES, 25: ROUTES}
DECODERS: dict[Oracle, Any] = {
    LINKS: decoding.decode_link,
    ADDRESSES: decoding.decode_address,
    ROUTES: decoding.decode_route,
}

octets = st.integers(0, 255)
words = st.integers(0, 2**32 - 1)
ipv4 = st.ip_addresses(v=4)
ipv6 = st.ip_addresses(v=6)
labels = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=15)


@st.composite
def addresses(draw: st.DrawFn) -> KernelAddress:
    key = draw(ipv4 | ipv6)
    is_ipv4 = key.version == 4
    of_family = ipv4 if is_ipv4 else ipv6
    return KernelAddress(
        draw(st.integers(1, 2**31 - 1)),
        ip_interface((key, draw(st.integers(0, key.max_prefixlen)))),
        label=draw(st.just("") | labels) if is_ipv4 else "",
        broadcast=draw(st.none() | ipv4) if is_ipv4 else None,  # type: ignore[arg-type]
        peer=draw(st.none() | of_family),
        scope=draw(octets),
        flags=draw(words),
        protocol=draw(octets),
        valid_s=draw(st.none() | words),
        preferred_s=draw(st.none() | words),
        metric=draw(words),
    )


@st.composite
def routes(draw: st.DrawFn) -> Route:
    network = draw(ipv4 | ipv6)
    is_ipv4 = network.version == 4
    of_family = ipv4 if is_ipv4 else ipv6
    return Route(
        draw(st.integers(1, 2**31 - 1)),
        ip_network((network, draw(st.integers(0, network.max_prefixlen))), strict=False),
        draw(st.none() | of_family | ipv6),
        table=draw(octets.filter(lambda it: it not in (0, 255)) | st.integers(256, 2**32 - 1)),
        priority=draw(words),
        tos=draw(octets),
        scope=draw(octets),
        protocol=draw(octets),
        source=draw(st.none() | of_family),
        is_onlink=draw(st.booleans()),
        preference=draw(octets),
        realm=draw(words),
    )


metrics = st.lists(st.tuples(st.integers(1, 15), words), unique_by=lambda it: it[0]).map(sorted)


def parts(request: bytes) -> tuple[int, bytes]:
    """Type and payload."""
    length, kind, *_ = HEADER.unpack_from(request)
    assert length == len(request)
    return kind, request[HEADER.size :]


def assert_read_alike(oracle: Oracle, payload: bytes) -> None:
    head, found = oracle.layout.read(payload)
    their_head, theirs = oracle.read(payload)
    assert head == their_head
    assert {name: it for name, it in found.items() if name in oracle.names} == theirs


def assert_alike(oracle: Oracle, request: bytes) -> None:
    """Read as pyroute2 reads it, and written as pyroute2 writes what it has read."""
    assert_read_alike(oracle, parts(request)[1])
    assert oracle.again(request) == request


@pytest.mark.parametrize(("kind", "payload"), RECORDED)
def test_what_the_kernel_has_sent_is_read_alike(kind: str, payload: str) -> None:
    oracle = ORACLES[int(kind)]
    assert_read_alike(oracle, bytes.fromhex(payload))
    DECODERS[oracle](bytes.fromhex(payload))


def test_the_record_has_every_shape() -> None:
    """So that the test above says something."""
    found: set[str] = set()
    for kind, payload in RECORDED:
        _, attributes = ORACLES[int(kind)].layout.read(bytes.fromhex(payload))
        found |= {f"{kind} {name}" for name in attributes}
    assert {"24 multipath", "24 via", "24 metrics", "24 lifetimes", "24 nexthop"} <= found
    assert {"20 label", "20 lifetimes", "20 metric", "16 info", "16 families"} <= found


@settings(max_examples=300, deadline=None)
@given(addresses(), st.sampled_from(Operation))
def test_requests_about_addresses(item: KernelAddress, operation: Operation) -> None:
    assert_alike(ADDRESSES, encode(operation, item))


@settings(max_examples=300, deadline=None)
@given(routes(), st.sampled_from((Operation.ADD, Operation.REMOVE)))
def test_requests_about_routes(item: Route, operation: Operation) -> None:
    assert_alike(ROUTES, encode(operation, item))


@settings(max_examples=50, deadline=None)
@given(routes(), st.floats(-10, 1e12))
def test_requests_for_routes_that_end(item: Route, left_s: float) -> None:
    """pyroute2 takes their end for bytes: it is the last attribute, RTA_EXPIRES."""
    plain = encode(Operation.ADD, item)
    request = encoding.encode_expiry(plain, left_s)
    assert_read_alike(ROUTES, parts(request)[1])
    assert request[4 : len(plain)] == plain[4:]
    length, kind, seconds = struct.unpack("=HHI", request[len(plain) :])
    assert (length, kind) == (8, 23)
    assert seconds == max(1, min(math.ceil(left_s), 2**31 - 1))


@settings(max_examples=100, deadline=None)
@given(
    st.none() | st.booleans(),
    st.none() | st.integers(0, 65535),
    st.none() | st.binary(min_size=6, max_size=6),
)
def test_requests_about_links(is_up: bool | None, mtu: int | None, mac: bytes | None) -> None:
    text = None if mac is None else mac.hex(":")
    request = encoding.encode_set_link(7, is_up=is_up, mtu=mtu, hardware_address=text)
    assert_alike(LINKS, request)
    for ifindex in (0, 7):
        assert_alike(LINKS, encoding.encode_get_link(ifindex))


def test_requests_for_tables() -> None:
    for ifindex in (0, 7):
        assert_alike(ADDRESSES, encoding.encode_dump_addresses(ifindex))
        for family in Family:
            assert_alike(ROUTES, encoding.encode_dump_routes(family, ifindex))
    group = KernelAddress(7, ip_interface("239.1.2.3/32"))
    assert_alike(ROUTES, encoding.encode_let_out(group))


@settings(max_examples=300, deadline=None)
@given(routes(), metrics, st.sampled_from(("", "reno", "cubic")))
def test_a_route_is_read_as_it_was_written(
    item: Route, values: list[tuple[int, int]], congestion: str
) -> None:
    item = replace(item, metrics=tuple(values), congestion=congestion)
    _, payload = parts(encode(Operation.ADD, item))
    assert decoding.decode_route(payload) == (item,)
    assert_read_alike(ROUTES, payload)


@settings(max_examples=300, deadline=None)
@given(addresses())
def test_an_address_is_read_as_it_was_written(item: KernelAddress) -> None:
    _, payload = parts(encode(Operation.ADD, item))
    read = decoding.decode_address(payload)
    assert read is not None
    kept = ("ifindex", "address", "label", "broadcast", "scope", "protocol", "metric")
    assert [getattr(read, it) for it in kept] == [getattr(item, it) for it in kept]


@settings(max_examples=200, deadline=None)
@given(routes(), st.lists(st.tuples(st.integers(31, 60), st.binary(max_size=40))))
def test_what_is_not_known_is_passed_over(item: Route, unknown: list[tuple[int, bytes]]) -> None:
    _, payload = parts(encode(Operation.ADD, item))
    more = b"".join(
        struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)
        for kind, value in unknown
    )
    # In front of what is known, and behind it.
    head, body = payload[: ROUTE.head.size], payload[ROUTE.head.size :]
    assert decoding.decode_route(head + more + body + more) == (item,)
    assert_read_alike(ROUTES, head + more + body + more)


@pytest.mark.parametrize("oracle", [LINKS, ADDRESSES, ROUTES])
@pytest.mark.parametrize("length", [0, 3, 7])
def test_a_head_that_is_cut_off_is_malformed(oracle: Oracle, length: int) -> None:
    with pytest.raises(MalformedMessage):
        oracle.layout.read(bytes(length))


def test_the_kinds_of_values_agree_with_those_of_the_messages() -> None:
    """Every name of a layout is compared, but for what pyroute2 has no word for, or takes apart."""
    without: dict[Layout, set[str]] = {ROUTE: {"nexthop", "expires"}, LINK: {"properties"}}
    for oracle in (LINKS, ADDRESSES, ROUTES):
        names = set(oracle.layout.known) - without.get(oracle.layout, set())
        assert names == set(oracle.names)
