"""What is in our care and stacked on what goes leaves with it, and first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from rcmd.errors import Vetoed
from rcmd.ipmp.state.member import Intent
from rcmd.model.status import InterfaceState
from rcmd.ports.store import OperationKind, Step
from rcmd.rcm.operations.recovery import recover
from rcmd.rcm.operations.slot_notice import NoticeKind, SlotNotice

from .house import HME0, HME1, ROOT, House
from .test_drain import begun, drains_of, finished

Play = Callable[..., House]

FILES = {
    "/etc/hostname.hme0": HME0,
    "/etc/hostname.hme1": HME1,
    "/etc/hostname.mv0": "10.0.0.1/24 group upper up\n",
    "/etc/hostname.mv1": "10.0.0.2/24 group upper up\n",
}
NICS = ("hme0", "hme1", "mv0", "mv1", "plain0")
CARD = "pci:0000:05:00"


def stack(house: House, upper: str, lower: str, kind: str = "macvlan") -> None:
    device = house.model.device(upper)
    below = house.model.device(lower).link.ifindex
    device.link = replace(device.link, lower=below, kind=kind)
    house.daemon.look_around()


def enslave(house: House, port: str, master: str) -> None:
    device, bond = house.model.device(port), house.model.device(master)
    device.link = replace(device.link, master=bond.link.ifindex)
    bond.link = replace(bond.link, kind="bond")
    house.daemon.look_around()


def state_of(house: House, name: str) -> InterfaceState:
    return next(it.state for it in house.coordination.status().interfaces if it.name == name)


def hosts(house: House, address: str) -> list[str]:
    return house.model.hosts(ip_address(address))


def test_a_member_on_top_of_it_leaves_with_it_and_comes_back_with_it(play: Play) -> None:
    async def story(house: House) -> None:
        stack(house, "mv0", "hme0")
        before = house.model.layout()
        plan = await house.coordination.query_detach("hme0", force=False)
        assert (plan.vetoes, plan.warnings) == ((), ())
        done = await house.coordination.detach("hme0", ROOT, force=False)
        assert done.moves == plan.moves
        places = {it.what: (it.source, it.destination) for it in done.moves}
        assert places["10.0.0.1/24"] == ("mv0", "mv1")
        assert places["192.168.85.19/24"] == ("hme0", "hme1")
        assert state_of(house, "mv0") is state_of(house, "hme0") is InterfaceState.DETACHED
        asked = [name for call, name in house.clients.calls if call == "query_remove"]
        assert asked[-2:] == ["hme0", "mv0"]
        await house.coordination.attach("hme0", ROOT)
        house.listen()
        assert house.model.layout() == before

    play(story, files=FILES, nics=NICS)


def test_one_without_a_sibling_is_refused_and_named_by_force(play: Play) -> None:
    async def story(house: House) -> None:
        stack(house, "mv0", "hme0")
        house.model.set_cable("mv1", has_cable=False)
        house.listen()
        with pytest.raises(Vetoed) as caught:
            await house.coordination.detach("hme0", ROOT, force=False)
        (veto,) = caught.value.vetoes
        assert str(veto) == "mv0: redundancy: it is the only functioning interface of group upper"
        plan = await house.coordination.query_detach("hme0", force=True)
        done = await house.coordination.detach("hme0", ROOT, force=True)
        assert done.moves == plan.moves
        assert {it.what: it.destination for it in done.moves}["10.0.0.1/24"] is None

    play(story, files=FILES, nics=NICS)


def test_both_ends_of_a_group_on_one_interface_are_judged_together(play: Play) -> None:
    async def story(house: House) -> None:
        for name in ("mv0", "mv1"):
            stack(house, name, "hme0")
        with pytest.raises(Vetoed, match="mv1: redundancy: it is the only functioning"):
            await house.coordination.detach("hme0", ROOT, force=False)

    play(story, files=FILES, nics=NICS)


def test_what_only_carries_is_no_obstacle_and_a_stranger_is(play: Play) -> None:
    async def story(house: House) -> None:
        stack(house, "plain0", "hme0")
        with pytest.raises(Vetoed, match=r"stacking: in use by plain0 \(macvlan\)"):
            await house.coordination.detach("hme0", ROOT, force=False)
        stack(house, "mv0", "plain0", "vlan")
        await house.coordination.detach("hme0", ROOT, force=False)
        assert hosts(house, "10.0.0.1") == ["mv1"]
        assert state_of(house, "mv0") is InterfaceState.DETACHED

    play(story, files=FILES, nics=NICS)


def test_a_card_takes_along_what_is_stacked_on_it(play: Play) -> None:
    async def story(house: House) -> None:
        stack(house, "mv0", "hme0")
        house.hardware.insert("1", "0000:05:00", "hme0")
        plan = await house.coordination.query_detach(CARD, force=False)
        assert plan.vetoes == ()
        (warning,) = plan.warnings
        assert warning == "mv0 is stacked on it and vanishes with it; rcmd does not make it again"
        await house.coordination.detach(CARD, ROOT, force=False)
        assert hosts(house, "10.0.0.1") == ["mv1"]
        assert state_of(house, "mv0") is InterfaceState.DETACHED

    play(story, files=FILES, nics=NICS)


def test_a_bond_whose_only_port_goes_is_emptied_and_not_given_up(play: Play) -> None:
    async def story(house: House) -> None:
        enslave(house, "plain0", "mv0")
        house.hardware.insert("1", "0000:05:00", "plain0")
        plan = await house.coordination.query_detach(CARD, force=False)
        assert plan.vetoes == ()
        places = {it.what: (it.source, it.destination) for it in plan.moves}
        assert places["10.0.0.1/24"] == ("mv0", "mv1")
        house.model.set_cable("mv0", has_cable=False)
        # As it does when it has no port any more.
        done = await house.coordination.detach(CARD, ROOT, force=False)
        assert (hosts(house, "10.0.0.1"), done.vetoes) == (["mv1"], ())
        member = house.daemon.engine.scene.members["mv0"]
        assert member.intent is Intent.IN
        house.model.set_cable("mv0", has_cable=True)
        house.listen()
        assert hosts(house, "10.0.0.1") == ["mv0"]

    play(story, files=FILES, nics=NICS)


def test_a_bond_with_another_port_only_loses_one(play: Play) -> None:
    async def story(house: House) -> None:
        enslave(house, "plain0", "mv0")
        enslave(house, "hme1", "mv0")
        house.hardware.insert("1", "0000:05:00", "plain0")
        with pytest.raises(Vetoed, match="in use by mv0 "):
            await house.coordination.detach(CARD, ROOT, force=False)
        await house.coordination.detach(CARD, ROOT, force=True)
        assert hosts(house, "10.0.0.1") == ["mv0"]

    play(story, files=FILES, nics=NICS)


def test_before_the_power_goes_it_is_emptied_too(play: Play) -> None:
    async def story(house: House) -> None:
        stack(house, "mv0", "hme0")
        house.hardware.insert("1", "0000:05:00", "hme0", is_powered=True)
        drains = drains_of(house)
        before = house.model.layout()
        drains.hear(SlotNotice("1", NoticeKind.BUTTON))
        await begun(house)
        assert hosts(house, "10.0.0.1") == ["mv1"]
        drains.hear(SlotNotice("1", NoticeKind.CANCELLED))
        await finished(house)
        house.listen()
        assert house.model.layout() == before

    play(story, files=FILES, nics=NICS)


@pytest.mark.parametrize("step", [Step.LEAVING, Step.UNPLUMBING])
def test_what_was_interrupted_is_undone_for_all_of_them(play: Play, step: Step) -> None:
    # behaviour 105
    async def story(house: House) -> None:
        stack(house, "mv0", "hme0")
        before = house.model.layout()
        names = ("hme0", "mv0")
        operation = house.store.begin(OperationKind.DETACH, "hme0", "uid 0", interfaces=names)
        house.store.advance(operation, step)
        await recover(house.stage, house.store)()
        house.listen()
        assert house.model.layout() == before

    play(story, files=FILES, nics=NICS)
