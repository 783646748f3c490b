"""Registered clients."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rcmd.bus.clients import ClientRegistry, Registration
from rcmd.bus.connection import Connection
from rcmd.bus.faults import ErrorReply
from rcmd.bus.names import CLIENT, MANAGER, ROOT, SERVICE
from rcmd.bus.wire import Flag, Kind
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
            # It was told, and is told no second time.
            await on.clients.undo_remove("hme0")
            await on.clients.pre_remove("hme0", force=False)
            await on.clients.undo_remove("hme0")
            assert (await answers.next("PreRemove")).arguments() == ["hme0", False]
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
            registry.register(await on.peer(), registration)
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
            staying, _ = await client(on, YES, name="staying")
            await leaving.close()
            assert await on.clients.query_remove("hme0", force=False) == ()
            # The news is behind the answer at the latest.
            await (await on.peer()).call(SERVICE, ROOT, MANAGER, "GetStatus")
            await on.clients.query_remove("hme0", force=False)
            assert (await staying.next("QueryRemove")).arguments() == ["hme0", False]
            assert len(await rest_of(staying, on)) == 1

    asyncio.run(scenario())


def test_registrations_that_are_refused(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            answers, connection = await client(on, YES)
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
            await on.clients.query_remove("hme0", force=False)
            assert await rest_of(answers, on) == ["QueryRemove"]

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
            assert len(await on.clients.query_remove("hme0", force=False)) == 1

    asyncio.run(scenario())


def test_a_lost_bus_takes_its_clients_along(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            await client(on, ("bs", [False, "no"]))
            connection = on.service._connection
            assert connection is not None
            connection.abort("test")
            await on.service.wait_disconnected()
            assert await on.clients.query_remove("hme0", force=False) == ()

    asyncio.run(scenario())


def test_who_was_silent_is_not_waited_for_again_by_those_behind(address: str) -> None:
    async def scenario() -> None:
        async with stage(address, client_timeout_s=0.2) as on:
            answers, _ = await client(on, None)
            asked = [on.clients.query_remove(f"hme{number}", force=False) for number in range(10)]
            reason = "did not answer within 0.2 s"
            assert await asyncio.gather(*asked) == [
                (Veto(f"hme{number}", "database", reason),) for number in range(10)
            ]
            assert await rest_of(answers, on) == ["QueryRemove"]
            # Whoever comes later asks anew; and each is told to let go, whatever it says.
            asked = [on.clients.query_remove("hme0", force=False)]
            asked += [on.clients.pre_remove(name, force=False) for name in ("hme0", "hme1")]
            assert len(await asyncio.gather(*asked)) == 3
            assert await rest_of(answers, on) == ["QueryRemove", "PreRemove", "PreRemove"]

    asyncio.run(scenario())


# --- in the middle of an operation ----------------------------------------------------------------


async def rest_of(answers: Answers, on: Stage) -> list[str]:
    """What it was sent besides, by the time the service has seen everything before."""
    connection = answers.connection
    assert connection is not None
    await connection.call(SERVICE, ROOT, MANAGER, "GetStatus")
    members = []
    while not answers.messages.empty():
        message = answers.messages.get_nowait()
        # The bus itself tells of its name, sooner or later.
        if message.kind is Kind.CALL:
            members.append(message.member)
    return members


def test_only_who_was_asked_to_let_go_is_told_the_outcome(address: str) -> None:
    # behaviours 102, 104: whoever never left ONLINE is skipped; a registration in the middle counts
    async def scenario() -> None:
        async with stage(address) as on:
            asked, _ = await client(on, ("bs", [False, "no"]), name="asked")
            await on.clients.query_remove("hme0", force=False)
            await on.clients.pre_remove("hme0", force=False)
            late, _ = await client(on, YES, name="late")
            await on.clients.undo_remove("hme1")
            await on.clients.undo_remove("hme0")
            assert await rest_of(asked, on) == ["QueryRemove", "PreRemove", "UndoRemove"]
            assert await rest_of(late, on) == []
            await on.clients.query_remove("hme0", force=False)
            assert await rest_of(late, on) == ["QueryRemove"]

    asyncio.run(scenario())


def test_a_client_that_returns_is_somebody_new(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            answers, connection = await client(on, YES)
            await on.clients.pre_remove("hme0", force=False)
            await ask(connection, "UnregisterClient", "o", PATH)
            await ask(connection, "RegisterClient", "saso", "database", ["*"], PATH)
            await on.clients.post_remove("hme0")
            assert await rest_of(answers, on) == ["PreRemove"]
            await on.clients.pre_remove("hme0", force=False)
            await on.clients.post_remove("hme0")
            assert await rest_of(answers, on) == ["PreRemove", "PostRemove"]

    asyncio.run(scenario())


def test_what_nobody_was_told_the_outcome_of(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            await client(on, YES)
            _, leaving = await client(on, YES, name="leaving", patterns=("eth0",))
            for name in ("hme1", "eth0", "hme0"):
                await on.clients.pre_remove(name, force=False)
            assert on.clients.pending() == ("hme1", "hme0", "eth0")
            await on.clients.undo_remove("hme1")
            assert on.clients.pending() == ("hme0", "eth0")
            await ask(leaving, "UnregisterClient", "o", PATH)
            assert on.clients.pending() == ("hme0",)

    asyncio.run(scenario())


def test_whom_we_wait_for(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            seen: list[tuple[str, ...]] = []
            on.clients.on_change.append(lambda: seen.append(on.clients.awaited()))
            first, first_connection = await client(on, None, name="one")
            second, second_connection = await client(on, None, name="two")
            asked = asyncio.ensure_future(on.clients.query_remove("hme0", force=False))
            await first.next("QueryRemove")
            await second.next("QueryRemove")
            assert on.clients.awaited() == ("one", "two")
            await first_connection.close()
            while on.clients.awaited() != ("two",):
                await ask(second_connection, "GetStatus", "")
            await second_connection.close()
            assert await asked == ()
            assert seen == [("one",), ("one", "two"), ("two",), ()]

    asyncio.run(scenario())


def test_nobody_is_asked_twice_at_a_time(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            answers, connection = await client(on, None)
            asked = [
                asyncio.ensure_future(on.clients.query_remove(name, force=False))
                for name in ("hme0", "hme1", "hme2")
            ]
            assert (await answers.next("QueryRemove")).arguments() == ["hme0", False]
            assert await rest_of(answers, on) == []
            asked[1].cancel()
            asked[0].cancel()
            assert (await answers.next("QueryRemove")).arguments() == ["hme2", False]
            assert on.clients.awaited() == ("database",)
            await connection.close()
            assert await asked[2] == ()
            assert on.clients.awaited() == ()

    asyncio.run(scenario())


def test_who_unregisters_while_it_waits_for_its_turn_is_not_asked(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            answers, connection = await client(on, None)
            first = asyncio.ensure_future(on.clients.pre_remove("hme0", force=False))
            second = asyncio.ensure_future(on.clients.pre_remove("hme1", force=False))
            await answers.next("PreRemove")
            await ask(connection, "UnregisterClient", "o", PATH)
            first.cancel()
            assert await second == ()
            assert await rest_of(answers, on) == []

    asyncio.run(scenario())
