"""What every transaction works with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from rcmd.ipmp.engine import Engine
from rcmd.ports.coordinator import Clients
from rcmd.ports.hardware import HardwareControl
from rcmd.ports.pinned_routes import Anchored
from rcmd.ports.sockets import BoundSocket
from rcmd.rcm.operations.pinned_routes import nothing_anchored
from rcmd.rcm.operations.queue import Operations
from rcmd.rcm.runtime import Machine

BoundSockets = Callable[[Collection[int]], Awaitable[Sequence[BoundSocket]]]
"""The sockets bound to these devices, by ifindex (SO_BINDTODEVICE)."""

AnchoredTo = Callable[[Collection[int]], Awaitable[Sequence[Anchored]]]
"""The routes and rules that are tied to these devices, by ifindex, and cannot follow."""


Result = TypeVar("Result")


class Aside(Protocol):
    async def __call__(self, work: Callable[[], Result], /) -> Result:
        """Do something that takes its time beside the loop."""


async def at_once(work: Callable[[], Result]) -> Result:
    """For a stage on which time does not matter."""
    return work()


@dataclass(frozen=True, slots=True)
class Stage:
    machine: Machine
    clients: Clients
    hardware: HardwareControl
    bound_sockets: BoundSockets
    operations: Operations
    anchored: AnchoredTo = nothing_anchored
    aside: Aside = at_once

    @property
    def engine(self) -> Engine:
        return self.machine.engine
