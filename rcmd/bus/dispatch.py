"""Calls to our objects: kept in order, found, checked against the table, answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from rcmd.bus.answering import Answering, OnFatal
from rcmd.bus.connection import TURN_S, Connection
from rcmd.bus.departures import Callers
from rcmd.bus.exports import Exports
from rcmd.bus.faults import CallRefused
from rcmd.bus.introspection import introspect
from rcmd.bus.manager import MOST_ROWS_AT_ONCE, ManagerCalls
from rcmd.bus.members import (
    CHANGING,
    OBJECT_MANAGER_INTERFACE,
    OWN_INTERFACES,
    STANDARD_INTERFACES,
    Interface,
    Method,
)
from rcmd.bus.names import MANAGER, OPERATION, PROPERTIES, ROOT
from rcmd.bus.objects import Exported, children
from rcmd.bus.strangers import Strangers
from rcmd.bus.users import Users
from rcmd.bus.waiting import ROOT_UID, Call, TurnedAway, WaitingCalls
from rcmd.bus.wire import Kind, Message, marshal
from rcmd.errors import NotAuthorized, RcmError

MAX_ARGUMENTS = 20 * 1024
"""Bytes of arguments of one call: 64 patterns of a client, the longest there are."""
MAX_ARGUMENTS_OF_READING = 4 * 1024
"""The same for whoever need not be authorised: reading them takes time, too."""
MAX_RUNNING = 16
"""Calls of one sender that may be under way at a time."""
MAX_RUNNING_OF_USER = 32
MAX_RUNNING_OF_OTHERS = 128
"""The same for all users but root together."""
_MACHINE_ID = Path("/etc/machine-id")


class Dispatcher:
    """Answers what can be in the caller's turn; starts a task for what has to wait."""

    def __init__(
        self, current: Callable[[], Exports], manager: ManagerCalls, on_fatal: OnFatal
    ) -> None:
        """`current` gives the exports after every change that is known."""
        self._current = current
        self._manager = manager
        self._on_fatal = on_fatal
        self._loop = asyncio.get_running_loop()
        self._users = Users()
        self._strangers = Strangers()
        self._waiting = WaitingCalls()
        self._turn: asyncio.Handle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: Counter[str] = Counter()
        self._running_of_users: Counter[int] = Counter()
        self._callers = Callers()
        self._is_stopping = False

    def handle(self, connection: Connection, message: Message) -> None:
        """Take a call; it is answered later, and in turn."""
        if not message.wants_reply and message.member not in CHANGING:
            return
        caller = self._users.known(message.sender)
        if caller is None:
            self._meet(connection, message)
        else:
            self._waiting.put(Call(caller, message))
            self.resume(connection)

    def resume(self, connection: Connection) -> None:
        """Go on answering as soon as the loop gets round to it."""
        if self._turn is None and self._waiting:
            self._turn = self._loop.call_soon(self._take_turn, connection)

    def caller_left(self, sender: str) -> None:
        """Give up the calls that nobody waits for any more."""
        self._users.left(sender)
        self._callers.left(sender)

    def disconnected(self) -> None:
        """The bus is gone, and everybody on it; what is under way goes on."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        self._users.forget_all()
        self._strangers = Strangers()
        self._waiting = WaitingCalls()

    async def stop(self) -> None:
        """Give up what is under way; every caller is told."""
        self._is_stopping = True
        # A task cancelled before its first step would not even answer.
        await asyncio.sleep(0)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _answering(self, connection: Connection, message: Message) -> Answering:
        return Answering(connection, message, self._on_fatal, self._why_cancelled)

    def _why_cancelled(self) -> str:
        return "rcmd is stopping" if self._is_stopping else "the call was given up"

    # --- in turn ----------------------------------------------------------------------------------

    def _meet(self, connection: Connection, message: Message) -> None:
        """Find out who it is."""
        sender = message.sender
        is_new = sender not in self._strangers
        if not self._strangers.put(message):
            with self._answering(connection, message):
                raise CallRefused("LimitsExceeded", "too many calls at once")
        elif is_new:
            self._begin(self._find_user(connection, sender), f"who is {sender}")

    async def _find_user(self, connection: Connection, sender: str) -> None:
        try:
            caller = await self._users.find(connection, sender)
        except NotAuthorized as error:
            for message in self._strangers.take(sender):
                with self._answering(connection, message):
                    raise NotAuthorized(str(error)) from None
            return
        for message in self._strangers.take(sender):
            self._waiting.put(Call(caller, message))
        self.resume(connection)

    def _take_turn(self, connection: Connection) -> None:
        """Answer for `TURN_S` at most; come back for what is left."""
        self._turn = None
        end = self._loop.time() + TURN_S
        while self._waiting and not connection.is_congested:
            match self._waiting.take():
                case Call() as call:
                    self._answer(connection, call)
                case TurnedAway(sender, serial):
                    message = Message(Kind.CALL, sender=sender, serial=serial)
                    with self._answering(connection, message):
                        raise CallRefused("LimitsExceeded", "too many calls of this user wait")
            if self._loop.time() >= end:
                break
        if not connection.is_congested:
            self.resume(connection)

    def _answer(self, connection: Connection, call: Call) -> None:
        with self._answering(connection, call.message) as answering:
            interface, method = self._find(call.message)
            answer = self._read(interface, method, call.message)
            if answer is not None:
                answering.give(method.gives_signature, answer)
            else:
                self._start(method, call, connection)
                answering.postpone()

    # --- finding ----------------------------------------------------------------------------------

    def _find(self, message: Message) -> tuple[Interface, Method]:
        offered = self._offered(message.path)
        if not message.interface:
            candidates = offered
        else:
            candidates = [each for each in offered if each.name == message.interface]
            if not candidates:
                raise CallRefused(
                    "UnknownInterface", f"no interface {message.interface} at {message.path}"
                )
        for interface in candidates:
            if (method := interface.method(message.member)) is not None:
                _check_arguments(method, message)
                return interface, method
        raise CallRefused("UnknownMethod", f"no method {message.member} at {message.path}")

    def _offered(self, path: str) -> list[Interface]:
        """The interfaces at the path.  An inner node of the tree has the standard ones."""
        tree = self._current().tree
        item = tree.get(path)
        if item is not None:
            own = [OWN_INTERFACES[item.interface]]
            if path == ROOT:
                own.append(OBJECT_MANAGER_INTERFACE)
            return [*own, *STANDARD_INTERFACES]
        if children(tree, path):
            return [each for each in STANDARD_INTERFACES if each.name != PROPERTIES]
        raise CallRefused("UnknownObject", f"no object {path}")

    # --- answering at once ------------------------------------------------------------------------

    def _read(self, interface: Interface, method: Method, message: Message) -> bytes | None:
        """The body of the answer; None if it has to wait."""
        if method.name == "GetManagedObjects":
            return self._current().managed_objects()
        values: Sequence[Any] | None = None
        if interface.name == MANAGER:
            values = self._manager.read(method)
        elif interface.name != OPERATION:
            values = self._values(method, message)
        return None if values is None else marshal(method.gives_signature, values)

    def _values(self, method: Method, message: Message) -> Sequence[Any]:
        path = message.path
        match method.name:
            case "Ping":
                return []
            case "GetMachineId":
                return [_machine_id()]
            case "Introspect":
                return [introspect(self._offered(path), children(self._current().tree, path))]
        item = self._current().tree[path]
        match method.name, message.arguments():
            case "GetAll", [str(name)]:
                return [item.properties if _has(item, name) else {}]
            case "Get", [str(name), str(member)]:
                _check_property(item, name, member)
                return [item.properties[member]]
            case "Set", [str(name), str(member), _]:
                _check_property(item, name, member)
                raise CallRefused("PropertyReadOnly", f"{member} cannot be set")
        raise AssertionError(f"{method.name} is in the table, but nobody does it")

    # --- answering later --------------------------------------------------------------------------

    def _start(self, method: Method, call: Call, connection: Connection) -> None:
        sender, uid = call.caller.bus_name, call.caller.uid
        if self._is_stopping:
            raise RcmError("rcmd is stopping")
        self._check_room(sender, uid)
        self._manager.check_room(method, call.caller)
        self._running[sender] += 1
        self._running_of_users[uid] += 1
        task = self._begin(self._run(method, call, connection), f"{method.name} for {sender}")
        task.add_done_callback(lambda _: self._finished(sender, uid))

    def _begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _check_room(self, sender: str, uid: int) -> None:
        """Raises CallRefused.  Those of root are counted for each sender only."""
        of_users = self._running_of_users
        words = ""
        if self._running[sender] >= MAX_RUNNING:
            words = f"{MAX_RUNNING} calls are under way already"
        elif uid != ROOT_UID and of_users[uid] >= MAX_RUNNING_OF_USER:
            words = f"{MAX_RUNNING_OF_USER} calls of uid {uid} are under way already"
        elif uid != ROOT_UID and of_users.total() - of_users[ROOT_UID] >= MAX_RUNNING_OF_OTHERS:
            words = f"{MAX_RUNNING_OF_OTHERS} calls of ordinary users are under way already"
        if words:
            raise CallRefused("LimitsExceeded", words)

    async def _run(self, method: Method, call: Call, connection: Connection) -> None:
        with self._answering(connection, call.message) as answering:
            values = await self._carry_out(method, call, connection, answering)
            answering.give(method.gives_signature, await _marshalled(method, values))

    async def _carry_out(
        self, method: Method, call: Call, connection: Connection, answering: Answering
    ) -> Sequence[Any]:
        # Whoever wants no answer need not stay for it.
        if not (method.ends_with_caller and call.message.wants_reply):
            return await self._authorised(method, call, connection, answering)
        sender = call.caller.bus_name
        self._users.check_present(sender)
        with self._callers.tied(sender):
            return await self._authorised(method, call, connection, answering)

    async def _authorised(
        self, method: Method, call: Call, connection: Connection, answering: Answering
    ) -> Sequence[Any]:
        """Nothing that a stranger says is looked into before it is known that he may."""
        if method.action is not None:
            await self._manager.authorise(connection, call, method.action)
            answering.change()
        return await self._manager.run(method, call, connection)

    def _finished(self, sender: str, uid: int) -> None:
        self._running[sender] -= 1
        if not self._running[sender]:
            del self._running[sender]
        self._running_of_users[uid] -= 1
        if not self._running_of_users[uid]:
            del self._running_of_users[uid]


async def _marshalled(method: Method, values: Sequence[Any]) -> bytes:
    """What has thousands of rows, beside everything else."""
    if _rows(values) <= MOST_ROWS_AT_ONCE:
        return marshal(method.gives_signature, values)
    return await asyncio.to_thread(marshal, method.gives_signature, values)


def _rows(values: Sequence[Any]) -> int:
    tables = (it.value for value in values if isinstance(value, dict) for it in value.values())
    return sum(len(table) for table in tables if isinstance(table, list))


def _check_arguments(method: Method, message: Message) -> None:
    if message.signature != method.takes_signature:
        raise CallRefused(
            "InvalidArgs",
            f"{method.name} takes ({method.takes_signature}), not ({message.signature})",
        )
    most = MAX_ARGUMENTS if method.action is not None else MAX_ARGUMENTS_OF_READING
    if message.is_cut or len(message.body) > most:
        raise CallRefused("LimitsExceeded", f"more than {most} bytes of arguments")


def _has(item: Exported, interface: str) -> bool:
    """Whether the properties are asked for; the standard interfaces have none."""
    if interface in ("", item.interface):
        return True
    if interface in {each.name for each in STANDARD_INTERFACES}:
        return False
    if item.path == ROOT and interface == OBJECT_MANAGER_INTERFACE.name:
        return False
    raise CallRefused("UnknownInterface", f"no interface {interface} at {item.path}")


def _check_property(item: Exported, interface: str, member: str) -> None:
    if not _has(item, interface) or member not in item.properties:
        raise CallRefused("UnknownProperty", f"no property {member} at {item.path}")


def _machine_id() -> str:
    try:
        return _MACHINE_ID.read_text(errors="replace").strip()
    except OSError as error:
        raise CallRefused("Failed", f"the machine id cannot be read: {error.strerror}") from error
