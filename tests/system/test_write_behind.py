"""A disk that takes its time holds up nobody but who waits for it; and nothing is lost."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from failing_tables import FailingStore, SlowTables

from rcmd.model.network import Identity
from rcmd.platform.store import hand_over as hand_over_module
from rcmd.platform.store.changes import HISTORY_LIMIT, NICS_KEPT, Changes
from rcmd.platform.store.database import StoreError
from rcmd.platform.store.hand_over import HandOver
from rcmd.platform.store.store import Store
from rcmd.platform.store.tables import Tables
from rcmd.ports.store import HistoryEvent, OperationKind, SavedSysctls, Step

CHILD = Path(__file__).with_name("store_child.py")
DETACH = OperationKind.DETACH


def event(number: int) -> HistoryEvent:
    return HistoryEvent(number, 6, "moved", "eth0", f"event {number}", {"to": "eth1"})


class Disk:
    def __init__(self, tmp_path: Path | None = None) -> None:
        self.tables = SlowTables()
        self.store = Store(self.tables, "boot", HandOver(tmp_path) if tmp_path else None)
        self.failures: list[StoreError | None] = []
        self.store.write_behind(self.failures.append)
        self.tables.applied.clear()

    def stuck(self) -> None:
        self.tables.gate.clear()
        self.tables.is_at_gate.clear()

    async def reached(self) -> None:
        """The disk has something to do."""
        assert await asyncio.to_thread(self.tables.is_at_gate.wait, 20)


def run(story: Callable[[Disk], Awaitable[None]], tmp_path: Path | None = None) -> Disk:
    async def main() -> Disk:
        disk = Disk(tmp_path)
        await story(disk)
        disk.tables.gate.set()
        await disk.store.end()
        return disk

    return asyncio.run(main())


def test_what_is_accepted_is_known_at_once_and_written_by_a_thread() -> None:
    async def story(disk: Disk) -> None:
        disk.stuck()
        store = disk.store
        operation = store.advance(store.begin(DETACH, "eth0", "uid 0"), Step.LEAVING)
        store.remember("key", "text")
        store.know(Identity("eth0"))
        store.keep_settings("good")
        store.save_sysctls(SavedSysctls("eth0", 4, {"a": "1"}))
        await disk.reached()
        assert store.unfinished() == (operation,)
        assert store.recall("key") == "text"
        assert store.known() == (Identity("eth0"),)
        assert store.last_good_settings() == "good"
        assert store.saved_sysctls("eth0", 4) == SavedSysctls("eth0", 4, {"a": "1"})
        assert disk.tables.applied == []
        disk.tables.gate.set()
        await store.on_disk()
        assert disk.tables.load().unfinished == {operation.number: operation}
        # What came while the disk was busy was written in one go.
        assert len(disk.tables.applied) == 2
        assert disk.tables.thread.startswith("store")

    run(story)


def test_whoever_waits_waits_for_what_was_accepted_before() -> None:
    async def story(disk: Disk) -> None:
        disk.stuck()
        disk.store.remember("first", "1")
        waiting = asyncio.ensure_future(disk.store.on_disk())
        await disk.reached()
        disk.store.remember("second", "2")
        assert not waiting.done()
        disk.tables.gate.set()
        await waiting
        assert disk.tables.applied[0].remembered == {"first": "1"}
        await disk.store.on_disk()
        await disk.store.on_disk()

    run(story)


def test_whoever_gives_up_waiting_disturbs_nobody() -> None:
    async def story(disk: Disk) -> None:
        disk.stuck()
        disk.store.remember("first", "1")
        waiting = [asyncio.ensure_future(disk.store.on_disk()) for _ in range(2)]
        await disk.reached()
        waiting[0].cancel()
        disk.tables.gate.set()
        await waiting[1]

    run(story)


def test_the_history_is_read_with_what_waits() -> None:
    async def story(disk: Disk) -> None:
        disk.store.append([event(1), event(2)])
        disk.store.append([event(3)])
        assert await disk.store.since(0, limit=10) == (event(1), event(2), event(3))
        assert await disk.store.since(2, limit=10, skip=1) == (event(2),)

    run(story)


def test_a_full_disk_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        store = FailingStore()
        told: list[str] = []
        store.write_behind(lambda error: told.append(str(error)))
        store.disk.refuses = bool
        operation = store.begin(DETACH, "eth0", "uid 0")
        for _ in range(3):
            with pytest.raises(StoreError, match="the disk is full"):
                await store.on_disk()
        store.append([event(1)])
        assert await store.since(0, limit=10) == ()
        assert told == ["the disk is full"]
        store.disk.refuses = lambda _: False
        await store.on_disk()
        assert told == ["the disk is full", "None"]
        assert store.disk.load().unfinished == {operation.number: operation}
        assert await store.since(0, limit=10) == (event(1),)
        await store.end()

    asyncio.run(main())
    assert caplog.text.count("what happens cannot be recorded: the disk is full") == 1


def test_a_failing_disk_is_tried_again_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rcmd.platform.store.writers.RETRY_S", 0.01)

    async def main() -> None:
        store = FailingStore()
        is_well = asyncio.Event()
        store.write_behind(lambda error: is_well.set() if error is None else None)
        store.disk.refuses = bool
        store.remember("key", "text")
        await asyncio.sleep(0.05)
        store.disk.refuses = lambda _: False
        async with asyncio.timeout(20):
            await is_well.wait()
        assert store.disk.load().remembered == {"key": "text"}
        await store.end()

    asyncio.run(main())


def test_what_waits_does_not_grow() -> None:
    changes = Changes()
    for number in range(3 * HISTORY_LIMIT):
        changes.add(Changes(remembered={"key": str(number)}, events={number: event(number)}))
        changes.add(Changes(nics={f"eth{number}": Identity(f"eth{number}")}))
    assert len(changes.events) == HISTORY_LIMIT
    assert len(changes.nics) == NICS_KEPT
    assert changes.remembered == {"key": str(3 * HISTORY_LIMIT - 1)}


# --- the hand-over --------------------------------------------------------------------------------


def everything() -> Changes:
    tables = SlowTables()
    store = Store(tables, "boot")
    operation = store.advance(store.begin(DETACH, "eth0", "uid 0", interfaces=("a",)), Step.LEAVING)
    store.remember("key", "text\nwith\0anything \udcff")
    store.save_sysctls(SavedSysctls("eth0", 4, {"a": "1"}))
    store.save_sysctls(SavedSysctls("eth1", 5, {"a": "1"}))
    store.take_sysctls("eth1", 5)
    store.know(Identity("eth0", "02:00:00:00:00:01"))
    store.keep_settings("good")
    store.append([event(1), event(2)])
    changes = Changes()
    for each in tables.applied:
        changes.add(each)
    assert changes.operations == {1: operation}
    store.close()
    return changes


def test_changes_are_read_as_they_were_written() -> None:
    changes = everything()
    assert "\n" not in changes.to_text()
    assert Changes.from_text(changes.to_text()) == changes
    assert Changes.from_text(Changes().to_text()) == Changes()
    assert not Changes()


def test_the_same_changes_again_change_nothing() -> None:
    changes = everything()
    with closing(Tables.volatile()) as tables:
        tables.apply(changes)
        once = tables.load(), tables.since(0, limit=10)
        tables.apply(changes)
        assert (tables.load(), tables.since(0, limit=10)) == once


@pytest.mark.parametrize("length", range(0, 400, 7))
def test_a_hand_over_that_is_cut_off_costs_its_end(tmp_path: Path, length: int) -> None:
    changes = everything()
    HandOver(tmp_path).add(Changes(remembered={"first": "1\n2"}), changes)
    begin = (tmp_path / "unwritten").stat().st_size
    HandOver(tmp_path).add(changes, changes)
    os.truncate(tmp_path / "unwritten", begin + length)
    left = HandOver(tmp_path).read()
    assert left.remembered["first"] == "1\n2"
    assert set(left.remembered) <= {"first", "key"}


def test_what_is_handed_over_is_what_was_accepted(tmp_path: Path) -> None:
    changes = everything()
    HandOver(tmp_path).add(changes, changes)
    assert HandOver(tmp_path).read() == changes


def test_what_was_not_written_is_handed_over_and_then_forgotten(tmp_path: Path) -> None:
    async def story(disk: Disk) -> None:
        disk.stuck()
        disk.store.remember("key", "text")
        disk.store.append([event(1)])
        # What another process would find, were this one killed now.
        left = HandOver(tmp_path).read()
        assert left.remembered == {"key": "text"}
        assert left.events == {1: event(1)}

    run(story, tmp_path)
    assert not HandOver(tmp_path).read()
    assert (tmp_path / "unwritten").stat().st_size == 0


def test_a_hand_over_is_put_together_before_it_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hand_over_module, "LARGEST", 10_000)

    async def story(disk: Disk) -> None:
        disk.stuck()
        disk.store.keep_settings("good")
        for number in range(1000):
            disk.store.remember("key", f"text {number} {'x' * 100}")
        assert (tmp_path / "unwritten").stat().st_size < 12_000
        left = HandOver(tmp_path).read()
        assert left.settings == "good"
        assert left.remembered["key"].startswith("text 999 ")

    run(story, tmp_path)


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "7", "null", '{"operations": [{}]}', '{"operations": 7}', '{"nics": [[]]}',
     '{"sysctls": [[1]]}', '{"events": [[1, null]]}', '{"remembered": []}', "[" * 100_000,
     '{"remembered": {"a": "b"', "\N{SNOWMAN}", '{"text": 7}', '{"text": ["a", -1]}',
     '{"text": ["a", 1e999]}',
     '{"text": ["a", 99999]}'],
)  # fmt: skip
def test_a_damaged_line_costs_what_it_held(tmp_path: Path, line: str) -> None:
    good = Changes(remembered={"key": "text"}).to_text()
    (tmp_path / "unwritten").write_text(f"{line}\n{good}\n{line}")
    left = HandOver(tmp_path).read()
    assert left.remembered == {"key": "text"}
    with closing(Store(Tables.volatile(), "boot", HandOver(tmp_path))) as store:
        assert store.recall("key") == "text"


def test_without_a_place_for_it_there_is_no_hand_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "run").write_text("")

    async def story(disk: Disk) -> None:
        disk.store.remember("key", "text")
        disk.store.remember("key", "text again")
        await disk.store.on_disk()
        assert disk.tables.load().remembered == {"key": "text again"}

    with caplog.at_level(logging.ERROR):
        run(story, tmp_path / "run")
    assert caplog.text.count("cannot be used") == 1


def test_who_is_killed_while_the_disk_stands_still_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rcmd.db"
    child = subprocess.Popen(
        [sys.executable, str(CHILD), "stuck", str(path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child, child.stdout:
        accepted = json.loads(child.stdout.readline())
        child.kill()
    with closing(Store.open(path, "boot", HandOver(tmp_path))) as store:
        assert [(it.number, it.step) for it in store.unfinished()] == [tuple(accepted)]
        assert store.recall("key") == "text"
        assert store.saved_sysctls("eth0", 4) == SavedSysctls("eth0", 4, {"a": "1"})
        assert store.known() == (Identity("eth0"),)
    # All of it is in the tables now.
    with closing(Store.open(path, "boot")) as store:
        assert store.recall("key") == "text"
        assert store.begin(DETACH, "eth1", "").number == accepted[0] + 1
