"""What a process has in its hands, cut off from the world at the moment in which it is killed."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto

from stories.kernel import Kernel

from rcmd.errors import Veto
from rcmd.ipmp.api.commands import Move, Plumb, Release
from rcmd.ipmp.api.events import Moved, Plumbed
from rcmd.platform.store.tables import Tables
from rcmd.ports.hardware import Hardware, HardwareFailed, HardwareStep, RemoveFunction
from rcmd.ports.network import OnAdded

from .cards import ModelHardware
from .house import ModelDevices, ModelKernel
from .virtual_loop import Killed

CLIENT_TIMEOUT_S = 60.0


class Spark(Enum):
    """What may be the last thing that a process does."""

    TURN = auto()
    """A turn of its loop."""
    RECORD = auto()
    """It is about to use its store."""
    RECORDED = auto()
    """It has used its store."""
    ACTED = auto()
    """The kernel has done what it asked for, and it never hears of it."""


@dataclass(slots=True)
class Fuse:
    """Ends a process at some moment that nobody has chosen."""

    is_burnt: bool = False
    _left: dict[Spark, int] = field(default_factory=dict)

    def light(self, spark: Spark, after: int) -> None:
        self._left[spark] = after

    def burn(self, spark: Spark) -> None:
        self.check()
        left = self._left.get(spark)
        if left is None:
            return
        self._left[spark] = left - 1
        if left <= 0:
            self.is_burnt = True
            raise Killed

    def check(self) -> None:
        if self.is_burnt:
            raise Killed


class MortalKernel(ModelKernel):
    def __init__(self, model: Kernel, fuse: Fuse) -> None:
        super().__init__(model)
        self._fuse = fuse

    def execute(self, move: Move, on_added: OnAdded = lambda _: None) -> Moved:
        self._fuse.check()
        moved = super().execute(move)
        self._fuse.burn(Spark.ACTED)
        on_added(moved.refusals)
        return moved


class MortalDevices(ModelDevices):
    def __init__(self, model: Kernel, fuse: Fuse) -> None:
        super().__init__(model)
        self.acts = 0
        self._fuse = fuse

    def plumb(self, plumb: Plumb) -> Plumbed:
        self._fuse.check()
        self.acts += 1
        told = super().plumb(plumb)
        self._fuse.burn(Spark.ACTED)
        return told

    def release(self, release: Release, saved: Mapping[str, str]) -> None:
        self._fuse.check()
        self.acts += 1
        super().release(release, saved)
        self._fuse.burn(Spark.ACTED)


class MortalTables(Tables):
    """The same database in every life."""

    def __init__(self, database: sqlite3.Connection, fuse: Fuse) -> None:
        self._fuse = fuse
        super().__init__(database)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._fuse.burn(Spark.RECORD)
        with super()._transaction() as database:
            yield database
        self._fuse.burn(Spark.RECORDED)


@dataclass(slots=True)
class MortalHardware:
    """Implements `hardware.HardwareControl`; what is begun takes its time."""

    hardware: ModelHardware
    fuse: Fuse
    duration_s: float

    def survey(self) -> Hardware:
        return self.hardware.survey()

    def obstacles(self, step: HardwareStep) -> tuple[str, ...]:
        return self.hardware.obstacles(step)

    async def perform(self, step: HardwareStep) -> None:
        self.fuse.check()
        await asyncio.sleep(self.duration_s / 2)
        self.fuse.check()
        if isinstance(step, RemoveFunction) and step.address not in self.hardware.functions:
            raise HardwareFailed(f"{step.address}: No such device")
        await self.hardware.perform(step)
        await asyncio.sleep(self.duration_s / 2)


class Mood(Enum):
    """Of a client."""

    CONTENT = auto()
    REFUSES = auto()
    """To be asked about it."""
    HOLDS_ON = auto()
    """It does not object, and then will not let go."""
    SLOW = auto()
    SILENT = auto()
    """Until those who ask have had enough."""


class Outcome(Enum):
    GONE = auto()
    STAYS = auto()


@dataclass(slots=True)
class Owner:
    """Somebody who holds on to things; outlives the daemon, as a script does."""

    name: str
    moods: dict[str, Mood] = field(default_factory=dict)
    """By resource."""
    waits_for: dict[str, None] = field(default_factory=dict)
    """What it was asked to let go of, in that order, and was not told what became of it."""


@dataclass(slots=True)
class MortalClients:
    """Implements `coordinator.Clients` for one owner, as the scripts are asked."""

    owner: Owner
    fuse: Fuse
    check: Callable[[str, Outcome], None]
    """That what an owner is told of a resource is true."""
    asked: list[str] = field(default_factory=list)

    async def query_remove(self, resource: str, **_: bool) -> tuple[Veto, ...]:
        self.fuse.check()
        return await self._answer(resource, Mood.REFUSES)

    async def pre_remove(self, resource: str, **_: bool) -> tuple[Veto, ...]:
        self.fuse.check()
        assert resource not in self.owner.waits_for, f"{resource} was never told of the outcome"
        self.owner.waits_for[resource] = None
        return await self._answer(resource, Mood.HOLDS_ON)

    async def post_remove(self, resource: str) -> None:
        self._tell(resource, Outcome.GONE)

    async def undo_remove(self, resource: str) -> None:
        self._tell(resource, Outcome.STAYS)

    async def usages(self, resource: str) -> tuple[str, ...]:
        return (f"{self.owner.name} uses {resource}",)

    def awaited(self) -> tuple[str, ...]:
        return tuple(self.asked)

    def pending(self) -> tuple[str, ...]:
        return tuple(self.owner.waits_for)

    def _tell(self, resource: str, outcome: Outcome) -> None:
        self.fuse.check()
        if resource in self.owner.waits_for:
            self.check(resource, outcome)
            del self.owner.waits_for[resource]

    async def _answer(self, resource: str, refuses: Mood) -> tuple[Veto, ...]:
        self.asked.append(resource)
        try:
            return await self._answer_in_time(resource, refuses)
        finally:
            self.asked.remove(resource)

    async def _answer_in_time(self, resource: str, refuses: Mood) -> tuple[Veto, ...]:
        mood = self.owner.moods.get(resource, Mood.CONTENT)
        match mood:
            case Mood.SILENT:
                await asyncio.sleep(CLIENT_TIMEOUT_S)
                return (Veto(resource, self.owner.name, "did not answer"),)
            case Mood.SLOW:
                await asyncio.sleep(2.0)
            case _:
                await asyncio.sleep(0)
        return (Veto(resource, self.owner.name, "it is needed"),) if mood is refuses else ()
