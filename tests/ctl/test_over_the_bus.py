"""rcmctl as a process, against the real service on a bus of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from bus.fakes import EVENTS, OPERATION, PLAN, Stage, stage
from bus.private_bus import PrivateBus

from rcmd.errors import NoSuchResource, Veto, Vetoed
from rcmd.ports.coordinator import Caller, OperationStatus
from rcmd.ports.store import HistoryEvent

COMMAND = (sys.executable, "-m", "rcmd.ctl.main")
VETOES = (Veto("hme0", "network", "not in a group"), Veto("br0", "network", "hme0 is a port"))


@pytest.fixture
def address() -> Iterator[str]:
    bus = PrivateBus()
    bus.start()
    yield bus.address
    bus.remove()


@dataclass(frozen=True)
class Ended:
    status: int | None
    out: str
    err: str


async def _start(address: str, *words: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *COMMAND,
        *words,
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": address},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def _rcmctl(address: str, *words: str) -> Ended:
    process = await _start(address, *words)
    out, err = await process.communicate()
    return Ended(process.returncode, out.decode(), err.decode())


def test_the_status(address: str) -> None:
    async def story() -> tuple[Ended, Ended]:
        async with stage(address):
            return await _rcmctl(address, "status"), await _rcmctl(address, "status", "--json")

    for_people, for_programs = asyncio.run(story())
    assert (for_people.status, for_people.err) == (0, "")
    assert "hme1:2  192.168.85.19/24  data, home hme0" in for_people.out
    assert json.loads(for_programs.out)["addresses"][2]["hosted_on"] is None


def test_a_detach(address: str) -> None:
    async def story() -> tuple[Ended, Stage]:
        async with stage(address) as made:
            return await _rcmctl(address, "detach", "--force", "hme0"), made

    ended, made = asyncio.run(story())
    assert (ended.status, ended.err) == (0, "")
    assert f"warning: {PLAN.warnings[0]}" in ended.out
    assert "nowhere: disappeared with hme0" in ended.out
    assert made.coordinator.calls[0][:2] == ("detach", "hme0")


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (Vetoed(VETOES), 3, "hme0: network: not in a group\nbr0: network: hme0 is a port\n"),
        (NoSuchResource("there is no hme0"), 4, "rcmctl: there is no hme0\n"),
    ],
)
def test_a_refusal(address: str, error: Exception, status: int, text: str) -> None:
    async def story() -> Ended:
        async with stage(address) as made:
            made.coordinator.error = error
            return await _rcmctl(address, "detach", "hme0")

    ended = asyncio.run(story())
    assert (ended.status, ended.out, ended.err) == (status, "", text)


def test_ctrl_c_has_the_daemon_cancel_the_operation(address: str) -> None:
    async def story() -> tuple[Ended, Stage]:
        async with asyncio.timeout(30), stage(address) as made:
            made.coordinator.may_go_on.clear()
            process = await _start(address, "detach", "hme0")
            await made.coordinator.is_asked.wait()
            made.coordinator.is_asked.clear()
            caller = str(Caller("", os.geteuid(), process.pid))
            made.coordinator.underway = (OperationStatus(replace(OPERATION, caller=caller)),)
            process.send_signal(signal.SIGINT)
            await made.coordinator.is_asked.wait()
            made.coordinator.may_go_on.set()
            out, err = await process.communicate()
            return Ended(process.returncode, out.decode(), err.decode()), made

    ended, made = asyncio.run(story())
    assert [call[:2] for call in made.coordinator.calls] == [("detach", "hme0"), ("cancel", 7)]
    assert not made.coordinator.is_given_up.is_set()
    assert "cancelling operation 7" in ended.err
    # The daemon of this story was done before it heard of that.
    assert ended.status == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_an_rcmctl_that_dies_takes_its_detach_along(address: str, number: signal.Signals) -> None:
    # behaviour 105: the initiator dies; here nothing is recorded yet that could be cancelled
    async def story() -> None:
        async with asyncio.timeout(30), stage(address) as made:
            made.coordinator.may_go_on.clear()
            made.coordinator.underway = ()
            process = await _start(address, "detach", "hme0")
            await made.coordinator.is_asked.wait()
            process.send_signal(number)
            await made.coordinator.is_given_up.wait()
            await process.communicate()

    asyncio.run(story())


def test_nobody_there(address: str) -> None:
    async def story() -> tuple[Ended, Ended]:
        no_bus = f"{address}-not"
        return await _rcmctl(address, "status"), await _rcmctl(no_bus, "status", "--json")

    no_daemon, no_bus = asyncio.run(story())
    assert (no_daemon.status, no_daemon.out) == (6, "")
    assert "rcmd is not running" in no_daemon.err
    assert (no_bus.status, no_bus.err) == (6, "")
    assert json.loads(no_bus.out)["error"]["name"] == "org.rcmd1.Error.Unreachable"


def test_following_what_happens(address: str) -> None:
    happening = HistoryEvent(2_000_000_000_000_000, 3, "failure", "hme0", "hme0 has failed", {})

    async def story() -> tuple[list[str], int]:
        async with asyncio.timeout(30), stage(address) as made:
            process = await _start(address, "history", "--follow")
            assert process.stdout is not None
            lines = [await process.stdout.readline() for _ in EVENTS]
            made.service.emit(happening)
            lines.append(await process.stdout.readline())
            process.send_signal(signal.SIGINT)
            return [line.decode() for line in lines], await process.wait()

    lines, status = asyncio.run(story())
    assert status == 0
    assert [line.split("  ")[-1].strip() for line in lines] == [
        *(f"hme0: {event.message}" for event in EVENTS),
        "hme0 has failed",
    ]
