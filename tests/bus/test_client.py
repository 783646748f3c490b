"""The daemon as rcmctl sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from ipaddress import ip_address
from pathlib import Path

import pytest

import rcmd
from rcmd.bus.client import ManagerClient
from rcmd.bus.connection import Connection
from rcmd.bus.names import SERVICE
from rcmd.bus.status_document import operation_document
from rcmd.errors import (
    Busy,
    ConfigurationError,
    InvalidArgument,
    NoSuchResource,
    NotAuthorized,
    RcmError,
    RolledBack,
    Unreachable,
    Veto,
    Vetoed,
)
from rcmd.ports.sockets import Session
from rcmd.ports.store import HistoryEvent

from .fakes import EVENTS, PLAN, PROBES, UNDERWAY, ask_bus, stage
from .private_bus import PrivateBus


def test_history_beyond_one_answer_is_whole_and_in_order(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on, ManagerClient.connect(address) as manager:
            events = [HistoryEvent(number, 6, "moved", "hme0", "it") for number in range(4500)]
            on.coordinator.events = Growing(events)
            assert await manager.history(100, 100_000) == tuple(events[100:])

    asyncio.run(scenario())


class Growing(list[HistoryEvent]):
    """Whenever it has been read, something happens."""

    def __iter__(self) -> Iterator[HistoryEvent]:
        yield from tuple(super().__iter__())
        self.append(HistoryEvent(10_000 + len(self), 6, "moved", "hme0", "later"))


def test_every_call(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on, ManagerClient.connect(address) as manager:
            assert await manager.version() == rcmd.__version__
            assert (await manager.status())["groups"][0]["name"] == "test"
            assert await manager.history(EVENTS[1].time_us, 10) == EVENTS[1:]
            assert (await manager.targets())["targets"][0]["mode"] == "routes"
            assert [row["number"] for row in await manager.probes(1, 10)] == [2, 3]
            assert await manager.operations() == {"operations": [operation_document(UNDERWAY)]}
            assert (await manager.resources())["resources"][0]["children"][0]["name"] == "hme0"
            assert [row["state"] for row in (await manager.scripts())["scripts"]] == [
                "ready",
                "refused",
            ]
            assert await manager.query_detach("hme0", force=False) == PLAN
            session = Session(ip_address("192.168.85.19"), ip_address("2001:db8::5"))
            assert await manager.detach("hme0", force=True, session=session) == PLAN
            assert on.coordinator.sessions == [None, session]
            await manager.attach("hme0")
            await manager.offline("hme0")
            await manager.undo_offline("hme0")
            await manager.reload()
            await manager.cancel(7)
            calls = on.coordinator.calls
            assert [call[0] for call in calls] == [
                "query_detach",
                "detach",
                "attach",
                "offline",
                "undo_offline",
                "reload",
                "cancel",
            ]
            assert calls[-1][1] == 7
            assert calls[0] == ("query_detach", "hme0", False)
            assert calls[1][-1] is True

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "error",
    [
        RcmError("failed"),
        InvalidArgument("no such thing"),
        RolledBack("undone"),
        NoSuchResource("hme9"),
        NotAuthorized("no"),
        Busy("later"),
        ConfigurationError("a:1: b\nc:2: d"),
    ],
)
def test_errors_come_back_as_they_were(address: str, error: RcmError) -> None:
    async def scenario() -> None:
        async with stage(address) as on, ManagerClient.connect(address) as manager:
            on.coordinator.error = error
            with pytest.raises(RcmError) as caught:
                await manager.reload()
            assert type(caught.value) is type(error)
            assert str(caught.value) == str(error)

    asyncio.run(scenario())


def test_vetoes_come_back_as_they_were(address: str) -> None:
    vetoes = (
        Veto("pci:0000:03:00.0", "script 10-db", "in use: by db"),
        Veto("hme0", "group test", "the last one"),
    )

    async def scenario() -> None:
        async with stage(address) as on, ManagerClient.connect(address) as manager:
            on.coordinator.error = Vetoed(vetoes)
            with pytest.raises(Vetoed) as caught:
                await manager.detach("pci:0000:03:00.0", force=False)
            assert caught.value.vetoes == vetoes

    asyncio.run(scenario())


def test_events_from_the_moment_of_subscribing(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on, ManagerClient.connect(address) as manager:
            await manager.subscribe()
            for event in EVENTS:
                on.service.emit(event)
            heard: list[HistoryEvent] = []
            async with asyncio.timeout(10):
                async for event in manager.events():
                    heard.append(event)
                    if len(heard) == len(EVENTS):
                        break
            assert tuple(heard) == EVENTS

    asyncio.run(scenario())


def test_probes_from_now_on_each_once(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on, ManagerClient.connect(address) as manager:
            on.coordinator.decided = PROBES[:1]
            heard: list[tuple[int, str]] = []
            async with asyncio.timeout(10), aclosing(manager.follow_probes()) as probes:
                beginning = asyncio.ensure_future(anext(probes))
                await on.coordinator.looked_at_probes()
                on.coordinator.decided = PROBES[:2]
                first = await beginning
                heard.append((first["number"], first["outcome"]))
                on.coordinator.decided = PROBES
                async for probe in probes:
                    heard.append((probe["number"], probe["outcome"]))
                    break
            assert heard == [(2, "lost"), (3, "unknown")]

    asyncio.run(scenario())


def test_probes_end_with_the_daemon(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on, ManagerClient.connect(address) as manager:
            on.coordinator.decided = ()
            async with aclosing(manager.follow_probes()) as probes:
                waiting = asyncio.ensure_future(anext(probes))
                await on.coordinator.looked_at_probes()
                await on.service.stop()
                with pytest.raises(Unreachable):
                    await waiting

    asyncio.run(scenario())


def test_events_end_with_the_daemon(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on, ManagerClient.connect(address) as manager:
            await manager.subscribe()
            await on.service.stop()
            with pytest.raises(Unreachable, match="rcmd has ended"):
                await anext(manager.events())

    asyncio.run(scenario())


def test_events_end_with_the_bus(private_bus: PrivateBus) -> None:
    async def scenario() -> None:
        async with (
            stage(private_bus.address),
            ManagerClient.connect(private_bus.address) as manager,
        ):
            await manager.subscribe()
            private_bus.kill()
            with pytest.raises(Unreachable):
                await anext(manager.events())

    asyncio.run(scenario())


def test_no_bus(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(Unreachable, match="cannot reach the system bus"):
            async with ManagerClient.connect(f"unix:path={tmp_path}/none"):
                pass

    asyncio.run(scenario())


def test_no_daemon(address: str) -> None:
    async def scenario() -> None:
        with pytest.raises(Unreachable, match="rcmd is not running"):
            async with ManagerClient.connect(address):
                pass

    asyncio.run(scenario())


def test_the_daemon_dies_in_the_middle(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on, ManagerClient.connect(address) as manager:
            on.coordinator.may_go_on.clear()
            waiting = asyncio.ensure_future(manager.detach("hme0", force=False))
            await on.coordinator.is_asked.wait()
            connection = on.service._connection
            assert connection is not None
            connection.abort("killed")
            with pytest.raises(Unreachable, match="went away"):
                await waiting
            on.coordinator.may_go_on.set()

    asyncio.run(scenario())


def test_the_bus_dies_in_the_middle(private_bus: PrivateBus) -> None:
    async def scenario() -> None:
        address = private_bus.address
        async with stage(address) as on, ManagerClient.connect(address) as manager:
            on.coordinator.may_go_on.clear()
            waiting = asyncio.ensure_future(manager.detach("hme0", force=False))
            await on.coordinator.is_asked.wait()
            private_bus.kill()
            with pytest.raises(Unreachable):
                await waiting
            with pytest.raises(Unreachable):
                await manager.status()
            on.coordinator.may_go_on.set()

    asyncio.run(scenario())


def test_a_daemon_that_hangs(address: str) -> None:
    async def scenario() -> None:
        stuck = await Connection.open(address, on_message=lambda _: None)
        await ask_bus(stuck, "RequestName", "su", SERVICE, 4)
        async with ManagerClient.connect(address, timeout=0.1) as manager:
            with pytest.raises(Unreachable, match=r"did not answer within 0\.1 s"):
                await manager.status()
        await stuck.close()

    asyncio.run(scenario())
