"""The calls of org.rcmd1.Manager: arguments in, `Coordinator`, answer out."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from weakref import WeakValueDictionary

from rcmd.bus.clients import ClientRegistry, Registration
from rcmd.bus.connection import Connection
from rcmd.bus.dry_runs import DryRuns
from rcmd.bus.library import Variant
from rcmd.bus.members import Action, Method
from rcmd.bus.names import ROOT
from rcmd.bus.paths import operation_number
from rcmd.bus.polkit import Authority
from rcmd.bus.probe_documents import probe_document, target_document
from rcmd.bus.resource_document import resource_document
from rcmd.bus.script_document import script_document
from rcmd.bus.status_document import operation_document
from rcmd.bus.values import (
    VariantMap,
    string_map,
    text,
    unsigned,
    unsigned_long,
    variant,
    variant_maps,
)
from rcmd.bus.waiting import Call
from rcmd.errors import InvalidArgument, Veto
from rcmd.ports.coordinator import Caller, Coordinator, OperationStatus
from rcmd.ports.plan import DetachPlan, MovableKind, PlannedMove
from rcmd.ports.sockets import Session
from rcmd.ports.store import HistoryEvent

MAX_ROWS = 2000
"""Events or probes in one answer: more at once would keep the loop from its probes."""
_CHUNK = 50
MOST_ROWS_AT_ONCE = 500
"""In an answer; to put them into words and bytes takes 50 ms."""
_LATEST = 2**63 - 1
"""Microseconds: the end of time of those who keep the history.  Nothing has happened after it."""
_MAX_NAME = 255
_SHOWN = 32
"""Characters of the name of a resource: no device, slot or path of a bus has a longer one."""

Values = Sequence[Any]


class ManagerCalls:
    """Runs one call at a time per task; every method returns the values of the answer."""

    def __init__(
        self,
        coordinator: Coordinator,
        authority: Authority,
        registry: ClientRegistry,
        dry_runs: DryRuns,
        status_text: Callable[[], str],
    ) -> None:
        self._coordinator = coordinator
        self._authority = authority
        self._registry = registry
        self._dry_runs = dry_runs
        self._status_text = status_text
        self._reading_turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        """By user: who reads much waits for himself."""

    def read(self, method: Method) -> Values | None:
        """The answer where it takes no waiting; None for the other methods."""
        match method.name:
            case "GetStatus":
                return [self._status_text()]
            case "GetTargets":
                rows = [target_document(status) for status in self._coordinator.targets()]
                return [json.dumps({"targets": rows})]
            case "ListOperations":
                return [[_operation(item) for item in self._coordinator.operations()]]
            case _:
                return None

    def check_room(self, method: Method, caller: Caller) -> None:
        """Raises `CallRefused` at once, where it would be refused in the end."""
        if method.name == "QueryDetach":
            self._dry_runs.check_room(caller.uid)

    async def authorise(self, connection: Connection, call: Call, action: Action) -> None:
        """Raises `NotAuthorized`, `CallRefused`."""
        await self._authority.authorise(connection, call.message, call.caller, action)

    async def run(self, method: Method, call: Call, connection: Connection) -> Values:
        """For a caller who may.  Raises `RcmError`, `CallRefused`, `Malformed`."""
        arguments = call.message.arguments()
        if method.action is not None:
            return await self._change(method.name, arguments, call, connection)
        match method.name:
            case "QueryDetach":
                return [await self._query_detach(arguments, call.caller)]
            case "UnregisterClient":
                self._registry.unregister(call.caller.bus_name, arguments[0])
                return []
        async with self._reading_turn(call.caller.uid):
            text = await self._document(method.name, arguments)
            # One answer of each user waits here at most, however slowly the bus reads.
            await connection.wait_writable()
            return [text]

    def _reading_turn(self, uid: int) -> asyncio.Lock:
        lock = self._reading_turns.get(uid)
        if lock is None:
            lock = self._reading_turns[uid] = asyncio.Lock()
        return lock

    async def _document(self, name: str, arguments: Values) -> str:
        match name, arguments:
            case "GetHistory", [since_us, limit]:
                return await self._history(since_us, limit)
            case "GetHistoryPage", [since_us, skip, limit]:
                return await self._history(since_us, limit, skip)
            case "GetProbes", [since, limit]:
                return await self._probes(since, limit)
            case "GetResources", []:
                return await self._resources()
            case "GetScripts", []:
                return await self._scripts()
        raise AssertionError(f"{name} is in the table, but nobody does it")

    async def _query_detach(self, arguments: Values, caller: Caller) -> VariantMap:
        resource, options = arguments
        _check_name(resource)
        force, session = _detach_options(options)
        plan = await self._dry_runs.run(
            caller.uid,
            lambda: self._coordinator.query_detach(resource, force=force, session=session),
        )
        return await _worded(plan)

    async def _change(
        self, name: str, arguments: Values, call: Call, connection: Connection
    ) -> Values:
        caller = call.caller
        if arguments and isinstance(arguments[0], str):
            _check_name(arguments[0])
        match name:
            case "Cancel":
                path = call.message.path
                number = arguments[0] if path == ROOT else operation_number(path)
                await self._coordinator.cancel(number, caller)
                return []
            case "Detach":
                resource, options = arguments
                force, session = _detach_options(options)
                plan = await self._coordinator.detach(
                    resource, caller, force=force, session=session
                )
                return [await _worded(plan)]
            case "Attach":
                resource, options = arguments
                _no_options(options)
                await self._coordinator.attach(resource, caller)
                return [{"resource": variant(resource)}]
            case "Offline":
                interface, options = arguments
                _no_options(options)
                await self._coordinator.offline(interface, caller)
                return []
            case "UndoOffline":
                await self._coordinator.undo_offline(arguments[0], caller)
                return []
            case "Reload":
                await self._coordinator.reload(caller)
                return []
            case "RegisterClient":
                client, patterns, path = arguments
                registration = Registration(
                    caller.bus_name, path, client, tuple(patterns), caller.uid
                )
                self._registry.register(connection, registration)
                return []
        raise AssertionError(f"{name} is in the table, but nobody does it")

    async def _history(self, since_us: int, limit: int, skip: int = 0) -> str:
        """A JSON array of events; encoded in pieces, to be no burden."""
        since_us = min(since_us, _LATEST)
        events = await self._coordinator.history(since_us, limit=min(limit, MAX_ROWS), skip=skip)
        return await _encode(_row(event) for event in events)

    async def _probes(self, since: int, limit: int) -> str:
        """A JSON array of probes; their times are turned into those of the wall clock."""
        epoch_s = time.time() - asyncio.get_running_loop().time()
        probes = self._coordinator.probes(since, limit=min(limit, MAX_ROWS))
        return await _encode(probe_document(probe, epoch_s) for probe in probes)

    async def _resources(self) -> str:
        rows = await _encode(resource_document(root) for root in self._coordinator.resources())
        return f'{{"resources": {rows}}}'

    async def _scripts(self) -> str:
        rows = await _encode(script_document(each) for each in self._coordinator.scripts())
        return f'{{"scripts": {rows}}}'


async def _encode(rows: Iterable[Mapping[str, Any]]) -> str:
    encoded = []
    for number, row in enumerate(rows, 1):
        encoded.append(json.dumps(row))
        if number % _CHUNK == 0:
            await asyncio.sleep(0)
    return f"[{','.join(encoded)}]"


def event_values(event: HistoryEvent) -> Values:
    """The values of the `Event` signal: `message` and `severity` are among the details."""
    detail = string_map(event.detail)
    detail["message"] = variant(event.message)
    detail["severity"] = unsigned(event.severity)
    return [event.time_us, text(event.kind), text(event.subject), detail]


def _row(event: HistoryEvent) -> dict[str, Any]:
    return asdict(event) | {"detail": dict(event.detail)}


def _detach_options(options: Mapping[str, Variant]) -> tuple[bool, Session | None]:
    """Whether to force, and the caller's own session.  Raises `InvalidArgument` for any other."""
    _no_options({name: it for name, it in options.items() if name not in ("force", "session")})
    force, session = options.get("force"), options.get("session")
    if force is not None and force.signature != "b":
        raise InvalidArgument(f"option force is a boolean (b), not {force.signature}")
    if session is not None and session.signature != "s":
        raise InvalidArgument(f"option session is a string (s), not {session.signature}")
    try:
        told = None if session is None else Session.from_text(session.value)
    except ValueError as error:
        raise InvalidArgument(f"option session: {error}") from error
    return force is not None and bool(force.value), told


