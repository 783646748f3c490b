"""Nothing that a stranger does ends the daemon, or makes a call of somebody else fail."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from rcmd.bus.clients import MAX_CLIENTS, MAX_OF_OTHERS, MAX_PER_USER, ClientRegistry, Registration
from rcmd.bus.connection import Connection
from rcmd.bus.dispatch import (
    MAX_ARGUMENTS,
    MAX_ARGUMENTS_OF_READING,
    MAX_RUNNING,
    MAX_RUNNING_OF_USER,
)
from rcmd.bus.faults import ErrorReply
from rcmd.bus.members import OWN_INTERFACES
from rcmd.bus.names import MANAGER, PROPERTIES, ROOT, SERVICE
from rcmd.bus.polkit import MAX_OPEN_PER_USER, Authority
from rcmd.bus.wire import Flag, Kind, Message, marshal
from rcmd.errors import InvalidArgument, NotAuthorized, Veto

from .fakes import Answers, Stage, answering_peer, fake_polkit, stage
from .private_bus import PrivateBus
from .test_polkit import as_somebody_else, drain, user

INTEGERS = {"u": (0, 1, 2**31, 2**32 - 1), "t": (0, 1, 2**31, 2**63 - 1, 2**63, 2**64 - 1)}


async def ask(peer: Connection, member: str, signature: str = "", *values: Any) -> Any:
    return await peer.call(SERVICE, ROOT, MANAGER, member, signature, values, timeout_s=20)


@pytest.fixture
def narrow_bus() -> Iterator[PrivateBus]:
    """With the limits of a system bus, as far as they count here."""
    bus = PrivateBus()
    text = bus.configuration.read_text()
    text = text.replace("50000", "128")
    text = text.replace("</busconfig>", '<limit name="max_match_rules_per_connection">512</limit>')
    bus.configuration.write_text(f"{text}</busconfig>")
    bus.start()
    yield bus
    bus.remove()


# --- arguments ------------------------------------------------------------------------------------


def test_integers_at_their_extremes(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            for method in (it for each in OWN_INTERFACES.values() for it in each.methods):
                signature = method.takes_signature
                if not signature or set(signature) - set(INTEGERS):
                    continue
                for place, kind in enumerate(signature):
                    for value in INTEGERS[kind]:
                        values = [1] * len(signature)
                        values[place] = value
                        await ask(peer, method.name, signature, *values)
            assert on.fatal == []

    asyncio.run(scenario())


def test_names_that_nothing_has(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            for member in ("Detach", "QueryDetach", "Attach", "Offline"):
                with pytest.raises(ErrorReply, match=r"InvalidArgument: a name of 3000 char") as it:
                    await ask(peer, member, "sa{sv}", "x" * 3000, {})
                assert len(str(it.value)) < 200
            assert on.coordinator.calls == []

    asyncio.run(scenario())


def test_arguments_beyond_all_measure_are_not_even_kept(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            waiting = [
                asyncio.ensure_future(ask(peer, member, "sa{sv}", "x" * length, {}))
                for member, length in (
                    ("Offline", MAX_ARGUMENTS),
                    ("Offline", 20_000_000),
                    ("QueryDetach", MAX_ARGUMENTS_OF_READING),
                )
            ]
            for call in waiting:
                with pytest.raises(ErrorReply, match=r"LimitsExceeded.*bytes of arguments"):
                    await call
            # What comes behind is understood.
            assert await ask(peer, "GetStatus")
            assert on.coordinator.calls == []

    asyncio.run(scenario())


def test_a_path_beyond_all_measure_is_left_alone(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            path = "/x" * 100_000
            call = peer.call(SERVICE, path, PROPERTIES, "GetAll", "s", [""], timeout_s=0.2)
            with pytest.raises(TimeoutError):
                await call
            assert await ask(peer, "GetStatus")

    asyncio.run(scenario())


def test_nothing_is_read_before_it_is_known_who_may(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Nobody(Authority):
        async def authorise(self, *_: object) -> None:
            raise NotAuthorized("not you")

    read: list[str] = []
    arguments = Message.arguments

    def watched(message: Message) -> list[Any]:
        read.append(message.member)
        return arguments(message)

    monkeypatch.setattr(Message, "arguments", watched)

    async def scenario() -> None:
        async with stage(address, authority=Nobody()) as on:
            peer = await on.peer()
            for member in ("Detach", "Attach", "Offline"):
                with pytest.raises(ErrorReply, match="not you"):
                    await ask(peer, member, "sa{sv}", "hme0", {})
            await ask(peer, "GetHistory", "tu", 0, 1)

    asyncio.run(scenario())
    assert "GetHistory" in read
    assert not {"Detach", "Attach", "Offline"} & set(read)


# --- mistakes of ours -----------------------------------------------------------------------------


def test_a_mistake_in_reading_costs_the_call_alone(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            on.coordinator.error = OverflowError(
                "Python int too large to convert to SQLite INTEGER"
            )
            with pytest.raises(ErrorReply, match="internal error"):
                await ask(peer, "QueryDetach", "sa{sv}", "hme0", {})
            assert on.fatal == []
            on.coordinator.error = None
            assert await ask(peer, "QueryDetach", "sa{sv}", "hme0", {})

    asyncio.run(scenario())
    assert "QueryDetach failed" in caplog.text


def test_a_mistake_about_who_asks_costs_the_call_alone(address: str) -> None:
    class Confused(Authority):
        async def authorise(self, *_: object) -> None:
            raise KeyError("an answer that nobody thought of")

    async def scenario() -> None:
        async with stage(address, authority=Confused()) as on:
            peer = await on.peer()
            with pytest.raises(ErrorReply, match="internal error"):
                await ask(peer, "Offline", "sa{sv}", "hme0", {})
            assert on.fatal == []

    asyncio.run(scenario())


# --- many callers ---------------------------------------------------------------------------------


async def crowd(on: Stage, size: int) -> list[Connection]:
    with as_somebody_else():
        return [await on.peer() for _ in range(size)]


@pytest.mark.lab
def test_root_detaches_whoever_else_asks(narrow_bus: PrivateBus) -> None:
    """Two hundred connections of one user ask eight times each: there is one rule for all."""

    async def scenario() -> None:
        async with stage(narrow_bus.address) as on:
            on.coordinator.may_go_on.clear()
            calls = [
                asyncio.ensure_future(ask(peer, "QueryDetach", "sa{sv}", "hme0", {}))
                for peer in await crowd(on, 200)
                for _ in range(8)
            ]
            done, _ = await asyncio.wait(calls, timeout=10, return_when=asyncio.FIRST_COMPLETED)
            assert done
            root = asyncio.ensure_future(ask(await on.peer(), "Detach", "sa{sv}", "hme1", {}))
            async with asyncio.timeout(20):
                while not any(call[0] == "detach" for call in on.coordinator.calls):
                    await ask(await on.peer(), "GetStatus")
            on.coordinator.may_go_on.set()
            assert (await root)[0]["resource"].value == "hme0"
            results = await asyncio.gather(*calls, return_exceptions=True)
            refused = [it for it in results if isinstance(it, ErrorReply)]
            assert all("LimitsExceeded" in it.name for it in refused)
            assert len(results) - len(refused) >= 4

    asyncio.run(scenario())


@pytest.mark.lab
def test_a_silent_polkit_is_nobodys_veto(narrow_bus: PrivateBus) -> None:
    """All that the bus lets us ask at a time, in vain; and the clients are asked all the same."""

    async def scenario() -> None:
        async with stage(narrow_bus.address, authority=Authority(interactive_timeout_s=0.5)) as on:
            polkit = await fake_polkit(on, authorized=True)
            polkit.table["CheckAuthorization"] = None
            clients = [await client(on, f"client{number}") for number in range(3)]
            calls = [
                asyncio.ensure_future(offline_interactively(peer))
                for peer in await crowd(on, 16)
                for _ in range(8)
            ]
            for call in calls[MAX_OPEN_PER_USER:]:
                with pytest.raises(ErrorReply, match="LimitsExceeded"):
                    await call
            for call in calls[:MAX_OPEN_PER_USER]:
                with pytest.raises(ErrorReply, match=r"did not answer within 0\.5 s"):
                    await call
            # They are open still for the bus, however often somebody tries.
            with pytest.raises(ErrorReply, match=r"4 questions of uid .* to polkit are open"):
                await offline_interactively((await crowd(on, 1))[0])
            asked = [
                it for it in drain(polkit) if getattr(it, "member", "") == "CheckAuthorization"
            ]
            assert len(asked) == MAX_OPEN_PER_USER
            vetoes = await on.clients.query_remove("hme0", force=False)
            assert vetoes == tuple(Veto("hme0", name, "no") for name, _ in clients)

    asyncio.run(scenario())


async def client(on: Stage, name: str) -> tuple[str, Answers]:
    answers = Answers({"QueryRemove": ("bs", [False, "no"])})
    connection = await answering_peer(on, answers)
    await ask(connection, "RegisterClient", "saso", name, ["hme*"], "/client")
    return name, answers


async def offline_interactively(peer: Connection) -> None:
    await peer.call(
        SERVICE,
        ROOT,
        MANAGER,
        "Offline",
        "sa{sv}",
        ["hme0", {}],
        timeout_s=20,
        flags=Flag.ALLOW_INTERACTIVE,
    )


@pytest.mark.lab
def test_a_caller_that_leaves_takes_its_question_back(address: str) -> None:
    async def scenario() -> None:
        async with stage(address, authority=Authority()) as on:
            polkit = await fake_polkit(on, authorized=True)
            polkit.table["CheckAuthorization"] = None
            peer = await user(on)
            body = ["hme0", {}]
            call = asyncio.ensure_future(
                peer.call(SERVICE, ROOT, MANAGER, "Detach", "sa{sv}", body, timeout_s=20)
            )
            await polkit.next("CheckAuthorization")
            peer.abort("killed")
            await polkit.next("CancelCheckAuthorization")
            await asyncio.gather(call, return_exceptions=True)

    asyncio.run(scenario())


@pytest.mark.lab
def test_what_is_under_way_is_counted_over_all_connections_of_a_user(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            on.coordinator.may_go_on.clear()
            calls = [
                asyncio.ensure_future(ask(peer, "Offline", "sa{sv}", "hme0", {}))
                for peer in await crowd(on, 4)
                for _ in range(MAX_RUNNING)
            ]
            too_many = len(calls) - MAX_RUNNING_OF_USER
            for call in itertools.islice(asyncio.as_completed(calls), too_many):
                with pytest.raises(ErrorReply, match=r"32 calls of uid [0-9]+ are under way"):
                    await call
            # Others, and what need not wait, are answered.
            assert await ask(await on.peer(), "GetHistory", "tu", 0, 1)
            assert await ask((await crowd(on, 1))[0], "GetStatus")
            on.coordinator.may_go_on.set()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert sum(not isinstance(it, ErrorReply) for it in results) == MAX_RUNNING_OF_USER

    asyncio.run(scenario())


# --- clients --------------------------------------------------------------------------------------


def registration(uid: int, number: int) -> Registration:
    return Registration(":1.1", f"/{uid}/{number}", "name", ("*",), uid)


def test_clients_of_a_user_and_of_all_users_are_few(address: str) -> None:
    async def scenario() -> None:
        connection = await Connection.open(address, on_message=lambda _: None)
        registry = ClientRegistry(lambda: 1.0)
        for number in range(MAX_PER_USER):
            registry.register(connection, registration(1000, number))
        with pytest.raises(InvalidArgument, match="clients of uid 1000 already"):
            registry.register(connection, registration(1000, MAX_PER_USER))
        for number in range(MAX_OF_OTHERS - MAX_PER_USER):
            registry.register(connection, registration(2000 + number, number))
        with pytest.raises(InvalidArgument, match="clients of ordinary users already"):
            registry.register(connection, registration(3000, 0))
        for number in range(MAX_CLIENTS - MAX_OF_OTHERS):
            registry.register(connection, registration(0, number))
        with pytest.raises(InvalidArgument, match=f"there are {MAX_CLIENTS} clients already"):
            registry.register(connection, registration(0, MAX_CLIENTS))
        await connection.close()

    asyncio.run(scenario())


def test_silent_clients_do_not_use_up_what_the_bus_allows(narrow_bus: PrivateBus) -> None:
    """However often they are asked, and by whichever operation."""

    async def scenario() -> None:
        async with stage(narrow_bus.address, client_timeout_s=0.1) as on:
            silent = Answers({})
            connection = await answering_peer(on, silent)
            for number in range(10):
                path = f"/client{number}"
                await ask(connection, "RegisterClient", "saso", f"s{number}", ["hme*"], path)
            for _ in range(20):
                vetoes = await on.clients.query_remove("hme0", force=False)
                assert {veto.reason for veto in vetoes} == {"did not answer within 0.1 s"}
            await client(on, "loud")
            vetoes = await on.clients.query_remove("hme0", force=False)
            assert Veto("hme0", "loud", "no") in vetoes

    asyncio.run(scenario())


def test_a_reason_beyond_all_measure(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            answers = Answers({"QueryRemove": ("bs", [False, "x" * 2_000_000])})
            connection = await answering_peer(on, answers)
            await ask(connection, "RegisterClient", "saso", "long", ["hme*"], "/client")
            (veto,) = await on.clients.query_remove("hme0", force=False)
            assert veto.client == "long"
            assert len(veto.reason) < 200

    asyncio.run(scenario())


def test_who_wants_no_answer_costs_nothing(address: str, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            for _ in range(500):
                peer.send(
                    Message(
                        Kind.CALL,
                        path=ROOT,
                        interface=MANAGER,
                        member="GetHistory",
                        destination=SERVICE,
                        signature="tu",
                        flags=Flag.NO_REPLY,
                        body=marshal("tu", [0, 1]),
                    )
                )
            assert await ask(peer, "GetStatus")

    with caplog.at_level(logging.INFO):
        asyncio.run(scenario())
