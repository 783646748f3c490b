"""Operations while they run: seen, waited for, cancelled, and given up with their callers."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from rcmd.bus.connection import Connection
from rcmd.bus.faults import ErrorReply
from rcmd.bus.members import Action
from rcmd.bus.names import (
    INTROSPECTABLE,
    MANAGER,
    OBJECT_MANAGER,
    OPERATION,
    PROPERTIES,
    ROOT,
    SERVICE,
)
from rcmd.bus.polkit import Authority
from rcmd.bus.values import plain
from rcmd.bus.wire import Flag, Kind, Message, marshal
from rcmd.errors import NoSuchResource, NotAuthorized, RolledBack
from rcmd.ports.coordinator import Caller, OperationStatus
from rcmd.ports.store import Step

from .fakes import UNDERWAY, Answers, Stage, answering_peer, ask_bus, stage

SEVEN = f"{ROOT}/operation/7"
DETACH: tuple[str, dict[str, object]] = ("hme0", {})


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
    answers = Answers({})
    connection = await answering_peer(on, answers)
    await ask_bus(connection, "AddMatch", "s", f"type='signal',sender='{SERVICE}'")
    return answers


# --- seen -----------------------------------------------------------------------------------------


def test_an_operation_appears_changes_and_goes(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            heard = await listener(on)
            on.service.publish_operations((UNDERWAY,))
            added = await heard.next("InterfacesAdded")
            path, interfaces = plain(added.arguments())
            assert (added.path, path) == (ROOT, SEVEN)
            assert interfaces == {
                OPERATION: {
                    "Number": 7,
                    "Kind": "detach",
                    "Resource": "hme0",
                    "Caller": "uid 0, pid 1",
                    "Step": "leaving",
                    "WaitingFor": ["backup", "cluster"],
                    "StartedAt": 1_000_000,
                    "Forced": False,
                }
            }
            undoing = replace(UNDERWAY.operation, step=Step.UNDOING)
            on.service.publish_operations((OperationStatus(undoing, ("cluster",)),))
            on.service.publish_operations((OperationStatus(undoing),))
            changed = await heard.next("PropertiesChanged")
            assert changed.path == SEVEN
            assert plain(changed.arguments()) == [
                OPERATION,
                {"Step": "undoing", "WaitingFor": []},
                [],
            ]
            on.service.publish_operations(())
            removed = await heard.next("InterfacesRemoved")
            assert removed.arguments() == [SEVEN, [OPERATION]]

    asyncio.run(scenario())


def test_whoever_looks_sees_it(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            on.service.publish_operations((UNDERWAY,))
            objects = await ask(peer, "GetManagedObjects", interface=OBJECT_MANAGER)
            assert objects[SEVEN][OPERATION]["WaitingFor"] == ["backup", "cluster"]
            step = await ask(peer, "Get", "ss", OPERATION, "Step", path=SEVEN, interface=PROPERTIES)
            assert step == "leaving"
            text = await ask(peer, "Introspect", path=SEVEN, interface=INTROSPECTABLE)
            assert '<method name="Cancel" />' in text
            document = json.loads(await ask(peer, "GetStatus"))
            assert document["operations"][0]["waiting_for"] == ["backup", "cluster"]
            on.service.publish_operations(())
            with pytest.raises(ErrorReply, match="UnknownObject"):
                await ask(peer, "GetAll", "s", OPERATION, path=SEVEN, interface=PROPERTIES)

    asyncio.run(scenario())


def test_resources_and_scripts(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            (slot,) = json.loads(await ask(peer, "GetResources"))["resources"]
            assert (slot["name"], slot["kind"]) == ("slot:1", "slot")
            assert [child["name"] for child in slot["children"]] == ["hme0"]
            scripts = json.loads(await ask(peer, "GetScripts"))["scripts"]
            assert [(each["name"], each["problem"]) for each in scripts] == [
                ("nfs", ""),
                ("tape", "writable by others"),
            ]

    asyncio.run(scenario())


# --- cancelled ------------------------------------------------------------------------------------


def test_cancel_by_number_and_on_the_object(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            peer = await on.peer()
            on.service.publish_operations((UNDERWAY,))
            assert await ask(peer, "Cancel", "u", 4711) is None
            assert await ask(peer, "Cancel", path=SEVEN, interface=OPERATION) is None
            # Without an interface it is just as legal.
            assert await ask(peer, "Cancel", path=SEVEN, interface="") is None
            assert [call[:2] for call in on.coordinator.calls] == [
                ("cancel", 4711),
                ("cancel", 7),
                ("cancel", 7),
            ]

    asyncio.run(scenario())


def test_cancel_of_what_is_over(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            on.coordinator.error = NoSuchResource("operation 7 is not under way")
            with pytest.raises(ErrorReply, match=r"NoSuchResource.*not under way"):
                await ask(await on.peer(), "Cancel", "u", 7)

    asyncio.run(scenario())


class Nobody(Authority):
    """Refuses everybody, and remembers what for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def authorise(
        self,
        connection: Connection,  # noqa: ARG002
        message: Message,  # noqa: ARG002
        caller: Caller,
        action: Action,
    ) -> None:
        self.asked.append(action.value)
        raise NotAuthorized(f"not {caller}")


