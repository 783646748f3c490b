"""Attach on request: what a detach took is brought back, step by step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from rcmd.errors import Busy, NoSuchResource
from rcmd.model.status import InterfaceState
from rcmd.ports.hardware import (
    AuthorizeUsb,
    HardwareStep,
    PowerOff,
    PowerOn,
    ProbeDriver,
    RemoveFunction,
    RemoveUsb,
    Rescan,
    UnbindDriver,
)
from rcmd.rcm.operations import attach_request

from .house import ROOT, House

Play = Callable[..., House]

FOUR = {
    f"/etc/hostname.hme{n}": f"192.168.85.{19 + n}/24 group test up \\\n"
    f"addif 192.168.85.{119 + n}/24 deprecated -failover up\n"
    for n in range(4)
}
NICS = ("hme0", "hme1", "hme2", "hme3")
CARD = "pci:0000:05:00"
VIRTUAL = "0000:05:10.0"
PLACES = {
    "hme0": f"{CARD}.0",
    "hme1": f"{CARD}.1",
    "hme2": f"pci:{VIRTUAL}",
    "hme3": "usb:1-2",
}


def insert(house: House, *, is_powered: bool | None = None) -> None:
    """hme0 and hme1 on one card, hme2 on a virtual function of it, hme3 on USB."""
    house.hardware.insert("1", "0000:05:00", "hme0", "hme1", is_powered=is_powered)
    house.hardware.make_virtual("0000:05:00.0", VIRTUAL, "hme2")
    # Else it would object to going without force, and it is not what is looked at here.
    house.hardware.makes.clear()
    house.hardware.plug_in("1-2", "hme3")
    for name in PLACES:
        # As the daemon does when it starts.
        house.attacher.know(name)


def state_of(house: House, name: str) -> InterfaceState:
    status = house.coordination.status()
    return next(it.state for it in status.interfaces if it.name == name)


def messages(house: House) -> list[str]:
    return [event.message for event in house.events]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach_request, "APPEAR_S", 0.2)
    monkeypatch.setattr(attach_request, "LOOK_AGAIN_S", 0.05)


@pytest.mark.parametrize(
    ("taken", "asked", "away", "back", "nic"),
    [
        (f"pci:{VIRTUAL}",) * 2 + (UnbindDriver(VIRTUAL), (ProbeDriver(VIRTUAL),), "hme2"),
        (f"pci:{VIRTUAL}", CARD, UnbindDriver(VIRTUAL), None, "hme2"),
        ("usb:1-2", "usb:1-2", RemoveUsb("1-2"), (AuthorizeUsb("1-2"),), "hme3"),
        (f"{CARD}.1", f"{CARD}.1", RemoveFunction("0000:05:00.1"), (Rescan("0000:05"),), "hme1"),
        (f"{CARD}.1", CARD, RemoveFunction("0000:05:00.1"), (Rescan("0000:05"),), "hme1"),
        (f"{CARD}.1", "slot:1", RemoveFunction("0000:05:00.1"), (Rescan("0000:05"),), "hme1"),
        (f"{CARD}.1", "pci:05:00", RemoveFunction("0000:05:00.1"), (Rescan("0000:05"),), "hme1"),
    ],
)
def test_what_was_detached_can_be_attached(
    play: Play,
    taken: str,
    asked: str,
    away: HardwareStep,
    back: tuple[HardwareStep, ...] | None,
    nic: str,
) -> None:
    # behaviours 121, 122
    async def story(house: House) -> None:
        insert(house)
        await house.coordination.detach(taken, ROOT, force=False)
        assert state_of(house, nic) is InterfaceState.DETACHED
        await house.coordination.attach(asked, ROOT)
        expected = back or (Rescan("0000:05"), ProbeDriver(VIRTUAL))
        assert house.hardware.done == [away, *expected]
        assert state_of(house, nic) is InterfaceState.RUNNING

    play(story, files=FOUR, nics=NICS, bus_paths=PLACES)


def test_another_card_that_was_detached_stays_away(play: Play) -> None:
    async def story(house: House) -> None:
        house.hardware.insert("1", "0000:05:00", "hme0")
        house.hardware.insert("2", "0000:06:00", "hme1")
        await house.coordination.detach(CARD, ROOT, force=False)
        await house.coordination.detach("pci:0000:06:00", ROOT, force=False)
        await house.coordination.attach(CARD, ROOT)
        assert state_of(house, "hme0") is InterfaceState.RUNNING
        assert state_of(house, "hme1") is InterfaceState.DETACHED
        assert house.model.named("hme1") is None

    play(story, files=FOUR, nics=NICS, bus_paths=PLACES)


def test_nothing_is_done_where_nothing_is_missing(play: Play) -> None:
    async def story(house: House) -> None:
        insert(house, is_powered=True)
        for name in ("slot:1", CARD, f"{CARD}.0", f"pci:{VIRTUAL}", "usb:1-2", "hme0"):
            await house.coordination.attach(name, ROOT)
        assert house.hardware.done == []

    play(story, files=FOUR, nics=NICS, bus_paths=PLACES)


def test_what_has_no_file_is_left_alone(play: Play) -> None:
    # behaviour 121
    async def story(house: House) -> None:
        house.hardware.insert("1", "0000:05:00", "hme7", is_powered=True)
        await house.hardware.perform(PowerOff("1"))
        await house.coordination.attach("slot:1", ROOT)
        assert house.hardware.done == [PowerOff("1"), PowerOn("1")]
        assert messages(house)[-1] == "hme7: no hostname file: left alone"
        assert "hme7" not in house.daemon.engine.scene.members

    play(story, files=FOUR, nics=(*NICS, "hme7"))


def test_what_does_not_appear_is_told(play: Play, impatient: None) -> None:
    async def story(house: House) -> None:
        insert(house, is_powered=True)
        await house.coordination.detach("slot:1", ROOT, force=True)
        del house.hardware.functions["0000:05:00.1"]
        await house.coordination.attach("slot:1", ROOT)
        assert state_of(house, "hme0") is InterfaceState.RUNNING
        assert "hme1 has not appeared" in messages(house)[-1]
        with pytest.raises(NoSuchResource, match="no interface has appeared"):
            await house.coordination.attach("pci:0000:09:00", ROOT)

    play(story, files=FOUR, nics=NICS, bus_paths=PLACES)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("slot:9", "slot:9: no such resource"),
        ("hme9", "hme9: no such resource"),
        ("usb:1-7", "usb:1-7: no such resource"),
    ],
)
def test_what_never_was_is_told_at_once(play: Play, name: str, reason: str) -> None:
    async def story(house: House) -> None:
        house.hardware.known_obstacles[AuthorizeUsb("1-7")] = "its port has no switch"
        with pytest.raises(NoSuchResource) as caught:
            await house.coordination.attach(name, ROOT)
        assert str(caught.value) == reason

    play(story, files=FOUR, nics=NICS, bus_paths=PLACES)


def test_everything_that_will_appear_is_held(play: Play) -> None:
    # behaviour 103
    async def story(house: House) -> None:
        insert(house)
        await house.coordination.detach(f"{CARD}.1", ROOT, force=False)
        hardware, may_go_on = house.hardware, asyncio.Event()
        perform = hardware.perform

        async def slowly(step: HardwareStep) -> None:
            await may_go_on.wait()
            await perform(step)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(hardware), "perform", lambda _, step: slowly(step))
            attach = asyncio.create_task(house.coordination.attach("pci:05:00.1", ROOT))
            while not house.coordination.operations():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
            for name in (f"{CARD}.1", CARD, "slot:1"):
                with pytest.raises(Busy):
                    await house.coordination.attach(name, ROOT)
            for name in (CARD, "slot:1"):
                with pytest.raises(Busy):
                    await house.coordination.detach(name, ROOT, force=False)
            assert house.stage.operations.holds("hme1")
            assert not house.stage.operations.holds("hme0")
            may_go_on.set()
            await attach
        assert state_of(house, "hme1") is InterfaceState.RUNNING

    play(story, files=FOUR, nics=NICS, bus_paths=PLACES)


def test_a_step_that_has_begun_is_finished_before_a_cancellation(play: Play) -> None:
    async def story(house: House) -> None:
        insert(house)
        await house.coordination.detach(f"{CARD}.1", ROOT, force=False)
        hardware, has_begun, may_go_on = house.hardware, asyncio.Event(), asyncio.Event()
        perform = hardware.perform

        async def slowly(step: HardwareStep) -> None:
            has_begun.set()
            await may_go_on.wait()
            await perform(step)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(hardware), "perform", lambda _, step: slowly(step))
            attach = asyncio.create_task(house.coordination.attach(f"{CARD}.1", ROOT))
            await has_begun.wait()
            attach.cancel()
            await asyncio.sleep(0)
            may_go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await attach
        assert hardware.done[-1] == Rescan("0000:05")

    play(story, files=FOUR, nics=NICS, bus_paths=PLACES)


def test_the_hardware_is_looked_at_only_when_there_is_news(play: Play) -> None:
    """Every address that moves is an event, and a look at real hardware takes milliseconds."""

    async def story(house: House) -> None:
        insert(house)
        await house.coordination.detach("pci:0000:05:00.1", ROOT, force=False)
        attach = asyncio.create_task(house.coordination.attach(f"{CARD}.1", ROOT))
        looks = house.hardware.looks
        while not attach.done():
            house.coordination.operations()
            house.daemon.look_around()
            await asyncio.sleep(0)
        await attach
        assert house.hardware.looks - looks <= 5

    play(story, files=FOUR, nics=NICS, bus_paths=PLACES)
