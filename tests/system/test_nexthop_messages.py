"""Nexthops, groups and their routes as rtnetlink messages."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from rcmd.ipmp.api.nexthops import GroupRoute, Nexthop, NexthopGroup, Path, PinRule, Sibling
from rcmd.kernel.netlink import nexthops, rules
from rcmd.kernel.netlink.message import HEADER, MalformedMessage, MessageType
from rcmd.model.network import Family

GATEWAY = ip_address("192.0.2.1")
GATEWAY6 = ip_address("2001:db8::1")
DEFAULT6 = GroupRoute(0, ip_network("::/0"), priority=1023, metrics=((2, 1400),))


def payload_of(request: bytes) -> tuple[int, bytes]:
    length, kind, *_ = HEADER.unpack_from(request)
    assert length == len(request)
    return kind, request[HEADER.size :]


@pytest.mark.parametrize(
    "item",
    [
        Nexthop(15301, Path(Family.IPV4, 4)),
        Nexthop(15302, Path(Family.IPV4, 5, GATEWAY)),
        Nexthop(15303, Path(Family.IPV6, 5, GATEWAY6)),
        NexthopGroup(15304, ((15301, 1), (15302, 255))),
        NexthopGroup(15305, ((15301, 1),), is_resilient=True),
    ],
)
def test_what_is_added_is_what_is_read(item: Nexthop | NexthopGroup) -> None:
    kind, payload = payload_of(nexthops.encode_addition(item))
    assert kind == MessageType.NEWNEXTHOP
    assert nexthops.decode_nexthop(payload) == item
    kind, payload = payload_of(nexthops.encode_removal(item))
    assert kind == MessageType.DELNEXTHOP
    assert nexthops.decode_number(payload) == item.id


@pytest.mark.parametrize(
    "route",
    [
        GroupRoute(15304, ip_network("192.0.2.0/24"), scope=253),
        GroupRoute(15304, ip_network("0.0.0.0/0"), table=1000, priority=50, tos=8),
        GroupRoute(15304, ip_network("10.0.0.0/8"), metrics=((2, 1400), (8, 1360))),
        Sibling(DEFAULT6.through(4, GATEWAY6)),
        Sibling(DEFAULT6.through(5, GATEWAY6), weight=7),
    ],
)
def test_routes_that_share_are_read_as_they_are_added(route: GroupRoute | Sibling) -> None:
    kind, payload = payload_of(nexthops.encode_addition(route))
    assert kind == MessageType.NEWROUTE
    assert nexthops.decode_spread_routes(payload) == (route,)
    kind, _ = payload_of(nexthops.encode_removal(route))
    assert kind == MessageType.DELROUTE


@pytest.mark.parametrize(
    "rule",
    [
        PinRule(
            ip_address("192.0.2.9"), (1024, 65535), 32763, 1_530_004, ip_network("192.0.2.0/24")
        ),
        PinRule(ip_address("192.0.2.9"), (1024, 65535), 32764, 254, is_but_default=True),
        PinRule(ip_address("192.0.2.9"), (1024, 65535), 32765, 1_530_004),
    ],
)
def test_rules_are_read_as_they_are_added(rule: PinRule) -> None:
    kind, payload = payload_of(nexthops.encode_addition(rule))
    assert kind == MessageType.NEWRULE
    assert rules.decode(payload) == (rule,)
    kind, payload = payload_of(nexthops.encode_removal(rule))
    assert kind == MessageType.DELRULE
    assert rules.decode(payload) == (rule,)


def test_those_of_others_are_none_of_ours() -> None:
    _, payload = payload_of(nexthops.encode_addition(Nexthop(7, Path(Family.IPV4, 4))))
    foreign = payload[:2] + b"\x04" + payload[3:]
    assert nexthops.decode_nexthop(foreign) is None
    assert nexthops.decode_number(foreign) == 7
    blackhole = payload[:8] + payload[8:16]
    assert nexthops.decode_nexthop(blackhole) is None
    _, payload = payload_of(nexthops.encode_addition(GroupRoute(7, ip_network("10.0.0.0/8"))))
    assert nexthops.decode_spread_routes(payload[:5] + b"\x04" + payload[6:]) == ()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0\0\x99\0\0\0\0\0",
        b"\0\0\x99\0\0\0\0\0\x02\0\x01\0",
        b"\0\0\x99\0\0\0\0\0\x08\0\x01\0\x01\0\0\0\x06\0\x02\0\x01\x02",
    ],
)
def test_what_is_no_nexthop_is_malformed(payload: bytes) -> None:
    with pytest.raises(MalformedMessage):
        nexthops.decode_nexthop(payload)
