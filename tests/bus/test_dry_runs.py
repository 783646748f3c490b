"""Questions what a detach would do: one at a time, a few for each user, none during a removal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from rcmd.bus import users
from rcmd.bus.connection import Connection
from rcmd.bus.dry_runs import MAX_OF_OTHERS, MAX_PER_USER, DryRuns, Question
from rcmd.bus.faults import CallRefused, ErrorReply
from rcmd.bus.names import MANAGER, ROOT, SERVICE
from rcmd.errors import NoSuchResource
from rcmd.ports.coordinator import Caller, OperationStatus
from rcmd.ports.plan import DetachPlan
from rcmd.ports.store import OperationKind

from .fakes import UNDERWAY, stage

USER = 1000
ATTACH = OperationStatus(replace(UNDERWAY.operation, kind=OperationKind.ATTACH))


class Clients:
    """Asked by dry runs; they answer when they may."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken_off: list[str] = []
        self.may_answer = asyncio.Event()
        self.changed = asyncio.Event()

    def about(self, resource: str) -> Question:
        async def question() -> DetachPlan:
            self.asked.append(resource)
            self.changed.set()
            try:
                await self.may_answer.wait()
            except asyncio.CancelledError:
                self.broken_off.append(resource)
                self.changed.set()
                raise
            return DetachPlan(resource)

        return question

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


def test_one_at_a_time() -> None:
    async def scenario() -> None:
        clients, dry_runs = Clients(), DryRuns()
        both = [
            asyncio.ensure_future(dry_runs.run(uid, clients.about(name)))
            for uid, name in ((USER, "eth0"), (USER + 1, "eth1"))
        ]
        await clients.until(lambda: clients.asked == ["eth0"])
        both[0].cancel()
        await clients.until(lambda: clients.asked == ["eth0", "eth1"])
        assert clients.broken_off == ["eth0"]
        assert both[0].cancelled()
        clients.may_answer.set()
        assert await both[1] == DetachPlan("eth1")

    asyncio.run(scenario())


def test_root_goes_first() -> None:
    async def scenario() -> None:
        clients, dry_runs = Clients(), DryRuns()
        others = [
            asyncio.ensure_future(dry_runs.run(USER, clients.about(name)))
            for name in ("eth0", "eth1")
        ]
        await clients.until(lambda: clients.asked == ["eth0"])
        ours = asyncio.ensure_future(dry_runs.run(0, clients.about("eth2")))
        await clients.until(lambda: clients.asked == ["eth0", "eth2"])
        assert clients.broken_off == ["eth0"]
        clients.may_answer.set()
        assert await ours == DetachPlan("eth2")
        assert await asyncio.gather(*others) == [DetachPlan("eth0"), DetachPlan("eth1")]
        assert clients.asked == ["eth0", "eth2", "eth0", "eth1"]

    asyncio.run(scenario())


def test_all_users_together_have_not_many() -> None:
    async def scenario() -> None:
        clients, dry_runs = Clients(), DryRuns()
        uids = [USER + number // MAX_PER_USER for number in range(MAX_OF_OTHERS)]
        waiting = [asyncio.ensure_future(dry_runs.run(it, clients.about("eth0"))) for it in uids]
        await clients.until(lambda: clients.asked == ["eth0"])
        with pytest.raises(CallRefused, match="32 questions are under way"):
            await dry_runs.run(USER - 1, clients.about("eth0"))
        clients.may_answer.set()
        await dry_runs.run(0, clients.about("eth1"))
        await asyncio.gather(*waiting)

    asyncio.run(scenario())


def test_a_few_for_each_user_and_any_number_for_root() -> None:
    async def scenario() -> None:
        clients, dry_runs = Clients(), DryRuns()
        uids = [USER] * MAX_PER_USER + [USER + 1] + [0] * (MAX_PER_USER + 1)
        waiting = [asyncio.ensure_future(dry_runs.run(it, clients.about("eth0"))) for it in uids]
        # That of root, for which the first was not even begun.
        await clients.until(lambda: clients.asked == ["eth0"])
        with pytest.raises(CallRefused, match="4 questions of uid 1000 are under way"):
            await dry_runs.run(USER, clients.about("eth0"))
        clients.may_answer.set()
        await asyncio.gather(*waiting)
        await dry_runs.run(USER, clients.about("eth0"))

    asyncio.run(scenario())


def test_a_removal_waits_for_no_question() -> None:
    async def scenario() -> None:
        clients, dry_runs = Clients(), DryRuns()
        waiting = asyncio.ensure_future(dry_runs.run(USER, clients.about("eth0")))
        await clients.until(lambda: clients.asked == ["eth0"])
        dry_runs.give_way_to((ATTACH,))
        await asyncio.sleep(0)
        assert clients.broken_off == []
        dry_runs.give_way_to((ATTACH, UNDERWAY))
        await clients.until(lambda: clients.broken_off == ["eth0"])
        # Nobody is asked as long as it lasts, and it is asked anew then.
        other = asyncio.ensure_future(dry_runs.run(USER, clients.about("eth1")))
        for _ in range(10):
            await asyncio.sleep(0)
        assert clients.asked == ["eth0"]
        clients.may_answer.set()
        dry_runs.give_way_to((ATTACH,))
        assert await waiting == DetachPlan("eth0")
        assert await other == DetachPlan("eth1")
        assert clients.asked == ["eth0", "eth0", "eth1"]

    asyncio.run(scenario())


def test_one_that_fails_makes_room() -> None:
    async def scenario() -> None:
        async def fail() -> DetachPlan:
            raise NoSuchResource("eth9")

        dry_runs = DryRuns()
        for _ in range(MAX_PER_USER + 1):
            with pytest.raises(NoSuchResource):
                await dry_runs.run(USER, fail)

    asyncio.run(scenario())


async def query(peer: Connection) -> None:
    await peer.call(SERVICE, ROOT, MANAGER, "QueryDetach", "sa{sv}", ["hme0", {}], timeout_s=10)


def test_questions_of_a_user_are_counted_over_all_connections(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def somebody(_: Connection, sender: str) -> Caller:
        return Caller(sender, USER, 1)

    monkeypatch.setattr(users, "identify", somebody)

    async def scenario() -> None:
        async with stage(address) as on:
            on.coordinator.may_go_on.clear()
            peers = [await on.peer() for _ in range(MAX_PER_USER + 1)]
            calls = [asyncio.ensure_future(query(peer)) for peer in peers]
            done, waiting = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
            assert len(waiting) == MAX_PER_USER
            with pytest.raises(ErrorReply, match="LimitsExceeded"):
                await done.pop()
            on.coordinator.may_go_on.set()
            await asyncio.gather(*waiting)

    asyncio.run(scenario())


def test_a_removal_on_the_bus_breaks_a_question_off(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            on.coordinator.may_go_on.clear()
            call = asyncio.ensure_future(query(await on.peer()))
            await on.coordinator.is_asked.wait()
            on.service.publish_operations((UNDERWAY,))
            async with asyncio.timeout(10):
                await on.coordinator.is_given_up.wait()
            on.coordinator.may_go_on.set()
            on.service.publish_operations(())
            await call
            assert len(on.coordinator.calls) == 2

    asyncio.run(scenario())
