"""What should be, less what is: the moves."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from rcmd.ipmp.api.commands import Cause, Move
from rcmd.ipmp.placement.desired import arrange
from rcmd.ipmp.reconcile.difference import Difference
from rcmd.ipmp.state.address_book import RouteAtHome
from rcmd.ipmp.state.batches import item_key
from rcmd.ipmp.state.group_state import Scene, kernel_label, number_in
from rcmd.model.network import RCMD_PROTOCOL, Route, RouteKey

from .scenes import NUMBERS, config, on, scene

HME0 = config("hme0", "10.0.0.1/24", "10.0.0.11/24")
HME1 = config("hme1", "10.0.0.2/24")
HELD = {"hme0": ["10.0.0.1/24", "10.0.0.11/24"], "hme1": ["10.0.0.2/24"]}
FAILED = frozenset({"hme0"})


def moves(made: Scene, *refused: object) -> list[Move]:
    return Difference(made, arrange(made), refused).moves()  # type: ignore[arg-type]


def test_nothing_to_do_is_nothing() -> None:
    assert moves(scene(HELD, HME0, HME1)) == []


def test_a_failover_adds_before_it_removes_the_newest_first() -> None:
    # behaviours 59, 60
    (move,) = moves(scene(HELD, HME0, HME1, failed=FAILED))
    assert (move.cause, move.source, move.destination) == (Cause.FAILOVER, "hme0", "hme1")
    assert [(str(it.address), it.label, it.ifindex) for it in move.add] == [
        ("10.0.0.1/24", "hme1:1", NUMBERS["hme1"]),
        ("10.0.0.11/24", "hme1:2", NUMBERS["hme1"]),
    ]
    assert all(it.protocol == RCMD_PROTOCOL for it in move.add)
    assert [str(it.address) for it in move.remove] == ["10.0.0.11/24", "10.0.0.1/24"]
    assert move.announce == move.add


def test_half_a_move_is_completed() -> None:
    made = scene(HELD, HME0, HME1, failed=FAILED)
    made.view.add(on("hme1", "10.0.0.1/24", "hme1:1"))
    (move,) = moves(made)
    assert [str(it.address) for it in move.add] == ["10.0.0.11/24"]
    assert move.add[0].label == "hme1:2"
    assert len(move.remove) == 2


def test_what_was_refused_is_left_where_it_is() -> None:
    # behaviour 66
    made = scene(HELD, HME0, HME1, failed=FAILED)
    (move,) = moves(made, item_key(on("hme1", "10.0.0.1/24")))
    assert [str(it.address) for it in move.add] == ["10.0.0.11/24"]
    assert [str(it.address) for it in move.remove] == ["10.0.0.11/24"]


def test_a_route_rides_with_the_addresses_and_returns_as_it_was() -> None:
    # behaviour 76
    made = scene(HELD, HME0, HME1, failed=FAILED)
    route = Route(NUMBERS["hme0"], ip_network("0.0.0.0/0"), ip_address("10.0.0.254"), protocol=4)
    made.view.add(route)
    made.ledger.record_route("hme0", route)
    (move,) = moves(made)
    assert [(it.ifindex, it.protocol) for it in move.add_routes] == [
        (NUMBERS["hme1"], RCMD_PROTOCOL)
    ]
    assert move.remove_routes == (route,)
    for item in (*move.add, *move.add_routes):
        made.view.add(item)
    for item in (*move.remove, *move.remove_routes):
        made.view.remove(item)
    assert moves(made) == []
    assert made.route_hosts(RouteAtHome("hme0", RouteKey.of(route))) == ["hme1"]


def test_ours_and_no_longer_wanted_is_removed() -> None:
    made = scene({**HELD, "hme1": ["10.0.0.2/24", "10.0.0.99/24"]}, HME0, HME1)
    (move,) = moves(made)
    assert (move.cause, move.add) == (Cause.CLEANUP, ())
    assert [str(it.address) for it in move.remove] == ["10.0.0.99/24"]


def test_another_prefix_length_replaces_the_address() -> None:
    made = scene({"hme0": ["10.0.0.1/16"]}, config("hme0", "10.0.0.1/24"))
    (move,) = moves(made)
    assert [str(it.address) for it in move.add] == ["10.0.0.1/24"]
    assert [str(it.address) for it in move.remove] == ["10.0.0.1/16"]


def test_a_label_too_long_for_the_kernel_is_the_bare_name() -> None:
    assert kernel_label("hme1", 2) == "hme1:2"
    assert kernel_label("enp0s31f6np0d1", 12) == "enp0s31f6np0d1"
    assert number_in("hme1:2") == 2
    assert number_in("hme1") == 0
