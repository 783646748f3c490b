"""The one object that the bus talks to; `daemon` implements it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rcmd.errors import Veto
from rcmd.model.network import Identity
from rcmd.model.status import ProbeStatus, Status, TargetStatus
from rcmd.ports.plan import DetachPlan
from rcmd.ports.resource import Resource
from rcmd.ports.script import ScriptStatus
from rcmd.ports.sockets import Session
from rcmd.ports.store import HistoryEvent, Operation


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for the journal and the log."""

    bus_name: str
    uid: int
    pid: int

    def __str__(self) -> str:
        return f"uid {self.uid}, pid {self.pid}"


@dataclass(frozen=True, slots=True)
class OperationStatus:
    """An operation while it runs."""

    operation: Operation
    waiting_for: tuple[str, ...] = ()
    """The clients that were asked and have not answered, or what else is awaited."""


class Coordinator(Protocol):
    """Everything that can be asked of rcmd.  Errors are `rcmd.errors.RcmError`s."""

    def status(self) -> Status: ...

    def identity(self, interface: str) -> Identity: ...

    def operations(self) -> tuple[OperationStatus, ...]:
        """What is under way, in the order in which it began."""

    def resources(self) -> tuple[Resource, ...]:
        """Slots, devices and interfaces with what hangs on them: the roots of the tree."""

    async def history(
        self, since_us: int, *, limit: int, skip: int = 0
    ) -> tuple[HistoryEvent, ...]: ...

    def targets(self) -> tuple[TargetStatus, ...]:
        """Whom every interface probes; one entry at least for each."""

    def probes(self, since: int, *, limit: int) -> tuple[ProbeStatus, ...]:
        """The newest `limit` probes decided about after the one of number `since`, oldest first."""

    def scripts(self) -> tuple[ScriptStatus, ...]:
        """Every RCM script that was found, in the order of their names."""

    async def query_detach(
        self, resource: str, *, force: bool, session: Session | None = None
    ) -> DetachPlan:
        """`session` is that of the caller, who may be about to cut himself off."""

    async def detach(
        self, resource: str, caller: Caller, *, force: bool, session: Session | None = None
    ) -> DetachPlan: ...

    async def attach(self, resource: str, caller: Caller) -> None: ...

    async def offline(self, interface: str, caller: Caller) -> None: ...

    async def undo_offline(self, interface: str, caller: Caller) -> None: ...

    async def reload(self, caller: Caller) -> None: ...

    async def cancel(self, number: int, caller: Caller) -> None:
        """Undo an operation; returns when it is undone.  NoSuchResource if none has this number."""


class Clients(Protocol):
    """Everyone who may object, as the transactions see them: asked in parallel, all answers kept.

    Nobody is asked twice at a time; who was asked to let go (`pre_remove`) is told the outcome, and
    who was not, is not (solaris.md 4.4: undo skips a client that never left ONLINE).
    """

    async def query_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        """May it go?  Nothing must change."""

    async def usages(self, resource: str) -> tuple[str, ...]:
        """What it is used for, in sentences that name the user."""

    async def pre_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        """It is about to go: let go of it."""

    async def post_remove(self, resource: str) -> None:
        """It is gone for good."""

    async def undo_remove(self, resource: str) -> None:
        """It stays after all."""

    def awaited(self) -> tuple[str, ...]:
        """The names of those who were asked and have not answered, now."""

    def pending(self) -> tuple[str, ...]:
        """The resources that somebody was asked to let go of, and not told what became of them.

        In the order of asking; it survives the daemon where those who were asked do.
        """
