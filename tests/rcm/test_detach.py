"""The transaction: what it does, and that whatever fails is undone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
from failing_tables import FailingStore

from rcmd.errors import RcmError, RolledBack, Veto
from rcmd.ports.store import Operation, OperationKind, Step
from rcmd.rcm.operations.recovery import recover, tell_undone_by_reboot

from .house import DUAL, HME0, PAIR, ROOT, House, SomeClients

Play = Callable[..., House]


def test_detach_empties_unplumbs_and_records(play: Play) -> None:
    # behaviour 119
    async def story(house: House) -> None:
        plan = await house.coordination.detach("hme0", ROOT, force=False)
        assert next(move.what for move in plan.moves) == "192.168.85.19/24"
        assert house.coordination.operations() == ()

    house = play(story, files=DUAL)
    device = house.model.device("hme0")
    assert (device.link.is_up, dict(device.addresses)) == (False, {})
    layout = [line for line in house.model.layout() if "2001:db8::19" in line]
    assert [line.split()[0] for line in layout] == ["hme1"]
    assert [call for call, _ in house.clients.calls] == [
        "query_remove",
        "pre_remove",
        "post_remove",
    ]
    assert house.store.unfinished() == ()
    assert house.devices.restored == [{"net/ipv4/conf/hme0/arp_ignore": "0"}]
    assert house.kinds()[-1] == "detach"


def test_clients_are_told_only_what_no_crash_can_take_back(play: Play) -> None:
    async def story(house: House) -> None:
        unfinished: list[int] = []

        class Telling(SomeClients):
            async def post_remove(self, _: str) -> None:
                unfinished.append(len(house.store.unfinished()))

        house.coordination.stage = replace(house.stage, clients=Telling())
        await house.coordination.detach("hme0", ROOT, force=False)
        assert unfinished == [0]

    play(story)


def fail_at_the_kernel(house: House) -> str:
    house.model.refusals.add(("2001:db8::19", "hme1"))
    return "the kernel refused 2001:db8::19/64 on hme1: Operation not permitted"


def fail_at_a_client(house: House) -> str:
    house.clients.vetoes["pre_remove"] = Veto("hme0", "backup", "a tape is in the drive")
    return "backup: a tape is in the drive"


@pytest.mark.parametrize("fail", [fail_at_the_kernel, fail_at_a_client])
def test_failed_step_is_undone(play: Play, fail: Callable[[House], str]) -> None:
    # behaviour 120
    async def story(house: House) -> None:
        before = house.model.layout()
        reason = fail(house)
        with pytest.raises(RolledBack) as caught:
            await house.coordination.detach("hme0", ROOT, force=False)
        assert reason in str(caught.value)
        assert str(caught.value).endswith("\nthe previous configuration is restored")
        house.listen()
        assert house.model.layout() == before

    house = play(story, files=DUAL)
    assert house.clients.calls[-1] == ("undo_remove", "hme0")
    assert house.store.unfinished() == ()
    assert "detach-undone" in house.kinds()


@pytest.mark.parametrize("step", [Step.LEAVING, Step.UNPLUMBING, Step.DONE])
def test_step_that_cannot_be_recorded_is_not_taken(play: Play, step: Step) -> None:
    async def story(house: House) -> None:
        before = house.model.layout()
        assert isinstance(house.store, FailingStore)
        house.store.refuse(step)
        with pytest.raises(RolledBack, match="the disk is full"):
            await house.coordination.detach("hme0", ROOT, force=False)
        house.listen()
        assert house.model.layout() == before
        assert ("post_remove", "hme0") not in house.clients.calls

    play(story, files=DUAL, store=FailingStore())


def test_undo_goes_on_when_it_cannot_be_recorded(play: Play) -> None:
    async def story(house: House) -> None:
        assert isinstance(house.store, FailingStore)
        house.store.refuse(Step.UNDOING)
        house.clients.vetoes["pre_remove"] = Veto("hme0", "backup", "no")
        with pytest.raises(RolledBack):
            await house.coordination.detach("hme0", ROOT, force=False)

    house = play(story, store=FailingStore())
    assert house.clients.calls[-1] == ("undo_remove", "hme0")
    assert house.store.unfinished() == ()


def test_cancelled_detach_is_undone(play: Play) -> None:
    async def story(house: House) -> None:
        before = house.model.layout()
        house.clients.is_asked.clear()
        house.clients.may_answer.clear()
        detach = asyncio.create_task(house.coordination.detach("hme0", ROOT, force=True))
        await house.clients.is_asked.wait()
        detach.cancel()
        with pytest.raises(asyncio.CancelledError):
            await detach
        assert house.model.layout() == before
        assert house.store.unfinished() == ()
        house.clients.may_answer.set()
        await house.coordination.detach("hme0", ROOT, force=False)

    play(story)


def test_forced_detach_of_the_last_one_takes_its_addresses_along(play: Play) -> None:
    # behaviour 126
    async def story(house: House) -> None:
        house.model.set_cable("hme1", False)
        house.listen()
        await house.coordination.detach("hme0", ROOT, force=True)

    house = play(story)
    assert [line for line in house.model.layout() if "192.168.85.19" in line] == []
    assert [line for line in house.model.layout() if "192.168.85.22" in line]


@pytest.mark.parametrize("step", [Step.ASKING, Step.LEAVING, Step.UNPLUMBING, Step.UNDOING])
def test_recover_undoes_whatever_was_under_way(play: Play, step: Step) -> None:
    # behaviour 105
    async def story(house: House) -> None:
        before = house.model.layout()
        operation = house.store.begin(OperationKind.DETACH, "hme0", "uid 0", interfaces=("hme0",))
        house.store.advance(operation, step)
        await recover(house.stage, house.store)()
        house.listen()
        assert house.model.layout() == before

    house = play(story)
    assert house.store.unfinished() == ()
    outcome = {Step.ASKING: "nothing had been changed"}.get(
        step, "the previous configuration is being restored"
    )
    assert house.events[-1].message == f"an interrupted detach of hme0 was undone; {outcome}"


def test_recover_leaves_alone_what_was_only_begun(play: Play) -> None:
    async def story(house: House) -> None:
        await house.coordination.offline("hme0", ROOT)
        before = house.model.layout()
        house.store.begin(OperationKind.DETACH, "hme0", "uid 0", is_forced=True)
        await recover(house.stage, house.store)()
        house.listen()
        assert house.model.layout() == before

    play(story)


def test_what_the_reboot_undid_is_told(play: Play) -> None:
    async def story(house: House) -> None:
        operation = Operation(1, OperationKind.DETACH, "hme0", "uid 0", Step.UNDONE, 0)
        tell_undone_by_reboot(house.daemon, [operation])

    assert play(story).events[-1].message == (
        "a detach of hme0 was under way when the machine went down; it was undone by the reboot"
    )


def test_recover_forgets_an_interface_that_is_no_more(play: Play) -> None:
    async def story(house: House) -> None:
        house.store.begin(OperationKind.DETACH, "gone0", "uid 0", is_forced=False)
        await recover(house.stage, house.store)()

    assert play(story).store.unfinished() == ()


def test_device_that_will_not_go_down_rolls_back(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rcmd.rcm.operations.detach.SETTLE_S", 0.05)

    async def story(house: House) -> None:
        before = house.model.layout()
        house.devices.refusal = "down: Device or resource busy"
        with pytest.raises(RcmError, match="hme0 could not be unplumbed"):
            await house.coordination.detach("hme0", ROOT, force=False)
        house.devices.refusal = ""
        house.listen()
        assert house.model.layout() == before

    play(story)


def test_undo_that_takes_its_time_does_not_claim_to_be_over(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rcmd.rcm.operations.detach.SETTLE_S", 0.05)
    monkeypatch.setattr("rcmd.rcm.operations.detach.REPLUMB_S", 0.05)

    async def story(house: House) -> None:
        house.devices.refusal = "down: Device or resource busy"
        house.model.refusals.add(("192.168.85.19", "hme0"))
        with pytest.raises(RolledBack) as caught:
            await house.coordination.detach("hme0", ROOT, force=False)
        assert str(caught.value).endswith(
            "\nthe previous configuration is being restored; not everything is back yet"
        )

    house = play(story)
    assert "not everything is back yet" in house.events[-1].message


WITH_STANDBY = {
    **PAIR,
    "/etc/hostname.hme0": HME0 + "addif 192.168.85.23/24 up\n",
    "/etc/hostname.hme2": "192.168.85.31/24 deprecated group test -failover standby up\n",
}


def test_undone_detach_gives_guests_their_numbers_again(play: Play) -> None:
    # behaviour 120
    async def story(house: House) -> None:
        assert isinstance(house.store, FailingStore)
        house.model.set_cable("hme0", has_cable=False)
        house.listen()
        device = house.model.device("hme2")
        (first,) = (it for it in device.addresses.values() if it.label == "hme2:1")
        house.model.remove_by_hand(first)
        house.listen()
        before = house.model.layout()
        assert any("192.168.85.23/24 hme2:2" in line for line in before)
        house.store.refuse(Step.UNPLUMBING)
        with pytest.raises(RolledBack):
            await house.coordination.detach("hme2", ROOT, force=False)
        house.listen()
        assert house.model.layout() == before

    store = FailingStore()
    play(story, files=WITH_STANDBY, nics=("hme0", "hme1", "hme2"), store=store)
