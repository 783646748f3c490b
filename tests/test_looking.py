"""A look that takes its time sees what is, though it has caught every thing at another moment."""

from __future__ import annotations

from collections.abc import Generator
from ipaddress import ip_address, ip_interface, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rcmd.daemon.looking import Looking
from rcmd.errors import RcmError
from rcmd.ipmp.api.commands import Cause, Move
from rcmd.ipmp.api.events import (
    AddressGone,
    AddressSeen,
    KernelChange,
    KernelSnapshot,
    LinkGone,
    LinkSeen,
    Moved,
    RouteGone,
    RouteSeen,
)
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.model.network import KernelAddress, Link, Route

LINKS = [Link(number, f"hme{number}", is_up=is_up) for number in (4, 5) for is_up in (True, False)]
ADDRESSES = [
    KernelAddress(ifindex, ip_interface(text))
    for ifindex in (4, 5)
    for text in ("10.0.0.1/24", "10.0.0.2/24", "fd00::1/64")
]
ROUTES = [
    Route(ifindex, ip_network(f"20.{number}.0.0/16"), ip_address("10.0.0.9"))
    for ifindex in (4, 5)
    for number in (1, 2)
]
MOVE = Move(Cause.FAILOVER, "hme4", "hme5")

changes = st.one_of(
    st.sampled_from(LINKS).map(LinkSeen),
    st.sampled_from((4, 5)).map(LinkGone),
    st.sampled_from(ADDRESSES).map(AddressSeen),
    st.sampled_from(ADDRESSES).map(lambda it: AddressGone(it, is_by_request=True)),
    st.sampled_from(ROUTES).map(RouteSeen),
    st.sampled_from(ROUTES).map(lambda route: RouteGone(route, is_by_request=True)),
    st.sampled_from(ADDRESSES).map(lambda it: Moved(MOVE, added=(it,))),
    st.sampled_from(ROUTES).map(lambda it: Moved(MOVE, removed=(it,))),
)


def after(events: list[KernelChange | Moved]) -> KernelView:
    return KernelView.of(KernelSnapshot(since=tuple(events)))


def contents(view: KernelView) -> object:
    held = {ifindex: dict(there) for ifindex, there in view.addresses.items() if there}
    return view.links, held, view.routes


@settings(max_examples=300, deadline=None)
@given(st.lists(changes, max_size=8), st.lists(changes, max_size=12), st.data())
def test_what_happens_meanwhile_makes_it_what_is(
    before: list[KernelChange | Moved], meanwhile: list[KernelChange | Moved], data: st.DataObject
) -> None:
    moments = [data.draw(st.integers(0, len(meanwhile))) for _ in range(3)]
    views = [after([*before, *meanwhile[:moment]]) for moment in sorted(moments)]

    def steps() -> Generator[None, None, KernelSnapshot]:
        """Links first, then addresses, then routes: each as it is by then."""
        yield
        return KernelSnapshot(
            tuple(views[0].links.values()),
            tuple(it for held in views[1].addresses.values() for it in held.values()),
            tuple(it for held in views[2].routes.values() for it in held.values()),
        )

    looking = Looking(steps())
    assert looking.go_on() is None
    looking.note(meanwhile)
    snapshot = looking.go_on()
    assert snapshot is not None
    assert contents(KernelView.of(snapshot)) == contents(after([*before, *meanwhile]))


def test_a_kernel_that_cannot_be_read_is_said_to_be_so() -> None:
    def steps() -> Generator[None, None, KernelSnapshot]:
        yield
        raise RcmError("a dump was interrupted 5 times")

    looking = Looking(steps())
    assert looking.go_on() is None
    with pytest.raises(RcmError):
        looking.go_on()
