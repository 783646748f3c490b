"""A disk that takes nothing, or not everything."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rcmd.platform.store.changes import Changes
from rcmd.platform.store.database import StoreError, volatile_database
from rcmd.platform.store.store import Store
from rcmd.platform.store.tables import Tables
from rcmd.ports.store import Step


class FailingTables(Tables):
    def __init__(self) -> None:
        super().__init__(volatile_database())
        self.refuses: Callable[[Changes], bool] = lambda _: False

    def apply(self, changes: Changes) -> None:
        if self.refuses(changes):
            raise StoreError("the disk is full")
        super().apply(changes)


class FailingStore(Store):
    """Forgets everything at the end; what its disk refuses is for the test to say."""

    def __init__(self) -> None:
        self.disk = FailingTables()
        super().__init__(self.disk, "boot")

    def refuse(self, step: Step) -> None:
        """Cannot write one of the steps."""
        self.disk.refuses = lambda changes: any(
            it.step is step for it in changes.operations.values()
        )


class SlowTables(Tables):
    """Their disk takes nothing as long as the gate is shut."""

    def __init__(self) -> None:
        super().__init__(volatile_database())
        self.gate = threading.Event()
        self.gate.set()
        self.is_at_gate = threading.Event()
        self.applied: list[Changes] = []
        self.thread = ""

    def apply(self, changes: Changes) -> None:
        self.thread = threading.current_thread().name
        self.is_at_gate.set()
        assert self.gate.wait(20)
        super().apply(changes)
        self.applied.append(changes)
