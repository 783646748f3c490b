"""etc/dbus-1/system.d/org.rcmd1.conf on a bus that is otherwise closed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from rcmd.bus.faults import ErrorReply
from rcmd.bus.names import MANAGER, ROOT, SERVICE

from .fakes import Answers, answering_peer, ask_bus, stage
from .private_bus import PrivateBus
from .test_polkit import as_somebody_else

pytestmark = pytest.mark.lab


@pytest.fixture
def closed_bus(etc: Path) -> Iterator[PrivateBus]:
    bus = PrivateBus(etc / "dbus-1/system.d/org.rcmd1.conf")
    bus.start()
    yield bus
    bus.remove()


def test_everybody_may_talk_to_it_and_root_may_be_it(closed_bus: PrivateBus) -> None:
    async def scenario() -> None:
        async with stage(closed_bus.address) as on:
            with as_somebody_else():
                user = await on.peer()
            assert await user.call(SERVICE, ROOT, MANAGER, "GetStatus")
            # Without an interface it is just as legal.
            assert await user.call(SERVICE, ROOT, "", "GetStatus")
            with pytest.raises(ErrorReply, match="AccessDenied"):
                await ask_bus(user, "RequestName", "su", SERVICE, 4)

    asyncio.run(scenario())


def test_rcmd_may_ask_registered_clients(closed_bus: PrivateBus) -> None:
    async def scenario() -> None:
        async with stage(closed_bus.address) as on:
            answers = Answers({"QueryRemove": ("bs", [False, "in use"])})
            with as_somebody_else():
                client = await answering_peer(on, answers)
            await client.call(SERVICE, ROOT, MANAGER, "RegisterClient", "saso", ["c", ["*"], "/c"])
            (veto,) = await on.clients.query_remove("hme0", force=False)
            assert veto.reason == "in use"

    asyncio.run(scenario())
