"""Which addresses the kernel made, and how long their stand-ins live."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface, ip_network

import pytest

from rcmd.ipmp.rules.slaac import (
    coarse,
    is_autoconfigured,
    is_prefix_route,
    original_again,
    outlives,
    prefix_route,
    refreshed,
    stand_in,
)
from rcmd.model.network import RCMD_PROTOCOL, KernelAddress

PUBLIC = KernelAddress(
    4,
    ip_interface("2001:db8::a/64"),
    flags=0x100,
    protocol=2,
    valid_s=7200,
    preferred_s=3600,
)
TEMPORARY = replace(PUBLIC, address=ip_interface("2001:db8::b/64"), flags=0x01, protocol=0)
OLD_KERNEL = replace(PUBLIC, protocol=0)


@pytest.mark.parametrize("address", [PUBLIC, TEMPORARY, OLD_KERNEL, replace(PUBLIC, valid_s=None)])
def test_what_the_kernel_made(address: KernelAddress) -> None:
    assert is_autoconfigured(address)
    assert not is_autoconfigured(stand_in(address, 5))
    assert is_autoconfigured(original_again(address, 4, is_move=True))


@pytest.mark.parametrize(
    "change",
    [
        {"flags": 0x180},  # managetempaddr by hand, forever
        {"flags": 0, "protocol": 0},  # by hand, for some time
        {"protocol": 16},  # a daemon's own
        {"address": ip_interface("fe80::1/64"), "scope": 253},
        {"address": ip_interface("192.0.2.1/24"), "protocol": 0, "flags": 0x01},  # secondary
    ],
)
def test_what_it_did_not_make(change: dict[str, object]) -> None:
    assert not is_autoconfigured(replace(PUBLIC, **change))  # type: ignore[arg-type]


def test_a_stand_in_bears_our_mark_and_is_not_detected() -> None:
    made = stand_in(PUBLIC, 5)
    assert (made.ifindex, made.protocol, made.flags) == (5, RCMD_PROTOCOL, 0x202)
    assert (made.valid_s, made.preferred_s) == (7200, 3600)


def test_an_original_comes_back_as_the_kernel_knows_it() -> None:
    assert original_again(PUBLIC, 4, is_move=False) == PUBLIC
    assert original_again(TEMPORARY, 7, is_move=True).flags == 0x02


@pytest.mark.parametrize(
    ("held", "beside", "wanted"),
    [
        ((5000, 2000), (7200, 3600), (7200, 3600)),
        ((7000, 3400), (7200, 3600), None),  # no more than what counting brings
        ((7200, 3600), (7200, 0), (7200, 0)),  # the prefix is being withdrawn
        ((7200, 3600), (None, None), (None, None)),
        ((None, None), (None, None), None),
    ],
)
def test_a_stand_in_follows_its_neighbour(
    held: tuple[int | None, int | None],
    beside: tuple[int | None, int | None],
    wanted: tuple[int | None, int | None] | None,
) -> None:
    made = replace(stand_in(PUBLIC, 5), valid_s=held[0], preferred_s=held[1])
    neighbour = replace(PUBLIC, ifindex=5, valid_s=beside[0], preferred_s=beside[1])
    found = refreshed(made, [replace(TEMPORARY, ifindex=5), neighbour])
    assert (found and (found.valid_s, found.preferred_s)) == wanted
    stranger = replace(neighbour, address=ip_interface("2001:db8:1::a/64"))
    assert refreshed(made, [stranger]) is None


def test_who_was_refreshed_outlives_the_other() -> None:
    assert outlives(PUBLIC, replace(PUBLIC, valid_s=60, preferred_s=0))
    assert not outlives(replace(PUBLIC, valid_s=60, preferred_s=0), PUBLIC)
    assert not outlives(PUBLIC, replace(PUBLIC, valid_s=7190, preferred_s=3590))


def test_what_is_remembered_changes_seldom_and_never_grows() -> None:
    assert (coarse(None), coarse(0)) == (None, 0)
    for lifetime in (1800, 7200, 14400, 86400, 604800, 2592000):
        kept = {coarse(lifetime - age) for age in range(0, lifetime // 10, 20)}
        assert len(kept) == 1, lifetime
        assert lifetime * 2 // 3 <= (coarse(lifetime) or 0) <= lifetime


def test_our_prefix_routes_are_told_from_others() -> None:
    route = prefix_route(5, ip_network("2001:db8::/64"))
    assert is_prefix_route(route)
    assert not is_prefix_route(replace(route, protocol=2))
    assert not is_prefix_route(replace(route, priority=1024))
    assert not is_prefix_route(replace(route, destination=ip_network("192.0.2.0/24")))
