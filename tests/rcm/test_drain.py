"""A slot that is about to lose its power: nobody can refuse, everybody is gone in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from failing_tables import FailingStore

from rcmd.daemon.startup import remembered
from rcmd.errors import Busy, RolledBack, Veto
from rcmd.model.status import InterfaceState
from rcmd.ports.hardware import PowerOff, PowerOn
from rcmd.ports.store import OperationKind, Step
from rcmd.rcm.operations import power_off as drain
from rcmd.rcm.operations.power_off import Drains
from rcmd.rcm.operations.recovery import recover
from rcmd.rcm.operations.slot_notice import NoticeKind, SlotNotice

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
    assert house.events[-1].message == "slot 1 keeps its power: hme0, hme1 in service again"
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


@pytest.mark.parametrize("question", ["query_remove", "pre_remove"])
def test_whoever_still_asks_comes_too_late(play: Play, question: str) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        house.clients.stops_at = question
        detach = asyncio.create_task(house.coordination.detach("hme1", ROOT, force=False))
        await house.clients.is_stopped.wait()
        house.clients.stops_at = ""
        drains.hear(notice(NoticeKind.BUTTON))
        with pytest.raises(RolledBack, match="cancelled by the attention button of slot 1"):
            await detach
        assert hosts(house, "192.168.85.19") <= {"hme2", "hme3"}
        assert hosts(house, "192.168.85.20") <= {"hme2", "hme3"}
        await house.hardware.perform(PowerOff("1"))
        await finished(house)

    play(story, files=FOUR, nics=NICS)


def test_pressed_again_after_it_was_called_off(play: Play) -> None:
    """The scripts of the first time are still being told; the power waits for nobody."""

    async def story(house: House) -> None:
        drains = drains_of(house)
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        house.clients.may_answer.clear()
        telling = asyncio.Event()

        async def never(_: str) -> None:
            telling.set()
            await asyncio.Event().wait()

        house.clients.undo_remove = never  # type: ignore[method-assign]
        drains.hear(notice(NoticeKind.CANCELLED))
        await telling.wait()
        assert hosts(house, "192.168.85.19") == {"hme0"}
        drains.hear(notice(NoticeKind.BUTTON))
        while hosts(house, "192.168.85.19") == {"hme0"}:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await drains.close()

    play(story, files=FOUR, nics=NICS)


def test_addresses_do_not_wait_for_a_client_that_sleeps(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        before = layout(house)
        is_dying = asyncio.Event()

        async def dies_slowly(resource: str, *, force: bool) -> tuple[Veto, ...]:
            try:
                await asyncio.Event().wait()
            finally:
                is_dying.set()
                await house.daemon.until(lambda: layout(house) == before, 5)
            return ()

        house.clients.pre_remove = dies_slowly  # type: ignore[method-assign]
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        drains.hear(notice(NoticeKind.CANCELLED))
        await house.daemon.until(lambda: layout(house) == before, 5)
        assert layout(house) == before
        await is_dying.wait()
        await finished(house)

    play(story, files=FOUR, nics=NICS)


def test_full_disk_keeps_no_address_on_the_card(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)

        assert isinstance(house.store, FailingStore)
        house.store.disk.refuses = bool
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        assert hosts(house, "192.168.85.19") <= {"hme2", "hme3"}
        await house.hardware.perform(PowerOff("1"))
        await finished(house)
        await house.coordination.attach("slot:1", ROOT)
        assert state_of(house, "hme0") is InterfaceState.RUNNING

    play(story, files=FOUR, nics=NICS, store=FailingStore())


def test_card_that_is_renamed_has_not_gone(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        house.model.rename("hme0", "eth7")
        house.model.rename("hme1", "eth8")
        house.listen()
        assert len(house.coordination.operations()) == 1
        await drains.close()

    play(story, files=FOUR, nics=NICS)


def test_cancel_after_the_outcome_changes_nothing(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        is_telling, may_go_on = asyncio.Event(), asyncio.Event()

        async def slowly(_: str) -> None:
            is_telling.set()
            await may_go_on.wait()

        house.clients.post_remove = slowly  # type: ignore[method-assign]
        await house.hardware.perform(PowerOff("1"))
        await is_telling.wait()
        (status,) = house.coordination.operations()
        cancel = asyncio.create_task(house.coordination.cancel(status.operation.number, ROOT))
        await asyncio.sleep(0)
        may_go_on.set()
        await cancel
        assert house.store.unfinished() == ()
        assert state_of(house, "hme0") is InterfaceState.DETACHED

    play(story, files=FOUR, nics=NICS)


def test_device_that_returns_while_scripts_are_told_is_taken_up(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        may_go_on = asyncio.Event()

        async def slowly(_: str) -> None:
            await may_go_on.wait()

        house.clients.post_remove = slowly  # type: ignore[method-assign]
        await house.hardware.perform(PowerOff("1"))
        while state_of(house, "hme0") is not InterfaceState.DETACHED:  # noqa: ASYNC110
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        await house.hardware.perform(PowerOn("1"))
        link = house.daemon.engine.scene.view.link_named("hme0")
        assert link is not None
        house.take(link)
        assert state_of(house, "hme0") is InterfaceState.RUNNING
        may_go_on.set()
        await finished(house)

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


def restarted(house: House) -> House:
    """The next process, on the same machine, with what the last one remembered."""
    after = House(
        store=house.store,
        model=house.model,
        files=house.files.hostname,
        memory=remembered(house.store)[0],
    )
    for name in ("functions", "slots", "removed"):
        setattr(after.hardware, name, getattr(house.hardware, name))
    return after


@pytest.mark.parametrize("becomes", ["cut", "kept", "cut meanwhile"])
def test_next_process_goes_on_with_it(play: Play, becomes: str) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        before = layout(house)
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        during = layout(house)
        await drains.close()
        assert layout(house) == during != before
        if becomes == "cut meanwhile":
            await house.hardware.perform(PowerOff("1"))
        after = restarted(house)
        ears = asyncio.create_task(after.listening())
        drains = Drains(after.stage, no_error)
        await recover(after.stage, after.store, drains.begin)()
        if becomes == "cut meanwhile":
            assert after.coordination.operations() == ()
        else:
            await begun(after)
            assert layout(after) == during
            if becomes == "kept":
                drains.hear(notice(NoticeKind.CANCELLED))
            else:
                await after.hardware.perform(PowerOff("1"))
            await finished(after)
        if becomes == "kept":
            assert layout(after) == before
        else:
            assert state_of(after, "hme0") is InterfaceState.DETACHED
        assert after.store.unfinished() == ()
        ears.cancel()

    play(story, files=FOUR, nics=NICS)


def test_end_of_the_process_leaves_nothing_running(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        house.clients.may_answer.clear()
        drains.hear(notice(NoticeKind.BUTTON))
        await house.clients.is_asked.wait()
        before = asyncio.all_tasks()
        await drains.close()
        assert not [it for it in before & asyncio.all_tasks() if "Drain" in repr(it)]

    play(story, files=FOUR, nics=NICS)


def test_next_process_tells_of_the_first_time_before_it_asks_again(play: Play) -> None:
    async def story(house: House) -> None:
        drains = drains_of(house)
        drains.hear(notice(NoticeKind.BUTTON))
        await house.clients.is_asked.wait()
        await drains.close()
        after = restarted(house)
        after.clients.let_go = ("hme0",)
        ears = asyncio.create_task(after.listening())
        drains = Drains(after.stage, no_error)
        rest = recover(after.stage, after.store, drains.begin)
        for _ in range(100):
            await asyncio.sleep(0)
        assert after.clients.calls == []
        await rest()
        await after.clients.is_asked.wait()
        assert after.clients.calls[0] == ("undo_remove", "hme0")
        ears.cancel()
        await drains.close()

    play(story, files=FOUR, nics=NICS)


def test_process_that_starts_long_after_lets_it_serve_again(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rcmd.rcm.operations.recovery.PATIENCE_S", 0.0)

    async def story(house: House) -> None:
        drains = drains_of(house)
        before = layout(house)
        drains.hear(notice(NoticeKind.BUTTON))
        await begun(house)
        await drains.close()
        await recover(house.stage, house.store, drains.begin)()
        house.listen()
        assert layout(house) == before

    play(story, files=FOUR, nics=NICS)
