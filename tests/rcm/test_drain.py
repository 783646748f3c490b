"""A slot that is about to lose its power: nobody can refuse, everybody is gone in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from rcmd.errors import Busy, Veto
from rcmd.model import InterfaceState
from rcmd.rcm import drain
from rcmd.rcm.drain import Drains
from rcmd.rcm.hardware import PowerOff, PowerOn
from rcmd.rcm.journal import OperationKind, Step
from rcmd.rcm.recovery import recover
from rcmd.rcm.slot_notice import NoticeKind, SlotNotice

from .house import ROOT, House
from .test_cards import FOUR, NICS, insert, layout, state_of

Play = Callable[..., House]


def no_error(error: BaseException) -> None:
    raise AssertionError from error


def drains_of(house: House) -> Drains:
    insert(house, is_powered=True)
    return Drains(house.stage, no_error)


def notice(kind: NoticeKind, slot: str = "1") -> SlotNotice:
    return SlotNotice(slot, kind)


async def finished(house: House) -> None:
    while house.coordination.operations():  # noqa: ASYNC110
        await asyncio.sleep(0)


def hosts(house: House, address: str) -> set[str]:
    return {line.split()[0] for line in layout(house) if f" {address}/" in line}


async def begun(house: House) -> None:
    while not house.coordination.operations():  # noqa: ASYNC110
        await asyncio.sleep(0)


def test_addresses_are_gone_before_the_power(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        before = layout(house)
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        assert hosts(house, "192.168.85.19") <= {"hme2", "hme3"}
        assert house.hardware.done == []
        (status,) = house.coordination.operations()
        assert (status.operation.kind, status.operation.step) == (OperationKind.DRAIN, Step.LEAVING)
        with pytest.raises(Busy, match="a power-off of slot:1 is under way"):
            await house.coordination.detach("hme1", ROOT, force=False)
        await house.hardware.perform(PowerOff("1"))
        await finished(house)
        assert state_of(house, "hme0") is state_of(house, "hme1") is InterfaceState.DETACHED
        await house.coordination.attach("slot:1", ROOT)
        await house.daemon.until(lambda: layout(house) == before, 5)
        assert layout(house) == before

    house = play(story, files=FOUR, nics=NICS)
    messages = [event.message for event in house.events if event.subject == "slot:1"]
    assert messages[:2] == [
        "slot 1 is about to lose its power: everything moves off hme0, hme1;"
        " this could not be vetoed",
        "slot 1 lost its power: hme0, hme1 went, empty",
    ]
    assert ("post_remove", "slot:1") in house.clients.calls
    assert house.store.unfinished() == ()


@pytest.mark.parametrize("kind", [NoticeKind.CANCELLED, NoticeKind.POWER_FAILED])
def test_second_press_brings_everything_back(play: Play, kind: NoticeKind) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        before = layout(house)
        drains.hear(notice(NoticeKind.BUTTON))
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        assert layout(house) != before
        drains.hear(notice(kind))
        await finished(house)
        assert layout(house) == before

    house = play(story, files=FOUR, nics=NICS)
    assert house.events[-1].message == "slot 1 keeps its power: hme0, hme1 serves again"
    assert ("undo_remove", "hme0") in house.clients.calls


def test_card_that_stays_without_a_word_serves_again(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drain, "PATIENCE_S", 0.05)

    async def story(house: House) -> None:
        drains = drains_of(house)
        before = layout(house)
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        await finished(house)
        assert layout(house) == before

    play(story, files=FOUR, nics=NICS)


def test_client_that_objects_or_sleeps_holds_up_nothing(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        house.clients.vetoes["pre_remove"] = Veto("hme0", "backup", "no")
        house.clients.may_answer.clear()
        drains.hear(notice(NoticeKind.BUTTON))
        await house.clients.is_stopped.wait()
        assert house.clients.was_forced
        assert hosts(house, "192.168.85.19") <= {"hme2", "hme3"}
        await house.hardware.perform(PowerOff("1"))
        await finished(house)

    play(story, files=FOUR, nics=NICS)


def test_last_card_serves_to_the_end(play: Play) -> None:
    async def story(house: House) -> None:
        house.hardware.insert("1", "0000:05:00", "hme0", "hme1", is_powered=True)
        drains = Drains(house.stage, no_error)
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        assert hosts(house, "192.168.85.19") <= {"hme0", "hme1"} != set()
        await house.hardware.perform(PowerOff("1"))
        await finished(house)
        await house.hardware.perform(PowerOn("1"))

    play(story)


def test_slots_of_others_are_none_of_our_business(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        before = layout(house)
        for kind in NoticeKind:
            drains.hear(notice(kind, "7"))
        assert house.coordination.operations() == ()
        assert layout(house) == before

    play(story, files=FOUR, nics=NICS)


def test_detach_under_way_is_not_disturbed(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        house.clients.stops_at = "pre_remove"
        detach = asyncio.create_task(house.coordination.detach("slot:1", ROOT, force=False))
        await house.clients.is_stopped.wait()
        drains.hear(notice(NoticeKind.BUTTON))
        await asyncio.sleep(0)
        assert [it.operation.kind for it in house.coordination.operations()] == [
            OperationKind.DETACH
        ]
        detach.cancel()
        with pytest.raises(asyncio.CancelledError):
            await detach

    play(story, files=FOUR, nics=NICS)


def test_cancelled_drain_brings_everything_back(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        before = layout(house)
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        (status,) = house.coordination.operations()
        await house.coordination.cancel(status.operation.number, ROOT)
        assert layout(house) == before

    play(story, files=FOUR, nics=NICS)


def test_daemon_that_stops_meanwhile_leaves_it_to_the_next(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        before = layout(house)
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        during = layout(house)
        await drains.close()
        assert layout(house) == during != before
        await recover(house.stage, house.store)()
        house.listen()
        assert layout(house) == before

    play(story, files=FOUR, nics=NICS)
