"""What is done at the first sign of a failure, and what the engine makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

import pytest
from rcm.house import DUAL, House

from rcmd.daemon.prepared import Prepared, failing
from rcmd.ipmp.api.commands import Cause, Move
from rcmd.ipmp.api.events import (
    AddressGone,
    AddressSeen,
    Event,
    KernelChanged,
    LinkGone,
    LinkSeen,
    Moved,
)
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.state.member import Member
from rcmd.model.network import KernelAddress, Route
from rcmd.model.settings import InterfaceConfig
from rcmd.model.status import Preparations
from rcmd.ports.network import OnAdded

DATA = "192.168.85.19"
DATA6 = "2001:db8::19"


def address(ifindex: int, text: str = "10.0.0.1/24", **attributes: object) -> KernelAddress:
    return KernelAddress(ifindex, ip_interface(text), **attributes)  # type: ignore[arg-type]


ROUTE = Route(2, ip_network("10.7.0.0/16"))
THERE = Move(
    Cause.CLEANUP,
    "hme0",
    "hme1",
    add=(address(2),),
    add_routes=(ROUTE,),
    remove_routes=(replace(ROUTE, ifindex=1),),
    remove=(address(1),),
    announce=(address(2),),
)
DONE = Moved(THERE, (address(2), ROUTE), (replace(ROUTE, ifindex=1), address(1)))
WANTED = replace(THERE, cause=Cause.FAILOVER)


def prepared() -> Prepared:
    made = Prepared()
    made.begin(7)
    made.add(1, THERE)
    return made


def test_it_is_done_once_and_in_the_state_that_it_was_made_from() -> None:
    assert prepared().take(1, 8) == ()
    assert prepared().take(2, 7) == ()
    made = prepared()
    assert made.take(1, 7) == (THERE,)
    assert made.take(1, 7) == ()
    made = prepared()
    made.begin(8)
    assert made.take(1, 8) == ()


@pytest.mark.parametrize(
    "move",
    [
        replace(THERE, add=(address(2, valid_s=60, preferred_s=30),)),
        replace(THERE, add_routes=(replace(ROUTE, expires_at=60.0),)),
    ],
)
def test_what_is_another_a_moment_later_is_not_kept(move: Move) -> None:
    made = Prepared()
    made.begin(7)
    made.add(1, move)
    assert made.take(1, 7) == ()


def test_what_the_engine_asks_for_is_done() -> None:
    made = Prepared()
    made.note(DONE)
    assert made.answer(WANTED) == replace(DONE, move=WANTED)
    assert made.answer(WANTED) is None
    assert made.unasked() == []


@pytest.mark.parametrize(
    "other",
    [
        replace(WANTED, add=()),
        replace(WANTED, destination="hme2"),
        replace(WANTED, remove=(address(1), address(1, "10.0.0.2/24"))),
        replace(WANTED, announce=()),
    ],
)
def test_something_else_is_not(other: Move) -> None:
    made = Prepared()
    made.note(DONE)
    assert made.answer(other) is None
    assert made.unasked() == [DONE]
    assert made.unasked() == []


def test_of_a_device_that_has_gone_nothing_is_left_to_be_removed() -> None:
    made = Prepared()
    made.note(DONE)
    bare = replace(WANTED, remove=(), remove_routes=())
    assert made.answer(bare) == Moved(bare, DONE.added)
    (rest,) = made.unasked()
    assert set(rest.removed) == set(DONE.removed)
    assert not rest.added


def test_signs() -> None:
    async def story(house: House) -> None:
        link = house.model.device("hme0").link
        down = replace(link, has_carrier=False)
        assert [*failing((LinkSeen(link),))] == []
        assert [*failing((LinkSeen(down), LinkGone(9)))] == [link.ifindex, 9]
        assert [*failing((LinkSeen(down), LinkSeen(link)))] == []
        assert [*failing((LinkSeen(link), LinkSeen(down)))] == [link.ifindex]

    play(story)


# --- in the daemon ---


def play(story: Callable[[House], Awaitable[None]], files: dict[str, str] | None = None) -> House:
    async def main() -> House:
        house = House(files)
        while {it.source for it in house.kernel.prepared} != {"hme0", "hme1"}:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        house.kernel.moves.clear()
        house.announcements.told.clear()
        house.events.clear()
        await story(house)
        return house

    return asyncio.run(main())


def hosts(house: House) -> list[str]:
    return house.model.hosts(ip_address(DATA))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many moves were made each time when the engine heard of something."""
    counts: list[int] = []
    handle = Engine.handle

    def noted(engine: Engine, event: Event, now: float) -> object:
        if isinstance(event, KernelChanged):
            counts.append(len(MADE))
        return handle(engine, event, now)

    monkeypatch.setattr(Engine, "handle", noted)
    return counts


