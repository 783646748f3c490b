"""A storm of router advertisements costs a bounded part of what it makes."""

from __future__ import annotations

import select
import subprocess
from collections.abc import Iterable, Iterator
from ipaddress import ip_network

import pytest
from rtnetlink_lab import NODAD, PATIENCE_S, Lab, address, await_change, ip, lab

from rcmd.ipmp.api.events import AddressGone, AddressSeen, KernelChange, RouteGone, RouteSeen
from rcmd.ipmp.rules.address_flags import IFA_F_MANAGETEMPADDR
from rcmd.ipmp.rules.slaac import IFAPROT_KERNEL_RA
from rcmd.kernel.advertised import MOST, Advertised

pytestmark = pytest.mark.lab

RA = 9
MANY = MOST + 100


@pytest.fixture
def host() -> Iterator[Lab]:
    with lab() as made:
        made.add(address(made.left, "fd00::1/64", flags=NODAD))
        made.kernel.read()
        yield made


def everything(host: Lab) -> list[KernelChange]:
    seen: list[KernelChange] = []
    while select.select([host.kernel], [], [], 0.2)[0]:
        seen += host.kernel.read()
    return seen


def awaited(host: Lab) -> tuple[KernelChange, ...]:
    assert select.select([host.kernel], [], [], PATIENCE_S)[0]
    return host.kernel.read()


def told_of(change: KernelChange) -> object:
    return change.address.address if isinstance(change, AddressSeen) else None


def are_made(changes: Iterable[KernelChange]) -> set[object]:
    """The addresses of the prefix that is advertised."""
    prefix = ip_network("2001:db8::/64")
    seen = (it.address.address for it in changes if isinstance(it, AddressSeen))
    return {it for it in seen if it.network == prefix}


def batch(lines: Iterable[str]) -> None:
    text = "\n".join(lines) + "\n"
    subprocess.run(["ip", "-6", "-batch", "-"], input=text, text=True, check=True)


def advertised(count: int, verb: str = "add") -> list[str]:
    """To routers, and to prefixes that end some day."""
    return [
        f"route {verb} 2001:db8:{number:x}::/64 dev left"
        + (" via fd00::fe proto ra" if number % 2 else " proto kernel expires 600")
        for number in range(count)
    ]


@pytest.mark.parametrize("kind", [20, 21, 24, 25])
def test_a_message_that_was_cut_short_is_left_to_whoever_decodes_it(kind: int) -> None:
    route = bytes((10, 64, 0, 0, 254, RA, 0, 1, 0, 0, 0, 0, 8, 0, 4, 0, 3, 0, 0, 0))
    address_ = bytes((10, 64, 1, 0, 3, 0, 0, 0, 20, 0, 1, 0)) + bytes(16)
    for whole in (route, address_):
        for length in range(len(whole)):
            assert Advertised().admits(kind, whole[:length])


def test_so_many_routes_are_followed_and_no_more(host: Lab) -> None:
    batch(advertised(MANY))
    seen = everything(host)
    assert len([it for it in seen if isinstance(it, RouteSeen)]) == MOST
    assert host.kernel.beyond == {host.left}
    found = [it for it in host.kernel.snapshot().routes if it.expires_at or it.protocol == RA]
    assert len(found) == MOST
    assert host.kernel.beyond == {host.left}


def test_what_others_add_is_followed_all_the_same(host: Lab) -> None:
    batch(advertised(MANY))
    everything(host)
    ip("-6 route add 2001:db8:ffff::/64 via fd00::fe dev left")
    host.add(address(host.left, "fd00:1::1/64", flags=NODAD))
    seen = everything(host)
    assert {str(it.route.destination) for it in seen if isinstance(it, RouteSeen)} == {
        "2001:db8:ffff::/64",
        "fd00:1::/64",
    }


def test_what_is_not_followed_is_not_missed_and_room_is_used_again(host: Lab) -> None:
    batch(advertised(MANY))
    everything(host)
    batch(advertised(MANY, "del"))
    gone = [it.route for it in everything(host) if isinstance(it, RouteGone)]
    assert len([it for it in gone if it.protocol == RA]) == MOST // 2
    host.kernel.snapshot()
    assert not host.kernel.beyond
    batch(advertised(MOST))
    assert len([it for it in everything(host) if isinstance(it, RouteSeen)]) == MOST


def test_so_many_addresses_are_followed_and_no_more(host: Lab) -> None:
    made = [
        address(
            host.left,
            f"2001:db8::{number:x}/64",
            protocol=IFAPROT_KERNEL_RA,
            flags=NODAD | IFA_F_MANAGETEMPADDR,
            valid_s=600,
            preferred_s=600,
        )
        for number in range(1, MANY + 1)
    ]
    host.add(*made)
    # The kernel tells of each when it is done with it, in its own time.
    told: set[object] = set()
    while len(told) < MOST:
        told |= are_made(awaited(host))
    last = address(host.left, "fd00:2::1/64", flags=NODAD)
    host.add(last)
    after = await_change(host.kernel, lambda it: told_of(it) == last.address)
    told |= are_made(after)
    assert len(told) == MOST
    assert len(host.addresses(host.left)) == MOST + 2
    assert host.kernel.beyond == {host.left}
    host.execute(remove=tuple(made))
    gone = 0
    while gone < MOST:
        gone += len([it for it in awaited(host) if isinstance(it, AddressGone)])
    assert gone == MOST
    host.kernel.snapshot()
    assert not host.kernel.beyond
