"""The daemon as rcmctl sees it: `org.rcmd1.Manager` behind plain coroutines.

    async with ManagerClient.connect() as manager:
        plan = await manager.detach("eth0", force=False)

Whatever the service answers with becomes the `rcmd.errors.RcmError` of the same bus name; a bus or
a service that is not there, or goes away in the middle, becomes `Unreachable`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from rcmd.bus.address import system_bus_address
from rcmd.bus.connection import Connection
from rcmd.bus.faults import Disconnected, ErrorReply
from rcmd.bus.names import BUS_NAME, BUS_PATH, MANAGER, ROOT, SERVICE
from rcmd.bus.replies import NOT_RUNNING, document_of, error_of
from rcmd.bus.values import VariantMap, plain, variant
from rcmd.bus.wire import Flag, Kind, Message
from rcmd.errors import RcmError, Unreachable, Veto

if TYPE_CHECKING:
    # Loaded by those who need them: `rcmctl status` does not.
    from rcmd.ports.plan import DetachPlan, PlannedMove
    from rcmd.ports.sockets import Session
    from rcmd.ports.store import HistoryEvent

_PROBES_EVERY_S = 0.1
"""Often enough for the 52 probes that a member keeps at the shortest detection time."""
_MOST_ROWS = 2000
"""Events or probes that one answer has at the most."""


class ManagerClient:
    """One connection to the bus, talking to the daemon; made by `connect`."""

    def __init__(self, connection: Connection, owner: str, *, timeout_s: float) -> None:
        self._connection = connection
        self._owner = owner
        self._timeout_s = timeout_s
        self._events: asyncio.Queue[HistoryEvent | Unreachable] = asyncio.Queue()
        self._is_subscribed = False

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        address: str | None = None,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109
    ) -> AsyncIterator[ManagerClient]:
        """Connect to the bus and find the daemon on it, without starting it.

        `timeout` in seconds bounds the connecting and every call that only reads; calls that
        change something take as long as they take.  Raises `Unreachable`.
        """
        incoming = _Inbox()
        try:
            connection = await Connection.open(
                address or system_bus_address(), on_message=incoming, timeout_s=timeout
            )
        except (OSError, Disconnected) as error:
            raise Unreachable(f"cannot reach the system bus: {error}") from error
        try:
            owner = await _owner_of_service(connection, timeout)
            client = cls(connection, owner, timeout_s=timeout)
            incoming.client = client
            yield client
        finally:
            await connection.close()

    async def version(self) -> str:
        body = await self._call(
            "Get",
            "ss",
            (MANAGER, "Version"),
            interface="org.freedesktop.DBus.Properties",
            timeout_s=self._timeout_s,
        )
        return str(plain(body[0]))

    async def status(self) -> dict[str, Any]:
        """The document that `rcmctl status --json` prints (`rcmd.bus.status_document`)."""
        return await self._document("GetStatus")

    async def history(self, since_us: int, limit: int) -> tuple[HistoryEvent, ...]:
        """The newest `limit` events at or after the time (us since the epoch), oldest first."""
        from rcmd.ports.store import HistoryEvent

        events: list[HistoryEvent] = []
        skip = 0
        while skip < limit:
            wanted = min(limit - skip, _MOST_ROWS)
            body = (since_us, skip, wanted)
            rows = json.loads(await self._read("GetHistoryPage", "tuu", body))
            skip += len(rows)
            # What has happened since the last page makes this one overlap it.
            shown = {_identity(event) for event in events}
            page = [HistoryEvent(**row) for row in rows]
            events = [*(event for event in page if _identity(event) not in shown), *events]
            if len(rows) < wanted:
                break
        return tuple(events)

    async def targets(self) -> dict[str, Any]:
        """The document that `rcmctl targets --json` prints (`rcmd.bus.probe_documents`)."""
        return await self._document("GetTargets")

    async def operations(self) -> dict[str, Any]:
        """The document that `rcmctl operations --json` prints."""
        body = await self._call("ListOperations", timeout_s=self._timeout_s)
        return {"operations": [_operation(row) for row in plain(body[0])]}

    async def resources(self) -> dict[str, Any]:
        """The document that `rcmctl resources --json` prints (`rcmd.bus.resource_document`)."""
        return await self._document("GetResources")

    async def scripts(self) -> dict[str, Any]:
        """The document that `rcmctl scripts --json` prints (`rcmd.bus.script_document`)."""
        return await self._document("GetScripts")

    async def probes(self, since: int, limit: int) -> list[dict[str, Any]]:
        """The newest `limit` probes decided about after number `since`, oldest first."""
        rows = json.loads(await self._read("GetProbes", "tu", (since, limit)))
        if not isinstance(rows, list):
            raise RcmError("rcmd answered with probes that are not an array")
        return rows

    async def follow_probes(self) -> AsyncGenerator[dict[str, Any], None]:
        """Every probe that is decided about from now on; `Unreachable` when the daemon ends."""
        newest = await self.probes(0, 1)
        since = newest[-1]["number"] if newest else 0
        while True:
            for row in await self.probes(since, _MOST_ROWS):
                since = row["number"]
                yield row
            await asyncio.sleep(_PROBES_EVERY_S)

    async def query_detach(
        self, resource: str, *, force: bool, session: Session | None = None
    ) -> DetachPlan:
        """What a detach would do, with every veto; changes nothing."""
        options = _detach_options(force=force, session=session)
        return _plan(await self._call("QueryDetach", "sa{sv}", (resource, options)))

    async def detach(
        self, resource: str, *, force: bool, session: Session | None = None
    ) -> DetachPlan:
        """Raises `Vetoed`, `RolledBack`, `NoSuchResource`, `Busy`, `NotAuthorized`."""
        options = _detach_options(force=force, session=session)
        return _plan(await self._change("Detach", "sa{sv}", (resource, options)))

    async def attach(self, resource: str) -> None:
        await self._change("Attach", "sa{sv}", (resource, {}))

    async def cancel(self, number: int) -> None:
        """Undo an operation; returns when that is done.  Raises `NoSuchResource`."""
        await self._change("Cancel", "u", (number,))

    async def offline(self, name: str) -> None:
        await self._change("Offline", "sa{sv}", (name, {}))

    async def undo_offline(self, name: str) -> None:
        await self._change("UndoOffline", "s", (name,))

    async def reload(self) -> None:
        """Read the configuration again; raises `ConfigurationError` where it is refused."""
        await self._change("Reload")

    async def subscribe(self) -> None:
        """Keep every event from now on for `events`.

        For a caller that reads the history in between and must not miss one.
        """
        if self._is_subscribed:
            return
        self._is_subscribed = True
        for rule in (
            f"type='signal',sender='{SERVICE}',path='{ROOT}',interface='{MANAGER}',member='Event'",
            f"type='signal',sender='{BUS_NAME}',member='NameOwnerChanged',arg0='{SERVICE}'",
        ):
            await self._ask(BUS_NAME, BUS_PATH, BUS_NAME, "AddMatch", "s", (rule,))

    async def events(self) -> AsyncIterator[HistoryEvent]:
        """Every event from now on, or from `subscribe` on; `Unreachable` when the daemon ends."""
        await self.subscribe()
        closing = asyncio.ensure_future(self._connection.wait_closed())
        closing.add_done_callback(self._bus_gone)
        try:
            while True:
                event = await self._events.get()
                if isinstance(event, Unreachable):
                    raise event
                yield event
        finally:
            closing.cancel()

    def _bus_gone(self, closing: asyncio.Future[str]) -> None:
        if not closing.cancelled():
            self._events.put_nowait(Unreachable(f"lost the system bus: {closing.result()}"))

    def receive(self, message: Message) -> None:
        """Take a message that is not an answer; only signals are of interest."""
        if message.kind is not Kind.SIGNAL:
            return
        match message.member:
            case "Event" if message.sender == self._owner and message.interface == MANAGER:
                self._events.put_nowait(_event(message.arguments()))
            case "NameOwnerChanged" if message.sender == BUS_NAME:
                _, old, _ = message.arguments()
                if old == self._owner:
                    self._events.put_nowait(Unreachable("rcmd has ended"))

    async def _document(self, member: str) -> dict[str, Any]:
        return document_of(member, await self._read(member))

    async def _read(self, member: str, signature: str = "", body: Sequence[Any] = ()) -> str:
        answer = await self._call(member, signature, body, timeout_s=self._timeout_s)
        return str(answer[0])

    async def _change(
        self, member: str, signature: str = "", body: Sequence[Any] = ()
    ) -> Sequence[Any]:
        return await self._call(member, signature, body, flags=Flag.ALLOW_INTERACTIVE)

    async def _call(
        self,
        member: str,
        signature: str = "",
        body: Sequence[Any] = (),
        *,
        interface: str = MANAGER,
        timeout_s: float | None = None,
        flags: Flag = Flag.NONE,
    ) -> Sequence[Any]:
        return await self._ask(
            self._owner, ROOT, interface, member, signature, body, timeout_s=timeout_s, flags=flags
        )

    async def _ask(
        self,
        destination: str,
        path: str,
        interface: str,
        member: str,
        signature: str,
        body: Sequence[Any],
        *,
        timeout_s: float | None = None,
        flags: Flag = Flag.NONE,
    ) -> Sequence[Any]:
        try:
            return await self._connection.call(
                destination,
                path,
                interface,
                member,
                signature,
                body,
                timeout_s=timeout_s,
                flags=flags | Flag.NO_AUTO_START,
            )
        except ErrorReply as error:
            raise error_of(error) from None
        except Disconnected as error:
            raise Unreachable(f"lost the system bus: {error}") from error
        except TimeoutError as error:
            raise Unreachable(f"rcmd did not answer within {timeout_s:g} s") from error


class _Inbox:
    """Hands messages to the client once there is one."""

    client: ManagerClient | None = None

    def __call__(self, message: Message) -> None:
        if self.client is not None:
            self.client.receive(message)


def _identity(event: HistoryEvent) -> tuple[int, str, str, str]:
    return event.time_us, event.kind, event.subject, event.message


async def _owner_of_service(connection: Connection, timeout_s: float) -> str:
    try:
        answer = await connection.call(
            BUS_NAME, BUS_PATH, BUS_NAME, "GetNameOwner", "s", (SERVICE,), timeout_s=timeout_s
        )
    except ErrorReply as error:
        raise Unreachable(NOT_RUNNING) from error
    except Disconnected as error:
        raise Unreachable(f"lost the system bus: {error}") from error
    except TimeoutError as error:
        raise Unreachable("the system bus does not answer") from error
    return str(answer[0])


def _detach_options(*, force: bool, session: Session | None) -> VariantMap:
    told = {} if session is None else {"session": variant(session.to_text())}
    return {"force": variant(force), **told}


def _plan(body: Sequence[Any]) -> DetachPlan:
    from rcmd.ports.plan import DetachPlan

    plan = plain(body[0])
    return DetachPlan(
        resource=plan["resource"],
        vetoes=tuple(
            Veto(veto["resource"], veto["client"], veto["reason"]) for veto in plan["vetoes"]
        ),
        moves=tuple(_move(move) for move in plan["moves"]),
        warnings=tuple(plan["warnings"]),
    )


def _move(move: Mapping[str, str]) -> PlannedMove:
    from rcmd.ports.plan import MovableKind, PlannedMove

    return PlannedMove(
        MovableKind(move["kind"]),
        move["what"],
        move["from"],
        move["to"] or None,
        move.get("reason", ""),
    )


def _operation(row: Mapping[str, Any]) -> dict[str, Any]:
    """As in the status, where the time has another name."""
    return {("started_us" if key == "started_usec" else key): value for key, value in row.items()}


def _event(body: Sequence[Any]) -> HistoryEvent:
    from rcmd.ports.store import HistoryEvent

    time_us, kind, subject, detail = body
    words = plain(detail)
    message = str(words.pop("message", ""))
    severity = int(words.pop("severity", 6))
    rest = {key: str(value) for key, value in words.items()}
    return HistoryEvent(time_us, severity, kind, subject, message, rest)