def _check_name(name: str) -> None:
    if len(name) > _MAX_NAME:
        raise InvalidArgument(f"a name of {len(name)} characters: {name[:_SHOWN]}...")


def _no_options(options: Mapping[str, Variant]) -> None:
    if options:
        names = ", ".join(sorted(options))
        raise InvalidArgument(f"unknown option {names[:_MAX_NAME]}")


async def _worded(plan: DetachPlan) -> VariantMap:
    """Thousands of routes are put into words beside everything else."""
    if len(plan.moves) <= MOST_ROWS_AT_ONCE:
        return _plan(plan)
    return await asyncio.to_thread(_plan, plan)


def _plan(plan: DetachPlan) -> VariantMap:
    return {
        "resource": variant(plan.resource),
        "vetoes": variant_maps([_veto(veto) for veto in plan.vetoes]),
        "moves": variant_maps([_move(move) for move in plan.moves]),
        "warnings": variant(plan.warnings),
    }


def _veto(veto: Veto) -> VariantMap:
    return string_map({"resource": veto.resource, "client": veto.client, "reason": veto.reason})


def _move(move: PlannedMove) -> VariantMap:
    """`address` is there for addresses only; `what` names all of it."""
    return string_map(
        {
            "kind": move.kind.value,
            "what": move.what,
            "address": move.what if move.kind is MovableKind.ADDRESS else "",
            "from": move.source,
            "to": move.destination or "",
            "fate": move.fate.value,
            "reason": move.reason,
        }
    )


def _operation(status: OperationStatus) -> VariantMap:
    words = operation_document(status)
    return {
        "number": unsigned(words["number"]),
        "kind": variant(words["kind"]),
        "resource": variant(words["resource"]),
        "caller": variant(words["caller"]),
        "step": variant(words["step"]),
        "started_usec": unsigned_long(words["started_us"]),
        "forced": variant(words["forced"]),
        "waiting_for": variant(words["waiting_for"]),
    }
