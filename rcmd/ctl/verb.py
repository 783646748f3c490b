"""What a verb is, and what it may ask of the daemon."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from rcmd.ctl.output import Output

if TYPE_CHECKING:
    # Most verbs need none of it, and it takes longer to load than they take to run.
    from rcmd.ports.plan import DetachPlan
    from rcmd.ports.sockets import Session
    from rcmd.ports.store import HistoryEvent


class Manager(Protocol):
    """The daemon, as `rcmd.bus.client` offers it.  Errors are `rcmd.errors.RcmError`s."""

    async def status(self) -> dict[str, Any]:
        """Return the object that `rcmctl status --json` prints."""

    async def history(self, since_us: int, limit: int) -> tuple[HistoryEvent, ...]:
        """Return the newest `limit` events at or after the time, oldest first."""

    async def targets(self) -> dict[str, Any]:
        """Return the object that `rcmctl targets --json` prints."""

    def follow_probes(self) -> AsyncGenerator[dict[str, Any], None]:
        """Yield each probe as it is answered or lost; raises `Unreachable` when the daemon ends."""

    async def operations(self) -> dict[str, Any]:
        """Return the object that `rcmctl operations --json` prints."""

    async def resources(self) -> dict[str, Any]:
        """Return the object that `rcmctl resources --json` prints."""

    async def scripts(self) -> dict[str, Any]:
        """Return the object that `rcmctl scripts --json` prints."""

    async def query_detach(
        self, resource: str, *, force: bool, session: Session | None = None
    ) -> DetachPlan: ...

    async def detach(
        self, resource: str, *, force: bool, session: Session | None = None
    ) -> DetachPlan: ...

    async def attach(self, resource: str) -> None: ...

    async def cancel(self, number: int) -> None:
        """Undo an operation; returns when that is done."""

    async def offline(self, name: str) -> None: ...

    async def undo_offline(self, name: str) -> None: ...

    async def reload(self) -> None: ...

    async def subscribe(self) -> None:
        """Keep every event from now on for `events`."""

    def events(self) -> AsyncIterator[HistoryEvent]:
        """Yield the events since `subscribe`; raises `Unreachable` when the daemon ends."""


Connect = Callable[[], AbstractAsyncContextManager[Manager]]


@dataclass(frozen=True, slots=True)
class Verb:
    """One verb of rcmctl."""

    name: str
    summary: str
    run: Callable[[Manager, Namespace, Output], Awaitable[int]]
    """Returns the exit status."""
    add_arguments: Callable[[ArgumentParser], None] = lambda _: None
    reads_documents: bool = False
    """It asks for documents, and needs nothing else of the manager (`rcmd.bus.reader`)."""
    when_interrupted: str = "rcmd goes on with what it has begun"
    """What becomes of the request of a user who presses Ctrl-C and is gone."""