def test_cancel_needs_what_a_detach_needs(address: str) -> None:
    async def scenario() -> None:
        authority = Nobody()
        async with stage(address, authority=authority) as on:
            peer = await on.peer()
            on.service.publish_operations((UNDERWAY,))
            with pytest.raises(ErrorReply, match="NotAuthorized"):
                await ask(peer, "Cancel", "u", 7)
            with pytest.raises(ErrorReply, match="NotAuthorized"):
                await ask(peer, "Cancel", path=SEVEN, interface=OPERATION)
            assert authority.asked == ["org.rcmd1.detach"] * 2
            assert on.coordinator.calls == []

    asyncio.run(scenario())


def test_who_asked_is_told_by_whom_it_was_cancelled(address: str) -> None:
    """The coordinator turns the cancellation into this error; nothing of it is lost here."""

    async def scenario() -> None:
        async with stage(address) as on:
            on.coordinator.may_go_on.clear()
            waiting = asyncio.ensure_future(ask(await on.peer(), "Detach", "sa{sv}", *DETACH))
            await on.coordinator.is_asked.wait()
            on.coordinator.error = RolledBack("cancelled by uid 0, pid 123")
            (call,) = (task for task in asyncio.all_tasks() if task.get_name().startswith("Detach"))
            call.cancel()
            with pytest.raises(ErrorReply, match=r"RolledBack.*cancelled by uid 0, pid 123"):
                await waiting

    asyncio.run(scenario())


def test_a_call_given_up_for_no_known_reason_is_answered(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            on.coordinator.may_go_on.clear()
            waiting = asyncio.ensure_future(ask(await on.peer(), "Reload"))
            await on.coordinator.is_asked.wait()
            (call,) = (task for task in asyncio.all_tasks() if task.get_name().startswith("Reload"))
            call.cancel()
            with pytest.raises(ErrorReply, match="the call was given up"):
                await waiting
            assert on.fatal == []

    asyncio.run(scenario())


# --- given up with the caller ---------------------------------------------------------------------


@pytest.mark.parametrize("member", ["Detach", "Attach", "QueryDetach"])
def test_a_caller_that_dies_takes_its_operation_along(address: str, member: str) -> None:
    # behaviour 105: the initiator dies in the middle
    async def scenario() -> None:
        async with stage(address) as on:
            on.coordinator.may_go_on.clear()
            dying, staying = await on.peer(), await on.peer()
            other = asyncio.ensure_future(ask(staying, "Detach", "sa{sv}", "hme1", {}))
            await on.coordinator.is_asked.wait()
            on.coordinator.is_asked.clear()
            call = asyncio.ensure_future(ask(dying, member, "sa{sv}", *DETACH))
            await on.coordinator.is_asked.wait()
            dying.abort("killed")
            async with asyncio.timeout(10):
                await on.coordinator.is_given_up.wait()
            await asyncio.gather(call, return_exceptions=True)
            assert not other.done()
            on.coordinator.may_go_on.set()
            await other
            assert on.fatal == []

    asyncio.run(scenario())


def test_only_what_has_to_be_undone_ends_with_its_caller(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            on.coordinator.may_go_on.clear()
            dying = await on.peer()
            call = asyncio.ensure_future(ask(dying, "Reload"))
            await on.coordinator.is_asked.wait()
            dying.abort("killed")
            await asyncio.gather(call, return_exceptions=True)
            peer = await on.peer()
            while await has_owner(peer, dying.unique_name):
                await ask(peer, "GetStatus")
            await ask(peer, "GetStatus")
            assert not on.coordinator.is_given_up.is_set()
            on.coordinator.may_go_on.set()

    asyncio.run(scenario())


async def has_owner(peer: Connection, name: str) -> bool:
    (is_there,) = await ask_bus(peer, "NameHasOwner", "s", name)
    return bool(is_there)


def test_who_wants_no_answer_need_not_stay(address: str) -> None:
    async def scenario() -> None:
        async with stage(address) as on:
            on.coordinator.may_go_on.clear()
            leaving, peer = await on.peer(), await on.peer()
            body = marshal("sa{sv}", DETACH)
            leaving.send(
                Message(
                    Kind.CALL,
                    path=ROOT,
                    interface=MANAGER,
                    member="Detach",
                    destination=SERVICE,
                    signature="sa{sv}",
                    flags=Flag.NO_REPLY,
                    body=body,
                )
            )
            await on.coordinator.is_asked.wait()
            await leaving.close()
            while await has_owner(peer, leaving.unique_name):
                await ask(peer, "GetStatus")
            await ask(peer, "GetStatus")
            assert not on.coordinator.is_given_up.is_set()
            on.coordinator.may_go_on.set()

    asyncio.run(scenario())


def test_a_lost_bus_is_no_departure(address: str) -> None:
    """What has begun goes on: the caller may be well, and cannot be asked."""

    async def scenario() -> None:
        async with stage(address) as on:
            on.coordinator.may_go_on.clear()
            waiting = asyncio.ensure_future(ask(await on.peer(), "Detach", "sa{sv}", *DETACH))
            await on.coordinator.is_asked.wait()
            connection = on.service._connection
            assert connection is not None
            connection.abort("killed")
            with pytest.raises(ErrorReply):
                await waiting
            await on.service.wait_disconnected()
            assert not on.coordinator.is_given_up.is_set()
            on.coordinator.may_go_on.set()
            async with asyncio.timeout(30):
                await on.service.wait_connected()

    asyncio.run(scenario())
