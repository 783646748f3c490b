"""What a detach does is what its plan says; where that cannot be, it is undone, or told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import TypeVar

import pytest

from rcmd.errors import RolledBack, Veto, Vetoed
from rcmd.model.network import KernelAddress, Route
from rcmd.ports.pinned_routes import Anchored, Tie
from rcmd.ports.plan import DetachPlan, Fate, PlannedMove
from rcmd.rcm.operations import foresight

from .house import DUAL, PAIR, ROOT, House, SomeClients

Play = Callable[..., House]
Result = TypeVar("Result")


@dataclass
class Waiting(SomeClients):
    """Takes its time to let go."""

    is_told: asyncio.Event = field(default_factory=asyncio.Event)
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def pre_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        self.is_told.set()
        await self.may_go_on.wait()
        return await super().pre_remove(resource, force=force)


def waiting(house: House) -> Waiting:
    clients = Waiting()
    house.clients = clients
    house.coordination.stage = replace(house.stage, clients=clients)
    return clients


def add(house: House, name: str, *things: KernelAddress | Route) -> None:
    ifindex = house.model.device(name).link.ifindex
    for thing in things:
        house.model.add_by_hand(replace(thing, ifindex=ifindex))
    house.listen()


def route(destination: str, gateway: str | None = None, **more: int) -> Route:
    via = ip_address(gateway) if gateway else None
    return Route(0, ip_network(destination), via, **more)  # type: ignore[arg-type]


PASSING = KernelAddress(0, ip_interface("10.66.0.5/24"), valid_s=3600, preferred_s=3600)
BEHIND = route("10.77.0.0/16", "10.66.0.1")


def by_name(plan: DetachPlan) -> dict[str, PlannedMove]:
    assert len({it.what for it in plan.moves}) == len(plan.moves)
    return {it.what: it for it in plan.moves}


async def plan_and_force(house: House, name: str) -> dict[str, PlannedMove]:
    """What force does; that it was planned so, and is quickly done."""
    plan = await house.coordination.query_detach(name, force=True)
    async with asyncio.timeout(5):
        done = await house.coordination.detach(name, ROOT, force=True)
    assert done.moves == plan.moves
    return by_name(done)


def test_a_route_that_cannot_be_made_is_refused_and_forced_at_once(play: Play) -> None:
    async def story(house: House) -> None:
        add(house, "hme0", PASSING, BEHIND)
        before = house.model.layout()
        with pytest.raises(Vetoed, match=r"takes its routes: 10\.77\.0\.0/16 via 10\.66\.0\.1"):
            await house.coordination.detach("hme0", ROOT, force=False)
        with pytest.raises(Vetoed, match="takes its routes"):
            await house.coordination.offline("hme0", ROOT)
        assert house.model.layout() == before
        done = await plan_and_force(house, "hme0")
        lost = {what for what, it in done.items() if it.fate is Fate.LOST}
        assert lost == {"192.168.85.21/32", "10.66.0.5/24", "10.77.0.0/16 via 10.66.0.1"}
        assert "is finite" in done["10.66.0.5/24"].reason
        assert "Network is unreachable" in done["10.77.0.0/16 via 10.66.0.1"].reason

    house = play(story)
    assert not [it for it in house.model.layout() if "10.66." in it or "10.77." in it]


def test_what_the_kernel_refuses_against_expectation_is_told_with_force(play: Play) -> None:
    async def story(house: House) -> None:
        add(house, "hme0", route("10.9.0.0/16", "192.168.85.1"))
        house.model.refusals.add(("10.9.0.0/16", "hme1"))
        plan = await house.coordination.query_detach("hme0", force=False)
        assert by_name(plan)["10.9.0.0/16 via 192.168.85.1"].destination == "hme1"
        before = house.model.layout()
        with pytest.raises(RolledBack, match=r"the kernel refused 10\.9\.0\.0/16 on hme1"):
            await house.coordination.detach("hme0", ROOT, force=False)
        house.listen()
        assert house.model.layout() == before
        house.daemon.look_around()
        async with asyncio.timeout(5):
            done = await house.coordination.detach("hme0", ROOT, force=True)
        assert by_name(done)["10.9.0.0/16 via 192.168.85.1"].fate is Fate.LOST
        (warning,) = [it for it in done.warnings if "10.9.0.0/16" in it]
        assert "could not be moved off hme0: the kernel refused" in warning

    play(story)


def test_twins_are_named_once(play: Play) -> None:
    async def story(house: House) -> None:
        default = route("0.0.0.0/0", "192.168.85.1")
        add(house, "hme0", default, replace(default, priority=7))
        add(house, "hme1", default)
        done = by_name(await house.coordination.detach("hme0", ROOT, force=False))
        for what in ("default via 192.168.85.1", "default via 192.168.85.1 metric 7"):
            assert (done[what].source, done[what].destination) == ("hme0", "hme1")

    play(story)


def test_an_address_waits_at_its_dead_home_for_the_cable(play: Play) -> None:
    # behaviour 126
    async def story(house: House) -> None:
        for name in ("hme0", "hme1"):
            house.model.set_cable(name, has_cable=False)
            house.listen()
        done = await plan_and_force(house, "hme1")
        assert done["192.168.85.19/24"].destination == "hme0"
        assert done["192.168.85.20/24"].fate is Fate.LOST
        assert done["192.168.85.20/24"].reason == "no other interface can take it"
        assert house.model.hosts(ip_address("192.168.85.19")) == ["hme0"]
        (told,) = [it.message for it in house.events if it.kind == "failback"]
        assert told == "Failed back to NIC hme0, which cannot serve now"
        (gone,) = [it for it in house.coordination.status().interfaces if it.name == "hme1"]
        assert (str(gone.state), gone.flags) == ("detached", ())

    play(story)


def test_what_only_the_tables_of_the_kernel_tell_is_in_the_plan(play: Play) -> None:
    async def story(house: House) -> None:
        hme0, hme1 = (house.model.device(it).link.ifindex for it in ("hme0", "hme1"))
        prefix = ip_network("192.168.85.0/24")
        tied = (
            Anchored(hme0, "192.168.85.0/24", Tie.KERNELS_OWN, network=prefix),
            Anchored(hme0, "10.1.0.0/16", Tie.SEVERAL_HOPS, others=(hme1,)),
            Anchored(hme0, "10.2.0.0/16", Tie.ROUTING_DAEMON),
        )

        async def list_tied(_: object) -> tuple[Anchored, ...]:
            return tied

        house.coordination.stage = replace(house.stage, anchored=list_tied)
        done = await plan_and_force(house, "hme0")
        assert done["192.168.85.0/24"].destination == "hme1"
        assert done["10.1.0.0/16"].destination == "hme1"
        assert done["10.2.0.0/16"].destination is None

    play(story)


def test_redundancy_is_looked_at_once_more_before_anything_leaves(play: Play) -> None:
    async def story(house: House) -> None:
        clients, before = waiting(house), house.model.layout()
        detach = asyncio.create_task(house.coordination.detach("hme0", ROOT, force=False))
        await clients.is_told.wait()
        house.model.set_cable("hme1", has_cable=False)
        house.listen()
        clients.may_go_on.set()
        with pytest.raises(RolledBack, match="only functioning interface of group test"):
            await detach
        assert "group-failed" not in house.kinds()
        house.model.set_cable("hme1", has_cable=True)
        house.listen()
        assert house.model.layout() == before
        assert clients.calls[-1] == ("undo_remove", "hme0")

    play(story)


def test_what_belongs_to_it_is_looked_at_once_more(play: Play) -> None:
    async def story(house: House) -> None:
        clients = waiting(house)
        detach = asyncio.create_task(house.coordination.detach("hme0", ROOT, force=True))
        await clients.is_told.wait()
        house.model.tear_out("hme0")
        house.model.forget("hme0")
        house.listen()
        clients.may_go_on.set()
        with pytest.raises(RolledBack, match="what belongs to it has changed meanwhile"):
            await detach

    play(story, files=DUAL)


def test_an_empty_one_may_go_in_a_group_failure(play: Play) -> None:
    # behaviour 125: nothing is at stake
    async def story(house: House) -> None:
        for name in ("hme0", "hme1"):
            house.model.set_cable(name, has_cable=False)
            house.listen()
        with pytest.raises(Vetoed, match="no other interface of group test is functioning"):
            await house.coordination.detach("hme1", ROOT, force=False)
        await house.coordination.detach("hme0", ROOT, force=False)
        assert house.model.hosts(ip_address("192.168.85.19")) == ["hme1"]

    play(story, files=PAIR)


def test_what_went_along_stays_listed_is_a_problem_and_comes_back(play: Play) -> None:
    # behaviour 126
    async def story(house: House) -> None:
        add(house, "hme0", KernelAddress(0, ip_interface("192.168.85.77/24"), "hme0"))
        before = house.model.layout()
        house.model.set_cable("hme1", has_cable=False)
        house.listen()
        await house.coordination.detach("hme0", ROOT, force=True)
        status = house.coordination.status()
        gone = {str(it.address): it.hosted_on for it in status.addresses if it.home == "hme0"}
        assert gone["192.168.85.19/24"] is gone["192.168.85.77/24"] is None
        texts = {it.subject: it.text for it in status.problems}
        for address, source in (
            ("192.168.85.19/24", "/etc/hostname.hme0"),
            ("192.168.85.77/24", "added by hand"),
        ):
            assert texts[address] == (f"on no interface (home: hme0, {source}): hme0 is detached")
        house.model.set_cable("hme1", has_cable=True)
        house.listen()
        assert house.model.hosts(ip_address("192.168.85.19")) == []
        await house.coordination.attach("hme0", ROOT)
        house.listen()
        assert house.model.layout() == before

    play(story)


def test_where_there_is_much_it_is_worked_out_beside_everything_else(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(foresight, "FEW", 0)

    async def story(house: House) -> None:
        calls = 0

        async def aside(work: Callable[[], Result], /) -> Result:
            nonlocal calls
            calls += 1
            result = await asyncio.to_thread(work)
            if calls == 1:
                # Where the plan would have had it go.
                house.model.set_cable("hme1", has_cable=False)
                house.listen()
            return result

        add(house, "hme0", route("10.9.0.0/16", "192.168.85.1"))
        house.coordination.stage = replace(house.stage, aside=aside)
        plan = await house.coordination.query_detach("hme0", force=False)
        assert [veto.client for veto in plan.vetoes] == ["redundancy"]
        assert calls == 2  # the first was in vain, and the second holds after the answers
        house.model.set_cable("hme1", has_cable=True)
        house.listen()
        plan = await house.coordination.query_detach("hme0", force=False)
        calls = 1  # or the cable would be pulled once more
        done = await house.coordination.detach("hme0", ROOT, force=False)
        assert calls == 3  # before, and what became of it
        assert done.moves == plan.moves
        assert by_name(done)["10.9.0.0/16 via 192.168.85.1"].destination == "hme1"
        await house.coordination.attach("hme0", ROOT)
        await house.coordination.offline("hme0", ROOT)

    play(story)
