"""A process of its own that uses the store until something stops it; run by test_store.py.

Every line it prints says what has returned, and must therefore be on disk.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
import threading
from itertools import count
from pathlib import Path

from rcmd.model.network import Identity
from rcmd.platform.store.changes import Changes
from rcmd.platform.store.hand_over import HandOver
from rcmd.platform.store.store import Store, StoreError
from rcmd.platform.store.tables import Tables
from rcmd.ports.store import HistoryEvent, OperationKind, SavedSysctls, Step

EVENT = HistoryEvent(1, 6, "test", "eth0", "something happened" * 20)


def say(text: str) -> None:
    print(text, flush=True)


def write_for_ever(store: Store) -> None:
    """One line for each completed call: NUMBER STEP."""
    for turn in count():
        operation = store.begin(OperationKind.DETACH, f"eth{turn}", "uid 0", is_forced=False)
        say(f"{operation.number} {operation.step}")
        for step in (Step.LEAVING, Step.UNPLUMBING):
            operation = store.advance(operation, step)
            say(f"{operation.number} {operation.step}")
        store.append([EVENT] * 20)


def fill(store: Store, *, most: int = 20_000) -> int:
    """Write until it is refused; return how often it was not."""
    for turn in range(most):
        store.remember(f"key {turn}", "x" * 500)
        try:
            asyncio.run(store.on_disk())
        except StoreError as error:
            say(f"refused {error}")
            return turn
    say("never refused")
    return most


def fill_up(store: Store, path: Path) -> None:
    """Reach a limit on the size of files, be refused, and go on when there is space again."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    wal = path.with_name(path.name + "-wal")
    resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size + 65_536, hard))
    written = fill(store)
    for _ in range(3):
        store.append([EVENT] * 100)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    check(store, written)
    store.append([EVENT])
    say(f"history {len(asyncio.run(store.since(0, limit=1000)))}")


def check(store: Store, written: int) -> None:
    """All that was accepted is there, what was refused too, and writing works again."""
    asyncio.run(store.on_disk())
    store = Store(store._tables, "boot")
    say(f"kept {sum(store.recall(f'key {turn}') is not None for turn in range(written + 1))}")
    say(f"written {written}")
    store.remember("afterwards", "yes")
    say(f"afterwards {store.recall('afterwards')}")


async def get_stuck(path: Path) -> None:
    """Accept everything, with a disk that takes nothing; print the operation."""

    class StuckTables(Tables):
        def apply(self, changes: Changes) -> None:  # noqa: ARG002
            threading.Event().wait()

    store = Store.open(path, "boot", HandOver(path.parent))
    store._tables.__class__ = StuckTables
    store.write_behind(lambda _: None)
    operation = store.advance(store.begin(OperationKind.DETACH, "eth0", ""), Step.LEAVING)
    store.remember("key", "text")
    store.save_sysctls(SavedSysctls("eth0", 4, {"a": "1"}))
    store.know(Identity("eth0"))
    say(json.dumps([operation.number, operation.step]))
    await asyncio.sleep(3600)


def main() -> None:
    task, path = sys.argv[1], Path(sys.argv[2])
    if task == "stuck":
        asyncio.run(get_stuck(path))
        return
    store = Store.open(path, "boot")
    match task:
        case "write":
            write_for_ever(store)
        case "limit":
            fill_up(store, path)
        case "fill":
            fill(store)
        case "refuse":
            fill(store, most=1)
    store.close()


if __name__ == "__main__":
    main()
