"""What was taken away, and by whose will."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from rcmd.ipmp.api.events import AddressGone, AddressSeen
from rcmd.ipmp.messages import loss
from rcmd.ipmp.reconcile.adoption import absorb_change
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.losses import MOST_PATIENT_S, Fate
from rcmd.model.kinds import WhenRemoved
from rcmd.model.network import KernelAddress
from rcmd.model.settings import GroupSettings, Settings

from .scenes import config, on, scene

WANTED, BY_HAND = "10.0.0.1/24", "10.0.0.100/24"
POLICIES = [None, WhenRemoved.ACCEPT, WhenRemoved.RESTORE]
MANAGER = "NetworkManager (process 812)"


def made(policy: WhenRemoved | None = None) -> Scene:
    """With one address of a file, and one that was added by hand."""
    found = scene({"hme0": [WANTED]}, config("hme0", WANTED), config("hme1"))
    found.settings = Settings(GroupSettings(when_removed=policy))
    absorb_change(found, AddressSeen(held(BY_HAND)), 0.0)
    return found


def held(address: str) -> KernelAddress:
    return replace(on("hme0", address), protocol=0x99 if address == WANTED else 0)


def take(found: Scene, address: str, now: float = 10.0, *, is_by_request: bool = True) -> None:
    absorb_change(found, AddressGone(held(address), is_by_request, ""), now)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("address", [WANTED, BY_HAND])
def test_what_the_kernel_takes_is_wanted_as_before(
    policy: WhenRemoved | None, address: str
) -> None:
    found = made(policy)
    take(found, address, is_by_request=False)
    assert found.ledger.knows(ip_interface(address).ip)
    ((topic, _),) = found.losses.due(11.0)
    assert topic.fate is Fate.DROPPED


@pytest.mark.parametrize(
    ("policy", "address", "fate"),
    [
        (None, WANTED, Fate.PUT_BACK),
        (None, BY_HAND, Fate.GONE),
        (WhenRemoved.ACCEPT, WANTED, Fate.LEFT_AWAY),
        (WhenRemoved.ACCEPT, BY_HAND, Fate.GONE),
        (WhenRemoved.RESTORE, WANTED, Fate.PUT_BACK),
        (WhenRemoved.RESTORE, BY_HAND, Fate.PUT_BACK),
    ],
)
def test_what_somebody_takes(policy: WhenRemoved | None, address: str, fate: Fate) -> None:
    found = made(policy)
    take(found, address)
    assert found.ledger.knows(ip_interface(address).ip) is (fate is Fate.PUT_BACK)
    ((topic, _),) = found.losses.due(11.0)
    assert topic.fate is fate


def test_why_the_kernel_did_it_is_said_where_it_can_be_seen() -> None:
    found = made()
    address = replace(held("2001:db8::1/64"), protocol=0)
    absorb_change(found, AddressSeen(address), 1.0)
    ifindex = address.ifindex
    found.view.links[ifindex] = replace(found.view.links[ifindex], mtu=1200)
    absorb_change(found, AddressGone(address, is_by_request=False), 3.0)
    report = loss(*found.losses.due(4.0)[0])
    assert report.message == (
        "2001:db8::1/64 was taken away by the kernel itself on hme0 "
        "(its MTU of 1200 is too small for IPv6)"
    )


def test_who_did_it_is_said_where_it_is_known() -> None:
    found = made()
    absorb_change(found, AddressGone(held(WANTED), True, MANAGER), 10.0)
    report = loss(*found.losses.due(11.0)[0])
    assert report.message == f"{WANTED} was removed by {MANAGER} on hme0, and is put back"
    assert report.detail["by"] == MANAGER


def test_a_thousand_are_one_event() -> None:
    found = scene({}, config("hme0"), config("hme1"))
    many = [f"10.1.{n // 250}.{n % 250 + 1}/16" for n in range(1000)]
    for address in many:
        absorb_change(found, AddressSeen(held(address)), 0.0)
    for n, address in enumerate(many):
        take(found, address, 10.0 + n / 1000)
        assert found.losses.due(10.0 + n / 1000) == []
    deadline = found.losses.deadline()
    assert deadline is not None
    assert 10.999 < deadline < 10.0 + MOST_PATIENT_S
    ((topic, tale),) = found.losses.due(deadline)
    assert loss(topic, tale).message == (
        "1000 addresses (10.1.0.1/16, 10.1.0.2/16, 10.1.0.3/16 and 997 more) "
        "were removed by another program on hme0"
    )


@pytest.mark.parametrize("known_at", [10.0, 10.1])
def test_who_has_ended_before_it_is_asked_for_is_the_same_program(known_at: float) -> None:
    found = made(WhenRemoved.RESTORE)
    for at, address in ((10.0, WANTED), (10.1, BY_HAND)):
        who = MANAGER if at == known_at else ""
        absorb_change(found, AddressGone(held(address), is_by_request=True, requester=who), at)
    ((topic, tale),) = found.losses.due(11.0)
    assert topic.requester == MANAGER
    assert list(tale.things) == [WANTED, BY_HAND]