MADE: list[Move] = []
"""The moves of the house."""


def watch(house: House, heard: list[int]) -> None:
    MADE.clear()
    heard.clear()
    execute = house.kernel.execute

    def noted(move: Move, on_added: OnAdded) -> Moved:
        MADE.append(move)
        return execute(move, on_added)

    house.kernel.execute = noted  # type: ignore[method-assign]


def test_it_is_done_before_the_engine_hears_of_it_and_once(heard: list[int]) -> None:
    async def story(house: House) -> None:
        watch(house, heard)
        house.model.set_cable("hme0", False)
        house.listen()
        assert hosts(house) == ["hme1"]
        assert heard[0] == len(MADE) == 1

    house = play(story)
    assert house.kinds() == ["link-down", "failure", "failover"]
    assert house.daemon.preparations == Preparations(done=1, mended=0)


def test_torn_out(heard: list[int]) -> None:
    async def story(house: House) -> None:
        watch(house, heard)
        house.model.tear_out("hme0")
        house.listen()
        assert hosts(house) == ["hme1"]
        assert heard[0] == len(MADE) == 1

    play(story)


def test_a_sign_that_was_wrong_is_undone() -> None:
    async def story(house: House) -> None:
        before = house.model.layout()
        link = house.model.device("hme0").link
        house.daemon.first_sign((LinkSeen(replace(link, has_carrier=False)),))
        assert hosts(house) == ["hme1"]
        house.daemon.kernel_changed((LinkSeen(link),))
        assert house.model.layout() == before
        assert house.kinds()[0] == "prepared"
        assert house.daemon.preparations == Preparations(done=1, mended=1)

    play(story)


def test_a_link_that_was_down_for_a_moment_moves_nothing(heard: list[int]) -> None:
    """With `failback: no` it would stay where it went."""

    async def story(house: House) -> None:
        watch(house, heard)
        link = house.model.device("hme0").link
        house.daemon.kernel_changed((LinkSeen(replace(link, has_carrier=False)), LinkSeen(link)))
        assert hosts(house) == ["hme0"]
        assert MADE == []

    play(story)


@pytest.mark.parametrize(
    ("ifindex", "health", "is_on_trust", "is_certain"),
    [
        (1, Health.RUNNING, False, True),
        (1, Health.FAILED, False, True),
        (1, Health.RUNNING, True, False),
        (1, Health.UNPROVEN, False, False),
        (0, Health.UNPROVEN, False, True),
    ],
)
def test_nothing_is_prepared_on_trust(
    ifindex: int, health: Health, is_on_trust: bool, is_certain: bool
) -> None:
    """Who is missing can take nothing, and bars nobody."""
    member = Member(InterfaceConfig("hme0"), ifindex=ifindex, health=health)
    member.is_on_trust = is_on_trust
    assert member.is_certain is is_certain


