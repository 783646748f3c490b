"""What random walks have found, told plainly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from rcmd.errors import Busy, RolledBack
from rcmd.ipmp.api.events import Leave, Unplumb
from rcmd.model.status import InterfaceState
from rcmd.ports.hardware import PowerOff, RemoveFunction
from rcmd.ports.store import OperationKind, Step
from rcmd.rcm.operations.power_off import Drains
from rcmd.rcm.operations.recovery import recover
from rcmd.rcm.operations.slot_notice import NoticeKind, SlotNotice

from .house import ROOT, House
from .test_cards import FIRST, FOUR, NICS, SECOND, insert, layout, state_of
from .test_drain import no_error

Play = Callable[..., House]

NO_FAILBACK = "failback: no\ngroups: {test: {probe: none}}"


def test_who_knows_that_a_port_is_gone_is_not_asked_about_it_again(play: Play) -> None:
    async def story(house: House) -> None:
        insert(house)
        await house.coordination.detach("hme1", ROOT, force=False)
        house.clients.calls.clear()
        house.hardware.refusals[FIRST] = "Input/output error"
        with pytest.raises(RolledBack):
            await house.coordination.detach("slot:1", ROOT, force=False)

    house = play(story, files=FOUR, nics=NICS)
    assert ("undo_remove", "hme0") in house.clients.calls
    assert not [call for call, name in house.clients.calls if name == "hme1"]


def test_button_asks_nobody_about_a_port_that_is_detached(play: Play) -> None:
    async def story(house: House) -> None:
        insert(house, is_powered=True)
        await house.coordination.detach("hme1", ROOT, force=False)
        house.clients.calls.clear()
        drains = Drains(house.stage, no_error)
        drains.hear(SlotNotice("1", NoticeKind.BUTTON))
        await house.daemon.until(lambda: ("pre_remove", "hme0") in house.clients.calls, 0.1)
        await house.hardware.perform(PowerOff("1"))
        while house.coordination.operations():  # noqa: ASYNC110
            await asyncio.sleep(0)

    house = play(story, files=FOUR, nics=NICS)
    assert ("post_remove", "hme0") in house.clients.calls
    assert not [call for call, name in house.clients.calls if name == "hme1"]


def test_detached_port_stays_detached_when_its_card_is_brought_back(play: Play) -> None:
    async def story(house: House) -> None:
        insert(house)
        await house.coordination.detach("hme1", ROOT, force=False)
        before = layout(house)
        house.hardware.refusals[FIRST] = "Input/output error"
        with pytest.raises(RolledBack, match="the previous configuration is restored"):
            await house.coordination.detach("slot:1", ROOT, force=False)
        house.listen()
        assert house.hardware.done.count(SECOND) == 1
        assert state_of(house, "hme1") is InterfaceState.DETACHED
        assert layout(house) == before

    play(story, files=FOUR, nics=NICS)


def test_what_was_detached_before_does_not_call_its_addresses_from_where_they_are(
    play: Play,
) -> None:
    async def story(house: House) -> None:
        house.files.settings = NO_FAILBACK
        await house.coordination.reconfigure()
        await house.coordination.detach("hme0", ROOT, force=False)
        host = next(line.split()[0] for line in layout(house) if " 192.168.85.19/" in line)
        before = layout(house)
        house.hardware.insert("9", "0000:09:00", host)
        house.hardware.refusals[RemoveFunction("0000:09:00.0")] = "Input/output error"
        with pytest.raises(RolledBack, match="the previous configuration is restored"):
            await house.coordination.detach("slot:9", ROOT, force=False)
        house.listen()
        assert layout(house) == before

    play(story, files=FOUR, nics=NICS)


def test_failure_of_a_device_that_was_set_down_to_be_detached_is_void(play: Play) -> None:
    """A kill after the kernel has said that it is down must not keep its addresses away."""

    async def story(house: House) -> None:
        house.files.settings = NO_FAILBACK
        await house.coordination.reconfigure()
        before = layout(house)
        operation = house.store.begin(OperationKind.DETACH, "hme0", "uid 0", interfaces=("hme0",))
        house.store.advance(operation, Step.UNPLUMBING)
        house.daemon.feed(Leave("hme0"))
        house.daemon.feed(Unplumb("hme0"))
        house.listen()
        # As it is remembered of one that was found to be down.
        house.daemon.engine.scene.members["hme0"].was_failed = True
        await recover(house.stage, house.store)()
        await house.daemon.until(lambda: house.daemon.engine.is_restored("hme0"), 5)
        assert layout(house) == before

    play(story, files=FOUR, nics=NICS)


def test_undoing_that_was_interrupted_before_the_device_was_set_up_is_done_again(
    play: Play,
) -> None:
    """It is remembered as plumbed from the moment in which that was decided."""

    async def story(house: House) -> None:
        before = layout(house)
        operation = house.store.begin(OperationKind.DETACH, "hme0", "uid 0", interfaces=("hme0",))
        house.store.advance(operation, Step.UNDOING)
        house.model.set_down("hme0")
        house.listen()
        await recover(house.stage, house.store)()
        await house.daemon.until(lambda: layout(house) == before, 5)
        assert layout(house) == before

    play(story, files=FOUR, nics=NICS)


def test_attach_that_was_killed_before_it_was_remembered_leaves_it_detached(play: Play) -> None:
    async def story(house: House) -> None:
        await house.coordination.detach("hme0", ROOT, force=False)
        before = layout(house)
        house.store.begin(OperationKind.ATTACH, "hme0", "uid 0")
        house.model.set_up("hme0")
        house.listen()
        await recover(house.stage, house.store)()
        house.listen()
        assert state_of(house, "hme0") is InterfaceState.DETACHED
        assert layout(house) == before

    play(story, files=FOUR, nics=NICS)


def test_cancel_does_not_interrupt_a_drain_that_is_being_undone(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rcmd.rcm.operations.power_off.REPLUMB_S", 0.05)

    async def story(house: House) -> None:
        insert(house, is_powered=True)
        house.model.refusals.add(("192.168.85.19", "hme0"))
        drains = Drains(house.stage, no_error)
        drains.hear(SlotNotice("1", NoticeKind.BUTTON))
        await house.daemon.until(lambda: ("pre_remove", "hme0") in house.clients.calls, 0.1)
        drains.hear(SlotNotice("1", NoticeKind.CANCELLED))
        while house.coordination.operations()[0].operation.step is not Step.UNDOING:  # noqa: ASYNC110
            await asyncio.sleep(0)
        (status,) = house.coordination.operations()
        await house.coordination.cancel(status.operation.number, ROOT)

    house = play(story, files=FOUR, nics=NICS)
    assert ("undo_remove", "hme0") in house.clients.calls
    assert house.store.unfinished() == ()


def test_nothing_begins_on_what_is_being_put_right(play: Play) -> None:
    async def story(house: House) -> None:
        insert(house)
        house.store.begin(OperationKind.DETACH, "slot:1", "uid 0", interfaces=("hme0", "hme1"))
        house.clients.let_go = ("slot:1", "hme0")
        rest = recover(house.stage, house.store)
        for name in ("slot:1", "hme0", "hme1"):
            with pytest.raises(Busy, match="what was interrupted is being put right"):
                await house.coordination.detach(name, ROOT, force=False)
        assert house.clients.calls == []
        await rest()
        await house.coordination.detach("hme1", ROOT, force=False)

    house = play(story, files=FOUR, nics=NICS)
    assert house.clients.calls[:2] == [("undo_remove", "hme0"), ("undo_remove", "slot:1")]
