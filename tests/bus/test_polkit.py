"""Who may change something."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as xml

import pytest

from rcmd.bus.connection import Connection
from rcmd.bus.faults import ErrorReply
from rcmd.bus.members import Action
from rcmd.bus.names import MANAGER, ROOT, SERVICE
from rcmd.bus.polkit import Authority
from rcmd.bus.values import plain
from rcmd.bus.wire import Flag

from .fakes import Answers, Stage, answering_peer, ask_bus, fake_polkit, stage

NOBODY = 65534


@contextmanager
def as_somebody_else() -> Iterator[None]:
    """Not as root; the bus remembers who connected."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(was)


async def user(on: Stage) -> Connection:
    with as_somebody_else():
        return await on.peer()


async def offline(peer: Connection, flags: Flag = Flag.NONE) -> None:
    await peer.call(
        SERVICE, ROOT, MANAGER, "Offline", "sa{sv}", ["hme0", {}], timeout_s=10, flags=flags
    )


async def refused(peer: Connection, flags: Flag = Flag.NONE) -> str:
    with pytest.raises(ErrorReply) as error:
        await offline(peer, flags)
    assert error.value.name == "org.rcmd1.Error.NotAuthorized"
    return error.value.message


@pytest.mark.lab
def test_root_may_without_polkit(address: str) -> None:
    async def scenario() -> None:
        async with stage(address, authority=Authority()) as on:
            await offline(await on.peer())
            ((name, interface, caller),) = on.coordinator.calls
            assert (name, interface) == ("offline", "hme0")
            assert (caller.uid, caller.pid) == (0, os.getpid())

    asyncio.run(scenario())


def test_without_polkit_nobody_else_may(address: str) -> None:
    async def scenario() -> None:
        async with stage(address, authority=Authority()) as on:
            words = await refused(await user(on))
            assert words == "org.rcmd1.offline: polkit cannot be asked, so only root may"
            assert on.coordinator.calls == []

    asyncio.run(scenario())


def test_polkit_says_yes(address: str) -> None:
    async def scenario() -> None:
        async with stage(address, authority=Authority()) as on:
            polkit = await fake_polkit(on, authorized=True)
            peer = await user(on)
            await offline(peer)
            question = await polkit.next("CheckAuthorization")
            subject, action, details, flags, _ = plain(question.arguments())
            assert subject == ["system-bus-name", {"name": peer.unique_name}]
            assert (action, details, flags) == ("org.rcmd1.offline", {}, 0)
            assert on.coordinator.calls[0][2].uid != 0

    asyncio.run(scenario())


def test_polkit_says_no(address: str) -> None:
    async def scenario() -> None:
        async with stage(address, authority=Authority()) as on:
            await fake_polkit(on, authorized=False)
            assert await refused(await user(on)) == "org.rcmd1.offline: polkit says no"
            assert on.coordinator.calls == []

    asyncio.run(scenario())


def test_a_password_is_asked_for_only_if_the_caller_allows_it(address: str) -> None:
    async def scenario() -> None:
        async with stage(address, authority=Authority()) as on:
            polkit = await fake_polkit(on, authorized=False, challenge=True)
            peer = await user(on)
            for flags, interaction in ((Flag.NONE, 0), (Flag.ALLOW_INTERACTIVE, 1)):
                assert "interactively" in await refused(peer, flags)
                question = await polkit.next("CheckAuthorization")
                assert question.arguments()[3] == interaction

    asyncio.run(scenario())


def test_polkit_does_not_answer(address: str) -> None:
    async def scenario() -> None:
        authority = Authority(timeout_s=0.05)
        async with stage(address, authority=authority) as on:
            polkit = await fake_polkit(on, authorized=True)
            polkit.table["CheckAuthorization"] = None
            assert "did not answer within 0.05 s" in await refused(await user(on))
            question = await polkit.next("CheckAuthorization")
            taken_back = await polkit.next("CancelCheckAuthorization")
            assert taken_back.arguments() == [question.arguments()[4]]

    asyncio.run(scenario())


def test_a_question_under_way_does_not_hold_up_others(address: str) -> None:
    async def scenario() -> None:
        async with stage(address, authority=Authority()) as on:
            polkit = await fake_polkit(on, authorized=True)
            polkit.table["CheckAuthorization"] = None
            peer = await user(on)
            waiting = asyncio.ensure_future(offline(peer))
            await polkit.next("CheckAuthorization")
            await peer.call(SERVICE, ROOT, MANAGER, "GetStatus", timeout_s=10)
            assert not waiting.done()
            await on.service.stop()
            with pytest.raises(ErrorReply, match="stopping"):
                await waiting

    asyncio.run(scenario())


def test_reading_asks_nobody(address: str) -> None:
    async def scenario() -> None:
        async with stage(address, authority=Authority()) as on:
            polkit = await fake_polkit(on, authorized=False)
            peer = await user(on)
            await peer.call(SERVICE, ROOT, MANAGER, "QueryDetach", "sa{sv}", ["hme0", {}])
            await peer.call(SERVICE, ROOT, MANAGER, "GetHistory", "tu", [0, 10])
            answers = Answers({})
            await answering_peer(on, answers)
            await ask_bus(peer, "GetId", "")
            assert all(message.member != "CheckAuthorization" for message in drain(polkit))

    asyncio.run(scenario())


def drain(answers: Answers) -> list[object]:
    messages: list[object] = []
    while not answers.messages.empty():
        messages.append(answers.messages.get_nowait())
    return messages


def test_senders_are_not_mixed_up(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peers = [await on.peer() for _ in range(10)]
            await asyncio.gather(*(offline(peer) for peer in peers for _ in range(5)))
            callers = [call[2].bus_name for call in on.coordinator.calls]
            assert sorted(callers) == sorted(peer.unique_name for peer in peers for _ in range(5))

    asyncio.run(scenario())


def test_the_policy_knows_every_action(etc: Path) -> None:
    policy = xml.parse(etc / "polkit-1/actions/org.rcmd1.policy")
    actions = {action.attrib["id"] for action in policy.findall("action")}
    assert actions == {action.value for action in Action}
