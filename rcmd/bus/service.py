"""org.rcmd1 on the system bus: put there, kept up to date, and put there again.

The bus is for people and programs; failover never waits for it.  No bus, a bus that ends, a name
that is taken: each is logged, tried again, and changes nothing else.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

from rcmd.bus.address import system_bus_address
from rcmd.bus.answering import OnFatal
from rcmd.bus.clients import ClientRegistry
from rcmd.bus.connection import Connection
from rcmd.bus.dispatch import MAX_ARGUMENTS, Dispatcher
from rcmd.bus.dry_runs import DryRuns
from rcmd.bus.exports import Exports
from rcmd.bus.faults import Disconnected, ErrorReply
from rcmd.bus.manager import ManagerCalls, event_values
from rcmd.bus.names import BUS_NAME, BUS_PATH, MANAGER, ROOT, SERVICE
from rcmd.bus.objects import Picture, ServiceState
from rcmd.bus.polkit import Authority
from rcmd.bus.status_document import status_document
from rcmd.bus.users import hear_departures
from rcmd.bus.wire import Kind, Message, marshal
from rcmd.model.network import Identity
from rcmd.model.status import Status
from rcmd.ports.coordinator import Coordinator, OperationStatus
from rcmd.ports.store import HistoryEvent

log = logging.getLogger(__name__)

_DO_NOT_QUEUE = 4
_PRIMARY_OWNER = 1
_FIRST_DELAY_S = 0.2
_LONGEST_DELAY_S = 5.0
_FIRST_ATTEMPT_S = 1.0
_COALESCE_S = 0.01
"""Changes within this time become one PropertiesChanged per object."""
_MAX_EVENTS_WAITING = 1000


class BusService:
    """The one bus front of the daemon."""

    def __init__(
        self,
        coordinator: Coordinator,
        *,
        on_fatal: OnFatal,
        bus_address: str | None = None,
        clients: ClientRegistry | None = None,
        client_timeout_s: float = 60.0,
        authority: Authority | None = None,
    ) -> None:
        """`on_fatal` is told of an error that should be impossible, and should end the process."""
        self.clients = clients or ClientRegistry(lambda: client_timeout_s)
        self._coordinator = coordinator
        self._on_fatal = on_fatal
        self._bus_address = bus_address
        self._authority = authority or Authority()
        self._dry_runs = DryRuns()
        self._exports = Exports()
        self._picture = Picture()
        self._status_text: tuple[object, str] | None = None
        self._is_stale = False
        self._flush_timer: asyncio.TimerHandle | None = None
        self._events: deque[HistoryEvent] = deque(maxlen=_MAX_EVENTS_WAITING)
        self._dropped = 0
        self._dispatcher: Dispatcher | None = None
        self._connection: Connection | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()
        self._connected = asyncio.Event()
        self._disconnected = asyncio.Event()
        self._disconnected.set()

    # --- what the daemon does with it -----------------------------------------------------------

    async def start(self) -> None:
        """Go on the bus; where that fails (or takes a second), keep trying in the background."""
        manager = ManagerCalls(
            self._coordinator, self._authority, self.clients, self._dry_runs, self._render_status
        )
        self._dispatcher = Dispatcher(self._current_exports, manager, self._on_fatal)
        self._keeper = asyncio.get_running_loop().create_task(self._keep(), name="bus")
        self._keeper.add_done_callback(self._kept)
        try:
            await asyncio.wait_for(self._tried.wait(), _FIRST_ATTEMPT_S)
        except TimeoutError:
            log.info("going on without the system bus for now")

    async def stop(self) -> None:
        """Answer everybody who waits, say goodbye and leave the bus."""
        if self._keeper is None or self._dispatcher is None:
            return
        self.state = ServiceState.STOPPING
        await self._dispatcher.stop()
        self._flush()
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        if self._flush_timer is not None:
            self._flush_timer.cancel()

    async def wait_connected(self) -> None:
        """Return as soon as the name is ours."""
        await self._connected.wait()

    async def wait_disconnected(self) -> None:
        """Return as soon as there is no bus; at once if there is none."""
        await self._disconnected.wait()

    @property
    def state(self) -> ServiceState:
        """`Manager.State`."""
        return self._picture.state

    @state.setter
    def state(self, state: ServiceState) -> None:
        self._show(replace(self._picture, state=state))

    def publish(self, status: Status, identities: Mapping[str, Identity]) -> None:
        """Show this picture from now on; costs next to nothing, call it after every change."""
        self._show(replace(self._picture, status=status, identities=identities))

    def publish_operations(self, operations: tuple[OperationStatus, ...]) -> None:
        """Show these operations from now on; just as cheap.  Dry runs give way to them."""
        self._dry_runs.give_way_to(operations)
        self._show(replace(self._picture, operations=operations))

    def emit(self, event: HistoryEvent) -> None:
        """Send `Manager.Event`; forgotten where there is no bus, as every signal is."""
        if self._connection is None:
            return
        self._dropped += len(self._events) == _MAX_EVENTS_WAITING
        self._events.append(event)
        self._send_events()

    # --- the picture ------------------------------------------------------------------------------

    def _show(self, picture: Picture) -> None:
        self._picture = picture
        self._is_stale = True
        if self._flush_timer is None and self._connection is not None:
            loop = asyncio.get_running_loop()
            self._flush_timer = loop.call_later(_COALESCE_S, self._flush)

    def _flush(self) -> None:
        """Bring the exports up to date and say what changed, unless the bus does not read."""
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        connection = self._connection
        if not self._is_stale or connection is None or connection.is_congested:
            return
        self._is_stale = False
        for signal in self._exports.replace(self._picture):
            connection.send(signal)

    def _current_exports(self) -> Exports:
        self._flush()
        return self._exports

    def _render_status(self) -> str:
        operations = self._coordinator.operations()
        picture = self._picture
        key = (picture.status, picture.identities, operations)
        if self._status_text is None or self._status_text[0] != key:
            document = status_document(*key)
            self._status_text = (key, json.dumps(document))
        return self._status_text[1]

    def _send_events(self) -> None:
        connection = self._connection
        while self._events and connection is not None and not connection.is_congested:
            values = event_values(self._events.popleft())
            connection.send(
                Message(
                    Kind.SIGNAL,
                    path=ROOT,
                    interface=MANAGER,
                    member="Event",
                    signature="tssa{sv}",
                    body=marshal("tssa{sv}", values),
                )
            )

    def _drained(self) -> None:
        """The bus reads again."""
        if self._connection is not None and self._dispatcher is not None:
            self._dispatcher.resume(self._connection)
        if self._dropped:
            log.warning("the bus did not read: %d events dropped", self._dropped)
            self._dropped = 0
        self._flush()
        self._send_events()

    # --- the connection ---------------------------------------------------------------------------

    async def _keep(self) -> None:
        """Be on the bus, for ever."""
        delay_s, last_reason = _FIRST_DELAY_S, ""
        while True:
            try:
                connection = await self._open()
            except (OSError, Disconnected, ErrorReply, TimeoutError) as error:
                if str(error) != last_reason:
                    log.warning("not on the system bus, trying again: %s", error)
                last_reason = str(error)
                self._tried.set()
                await asyncio.sleep(delay_s)
                delay_s = min(2 * delay_s, _LONGEST_DELAY_S)
                continue
            delay_s, last_reason = _FIRST_DELAY_S, ""
            log.info("on the system bus as %s (%s)", SERVICE, connection.unique_name)
            try:
                reason = await connection.wait_closed()
                log.warning("lost the system bus: %s", reason)
            finally:
                self._connected.clear()
                self._disconnected.set()
                self._connection = None
                self.clients.forget_all()
                if self._dispatcher is not None:
                    self._dispatcher.disconnected()
                await connection.close()

    async def _open(self) -> Connection:
        """A connection that owns our name, with everything exported."""
        inbox = _Inbox(self)
        connection = await Connection.open(
            self._bus_address or system_bus_address(),
            on_message=inbox,
            largest_body=MAX_ARGUMENTS,
        )
        inbox.connection = connection
        try:
            # Whoever sees the name must see the objects, so they come first.
            self._exports.replace(self._picture)
            self._is_stale = False
            self._events.clear()
            self._dropped = 0
            await hear_departures(connection)
            answer = await connection.call(
                BUS_NAME,
                BUS_PATH,
                BUS_NAME,
                "RequestName",
                "su",
                [SERVICE, _DO_NOT_QUEUE],
                timeout_s=_LONGEST_DELAY_S,
            )
            if answer[0] != _PRIMARY_OWNER:
                raise Disconnected(f"the name {SERVICE} belongs to somebody else")
            self._connection = connection
        finally:
            if self._connection is not connection:
                await connection.close()
        connection.on_drained = self._drained
        self._tried.set()
        self._connected.set()
        self._disconnected.clear()
        self._flush()
        return connection

    def receive(self, connection: Connection, message: Message) -> None:
        """Take a call or a signal from the bus."""
        if message.kind is Kind.CALL and self._dispatcher is not None:
            self._dispatcher.handle(connection, message)
        elif message.kind is Kind.SIGNAL and message.sender == BUS_NAME:
            self._receive_from_bus(connection, message)

    def _receive_from_bus(self, connection: Connection, message: Message) -> None:
        match message.member, message.arguments():
            case "NameLost", [name] if name == SERVICE:
                connection.abort(f"the name {SERVICE} was taken away")
            case "NameOwnerChanged", [str(name), str(), ""]:
                self.clients.forget(name)
                if self._dispatcher is not None:
                    self._dispatcher.caller_left(name)

    def _kept(self, keeper: asyncio.Task[None]) -> None:
        if not keeper.cancelled() and (error := keeper.exception()) is not None:
            self._on_fatal(error)


class _Inbox:
    """Tells the service from which of its connections a message came."""

    connection: Connection | None = None

    def __init__(self, service: BusService) -> None:
        self._service = service

    def __call__(self, message: Message) -> None:
        if self.connection is not None:
            self._service.receive(self.connection, message)
