"""Calls to our objects: found, checked against the table, answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rcmd.bus.answering import Answering, OnFatal
from rcmd.bus.connection import Connection
from rcmd.bus.departures import Callers
from rcmd.bus.exports import Exports
from rcmd.bus.faults import CallRefused
from rcmd.bus.introspection import introspect
from rcmd.bus.manager import ManagerCalls
from rcmd.bus.members import (
    MANAGER,
    OBJECT_MANAGER_INTERFACE,
    OPERATION,
    OWN_INTERFACES,
    PROPERTIES,
    ROOT,
    STANDARD_INTERFACES,
    Interface,
    Method,
)
from rcmd.bus.objects import Exported, children
from rcmd.bus.wire import Message, marshal
from rcmd.errors import RcmError

MAX_ARGUMENTS = 64 * 1024
"""Bytes of arguments of one call; no call of ours needs more."""
MAX_RUNNING = 16
"""Calls of one sender that may be under way at a time."""
_MACHINE_ID = Path("/etc/machine-id")


class Dispatcher:
    """Answers at once what can be; starts a task for what has to wait."""

    def __init__(
        self, current: Callable[[], Exports], manager: ManagerCalls, on_fatal: OnFatal
    ) -> None:
        """`current` gives the exports after every change that is known."""
        self._current = current
        self._manager = manager
        self._on_fatal = on_fatal
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: Counter[str] = Counter()
        self._callers = Callers()
        self._is_stopping = False

    def handle(self, connection: Connection, message: Message) -> None:
        """Answer a call, now or later."""
        with self._answering(connection, message) as answering:
            interface, method = self._find(message)
            answer = self._read(interface, method, message)
            if answer is not None:
                answering.give(method.gives_signature, answer)
            else:
                self._start(method, message, connection)
                answering.postpone()

    def caller_left(self, sender: str) -> None:
        """Give up the calls that nobody waits for any more."""
        self._callers.left(sender)

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

    def _start(self, method: Method, message: Message, connection: Connection) -> None:
        sender = message.sender
        if self._is_stopping:
            raise RcmError("rcmd is stopping")
        if self._running[sender] >= MAX_RUNNING:
            raise CallRefused("LimitsExceeded", f"{MAX_RUNNING} calls are under way already")
        self._running[sender] += 1
        task = asyncio.get_running_loop().create_task(
            self._run(method, message, connection), name=f"{method.name} for {sender}"
        )
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._finished(done, sender))

    async def _run(self, method: Method, message: Message, connection: Connection) -> None:
        with self._answering(connection, message) as answering:
            values = await self._carry_out(method, message, connection)
            answering.give(method.gives_signature, marshal(method.gives_signature, values))

    async def _carry_out(
        self, method: Method, message: Message, connection: Connection
    ) -> Sequence[Any]:
        # Whoever wants no answer need not stay for it.
        if not (method.ends_with_caller and message.wants_reply):
            return await self._manager.run(method, message, connection)
        async with self._callers.tied(connection, message.sender):
            return await self._manager.run(method, message, connection)

    def _finished(self, task: asyncio.Task[None], sender: str) -> None:
        self._tasks.discard(task)
        self._running[sender] -= 1
        if not self._running[sender]:
            del self._running[sender]


def _check_arguments(method: Method, message: Message) -> None:
    if message.signature != method.takes_signature:
        raise CallRefused(
            "InvalidArgs",
            f"{method.name} takes ({method.takes_signature}), not ({message.signature})",
        )
    if len(message.body) > MAX_ARGUMENTS:
        raise CallRefused("LimitsExceeded", f"more than {MAX_ARGUMENTS} bytes of arguments")


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
        return _MACHINE_ID.read_text().strip()
    except OSError as error:
        raise CallRefused("Failed", f"the machine id cannot be read: {error.strerror}") from error
