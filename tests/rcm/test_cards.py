"""Whole cards: they go or stay as one, and what failed half-way is put back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from rcmd.errors import Busy, NoSuchResource, RolledBack, Veto, Vetoed
from rcmd.model.status import InterfaceState
from rcmd.ports.hardware import (
    PciFunction,
    PowerOff,
    PowerOn,
    RemoveFunction,
    Rescan,
    SetVirtualFunctions,
)
from rcmd.ports.sockets import BoundSocket, Session, SocketProtocol
from rcmd.ports.store import OperationKind, Step
from rcmd.rcm.operations.recovery import recover

from .house import ROOT, House

Play = Callable[..., House]

FOUR = {
    f"/etc/hostname.hme{n}": f"192.168.85.{19 + n}/24 group test up \\\n"
    f"addif 192.168.85.{119 + n}/24 deprecated -failover up\n"
    for n in range(4)
}
NICS = ("hme0", "hme1", "hme2", "hme3")
CARD = "pci:0000:05:00"
FIRST, SECOND = RemoveFunction("0000:05:00.0"), RemoveFunction("0000:05:00.1")


def insert(house: House, *, is_powered: bool | None = None) -> None:
    house.hardware.insert("1", "0000:05:00", "hme0", "hme1", is_powered=is_powered)
    house.hardware.insert("2", "0000:06:00", "hme2", "hme3", is_powered=is_powered)


def state_of(house: House, name: str) -> InterfaceState:
    status = house.coordination.status()
    return next(it.state for it in status.interfaces if it.name == name)


def layout(house: House) -> list[str]:
    return [line for line in house.model.layout() if "fe80::" not in line]


def test_both_ports_go_together(play: Play) -> None:
    # behaviours 102, 119
    async def story(house: House) -> None:
        insert(house)
        plan = await house.coordination.detach(CARD, ROOT, force=False)
        assert {move.source for move in plan.moves} == {"hme0", "hme1"}
        assert house.hardware.done == [SECOND, FIRST]
        asked = [name for call, name in house.clients.calls if call == "pre_remove"]
        assert asked == [CARD, f"{CARD}.0", "hme0", f"{CARD}.1", "hme1"]

    house = play(story, files=FOUR, nics=NICS)
    assert state_of(house, "hme0") is state_of(house, "hme1") is InterfaceState.DETACHED
    assert [it.problem for it in house.coordination.status().interfaces] == [""] * 4
    assert house.model.named("hme0") is None
    hosts = [line.split()[0] for line in layout(house) if "192.168.85.19/" in line]
    assert set(hosts) <= {"hme2", "hme3"}
    assert len(hosts) == 1


def test_card_is_judged_with_all_its_ports_gone(play: Play) -> None:
    # behaviour 118
    async def story(house: House) -> None:
        house.hardware.insert("1", "0000:05:00", "hme0", "hme1")
        before = layout(house)
        with pytest.raises(Vetoed) as caught:
            await house.coordination.detach("slot:1", ROOT, force=False)
        reason = "redundancy: it is the only functioning interface of group test"
        assert str(caught.value) == f"hme0: {reason}\nhme1: {reason}"
        assert layout(house) == before
        assert house.hardware.done == []

    play(story)


@pytest.mark.parametrize("failing", [FIRST, SECOND])
def test_second_port_that_fails_brings_the_first_back(play: Play, failing: RemoveFunction) -> None:
    # behaviours 120, 123
    async def story(house: House) -> None:
        insert(house)
        before = layout(house)
        house.hardware.refusals[failing] = f"{failing.address}: Input/output error"
        with pytest.raises(RolledBack) as caught:
            await house.coordination.detach(CARD, ROOT, force=False)
        assert str(caught.value) == (
            f"detach of {CARD} failed: {failing.address}: Input/output error\n"
            "the previous configuration is restored"
        )
        house.listen()
        assert layout(house) == before
        assert house.hardware.done[-1] == (Rescan("0000:05") if failing == FIRST else SECOND)

    house = play(story, files=FOUR, nics=NICS)
    assert state_of(house, "hme0") is state_of(house, "hme1") is InterfaceState.RUNNING
    undone = [name for call, name in house.clients.calls if call == "undo_remove"]
    assert undone == ["hme1", f"{CARD}.1", "hme0", f"{CARD}.0", CARD]
    assert "reattach" not in house.kinds()


def test_second_port_that_refuses_keeps_the_card(play: Play) -> None:
    async def story(house: House) -> None:
        insert(house)
        before = layout(house)
        house.clients.vetoes["pre_remove"] = Veto("hme1", "backup", "a tape is in the drive")
        with pytest.raises(RolledBack, match="a tape is in the drive"):
            await house.coordination.detach("slot:1", ROOT, force=False)
        house.listen()
        assert layout(house) == before
        undone = [name for call, name in house.clients.calls if call == "undo_remove"]
        assert undone == ["hme1", f"{CARD}.1", "hme0", f"{CARD}.0", CARD, "slot:1"]

    play(story, files=FOUR, nics=NICS)


def test_slot_is_switched_off_and_on_again(play: Play) -> None:
    # behaviours 121, 122
    async def story(house: House) -> None:
        insert(house, is_powered=True)
        before = layout(house)
        await house.coordination.detach("slot:1", ROOT, force=False)
        assert house.hardware.done == [PowerOff("1")]
        with pytest.raises(NoSuchResource, match=r"hme0: there is no such device"):
            await house.coordination.attach("hme0", ROOT)
        await house.coordination.attach("slot:1", ROOT)
        assert house.hardware.done == [PowerOff("1"), PowerOn("1")]
        await house.daemon.until(lambda: layout(house) == before, 5)
        assert layout(house) == before

    house = play(story, files=FOUR, nics=NICS)
    assert house.store.unfinished() == ()


def test_removed_device_is_looked_for(play: Play) -> None:
    async def story(house: House) -> None:
        insert(house)
        await house.coordination.detach(f"{CARD}.0", ROOT, force=False)
        assert state_of(house, "hme1") is InterfaceState.RUNNING
        await house.coordination.attach(f"{CARD}.0", ROOT)
        assert house.hardware.done == [FIRST, Rescan("0000:05")]
        assert state_of(house, "hme0") is InterfaceState.RUNNING
        with pytest.raises(NoSuchResource):
            await house.coordination.attach("slot:9", ROOT)

    play(story, files=FOUR, nics=NICS)


def test_overlapping_requests_are_busy_at_once(play: Play) -> None:
    # behaviour 103
    async def story(house: House) -> None:
        insert(house)
        house.clients.may_answer.clear()
        first = asyncio.create_task(house.coordination.detach("slot:1", ROOT, force=False))
        await house.clients.is_asked.wait()
        for name in ("slot:1", CARD, f"{CARD}.1", "hme1"):
            with pytest.raises(Busy, match=r"a detach.* is under way"):
                await house.coordination.detach(name, ROOT, force=False)
        with pytest.raises(Busy):
            await house.coordination.offline("hme0", ROOT)
        (status,) = house.coordination.operations()
        assert (status.operation.resource, status.operation.step) == ("slot:1", Step.ASKING)
        assert status.waiting_for == ("a client",)
        other = asyncio.create_task(
            house.coordination.detach("pci:0000:06:00.0", ROOT, force=False)
        )
        house.clients.may_answer.set()
        await first
        await other

    house = play(story, files=FOUR, nics=NICS)
    assert house.coordination.operations() == ()


@pytest.mark.parametrize("is_asking", [True, False])
def test_cancelled_operation_is_undone(play: Play, is_asking: bool) -> None:
    # behaviour 105
    async def story(house: House) -> None:
        insert(house)
        before = layout(house)
        if is_asking:
            house.clients.may_answer.clear()
        else:
            house.clients.stops_at = "pre_remove"
        detach = asyncio.create_task(house.coordination.detach("slot:1", ROOT, force=False))
        await house.clients.is_stopped.wait()
        (status,) = house.coordination.operations()
        await house.coordination.cancel(status.operation.number, ROOT)
        with pytest.raises(RolledBack, match="cancelled by uid 0, pid 1"):
            await detach
        house.listen()
        assert layout(house) == before
        with pytest.raises(NoSuchResource):
            await house.coordination.cancel(status.operation.number, ROOT)

    house = play(story, files=FOUR, nics=NICS)
    assert house.store.unfinished() == ()
    assert house.hardware.done == []


def test_what_else_is_on_the_card_objects(play: Play) -> None:
    async def story(house: House) -> None:
        insert(house)
        functions = house.hardware.functions
        functions["0000:05:00.2"] = PciFunction("0000:05:00.2", "nvme", 0x010802)
        virtual = PciFunction("0000:05:10.0", "vfio-pci", 0x020000, physical="0000:05:00.0")
        functions[virtual.address] = virtual
        plan = await house.coordination.query_detach("slot:1", force=False)
        assert [str(veto) for veto in plan.vetoes] == [
            "pci:0000:05:10.0: functions: its interface is not in this network namespace:"
            " vfio-pci uses it",
            "pci:0000:05:00.2: card: no NIC, and its driver nvme may be in use",
        ]
        forced = await house.coordination.query_detach("slot:1", force=True)
        assert forced.vetoes == ()
        assert "pci:0000:05:00.2: no NIC, and its driver nvme may be in use" in forced.warnings

    play(story, files=FOUR, nics=NICS)


@pytest.mark.parametrize("name", [CARD, f"{CARD}.1", "slot:1"])
@pytest.mark.parametrize(
    ("driver", "where"), [("vfio-pci", "vfio-pci uses it"), ("mlx5_core", "it was moved away")]
)
def test_a_function_that_a_guest_or_another_namespace_uses_objects(
    play: Play, name: str, driver: str, where: str
) -> None:
    async def story(house: House) -> None:
        insert(house)
        other = PciFunction(f"{CARD.removeprefix('pci:')}.1", driver, 0x020000)
        house.hardware.functions[other.address] = other
        with pytest.raises(Vetoed) as caught:
            await house.coordination.detach(name, ROOT, force=False)
        assert str(caught.value) == (
            f"{CARD}.1: functions: its interface is not in this network namespace: {where}"
        )
        assert house.hardware.done == []
        forced = await house.coordination.query_detach(name, force=True)
        assert forced.vetoes == ()
        assert any(where in text for text in forced.warnings)

    play(story, files=FOUR, nics=NICS)


def test_a_virtual_function_that_a_guest_uses_objects_when_asked_for_itself(play: Play) -> None:
    async def story(house: House) -> None:
        insert(house)
        virtual = PciFunction("0000:05:10.0", "vfio-pci", 0x020000, physical="0000:05:00.0")
        house.hardware.functions[virtual.address] = virtual
        plan = await house.coordination.query_detach("pci:0000:05:10.0", force=False)
        assert [(veto.resource, veto.client) for veto in plan.vetoes] == [
            ("pci:0000:05:10.0", "functions")
        ]
        unused = PciFunction("0000:05:10.0", "", 0x020000, physical="0000:05:00.0")
        house.hardware.functions[unused.address] = unused
        plan = await house.coordination.query_detach(CARD, force=False)
        assert plan.vetoes == ()

    play(story, files=FOUR, nics=NICS)


def with_virtual(house: House) -> None:
    """A card with hme0 on its physical function, and hme1 on a virtual one of that."""
    house.hardware.insert("1", "0000:05:00", "hme0")
    house.hardware.make_virtual("0000:05:00.0", "0000:05:10.0", "hme1")
    house.hardware.insert("2", "0000:06:00", "hme2", "hme3")


def test_virtual_functions_that_would_be_lost_object(play: Play) -> None:
    async def story(house: House) -> None:
        with_virtual(house)
        (veto,) = (await house.coordination.query_detach(CARD, force=False)).vetoes
        assert str(veto).startswith(f"{CARD}.0: functions: its virtual function goes with it; MAC")
        house.hardware.makes.clear()
        assert (await house.coordination.query_detach(CARD, force=False)).vetoes == ()

    play(story, files=FOUR, nics=NICS)


@pytest.mark.parametrize("name", [CARD, f"{CARD}.0", "slot:1"])
def test_virtual_functions_are_made_again_when_the_card_stays(play: Play, name: str) -> None:
    async def story(house: House) -> None:
        with_virtual(house)
        before = layout(house)
        house.hardware.fails_after.add(FIRST)
        with pytest.raises(RolledBack):
            await house.coordination.detach(name, ROOT, force=True)
        house.listen()
        assert house.hardware.done == [
            FIRST,
            Rescan("0000:05"),
            SetVirtualFunctions("0000:05:00.0", 1),
        ]
        assert layout(house) == before

    play(story, files=FOUR, nics=NICS)


def test_those_without_a_say_are_told_of(play: Play) -> None:
    async def story(house: House) -> None:
        insert(house)
        index = house.model.device("hme0").link.ifindex
        udp = BoundSocket(index, SocketProtocol.UDP, "0.0.0.0:5353", 110, 1)
        house.sockets = (udp,)
        data = next(it for it in house.coordination.status().addresses if it.home == "hme0")
        other = next(it for it in house.coordination.status().addresses if it.home == "hme3")
        session = Session(data.address.ip, other.address.ip)
        plan = await house.coordination.query_detach("slot:1", force=False, session=session)
        assert plan.vetoes == ()
        assert plan.warnings[0].startswith("hme0: udp 0.0.0.0:5353 (uid 110) is bound")
        assert plan.warnings[1].startswith("your own session from")
        assert "moves to hme" in plan.warnings[1]

    play(story, files=FOUR, nics=NICS)


@pytest.mark.parametrize("step", [step for step in Step if step not in (Step.DONE, Step.UNDONE)])
@pytest.mark.parametrize("is_gone", ["nothing", "one port", "everything"])
def test_every_recorded_step_is_recovered_from(play: Play, step: Step, is_gone: str) -> None:
    # behaviour 105
    async def story(house: House) -> None:
        insert(house)
        before = layout(house)
        operation = house.store.begin(
            OperationKind.DETACH, CARD, "uid 0", interfaces=("hme0", "hme1")
        )
        operation = house.store.advance(operation, step)
        if step not in (Step.ASKING, Step.REFUSED):
            house.clients.let_go = (CARD, f"{CARD}.0", "hme0")
        gone = {"nothing": (), "one port": (SECOND,), "everything": (SECOND, FIRST)}[is_gone]
        for removal in gone:
            await house.hardware.perform(removal)
        await recover(house.stage, house.store)()
        for name in NICS:
            link = house.daemon.engine.scene.view.link_named(name)
            if link:
                house.take(link)
        house.listen()
        assert house.store.unfinished() == ()
        if step is Step.REMOVING and is_gone == "everything":
            assert state_of(house, "hme0") is InterfaceState.DETACHED
            assert ("post_remove", CARD) in house.clients.calls
        elif is_gone == "nothing" or step in (Step.REMOVING, Step.UNDOING):
            assert layout(house) == before
            told = step not in (Step.ASKING, Step.REFUSED)
            assert (("undo_remove", CARD) in house.clients.calls) is told

    play(story, files=FOUR, nics=NICS)