def test_a_stale_preparation_is_not_used(heard: list[int]) -> None:
    async def story(house: House) -> None:
        watch(house, heard)
        other = KernelAddress(
            house.model.device("hme0").link.ifindex, ip_interface("192.168.85.77/24")
        )
        house.model.add_by_hand(other)
        house.listen()
        house.model.set_cable("hme0", False)
        house.listen()
        assert hosts(house) == ["hme1"] == house.model.hosts(other.address.ip)
        assert heard[:2] == [0, 0]

    play(story)


def test_the_bytes_of_the_message_are_enough(heard: list[int]) -> None:
    """Of the first message; it may be the last word or not, so the carrier is looked at."""

    async def story(house: House) -> None:
        watch(house, heard)
        link = house.model.device("hme0").link
        house.model.set_cable("hme0", False)
        house.daemon.link_lost(link.ifindex, house.has_carrier)
        assert hosts(house) == ["hme1"]
        assert heard == []
        house.listen()
        assert hosts(house) == ["hme1"]
        assert house.daemon.preparations == Preparations(done=1, mended=0)
        assert len(MADE) == 1

    house = play(story)
    assert house.kinds() == ["link-down", "failure", "failover"]


def test_what_was_done_is_nobody_elses_doing() -> None:
    """Of IPv6 addresses the kernel does not say who moved them, and it may say so before the
    engine is told that it was us."""

    async def story(house: House) -> None:
        link = house.model.device("hme0").link
        there = house.model.device("hme1").link.ifindex
        (address,) = (
            it
            for it in house.model.device("hme0").addresses.values()
            if it.address.ip == ip_address(DATA6)
        )
        house.model.set_cable("hme0", False)
        house.model.unread.clear()
        house.daemon.link_lost(link.ifindex, house.has_carrier)
        house.daemon.kernel_changed(
            (
                AddressSeen(replace(address, ifindex=there)),
                AddressGone(address, is_by_request=True),
                LinkSeen(replace(link, has_carrier=False)),
            )
        )
        assert house.model.hosts(ip_address(DATA6)) == ["hme1"]
        assert house.daemon.preparations == Preparations(done=1, mended=0)

    house = play(story, DUAL)
    assert house.kinds() == ["link-down", "failure", "failover"]


def test_a_link_that_is_back_is_not_left() -> None:
    async def story(house: House) -> None:
        house.daemon.link_lost(house.model.device("hme0").link.ifindex, lambda _: True)
        assert hosts(house) == ["hme0"]

    play(story)


def test_nothing_goes_where_the_link_is_lost_too() -> None:
    async def story(house: House) -> None:
        for nic in ("hme0", "hme1"):
            house.model.set_cable(nic, False)
        house.daemon.link_lost(house.model.device("hme0").link.ifindex, house.has_carrier)
        assert hosts(house) == ["hme0"]
        assert house.daemon.preparations == Preparations()

    play(story)


def test_where_two_fail_at_once_the_engine_decides(heard: list[int]) -> None:
    async def story(house: House) -> None:
        watch(house, heard)
        for nic in ("hme0", "hme1"):
            house.model.set_cable(nic, False)
        house.listen()
        assert heard[0] == 0

    play(story)


def test_killed_in_between_the_next_start_mends_it() -> None:
    """The addresses have moved, and nobody has decided anything or written it down."""
    houses: list[House] = []

    async def cut_short(house: House) -> None:
        link = house.model.device("hme0").link
        house.daemon.first_sign((LinkSeen(replace(link, has_carrier=False)),))
        assert hosts(house) == ["hme1"]
        house.daemon.stop()
        houses.append(house)

    play(cut_short)
    (dead,) = houses
    before = healthy()
    for has_cable in (True, False):
        dead.model.set_cable("hme0", has_cable)
        found = asyncio.run(next_start(dead))
        if has_cable:
            assert found.model.layout() == before
        else:
            assert hosts(found) == ["hme1"]


def healthy() -> list[str]:
    async def main() -> list[str]:
        return House().model.layout()

    return asyncio.run(main())


async def next_start(dead: House) -> House:
    return House(model=dead.model, store=dead.store)
