"""The connection: what dbus-next's does wrong, done right."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from rcmd.bus.connection import TURN_S, Connection
from rcmd.bus.faults import Disconnected, ErrorReply
from rcmd.bus.names import BUS_NAME, BUS_PATH
from rcmd.bus.wire import Kind, Message, marshal

from .fakes import ask_bus
from .private_bus import PrivateBus


def ignore(message: Message) -> None:
    """Take no message."""


def burst_signal(number: int) -> Message:
    body = marshal("us", [number, "x" * 300])
    return Message(
        Kind.SIGNAL, path="/a", interface="a.b", member="Burst", signature="us", body=body
    )


def test_a_call_is_answered(address: str) -> None:
    async def scenario() -> None:
        connection = await Connection.open(address, on_message=ignore)
        assert connection.unique_name.startswith(":")
        assert await ask_bus(connection, "GetNameOwner", "s", BUS_NAME) == [BUS_NAME]
        with pytest.raises(ErrorReply, match="NameHasNoOwner"):
            await ask_bus(connection, "GetNameOwner", "s", "no.such.name")
        await connection.close()

    asyncio.run(scenario())


def test_a_burst_beyond_the_socket_buffer_arrives_whole_and_in_order(address: str) -> None:
    count = 20_000

    async def scenario() -> None:
        numbers: list[int] = []
        all_there = asyncio.Event()

        def collect(message: Message) -> None:
            if message.member == "Burst":
                numbers.append(message.arguments()[0])
                if len(numbers) == count:
                    all_there.set()

        listener = await Connection.open(address, on_message=collect)
        await ask_bus(listener, "AddMatch", "s", "type='signal',member='Burst'")
        sender = await Connection.open(address, on_message=ignore)
        for number in range(count):
            sender.send(burst_signal(number))
        async with asyncio.timeout(60):
            await all_there.wait()
        assert numbers == list(range(count))
        assert not sender.is_closed
        await sender.close()
        await listener.close()

    asyncio.run(scenario())


def test_a_bus_that_sleeps_congests_and_recovers(private_bus: PrivateBus) -> None:
    async def scenario() -> None:
        connection = await Connection.open(private_bus.address, on_message=ignore)
        is_drained = asyncio.Event()
        connection.on_drained = is_drained.set
        os.kill(private_bus.pid, signal.SIGSTOP)
        while not connection.is_congested:
            connection.send(burst_signal(0))
        os.kill(private_bus.pid, signal.SIGCONT)
        async with asyncio.timeout(30):
            await is_drained.wait()
            await ask_bus(connection, "GetId", "")
        await connection.close()

    asyncio.run(scenario())


async def with_server(
    directory: Path,
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    scenario: Callable[[str], Awaitable[None]],
) -> None:
    """Run the scenario against a socket whose other end talks like this."""
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await talk(reader, writer)

    name = directory / "socket"
    server = await asyncio.start_unix_server(serve, name)
    await scenario(f"unix:path={name}")
    server.close()
    for writer in writers:
        writer.close()
    await asyncio.sleep(0)


def test_end_of_file_while_authenticating(tmp_path: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.close()

    async def scenario(address: str) -> None:
        with pytest.raises(Disconnected, match="closed"):
            await Connection.open(address, on_message=ignore)

    asyncio.run(with_server(tmp_path, hang_up, scenario))


def test_a_bus_that_says_nothing(tmp_path: Path) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scenario(address: str) -> None:
        with pytest.raises(Disconnected, match=r"did not answer within 0\.05 s"):
            await Connection.open(address, on_message=ignore, timeout_s=0.05)

    asyncio.run(with_server(tmp_path, say_nothing, scenario))


def test_a_bus_that_refuses_us(tmp_path: Path) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"REJECTED EXTERNAL\r\n")
        await writer.drain()
        await reader.read()

    async def scenario(address: str) -> None:
        with pytest.raises(Disconnected, match="REJECTED"):
            await Connection.open(address, on_message=ignore)

    asyncio.run(with_server(tmp_path, refuse, scenario))


def test_a_bus_that_talks_nonsense(tmp_path: Path) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"OK 00\r\n")
        await reader.readline()
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        await reader.read()

    async def scenario(address: str) -> None:
        with pytest.raises(Disconnected, match="a message starts with"):
            await Connection.open(address, on_message=ignore)

    asyncio.run(with_server(tmp_path, babble, scenario))


def test_a_call_does_not_outlive_the_bus(private_bus: PrivateBus) -> None:
    async def scenario() -> None:
        connection = await Connection.open(private_bus.address, on_message=ignore)
        os.kill(private_bus.pid, signal.SIGSTOP)
        under_way = asyncio.ensure_future(ask_bus(connection, "GetId", ""))
        await asyncio.sleep(0)
        private_bus.kill()
        with pytest.raises(Disconnected):
            await under_way
        assert connection.is_closed
        with pytest.raises(Disconnected):
            await ask_bus(connection, "GetId", "")
        connection.send(burst_signal(1))
        await connection.wait_closed()
        await connection.close()

    asyncio.run(scenario())


def test_no_descriptor_is_left_behind(address: str) -> None:
    async def scenario() -> None:
        kept = []
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            connection = await Connection.open(address, on_message=ignore)
            await connection.close()
            kept.append(connection)
        assert len(os.listdir("/proc/self/fd")) == before

    gc.disable()
    try:
        asyncio.run(scenario())
    finally:
        gc.enable()


def test_the_loop_gets_its_turn_in_a_flood(address: str) -> None:
    """However much has arrived, a turn of the loop handles half a millisecond's worth of it."""
    count, cost_s = 200, TURN_S / 2

    async def scenario() -> None:
        per_turn: list[int] = [0]
        all_there = asyncio.Event()

        def work(message: Message) -> None:
            if message.member != "Burst":
                return
            end = time.monotonic() + cost_s
            while time.monotonic() < end:
                pass
            per_turn[-1] += 1
            if sum(per_turn) == count:
                all_there.set()

        async def count_turns() -> None:
            while not all_there.is_set():
                per_turn.append(0)
                await asyncio.sleep(0)

        connection = await Connection.open(address, on_message=work)
        await ask_bus(connection, "AddMatch", "s", "type='signal',member='Burst'")
        for number in range(count):
            connection.send(burst_signal(number))
        async with asyncio.timeout(60):
            await count_turns()
        assert max(per_turn) <= TURN_S / cost_s
        await connection.close()

    asyncio.run(scenario())


def test_a_call_without_an_answer_times_out(address: str) -> None:
    async def scenario() -> None:
        deaf = await Connection.open(address, on_message=ignore)
        caller = await Connection.open(address, on_message=ignore)
        with pytest.raises(TimeoutError):
            await caller.call(deaf.unique_name, "/", "a.b", "C", timeout_s=0.01)
        await caller.call(BUS_NAME, BUS_PATH, BUS_NAME, "GetId")
        await caller.close()
        await deaf.close()

    asyncio.run(scenario())
