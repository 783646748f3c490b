"""Registered clients."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rcmd.bus.clients import ClientRegistry, Registration
from rcmd.bus.connection import Connection
from rcmd.bus.faults import ErrorReply
from rcmd.bus.members import CLIENT, MANAGER, ROOT, SERVICE
from rcmd.bus.wire import Flag
from rcmd.errors import Busy, RcmError, Veto

from .fakes import Answers, Stage, answering_peer, stage

PATH = "/client"
YES = ("bs", [True, ""])


async def ask(peer: Connection, member: str, signature: str, *values: Any) -> None:
    await peer.call(SERVICE, ROOT, MANAGER, member, signature, values, timeout_s=10)


async def client(
    on: Stage,
    answer: tuple[str, list[Any]] | RcmError | None,
    *,
    name: str = "database",
    patterns: tuple[str, ...] = ("hme*",),
) -> tuple[Answers, Connection]:
    answers = Answers({"QueryRemove": answer, "PreRemove": answer})
    connection = await answering_peer(on, answers)
    await ask(connection, "RegisterClient", "saso", name, list(patterns), PATH)
    return answers, connection


def test_a_client_that_agrees_is_asked_and_told(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            answers, _ = await client(on, YES)
            assert await on.clients.query_remove("hme0", force=False) == ()
            question = await answers.next("QueryRemove")
            assert (question.path, question.interface) == (PATH, CLIENT)
            assert question.arguments() == ["hme0", False]
            assert await on.clients.pre_remove("hme0", force=True) == ()
            assert (await answers.next("PreRemove")).arguments() == ["hme0", True]
            await on.clients.post_remove("hme0")
            told = await answers.next("PostRemove")
            assert told.arguments() == ["hme0"]
            assert told.flags & Flag.NO_REPLY
            await on.clients.undo_remove("hme0")
            assert (await answers.next("UndoRemove")).arguments() == ["hme0"]

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (("bs", [False, "a backup is running"]), "a backup is running"),
        (("bs", [False, " "]), "refused without a reason"),
        (("bs", [False, "two\nlines"]), "two lines"),
        (("bs", [False, "x" * 1001]), "x" * 1000 + "..."),
        (("as", [["perhaps"]]), "failed: answered with (as), not (bs)"),
        (Busy("ask later"), "failed: ask later"),
        (None, "did not answer within 0.2 s"),
    ],
)
def test_refusals(address: str, answer: Any, reason: str) -> None:
    async def scenario() -> None:
        async with stage(address, client_timeout_s=0.2) as on:
            await client(on, answer)
            expected = (Veto("hme0", "database", reason),)
            assert await on.clients.query_remove("hme0", force=False) == expected
            assert await on.clients.pre_remove("hme0", force=False) == expected

    asyncio.run(scenario())


def test_time_for_an_answer_is_the_one_of_now(address: str) -> None:
    async def scenario() -> None:
        times = iter((0.01, 0.02))
        registry = ClientRegistry(lambda: next(times))
        async with stage(address) as on:
            _, silent = await client(on, None)
            registration = Registration(silent.unique_name, PATH, "database", ("*",))
            await registry.register(await on.peer(), registration)
            for seconds in ("0.01", "0.02"):
                (veto,) = await registry.query_remove("hme0", force=False)
                assert veto.reason == f"did not answer within {seconds} s"

    asyncio.run(scenario())


def test_all_are_asked_at_once_and_every_refusal_is_kept(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            first, first_connection = await client(on, None, name="one")
            second, second_connection = await client(on, None, name="two")
            await client(on, ("bs", [False, "third"]), name="three")
            await client(on, ("bs", [False, "unconcerned"]), patterns=("eth*", "pci:*"))
            asked = asyncio.ensure_future(on.clients.query_remove("hme0", force=False))
            # Both were asked before either answered.
            await first.next("QueryRemove")
            await second.next("QueryRemove")
            await first_connection.close()
            await second_connection.close()
            assert await asked == (Veto("hme0", "three", "third"),)

    asyncio.run(scenario())


def test_a_client_that_leaves_is_forgotten(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            _, leaving = await client(on, ("bs", [False, "no"]), name="leaving")
            await client(on, YES, name="staying")
            await leaving.close()
            assert await on.clients.query_remove("hme0", force=False) == ()
            # The news is behind the answer at the latest.
            await (await on.peer()).call(SERVICE, ROOT, MANAGER, "GetStatus")
            assert [each.name for each in on.clients.registrations()] == ["staying"]

    asyncio.run(scenario())


def test_registrations_that_are_refused(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            _, connection = await client(on, YES)
            for name, patterns, path, reason in (
                ("database", ["hme*"], PATH, "registered already"),
                ("", ["hme*"], "/b", "name of a client"),
                ("a: b", ["hme*"], "/b", "name of a client"),
                ("a\nb", ["hme*"], "/b", "name of a client"),
                ("a", [], "/b", "names 1 to"),
                ("a", [""], "/b", "resource pattern"),
            ):
                with pytest.raises(ErrorReply, match=reason) as error:
                    await ask(connection, "RegisterClient", "saso", name, patterns, path)
                assert error.value.name == "org.rcmd1.Error.InvalidArgument"
            assert len(on.clients.registrations()) == 1

    asyncio.run(scenario())


def test_unregistering(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            _, connection = await client(on, ("bs", [False, "no"]))
            with pytest.raises(ErrorReply, match="not registered"):
                await ask(await on.peer(), "UnregisterClient", "o", PATH)
            await ask(connection, "UnregisterClient", "o", PATH)
            assert await on.clients.query_remove("hme0", force=False) == ()
            with pytest.raises(ErrorReply, match="not registered"):
                await ask(connection, "UnregisterClient", "o", PATH)
            await ask(connection, "RegisterClient", "saso", "database", ["*"], PATH)
            assert len(on.clients.registrations()) == 1

    asyncio.run(scenario())


def test_a_lost_bus_takes_its_clients_along(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            await client(on, YES)
            connection = on.service._connection
            assert connection is not None
            connection.abort("test")
            await on.service.wait_disconnected()
            assert on.clients.registrations() == ()

    asyncio.run(scenario())
