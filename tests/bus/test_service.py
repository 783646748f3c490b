"""The objects on the bus, as any program sees them."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Any
from xml.etree import ElementTree as xml

import pytest

import rcmd
from rcmd.bus import dispatch
from rcmd.bus.connection import Connection
from rcmd.bus.dispatch import MAX_ARGUMENTS, MAX_RUNNING
from rcmd.bus.faults import Disconnected, ErrorReply
from rcmd.bus.names import (
    GROUP,
    INTERFACE,
    INTROSPECTABLE,
    MANAGER,
    OBJECT_MANAGER,
    PEER,
    PROPERTIES,
    ROOT,
    SERVICE,
)
from rcmd.bus.objects import ServiceState
from rcmd.bus.values import plain, variant
from rcmd.bus.wire import marshal
from rcmd.errors import Busy, Veto, Vetoed
from rcmd.model.status import InterfaceState
from rcmd.ports.plan import MovableKind, PlannedMove
from rcmd.ports.sockets import Session

from .fakes import (
    EVENTS,
    IDENTITIES,
    OPERATION,
    PLAN,
    Answers,
    Stage,
    answering_peer,
    ask_bus,
    interface,
    stage,
    status,
)
from .private_bus import PrivateBus

HME0 = f"{ROOT}/interface/hme0"


async def ask(
    peer: Connection,
    member: str,
    signature: str = "",
    *values: Any,
    path: str = ROOT,
    interface: str = MANAGER,
) -> Any:
    answer = await peer.call(SERVICE, path, interface, member, signature, values, timeout_s=10)
    return plain(answer[0]) if answer else None


async def listener(on: Stage) -> Answers:
    """Gets every signal of the service."""
    answers = Answers({})
    connection = await answering_peer(on, answers)
    await ask_bus(connection, "AddMatch", "s", f"type='signal',sender='{SERVICE}'")
    return answers


# --- reading --------------------------------------------------------------------------------------


def test_managed_objects(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            objects = await ask(peer, "GetManagedObjects", interface=OBJECT_MANAGER)
        assert set(objects) == {f"{ROOT}/group/test", HME0, f"{ROOT}/interface/hme1"}
        assert objects[f"{ROOT}/group/test"][GROUP] == {
            "Name": "test",
            "State": "ok",
            "Interfaces": ["hme0", "hme1"],
            "FailureDetectionTime": 10_000,
            "Spares": 1,
        }
        assert objects[f"{ROOT}/interface/hme1"][INTERFACE] == {
            "Name": "hme1",
            "Index": 4,
            "Group": "test",
            "State": "running",
            "Flags": ["UP", "RUNNING"],
            "LinkUp": True,
            "Standby": False,
            "Probe": "ok",
            "HardwareAddress": "02:00:00:00:00:01",
            "BusPath": "pci:0000:03:00.0",
            "Driver": "virtio_net",
            "DataAddresses": ["192.168.85.19/24"],
            "TestAddresses": [],
        }

    asyncio.run(scenario())


def test_managed_objects_of_many_interfaces_survive_a_change_of_one(address: str) -> None:
    """Entries are marshalled one by one and put together again, whatever their lengths."""

    async def scenario() -> None:
        names = ["e" * (1 + number % 9) + str(number) for number in range(40)]
        async with stage(address) as on:
            peer = await on.peer()
            on.service.publish(status(*map(interface, names)), {})
            first = await ask(peer, "GetManagedObjects", interface=OBJECT_MANAGER)
            failed = interface(names[7], InterfaceState.FAILED)
            members = [failed if name == names[7] else interface(name) for name in names]
            on.service.publish(status(*members), {})
            second = await ask(peer, "GetManagedObjects", interface=OBJECT_MANAGER)
        path = f"{ROOT}/interface/{names[7]}"
        assert len(first) == 41
        assert first[path][INTERFACE]["State"] == "running"
        assert second[path][INTERFACE]["State"] == "failed"
        del first[path], second[path]
        assert first == second

    asyncio.run(scenario())


def test_managed_objects_are_asked_of_the_root_only(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            for path, error in ((HME0, "UnknownInterface"), ("/nowhere", "UnknownObject")):
                with pytest.raises(ErrorReply, match=error):
                    await ask(peer, "GetManagedObjects", path=path, interface=OBJECT_MANAGER)

    asyncio.run(scenario())


def test_properties(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()

            async def properties(member: str, signature: str, *values: Any) -> Any:
                return await ask(peer, member, signature, *values, interface=PROPERTIES)

            assert await properties("Get", "ss", MANAGER, "Version") == rcmd.__version__
            assert await properties("Get", "ss", "", "State") == "starting"
            assert set(await properties("GetAll", "s", MANAGER)) == {"Version", "State", "Problems"}
            assert await properties("GetAll", "s", PEER) == {}
            with pytest.raises(ErrorReply, match="UnknownProperty"):
                await properties("Get", "ss", MANAGER, "Colour")
            with pytest.raises(ErrorReply, match="UnknownInterface"):
                await properties("GetAll", "s", "a.b")
            with pytest.raises(ErrorReply, match="PropertyReadOnly"):
                await properties("Set", "ssv", MANAGER, "State", variant("running"))

    asyncio.run(scenario())


def test_introspection_of_every_node(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            found: dict[str, set[str]] = {}

            async def walk(path: str) -> None:
                text = await ask(peer, "Introspect", path=path, interface=INTROSPECTABLE)
                node = xml.fromstring(text)
                found[path] = {each.attrib["name"] for each in node.findall("interface")}
                for child in node.findall("node"):
                    await walk(f"{path.rstrip('/')}/{child.attrib['name']}")

            await walk("/")
        assert {MANAGER, OBJECT_MANAGER, PROPERTIES} <= found[ROOT]
        assert GROUP in found[f"{ROOT}/group/test"]
        assert INTERFACE in found[HME0]
        assert PROPERTIES not in found[f"{ROOT}/group"]

    asyncio.run(scenario())


def test_status_history_and_operations(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            document = json.loads(await ask(peer, "GetStatus"))
            assert [each["name"] for each in document["interfaces"]] == ["hme0", "hme1"]
            on.service.publish(status(interface("hme9")), {})
            document = json.loads(await ask(peer, "GetStatus"))
            assert [each["name"] for each in document["interfaces"]] == ["hme9"]
            rows = json.loads(await ask(peer, "GetHistory", "tu", EVENTS[1].time_us, 1))
            assert [row["message"] for row in rows] == ["message 2"]
            (operation,) = await ask(peer, "ListOperations")
            assert operation["number"] == OPERATION.number
            assert operation["step"] == "leaving"
            assert operation["waiting_for"] == ["backup", "cluster"]

    asyncio.run(scenario())


def test_a_call_without_interface_is_legal(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            assert await ask(peer, "Ping", interface="") is None
            assert json.loads(await ask(peer, "GetStatus", interface=""))["groups"]

    asyncio.run(scenario())


# --- calls that go wrong --------------------------------------------------------------------------


def test_calls_that_nobody_can_answer(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            with pytest.raises(ErrorReply, match="UnknownMethod"):
                await ask(peer, "Explode")
            with pytest.raises(ErrorReply, match="UnknownInterface"):
                await ask(peer, "Explode", interface="a.b")
            with pytest.raises(ErrorReply, match=r"InvalidArgs.*takes \(sa\{sv\}\), not \(s\)"):
                await ask(peer, "Detach", "s", "hme0")
            with pytest.raises(ErrorReply, match="LimitsExceeded"):
                await ask(peer, "Offline", "sa{sv}", "x" * MAX_ARGUMENTS, {})

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("member", "options"),
    [
        ("Detach", {"dry-run": variant(True)}),
        ("Detach", {"force": variant("yes")}),
        ("QueryDetach", {"force": variant(["yes"])}),
        ("Attach", {"force": variant(True)}),
        ("Offline", {"force": variant(True)}),
    ],
)
def test_options_that_do_not_exist(address: str, member: str, options: Any) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            with pytest.raises(ErrorReply, match=r"org\.rcmd1\.Error\.InvalidArgument.*option"):
                await ask(peer, member, "sa{sv}", "hme0", options)
            assert on.coordinator.calls == []

    asyncio.run(scenario())


def test_an_error_of_the_table_is_passed_on_and_not_logged(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            caplog.clear()
            on.coordinator.error = Busy("held by operation 7")
            with pytest.raises(ErrorReply) as busy:
                await ask(peer, "Reload")
            assert busy.value.name == "org.rcmd1.Error.Busy"
            assert busy.value.message == "held by operation 7"
            on.coordinator.error = Vetoed((Veto("hme0", "db", "in\nuse"), Veto("hme0", "x", "y")))
            with pytest.raises(ErrorReply) as vetoed:
                await ask(peer, "Detach", "sa{sv}", "hme0", {})
            assert vetoed.value.message == "hme0: db: in use\nhme0: x: y"
            assert on.fatal == []

    with caplog.at_level(logging.INFO, "rcmd.bus"):
        asyncio.run(scenario())
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_an_impossible_error_shows_no_particulars_and_is_fatal(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            on.coordinator.error = KeyError("/secret/path.py")
            with pytest.raises(ErrorReply) as failed:
                await ask(peer, "Reload")
            assert failed.value.name == "org.rcmd1.Error.Failed"
            assert failed.value.message == "internal error"
            assert on.fatal == [on.coordinator.error]

    asyncio.run(scenario())


def test_text_that_the_bus_cannot_carry_is_mended(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            on.coordinator.error = Busy("a\0b\udcff")
            with pytest.raises(ErrorReply) as busy:
                await ask(peer, "Reload")
            assert busy.value.message == "a\N{REPLACEMENT CHARACTER}b\\xff"

    asyncio.run(scenario())


def test_whoever_waits_when_the_service_stops_is_told(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            on.coordinator.may_go_on.clear()
            waiting = asyncio.ensure_future(ask(peer, "Detach", "sa{sv}", "hme0", {}))
            await on.coordinator.is_asked.wait()
            await on.service.stop()
            with pytest.raises(ErrorReply, match="rcmd is stopping"):
                await waiting

    asyncio.run(scenario())


def test_one_sender_cannot_have_everything_under_way(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            on.coordinator.may_go_on.clear()
            calls = [
                asyncio.ensure_future(ask(peer, "QueryDetach", "sa{sv}", "hme0", {}))
                for _ in range(MAX_RUNNING)
            ]
            # They are sent in this turn of the loop, and the bus keeps the order.
            await asyncio.sleep(0)
            with pytest.raises(ErrorReply, match="LimitsExceeded"):
                await ask(peer, "GetHistory", "tu", 0, 1)
            assert await ask(peer, "GetStatus")
            assert await ask(await on.peer(), "GetHistory", "tu", 0, 1)
            on.coordinator.may_go_on.set()
            await asyncio.gather(*calls)
            assert await ask(peer, "GetHistory", "tu", 0, 1)

    asyncio.run(scenario())


# --- changing -------------------------------------------------------------------------------------


def test_a_plan(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            plan = await ask(peer, "QueryDetach", "sa{sv}", "hme0", {"force": variant(True)})
            assert on.coordinator.calls == [("query_detach", "hme0", True)]
            assert on.coordinator.sessions == [None]
            told = {"session": variant("10.0.0.5 192.168.85.19")}
            await ask(peer, "QueryDetach", "sa{sv}", "hme0", told)
            local, remote = ip_address("192.168.85.19"), ip_address("10.0.0.5")
            assert on.coordinator.sessions[1] == Session(local, remote)
            for bad in ("", "10.0.0.5", "here there", True):
                with pytest.raises(ErrorReply, match="option session"):
                    await ask(peer, "QueryDetach", "sa{sv}", "hme0", {"session": variant(bad)})
        assert plan == {
            "resource": "hme0",
            "vetoes": [],
            "moves": [
                {
                    "kind": "address",
                    "what": "192.168.85.19/24",
                    "address": "192.168.85.19/24",
                    "from": "hme0",
                    "to": "hme1",
                    "fate": "moved",
                    "reason": "",
                },
                {
                    "kind": "route",
                    "what": "default via 192.168.85.1",
                    "address": "",
                    "from": "hme0",
                    "to": "",
                    "fate": "lost",
                    "reason": "",
                },
            ],
            "warnings": ["the route to 10.0.0.0/8 cannot follow"],
        }

    asyncio.run(scenario())


def test_a_plan_of_thousands_of_routes_is_written_beside_everything_else(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whats = [f"20.{number >> 8}.{number & 255}.0/24" for number in range(2000)]
    moves = tuple(PlannedMove(MovableKind.ROUTE, what, "hme0", "hme1") for what in whats)
    writers: list[threading.Thread] = []

    def watched(signature: str, values: Sequence[Any]) -> bytes:
        writers.append(threading.current_thread())
        return marshal(signature, values)

    async def scenario() -> None:
        async with stage(address) as on:
            on.coordinator.plan = replace(PLAN, moves=moves)
            monkeypatch.setattr(dispatch, "marshal", watched)
            plan = await ask(await on.peer(), "QueryDetach", "sa{sv}", "hme0", {})
            assert [move["what"] for move in plan["moves"]] == whats

    asyncio.run(scenario())
    assert threading.current_thread() not in writers[-1:]


# --- signals --------------------------------------------------------------------------------------


def test_changes_become_one_signal_per_object(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            heard = await listener(on)
            for state in (InterfaceState.FAILED, InterfaceState.OFFLINE):
                on.service.publish(status(interface("hme0", state), interface("hme1")), IDENTITIES)
            changed = await heard.next("PropertiesChanged")
            assert changed.path == HME0
            name, properties, invalidated = plain(changed.arguments())
            assert (name, properties, invalidated) == (INTERFACE, {"State": "offline"}, [])
            on.service.state = ServiceState.RUNNING
            changed = await heard.next("PropertiesChanged")
            assert changed.path == ROOT
            assert plain(changed.arguments())[1] == {"State": "running"}

    asyncio.run(scenario())


def test_added_and_removed_objects_are_announced_by_the_root(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            heard = await listener(on)
            on.service.publish(status(interface("hme0"), interface("eth0.5")), IDENTITIES)
            removed = await heard.next("InterfacesRemoved")
            assert removed.path == ROOT
            assert removed.arguments() == [f"{ROOT}/interface/hme1", [INTERFACE]]
            added = await heard.next("InterfacesAdded")
            assert added.path == ROOT
            path, interfaces = plain(added.arguments())
            assert path == f"{ROOT}/interface/eth0_2e5"
            assert interfaces[INTERFACE]["Name"] == "eth0.5"

    asyncio.run(scenario())


def test_whoever_reads_after_a_change_sees_it(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            on.service.publish(status(interface("hme0", InterfaceState.FAILED)), IDENTITIES)
            state = await ask(
                peer, "Get", "ss", INTERFACE, "State", path=HME0, interface=PROPERTIES
            )
            assert state == "failed"

    asyncio.run(scenario())


def test_events(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            heard = await listener(on)
            on.service.emit(EVENTS[0])
            event = await heard.next("Event")
            assert event.signature == "tssa{sv}"
            assert plain(event.arguments()) == [
                1_000_000,
                "failover",
                "hme0",
                {"to": "hme1", "message": "message 0", "severity": 4},
            ]

    asyncio.run(scenario())


def test_a_bus_that_sleeps_costs_neither_memory_nor_the_latest_picture(
    private_bus: PrivateBus, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        async with stage(private_bus.address) as on:
            heard = await listener(on)
            connection = on.service._connection
            assert connection is not None
            long = replace(EVENTS[0], message="x" * 10_000)
            os.kill(private_bus.pid, signal.SIGSTOP)
            while not connection.is_congested:
                on.service.emit(long)
            for number in range(2000):
                on.service.emit(replace(EVENTS[0], subject=str(number)))
                on.service.publish(status(interface(f"eth{number}")), {})
            os.kill(private_bus.pid, signal.SIGCONT)
            added = await heard.next("InterfacesAdded")
            assert added.arguments()[0] == f"{ROOT}/interface/eth1999"
            event = await heard.next("Event")
            assert event.arguments()[2] == "1000"

    asyncio.run(scenario())
    assert "1000 events dropped" in caplog.text


# --- the bus comes and goes -----------------------------------------------------------------------


def test_the_bus_dies_and_comes_back(private_bus: PrivateBus) -> None:
    async def scenario() -> None:
        async with stage(private_bus.address) as on:
            peer = await on.peer()
            private_bus.kill()
            await on.service.wait_disconnected()
            on.service.publish(status(interface("hme7")), IDENTITIES)
            on.service.emit(EVENTS[0])
            private_bus.start()
            async with asyncio.timeout(30):
                await on.service.wait_connected()
            peer = await on.peer()
            objects = await ask(peer, "GetManagedObjects", interface=OBJECT_MANAGER)
            assert f"{ROOT}/interface/hme7" in objects
            assert HME0 not in objects

    asyncio.run(scenario())


def test_no_bus_at_start(private_bus: PrivateBus) -> None:
    private_bus.kill()

    async def scenario() -> None:
        async with stage(private_bus.address) as on:
            private_bus.start()
            async with asyncio.timeout(30):
                await on.service.wait_connected()
            assert await ask(await on.peer(), "GetStatus")

    asyncio.run(scenario())


def test_the_name_is_taken(
    private_bus: PrivateBus,
    caplog: pytest.LogCaptureFixture,
) -> None:

    async def scenario() -> None:
        other = await Connection.open(private_bus.address, on_message=lambda _: None)
        await ask_bus(other, "RequestName", "su", SERVICE, 4)
        async with stage(private_bus.address) as on:
            await other.close()
            async with asyncio.timeout(30):
                await on.service.wait_connected()
            assert await ask(await on.peer(), "GetStatus")

    asyncio.run(scenario())
    assert "belongs to somebody else" in caplog.text


def test_the_name_is_lost(address: str) -> None:
    """As when an administrator's tool takes it: we ask for it again."""

    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            (first,) = await ask_bus(peer, "GetNameOwner", "s", SERVICE)
            connection = on.service._connection
            assert connection is not None
            with pytest.raises(Disconnected, match="taken away"):
                await ask_bus(connection, "ReleaseName", "s", SERVICE)
            async with asyncio.timeout(30):
                await on.service.wait_disconnected()
                await on.service.wait_connected()
            (second,) = await ask_bus(peer, "GetNameOwner", "s", SERVICE)
            assert second != first

    asyncio.run(scenario())


# --- other people's tools -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (
            [
                "dbus-send",
                "--print-reply",
                f"--dest={SERVICE}",
                ROOT,
                f"{INTROSPECTABLE}.Introspect",
            ],
            '<method name="QueryDetach">',
        ),
        (
            [
                "dbus-send",
                "--print-reply",
                f"--dest={SERVICE}",
                ROOT,
                f"{OBJECT_MANAGER}.GetManagedObjects",
            ],
            'object path "/org/rcmd1/interface/hme1"',
        ),
        (
            [
                "dbus-send",
                "--print-reply",
                f"--dest={SERVICE}",
                HME0,
                f"{PROPERTIES}.Get",
                f"string:{INTERFACE}",
                "string:TestAddresses",
            ],
            "192.168.85.21/24",
        ),
    ],
)
def test_dbus_send(address: str, command: list[str], expected: str) -> None:
    async def scenario() -> None:
        async with stage(address):
            program, *rest = command
            running = await asyncio.create_subprocess_exec(
                program, f"--bus={address}", *rest, stdout=subprocess.PIPE
            )
            output, _ = await running.communicate()
            assert running.returncode == 0
            assert expected in output.decode()

    asyncio.run(scenario())
