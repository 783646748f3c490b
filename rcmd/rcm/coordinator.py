"""The one object that the bus talks to; `daemon` implements it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rcmd.errors import Veto
from rcmd.model import Identity, ProbeStatus, Status, TargetStatus
from rcmd.rcm.journal import HistoryEvent, Operation
from rcmd.rcm.plan import DetachPlan


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, for the journal and the log."""

    bus_name: str
    uid: int
    pid: int

    def __str__(self) -> str:
        return f"uid {self.uid}, pid {self.pid}"


class Coordinator(Protocol):
    """Everything that can be asked of rcmd.  Errors are `rcmd.errors.RcmError`s."""

    def status(self) -> Status: ...

    def identity(self, interface: str) -> Identity: ...

    def operations(self) -> tuple[Operation, ...]: ...

    def history(self, since_us: int, *, limit: int, skip: int = 0) -> tuple[HistoryEvent, ...]: ...

    def targets(self) -> tuple[TargetStatus, ...]:
        """Whom every interface probes; one entry at least for each."""

    def probes(self, since: int, *, limit: int) -> tuple[ProbeStatus, ...]:
        """The newest `limit` probes decided about after the one of number `since`, oldest first."""

    async def query_detach(self, resource: str, *, force: bool) -> DetachPlan: ...

    async def detach(self, resource: str, caller: Caller, *, force: bool) -> DetachPlan: ...

    async def attach(self, resource: str, caller: Caller) -> None: ...

    async def offline(self, interface: str, caller: Caller) -> None: ...

    async def undo_offline(self, interface: str, caller: Caller) -> None: ...

    async def reload(self, caller: Caller) -> None: ...


class Clients(Protocol):
    """Registered bus clients, as the transactions see them: asked in parallel, all answers kept."""

    async def query_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]: ...

    async def pre_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]: ...

    async def post_remove(self, resource: str) -> None: ...

    async def undo_remove(self, resource: str) -> None: ...
