"""Small honest stand-ins: a coordinator that remembers what it was asked, and a polkit."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_interface
from typing import Any

from rcmd.bus.clients import ClientRegistry
from rcmd.bus.connection import Connection
from rcmd.bus.members import Action
from rcmd.bus.names import BUS_NAME, BUS_PATH
from rcmd.bus.polkit import POLKIT, Authority
from rcmd.bus.service import BusService
from rcmd.bus.wire import Kind, Message, marshal
from rcmd.errors import RcmError
from rcmd.model.kinds import AddressKind, ProbeMethod
from rcmd.model.network import Family, Identity
from rcmd.model.status import (
    AddressStatus,
    GroupState,
    GroupStatus,
    InterfaceState,
    InterfaceStatus,
    ProbeOutcome,
    ProbeState,
    ProbeStatus,
    ProbeTarget,
    Status,
    TargetMode,
    TargetState,
    TargetStatus,
)
from rcmd.ports.coordinator import Caller, OperationStatus
from rcmd.ports.plan import DetachPlan, MovableKind, PlannedMove
from rcmd.ports.resource import Resource, ResourceKind
from rcmd.ports.script import ScriptRun, ScriptState, ScriptStatus
from rcmd.ports.sockets import Session
from rcmd.ports.store import HistoryEvent, Operation, OperationKind, Step

PLAN = DetachPlan(
    resource="hme0",
    moves=(
        PlannedMove(MovableKind.ADDRESS, "192.168.85.19/24", "hme0", "hme1"),
        PlannedMove(MovableKind.ROUTE, "default via 192.168.85.1", "hme0", None),
    ),
    warnings=("the route to 10.0.0.0/8 cannot follow",),
)
OPERATION = Operation(7, OperationKind.DETACH, "hme0", "uid 0, pid 1", Step.LEAVING, 1_000_000)
UNDERWAY = OperationStatus(OPERATION, ("backup", "cluster"))
RESOURCES = (
    Resource(
        "slot:1",
        ResourceKind.SLOT,
        "powered on",
        (Resource("hme0", ResourceKind.INTERFACE, "hme0 hosts IP addresses: 192.168.85.19"),),
    ),
)
SCRIPTS = (
    ScriptStatus("nfs", "/etc/rcm/scripts/nfs", ScriptState.READY, resources=("hme0",)),
    ScriptStatus(
        "tape",
        "/etc/rcm/scripts/tape",
        ScriptState.REFUSED,
        problem="writable by others",
        last_run=ScriptRun("scriptinfo", "", "ok", 1_000_000),
    ),
)
EVENTS = tuple(
    HistoryEvent(1_000_000 + number, 4, "failover", "hme0", f"message {number}", {"to": "hme1"})
    for number in range(3)
)
ROUTER = ip_address("192.168.85.1")
TARGETS = (
    TargetStatus(
        "hme0",
        Family.IPV4,
        TargetMode.ROUTES,
        ProbeMethod.ICMP,
        ip_address("192.168.85.21"),
        (ProbeTarget(ROUTER, TargetState.ACTIVE, 0.0015, 7, 1),),
    ),
    TargetStatus("hme1", None, TargetMode.DISABLED),
)
PROBES = (
    ProbeStatus(1, 10.0, "hme0", Family.IPV4, 0, ROUTER, ProbeOutcome.ANSWERED, 0.0003, 0.02),
    ProbeStatus(2, 11.0, "hme0", Family.IPV4, 1, ROUTER, ProbeOutcome.LOST),
    ProbeStatus(3, 12.0, "hme0", Family.IPV4, 2, ROUTER, ProbeOutcome.UNKNOWN),
)


def interface(name: str, state: InterfaceState = InterfaceState.RUNNING) -> InterfaceStatus:
    return InterfaceStatus(
        name=name,
        ifindex=4,
        group="test",
        state=state,
        flags=("UP", "RUNNING"),
        link_up=True,
        is_standby=False,
        hardware_address="02:00:00:00:00:01",
        probe=ProbeState.OK,
    )


def status(*interfaces: InterfaceStatus) -> Status:
    members = interfaces or (interface("hme0"), interface("hme1"))
    return Status(
        groups=(
            GroupStatus("test", GroupState.OK, tuple(i.name for i in members), 10_000, spares=1),
        ),
        interfaces=members,
        addresses=(
            AddressStatus(
                ip_interface("192.168.85.19/24"), AddressKind.DATA, "test", "hme0", "hme1", "hme1:2"
            ),
            AddressStatus(
                ip_interface("192.168.85.21/24"), AddressKind.TEST, "test", "hme0", "hme0", "hme0:1"
            ),
            AddressStatus(
                ip_interface("192.168.85.22/24"), AddressKind.DATA, "test", "hme0", None, ""
            ),
        ),
    )


IDENTITIES = {
    name: Identity(name, "02:00:00:00:00:01", "pci:0000:03:00.0", "virtio_net")
    for name in ("hme0", "hme1")
}


class FakeCoordinator:
    """Records calls; answers with `PLAN`, or raises `error`."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.error: BaseException | None = None
        self.is_asked = asyncio.Event()
        self.decided = PROBES
        self.events = list(EVENTS)
        self.underway: tuple[OperationStatus, ...] = (UNDERWAY,)
        self.plan = PLAN
        self.sessions: list[Session | None] = []
        """Those of the callers."""
        self.is_given_up = asyncio.Event()
        """Somebody has cancelled what was asked."""
        self.probe_readers = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    def status(self) -> Status:
        return status()

    def identity(self, interface: str) -> Identity:
        return IDENTITIES[interface]

    def operations(self) -> tuple[OperationStatus, ...]:
        return self.underway

    def resources(self) -> tuple[Resource, ...]:
        return RESOURCES

    def scripts(self) -> tuple[ScriptStatus, ...]:
        return SCRIPTS

    async def history(
        self, since_us: int, *, limit: int, skip: int = 0
    ) -> tuple[HistoryEvent, ...]:
        found = [event for event in self.events if event.time_us >= since_us]
        return tuple(found[: len(found) - skip][-limit:]) if limit else ()

    def targets(self) -> tuple[TargetStatus, ...]:
        return TARGETS

    def probes(self, since: int, *, limit: int) -> tuple[ProbeStatus, ...]:
        self.probe_readers.set()
        found = [probe for probe in self.decided if probe.number > since]
        return tuple(found[-limit:]) if limit else ()

    async def query_detach(
        self, resource: str, *, force: bool, session: Session | None = None
    ) -> DetachPlan:
        self.sessions.append(session)
        await self._asked("query_detach", resource, force)
        return self.plan

    async def detach(
        self, resource: str, caller: Caller, *, force: bool, session: Session | None = None
    ) -> DetachPlan:
        self.sessions.append(session)
        await self._asked("detach", resource, caller, force)
        return PLAN

    async def attach(self, resource: str, caller: Caller) -> None:
        await self._asked("attach", resource, caller)

    async def offline(self, interface: str, caller: Caller) -> None:
        await self._asked("offline", interface, caller)

    async def undo_offline(self, interface: str, caller: Caller) -> None:
        await self._asked("undo_offline", interface, caller)

    async def reload(self, caller: Caller) -> None:
        await self._asked("reload", caller)

    async def cancel(self, number: int, caller: Caller) -> None:
        await self._asked("cancel", number, caller)

    async def looked_at_probes(self) -> None:
        """Return once somebody has asked for the probes."""
        await self.probe_readers.wait()

    async def _asked(self, *call: object) -> None:
        self.calls.append(call)
        self.is_asked.set()
        try:
            await self.may_go_on.wait()
        except asyncio.CancelledError:
            self.is_given_up.set()
            if self.error is None:
                raise
        if self.error is not None:
            raise self.error


