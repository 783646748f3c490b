"""What is remembered is what was written, and a stranger's text is not."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rcmd.ipmp.api.lease import Lease, LeaseRoute
from rcmd.ipmp.state.address_book import Ledger, RouteAtHome
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.leases import DroppedRoute, LeaseMemory
from rcmd.ipmp.state.member import Member
from rcmd.ipmp.state.route_record import RouteRecord
from rcmd.ipmp.state.snapshot import (
    AdoptedAddress,
    GivenUpAddress,
    GivenUpRoute,
    HomedRoute,
    Joined,
    LostAddress,
    Memory,
    Recall,
    read_memory,
)
from rcmd.model.network import KernelAddress, Route, RouteKey
from rcmd.model.settings import InterfaceConfig

ADDRESS = KernelAddress(
    4,
    ip_interface("192.168.85.19/24"),
    label="hme0:1",
    broadcast=ip_address("192.168.85.255"),  # type: ignore[arg-type]
    flags=0x80,
    preferred_s=0,
    metric=7,
)
SIX = KernelAddress(4, ip_interface("2001:db8::1/64"), peer=ip_address("2001:db8::2"), valid_s=9)
ROUTE = Route(
    4,
    ip_network("10.0.0.0/8"),
    ip_address("192.168.85.1"),
    table=100,
    source=ip_address("192.168.85.19"),
    is_onlink=True,
    metrics=((2, 1400), (8, 20)),
)
EXPIRING = Route(
    4, ip_network("2001:db8::/48"), congestion="reno", preference=3, realm=5, expires_at=77.5
)
FULL = Memory(
    offline=frozenset({"hme0"}),
    detached={"hme1": 5},
    failed=frozenset({"hme2"}),
    failed_by_probes=frozenset({"hme2"}),
    unproven=frozenset({"hme4"}),
    spare=frozenset({"hme3"}),
    flapping={"hme2": (1.5, 2.5, 3.25)},
    plumbed={"hme0": 4, "hme2": 6},
    withdrawn=frozenset({ip_address("192.168.85.30"), ip_address("2001:db8::30")}),
    adopted=(AdoptedAddress("hme0", ADDRESS), AdoptedAddress("hme2", SIX)),
    lost=(
        LostAddress("hme1", ip_address("192.168.85.20"), None),
        LostAddress("hme1", ip_address("2001:db8::1"), SIX),
    ),
    recalls=(Recall("hme0", frozenset({ip_address("192.168.85.19")})),),
    away={ip_address("192.168.85.20"): "hme1"},
    routes=(HomedRoute("hme0", ROUTE), HomedRoute("hme2", Route(6, ip_network("::/0")))),
    given_up=(
        GivenUpAddress(7.5, ip_address("192.168.85.31")),
        GivenUpAddress(8.5, ip_address("192.168.85.32"), "hme0", ADDRESS),
    ),
    given_up_routes=(GivenUpRoute(9.5, HomedRoute("hme0", EXPIRING)),),
    leases=LeaseMemory(
        leases=(
            Lease(
                "hme0",
                ip_interface("192.168.85.100/24"),  # type: ignore[arg-type]
                "01020000000001",
                expires_at=600.5,
                routes=(
                    LeaseRoute(ip_network("0.0.0.0/0"), ip_address("192.168.85.1")),  # type: ignore[arg-type]
                    LeaseRoute(ip_network("10.0.0.0/8"), None),  # type: ignore[arg-type]
                ),
                broadcast=ip_address("192.168.85.255"),  # type: ignore[arg-type]
                server=ip_address("192.168.85.1"),  # type: ignore[arg-type]
                through="hme1",
            ),
        ),
        told=((ip_address("192.168.85.100"), 5, 600.5),),
        dropped=(DroppedRoute(ip_network("0.0.0.0/0"), ip_address("10.0.0.1"), is_onlink=True),),
    ),
    has_settled=True,
    joined=(
        Joined("hme0", ip_address("239.1.2.3"), 4),
        Joined("hme0", ip_address("ff05::1:3"), -1),
    ),
    stuck_groups=((5, ip_address("ff05::1:3")),),
    told_groups=(("hme0", ip_address("232.1.1.1")),),
)


@pytest.mark.parametrize("memory", [Memory(), FULL])
def test_what_is_written_is_read(memory: Memory) -> None:
    assert Memory.from_text(memory.to_text()) == memory


def test_equal_memories_have_equal_texts() -> None:
    assert Memory.from_text(FULL.to_text()).to_text() == FULL.to_text()


def test_the_end_of_a_route_is_remembered() -> None:
    """Though it is not part of what two routes are compared by."""
    (read,) = Memory.from_text(FULL.to_text()).given_up_routes
    assert read.homed.route.expires_at == EXPIRING.expires_at


def test_keys_of_a_newer_version_are_ignored() -> None:
    text = json.dumps({**json.loads(FULL.to_text()), "weather": "fine"})
    assert Memory.from_text(text) == FULL


def changed(**fields: object) -> str:
    return json.dumps({**json.loads(FULL.to_text()), **fields})


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"offline": ' + "[" * 100_000, "not JSON"),
        ('{"offline": ' + "9" * 5000 + "}", "not JSON"),
        ("[]", "an array of 0 is not an object"),
        ("null", "None is not an object"),
    ],
)
def test_what_is_no_memory_is_said_to_be_none(text: str, phrase: str) -> None:
    memory, lost = read_memory(text)
    assert memory == Memory()
    assert phrase in lost[0]


def test_what_is_not_there_was_not_written_and_is_no_loss() -> None:
    assert read_memory("{}") == (Memory(), ())


ROUTE_DATA = {"ifindex": 4, "destination": "10.0.0.0/8", "gateway": "192.168.85.1"}


@pytest.mark.parametrize(
    ("name", "value", "phrase"),
    [
        ("flapping", None, "flapping: None is not an object"),
        ("flapping", {"hme0": None}, "flapping[0]: None is not an array"),
        ("flapping", {"hme0": [1e999]}, "flapping[0]: inf is not of type float"),
        ("flapping", {"hme0": ["soon"]}, "flapping[0]: 'soon' is not of type float"),
        ("offline", 3, "offline: 3 is not an array"),
        ("offline", [["hme0"]], "offline[0]: an array of 1 is not of type str"),
        ("offline", ["h\udcff"], "offline[0]: 'h\\udcff' is not of type str"),
        ("offline", ["h" * 300], "offline[0]: 'hhh"),
        ("detached", {"hme0": True}, "detached[0]: True is not of type int"),
        ("detached", {"hme0": 2**70}, "detached[0]: 1180591620717411303424 is not of type int"),
        ("withdrawn", [7], "withdrawn[0]: 7 is not an address"),
        ("withdrawn", ["fe80::1%eth0"], "withdrawn[0]: 'fe80::1%eth0' is not an address"),
        ("adopted", [["hme0", None]], "adopted[0]: None is not an object"),
        ("adopted", [["hme0", {"ifindex": 4}]], "adopted[0]: an object of 1 is not complete"),
        ("adopted", [["hme0", {}, 1, 2]], "adopted[0]: 4 items instead of 2"),
        (
            "adopted",
            [["hme0", {"ifindex": 4, "address": "10.0.0.1/24", "scope": 300}]],
            "adopted[0]: an object of 3 makes no sense",
        ),
        (
            "adopted",
            [["hme0", {"ifindex": -4, "address": "10.0.0.1/24"}]],
            "adopted[0]: an object of 2 makes no sense",
        ),
        (
            "adopted",
            [["hme0", {"ifindex": 4, "address": "10.0.0.1/24", "peer": "fe80::1"}]],
            "adopted[0]: an object of 3 makes no sense",
        ),
        ("routes", [["hme0", ROUTE_DATA | {"metrics": [[2]]}]], "routes[0]: 1 items instead of 2"),
        (
            "routes",
            [["hme0", ROUTE_DATA | {"tos": -1}]],
            "routes[0]: an object of 4 makes no sense",
        ),
        (
            "routes",
            [["hme0", ROUTE_DATA | {"destination": "10.0.0.1/8"}]],
            "routes[0]: '10.0.0.1/8' is not an address",
        ),
        ("recalls", [["hme0", ["nowhere"], []]], "recalls[0]: 'nowhere' is not an address"),
        ("numbers", {"10.0.0.1": ["hme0"]}, "numbers[0]: 1 items instead of 2"),
        ("numbers", {"hme0": ["hme0", 1]}, "numbers[0]: 'hme0' is not an address"),
        ("has_settled", "no", "has_settled: 'no' is not of type bool"),
        ("leases", [], "leases: an array of 0 is not an object"),
        ("leases", {"told": [[1]]}, "leases: told[0]: 1 items instead of 3"),
        ("leases", {"leases": [{}]}, "leases: leases[0]: an object of 0 is not complete"),
    ],
)
def test_what_cannot_be_understood_is_left_out_by_itself(
    name: str, value: object, phrase: str
) -> None:
    memory, lost = read_memory(changed(**{name: value}))
    assert len(lost) == 1
    assert phrase in lost[0]
    for field in fields(Memory):
        if field.name != name:
            assert getattr(memory, field.name) == getattr(FULL, field.name)


def test_the_rest_of_a_collection_is_understood() -> None:
    data = json.loads(FULL.to_text())
    routes = [None, data["routes"][0], ["hme9"], data["routes"][1], {}]
    memory, lost = read_memory(changed(routes=routes, plumbed={"hme0": 4, "hme1": "x", "hme2": 6}))
    assert memory == FULL
    assert len(lost) == 4


names = st.frozensets(st.text(min_size=1, max_size=15))
numbers = st.dictionaries(st.text(min_size=1, max_size=15), st.integers(1, 2**31))


@given(names, numbers, names, numbers, st.frozensets(st.ip_addresses()), st.booleans())
def test_whatever_is_written_is_read(offline, detached, spare, plumbed, withdrawn, has_settled):  # type: ignore[no-untyped-def]
    memory = Memory(
        offline=offline,
        detached=detached,
        spare=spare,
        plumbed=plumbed,
        withdrawn=withdrawn,
        has_settled=has_settled,
    )
    assert Memory.from_text(memory.to_text()) == memory


def test_known_routes_are_written_apart_and_read_again() -> None:
    ledger = Ledger()
    record = RouteRecord(Scene(ledger=ledger))
    assert Memory.from_text(record.text()) == Memory()
    ledger.record_route("hme0", ROUTE)
    ledger.record_route("hme2", EXPIRING)
    read = Memory.from_text(record.text())
    assert read == Memory(
        routes=(
            HomedRoute("hme0", replace(ROUTE, ifindex=0)),
            HomedRoute("hme2", replace(EXPIRING, ifindex=0)),
        )
    )
    assert read.routes[1].route.expires_at == EXPIRING.expires_at


def test_so_is_where_routes_are_called_to() -> None:
    scene = Scene(members={"hme1": Member(InterfaceConfig("hme1"))})
    record = RouteRecord(scene)
    scene.ledger.record_route("hme0", ROUTE)
    before = record.text()
    known = RouteAtHome("hme0", RouteKey.of(ROUTE))
    scene.members["hme1"].recalls = frozenset({known, ip_address("192.168.85.19")})
    homed = (HomedRoute("hme0", replace(ROUTE, ifindex=0)),)
    assert Memory.from_text(record.text()).recalls == (Recall("hme1", frozenset(), homed),)
    scene.members["hme1"].recalls = frozenset()
    assert record.text() == before


def test_known_routes_are_put_into_words_once() -> None:
    ledger = Ledger()
    record = RouteRecord(Scene(ledger=ledger))
    ledger.record_route("hme0", ROUTE)
    before = record.text()
    ledger.record_route("hme0", ROUTE)
    assert record.text() is before
    ledger.record_route("hme0", EXPIRING)
    assert record.text() != before
    ledger.forget_route(RouteAtHome("hme0", RouteKey.of(EXPIRING)))
    assert record.text() == before


def test_many_routes_are_put_into_words_a_few_at_a_time() -> None:
    ledger = Ledger()
    record = RouteRecord(Scene(ledger=ledger))
    for number in range(5):
        ledger.record_route("hme0", replace(ROUTE, priority=number))
    assert not record.follow(2)
    assert not record.follow(2)
    assert len(ledger.changed_routes) == 1
    assert record.follow(2)
    priorities = [it.route.priority for it in Memory.from_text(record.text()).routes]
    assert priorities == [0, 1, 2, 3, 4]
