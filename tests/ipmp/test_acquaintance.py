"""Who is known on the link, in which order they are asked, and which addresses are one host's."""

from __future__ import annotations

from ipaddress import ip_address
from itertools import pairwise

from rcmd.ipmp.api.events import Neighbour
from rcmd.ipmp.probing.acquaintance import (
    ASK_AFTER_AT_MOST_S,
    ASK_AFTER_S,
    ASKED_AT_ONCE,
    DEAF_AFTER,
    MOST_KNOWN,
    SHUNNED_S,
    Acquaintance,
)
from rcmd.model.network import IPAddress

HOSTS = [ip_address(f"192.0.2.{number}") for number in range(1, 200)]
A, B, C, D = HOSTS[:4]


def near(address: IPAddress, mac: str = "", *, by: int = 4, is_router: bool = False) -> Neighbour:
    return Neighbour(by, address, mac or f"mac of {address}", is_router)


def known(*neighbours: Neighbour, at: float = 0.0) -> Acquaintance:
    found = Acquaintance()
    found.seen(neighbours, (), at)
    return found


def everybody(_address: IPAddress) -> bool:
    return True


def test_neighbours_are_asked_and_those_who_do_not_answer_less_and_less_often() -> None:
    found = known(near(A))
    asked = []
    for tenth in range(3000):
        now = tenth / 10
        if found.to_ask(now, everybody):
            asked.append(now)
    gaps = [round(later - earlier, 1) for earlier, later in pairwise(asked)]
    assert gaps[:4] == [2 * ASK_AFTER_S * 2**number for number in range(4)]
    assert max(gaps) == ASK_AFTER_AT_MOST_S
    found.answered(A, 300.0)
    assert found.to_ask(302.0, everybody) == [A]


def test_a_few_at_a_time_and_only_who_is_wanted() -> None:
    found = known(*map(near, HOSTS[:10]))
    assert found.to_ask(0.0, everybody) == HOSTS[:ASKED_AT_ONCE]
    assert found.to_ask(0.0, lambda it: it == HOSTS[9]) == [HOSTS[9]]
    assert found.to_ask(0.0, lambda _: False) == []


def test_routers_then_who_has_been_known_longest() -> None:
    found = known(near(C))
    found.seen([near(C), near(A), near(D, is_router=True)], (), 10.0)
    assert found.to_ask(10.0, everybody) == [D, C, A]
    assert found.in_order([A, C, D]) == [D, C, A]
    assert found.is_before(C, A)
    assert not found.is_before(A, C)


def test_of_two_that_are_known_equally_long_neither_is_before_the_other() -> None:
    found = known(near(A), near(B))
    assert not found.is_before(A, B)
    assert not found.is_before(B, A)


def test_who_is_no_neighbour_any_more_is_not_asked() -> None:
    found = known(near(A))
    found.seen([], (), 10.0)
    assert not found.has_neighbours
    assert found.to_ask(10.0, everybody) == []


def test_addresses_at_one_hardware_address_are_one_host() -> None:
    found = known(near(A, "m1"), near(B, "m1"), near(C, "m2"))
    assert found.are_one(A, B)
    assert not found.are_one(A, C)
    assert found.are_one(D, D)
    assert not found.are_one(A, D)


def test_a_host_with_two_nics_is_one_whatever_the_order() -> None:
    """Its address is seen at one of them here, at the other there."""
    found = known(near(B, "m2"), near(C, "m3"), near(A, "m1"), near(C, "m2"), near(C, "m1"))
    assert found.are_one(A, B)
    assert found.are_one(A, C)
    assert not found.are_one(A, D)


def test_what_a_host_has_become_apart_from_is_another() -> None:
    found = known(near(A, "m1"), near(B, "m1"))
    found.seen([near(A, "m1"), near(B, "m2")], (), 10.0)
    assert not found.are_one(A, B)


def test_one_that_is_not_talked_to_any_more_is_still_at_its_hardware_address() -> None:
    found = known(near(A, "m1"), near(B, "m1"))
    found.seen([near(A, "m1")], (), 10.0)
    assert found.are_one(A, B)


def test_who_has_been_asked_often_enough_is_deaf() -> None:
    found = known(near(A), near(B))
    assert not found.are_deaf(everybody)
    for number in range(DEAF_AFTER):
        assert found.to_ask(100.0 * number, everybody)
    assert found.are_deaf(everybody)
    assert not found.are_deaf(lambda _: False)
    found.answered(B, 500.0)
    assert not found.are_deaf(everybody)
    found.ask_anew()
    assert found.to_ask(500.0, everybody) == [A, B]


def test_it_does_not_grow_without_bound_and_keeps_the_targets() -> None:
    # behaviour 46; whatever a neighbour makes up
    found = known(near(HOSTS[150]))
    kept = [HOSTS[160]]
    found.seen(map(near, HOSTS), kept, 10.0)
    asked = []
    for number in range(200):
        asked += found.to_ask(1000.0 * number, everybody)
    assert len(set(asked)) <= MOST_KNOWN + 1
    assert {HOSTS[150], HOSTS[160]} <= set(asked)


def test_who_has_not_been_seen_for_a_while_is_forgotten_unless_it_is_a_target() -> None:
    found = Acquaintance()
    for host in (A, B):
        found.answered(host, 0.0)
    found.seen([near(C)], (A,), 2 * SHUNNED_S)
    assert found.in_order([C, B, A])[-1] == B


def test_a_host_is_shunned_by_one_interface_for_a_while() -> None:
    found = known(near(A))
    found.shun("hme0", A, 10.0)
    assert found.is_shunned("hme0", A, 10.0 + SHUNNED_S - 0.1)
    assert not found.is_shunned("hme0", A, 10.0 + SHUNNED_S)
    assert not found.is_shunned("hme1", A, 11.0)