class EveryoneMay(Authority):
    """For tests of something else."""

    async def authorise(
        self,
        connection: Connection,  # noqa: ARG002
        message: Message,
        caller: Caller,
        action: Action,
    ) -> None:
        assert action.value.startswith("org.rcmd1.")
        assert caller.bus_name == message.sender


class Stage:
    """A service on a private bus, and connections that talk to it."""

    def __init__(self, address: str, service: BusService, coordinator: FakeCoordinator) -> None:
        self.address = address
        self.service = service
        self.coordinator = coordinator
        self.fatal: list[BaseException] = []
        self.connections: list[Connection] = []

    @property
    def clients(self) -> ClientRegistry:
        return self.service.clients

    async def peer(self, on_message: Callable[[Message], None] = lambda _: None) -> Connection:
        connection = await Connection.open(self.address, on_message=on_message)
        self.connections.append(connection)
        return connection


@asynccontextmanager
async def stage(
    address: str, *, authority: Authority | None = None, client_timeout_s: float = 60.0
) -> AsyncIterator[Stage]:
    """A running service with the picture of `status()`; leaves no task behind."""
    coordinator = FakeCoordinator()
    fatal: list[BaseException] = []
    service = BusService(
        coordinator,
        on_fatal=fatal.append,
        bus_address=address,
        client_timeout_s=client_timeout_s,
        authority=authority or EveryoneMay(),
    )
    service.publish(status(), IDENTITIES)
    await service.start()
    made = Stage(address, service, coordinator)
    made.fatal = fatal
    try:
        yield made
    finally:
        await service.stop()
        for connection in made.connections:
            await connection.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, f"left behind: {others}"


async def ask_bus(connection: Connection, member: str, signature: str, *values: Any) -> list[Any]:
    return await connection.call(
        BUS_NAME, BUS_PATH, BUS_NAME, member, signature, values, timeout_s=10
    )


class Answers:
    """A peer's message handler: answers calls from a table, collects everything."""

    def __init__(self, table: dict[str, tuple[str, list[Any]] | RcmError | None]) -> None:
        """Member -> signature and values; an error; or None: never."""
        self.table = table
        self.messages: asyncio.Queue[Message] = asyncio.Queue()
        self.connection: Connection | None = None

    def __call__(self, message: Message) -> None:
        if self.connection is None:
            return
        self.messages.put_nowait(message)
        answer = self.table.get(message.member)
        if message.kind is not Kind.CALL or answer is None or not message.wants_reply:
            return
        to = {"destination": message.sender, "reply_serial": message.serial}
        if isinstance(answer, RcmError):
            body = marshal("s", [str(answer)])
            name = answer.bus_name
            self.connection.send(
                Message(Kind.ERROR, error_name=name, signature="s", body=body, **to)
            )
        else:
            signature, values = answer
            body = marshal(signature, values)
            self.connection.send(Message(Kind.RETURN, signature=signature, body=body, **to))

    async def next(self, member: str) -> Message:
        """The next message of this name."""
        async with asyncio.timeout(10):
            while True:
                message = await self.messages.get()
                if message.member == member:
                    return message


async def answering_peer(stage: Stage, answers: Answers) -> Connection:
    connection = await stage.peer(answers)
    answers.connection = connection
    return connection


async def fake_polkit(stage: Stage, *, authorized: bool, challenge: bool = False) -> Answers:
    """On the bus under polkit's name; one verdict for everybody."""
    verdict = ("(bba{ss})", [[authorized, challenge, {}]])
    answers = Answers({"CheckAuthorization": verdict, "CancelCheckAuthorization": ("", [])})
    connection = await answering_peer(stage, answers)
    await ask_bus(connection, "RequestName", "su", POLKIT, 4)
    return answers
