from __future__ import annotations

import asyncio
import logging
import os
import random
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from failing_tables import FailingStore

from rcmd.model.network import Identity
from rcmd.platform.store import database as database_module
from rcmd.platform.store import store as store_module
from rcmd.platform.store import tables
from rcmd.platform.store.changes import HISTORY_LIMIT, OPERATIONS_KEPT
from rcmd.platform.store.store import Store, StoreError
from rcmd.ports.store import (
    History,
    HistoryEvent,
    Journal,
    Operation,
    OperationKind,
    SavedSysctls,
    Step,
)

CHILD = Path(__file__).with_name("store_child.py")
DETACH = OperationKind.DETACH


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rcmd" / "rcmd.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with closing(Store.open(path, "boot 1")) as opened:
        yield opened


def past(store: Store, time_us: int, *, limit: int, skip: int = 0) -> tuple[HistoryEvent, ...]:
    return asyncio.run(store.since(time_us, limit=limit, skip=skip))


def event(number: int, **detail: str) -> HistoryEvent:
    return HistoryEvent(number, 6, "moved", "eth0", f"event {number}", detail)


def aside(path: Path) -> list[str]:
    return sorted(
        each.name.removeprefix(path.name + ".")
        for each in path.parent.iterdir()
        if each.name.startswith(path.name + ".")
    )


# --- journal ------------------------------------------------------------------------------------


def test_implements_both_protocols(store: Store) -> None:
    journal: Journal = store
    history: History = store
    assert journal.unfinished() == ()
    assert asyncio.run(history.since(0, limit=1)) == ()


def test_operation_is_unfinished_until_it_is_done_or_undone(store: Store) -> None:
    before_us = time.time_ns() // 1000
    first = store.begin(DETACH, "eth0", "uid 0, pid 1", is_forced=True)
    second = store.begin(DETACH, "eth1", "uid 0", is_forced=False)
    assert first == Operation(
        first.number, DETACH, "eth0", "uid 0, pid 1", Step.ASKING, first.started_us, True
    )
    assert before_us <= first.started_us <= second.started_us
    assert second.number > first.number
    assert store.unfinished() == (first, second)
    first = store.advance(first, Step.LEAVING)
    assert first.step is Step.LEAVING
    assert store.unfinished() == (first, second)
    store.advance(second, Step.DONE)
    assert store.unfinished() == (first,)
    store.advance(first, Step.UNDONE)
    assert store.unfinished() == ()


def test_finished_operations_are_forgotten_in_time_and_unfinished_ones_never(
    store: Store, path: Path
) -> None:
    stuck = store.begin(DETACH, "eth9", "", is_forced=False)
    for _ in range(OPERATIONS_KEPT + 20):
        store.advance(store.begin(DETACH, "eth0", "", is_forced=False), Step.DONE)
    assert store.unfinished() == (stuck,)
    store.close()
    with closing(sqlite3.connect(path)) as database:
        (rows,) = database.execute("SELECT count(*) FROM operation").fetchone()
    assert rows == OPERATIONS_KEPT + 1


def test_remembers_the_last_text_of_a_key(store: Store) -> None:
    assert store.recall("offline eth0") is None
    store.remember("offline eth0", "yes")
    store.remember("offline eth0", "line\nünïcode \0 and bytes \udcff")
    assert store.recall("offline eth0") == "line\nünïcode \0 and bytes \\xff"


def test_sysctls_are_those_of_the_device_whatever_it_is_called(store: Store) -> None:
    """Two devices swapped their names: each is put back as it was."""
    for name, ifindex, value in (("eth0", 4, "0"), ("eth0.5", 5, "7")):
        store.save_sysctls(SavedSysctls(name, ifindex, {f"net/ipv4/conf/{name}/arp_ignore": value}))
    swapped = SavedSysctls("eth0.5", 4, {"net/ipv4/conf/eth0.5/arp_ignore": "0"})
    assert store.saved_sysctls("eth0.5", 4) == swapped
    more = {**swapped.values, "net/ipv4/conf/eth0.5/rp_filter": "1"}
    store.save_sysctls(SavedSysctls("eth0.5", 4, dict.fromkeys(more, "1")))
    assert store.take_sysctls("eth0.5", 4) == SavedSysctls("eth0.5", 4, more)
    assert store.saved_sysctls("eth0", 4) is None
    assert store.take_sysctls("eth0", 5) == SavedSysctls(
        "eth0", 5, {"net/ipv4/conf/eth0/arp_ignore": "7"}
    )


def test_first_sysctls_of_a_device_win_and_are_taken_once(store: Store) -> None:
    saved = SavedSysctls("eth0", 4, {"net/ipv4/conf/eth0/arp_ignore": "0"})
    store.save_sysctls(saved)
    store.save_sysctls(SavedSysctls("eth0", 4, {"net/ipv4/conf/eth0/arp_ignore": "1"}))
    assert store.saved_sysctls("eth0", 4) == saved
    more = {"net/ipv4/conf/eth0/arp_ignore": "1", "net/ipv6/conf/eth0/disable_ipv6": "1"}
    store.save_sysctls(SavedSysctls("eth0", 4, more))
    saved = SavedSysctls("eth0", 4, {**more, **saved.values})
    assert store.saved_sysctls("eth0", 4) == saved
    assert store.take_sysctls("eth0", 5) is None
    assert store.take_sysctls("eth0", 4) == saved
    assert store.take_sysctls("eth0", 4) is None


def test_known_nics_have_one_record_a_name_the_latest_first(store: Store) -> None:
    first = Identity("eth0", "02:00:00:00:00:01", "pci:0000:03:00.0", "e1000e")
    other = Identity("eth1", "02:00:00:00:00:02")
    store.know(first)
    store.know(other)
    assert store.known() == (other, first)
    exchanged = Identity("eth0", "02:00:00:00:00:09", "pci:0000:03:00.0", "igb")
    store.know(exchanged)
    assert store.known() == (exchanged, other)


def test_known_nics_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "NICS_KEPT", 3)
    for number in range(5):
        store.know(Identity(f"eth{number}"))
    assert [each.name for each in store.known()] == ["eth4", "eth3", "eth2"]


def test_keeps_the_last_good_settings(store: Store) -> None:
    assert store.last_good_settings() is None
    store.keep_settings("failback: true\n")
    store.keep_settings("failback: false\n")
    assert store.last_good_settings() == "failback: false\n"


# --- history ------------------------------------------------------------------------------------


def test_history_answers_the_newest_oldest_first(store: Store) -> None:
    events = [event(number, source="eth0", to="eth1") for number in range(10)]
    store.append(events[:6])
    store.append(iter(events[6:]))
    store.append([])
    assert past(store, 0, limit=100) == tuple(events)
    assert past(store, 4, limit=100) == tuple(events[4:])
    assert past(store, 4, limit=2) == tuple(events[8:])
    assert past(store, 4, limit=2, skip=3) == tuple(events[5:7])
    assert past(store, 4, limit=9, skip=5) == tuple(events[4:5])
    assert past(store, 100, limit=2) == ()
    assert past(store, 0, limit=0) == ()


def test_history_keeps_the_order_of_things_when_the_clock_is_set_back(store: Store) -> None:
    store.append([event(50), event(20), event(30)])
    assert [each.time_us for each in past(store, 0, limit=9)] == [50, 20, 30]


def test_history_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert HISTORY_LIMIT == 10_000
    monkeypatch.setattr(tables, "HISTORY_LIMIT", 100)
    for start in range(0, 330, 33):
        store.append(event(number) for number in range(start, start + 33))
    assert [each.time_us for each in past(store, 0, limit=1000)] == list(range(230, 330))
    store.append(event(number) for number in range(1000, 1250))
    assert [each.time_us for each in past(store, 0, limit=1000)] == list(range(1150, 1250))


def test_file_does_not_grow_with_the_history(path: Path) -> None:
    with closing(Store.open(path, "boot")) as store:
        store.append(event(number) for number in range(HISTORY_LIMIT))
    full = path.stat().st_size
    with closing(Store.open(path, "boot")) as store:
        for start in range(0, 30_000, 1000):
            store.append(event(number) for number in range(start, start + 1000))
    assert path.stat().st_size < full * 1.2


def test_failing_writes_are_logged_once_and_made_up_for(caplog: pytest.LogCaptureFixture) -> None:
    with closing(FailingStore()) as store:
        store.disk.refuses = bool
        store.append([event(1)])
        store.remember("key", "text")
        store.append([event(2)])
        with pytest.raises(StoreError, match="the disk is full"):
            asyncio.run(store.on_disk())
        assert [record.levelno for record in caplog.records].count(logging.ERROR) == 1
        assert "what happens cannot be recorded: the disk is full" in caplog.text
        assert past(store, 0, limit=10) == ()
        store.disk.refuses = lambda _: False
        asyncio.run(store.on_disk())
        assert past(store, 0, limit=10) == (event(1), event(2))


# --- reopening ----------------------------------------------------------------------------------


def write_one_of_each(store: Store) -> Operation:
    operation = store.advance(store.begin(DETACH, "eth0", "", is_forced=False), Step.LEAVING)
    store.remember("key", "text")
    store.save_sysctls(SavedSysctls("eth0", 4, {"a": "1"}))
    store.know(Identity("eth0", "02:00:00:00:00:01"))
    store.keep_settings("good")
    store.append([event(1)])
    return operation


def test_everything_is_there_after_a_restart(path: Path) -> None:
    with closing(Store.open(path, "boot 1")) as store:
        operation = write_one_of_each(store)
    with closing(Store.open(path, "boot 1")) as store:
        assert store.undone_by_reboot == ()
        assert store.unfinished() == (operation,)
        assert store.recall("key") == "text"
        assert store.take_sysctls("eth0", 4) == SavedSysctls("eth0", 4, {"a": "1"})
        assert store.known() == (Identity("eth0", "02:00:00:00:00:01"),)
        assert store.last_good_settings() == "good"
        assert past(store, 0, limit=9) == (event(1),)


def test_reboot_undoes_operations_and_drops_what_was_for_that_boot(path: Path) -> None:
    with closing(Store.open(path, "boot 1")) as store:
        operation = write_one_of_each(store)
    for attempt in range(2):
        with closing(Store.open(path, "boot 2")) as store:
            undone = [(each.number, each.step) for each in store.undone_by_reboot]
            assert undone == ([(operation.number, Step.UNDONE)] if attempt == 0 else [])
            assert store.unfinished() == ()
            assert store.recall("key") is None
            assert store.take_sysctls("eth0", 4) is None
            assert store.known() == (Identity("eth0", "02:00:00:00:00:01"),)
            assert store.last_good_settings() == "good"
            assert past(store, 0, limit=9) == (event(1),)


def test_directory_and_files_are_only_for_their_owner(store: Store, path: Path) -> None:
    store.remember("key", "text")
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}


def not_waited_for(store: Store) -> None:
    store.remember("key", "text")


@pytest.mark.parametrize("write", [not_waited_for, lambda store: store.append([event(1)])])
def test_journal_is_synced_and_what_ends_with_the_boot_or_is_past_is_not_waited_for(
    store: Store, write: Callable[[Store], None]
) -> None:
    syncs: list[str] = []
    store._tables._database.set_trace_callback(syncs.append)
    write(store)
    assert [each for each in syncs if "synchronous" in each] == [
        "PRAGMA synchronous=NORMAL",
        "PRAGMA synchronous=FULL",
    ]
    syncs.clear()
    store.begin(DETACH, "eth0", "")
    store.know(Identity("eth0"))
    store.keep_settings("good")
    assert [each for each in syncs if "synchronous" in each] == []
    store._tables._database.set_trace_callback(None)
    assert store._tables._database.execute("PRAGMA synchronous").fetchone() == (2,)
    assert store._tables._database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_second_opener_is_refused_and_changes_nothing(store: Store, path: Path) -> None:
    store.remember("key", "text")
    with pytest.raises(StoreError, match="locked"):
        Store.open(path, "boot 1")
    assert aside(path) == []
    assert store.recall("key") == "text"


def test_a_closed_store_accepts_and_cannot_write(store: Store) -> None:
    store.close()
    store.close()
    operation = store.begin(DETACH, "eth0", "")
    assert store.advance(operation, Step.DONE).step is Step.DONE
    with pytest.raises(StoreError):
        asyncio.run(store.on_disk())
    with pytest.raises(StoreError):
        past(store, 0, limit=1)


def test_volatile_store_works_and_forgets() -> None:
    with closing(Store.volatile("boot")) as store:
        operation = write_one_of_each(store)
        assert store.unfinished() == (operation,)
        assert past(store, 0, limit=9) == (event(1),)
    with closing(Store.volatile("boot")) as store:
        assert store.unfinished() == ()


# --- damage -------------------------------------------------------------------------------------


def filled(path: Path) -> bytes:
    """A database of some pages, and its content."""
    with closing(Store.open(path, "boot")) as store:
        write_one_of_each(store)
        store.append(event(number, source="x" * 50) for number in range(300))
    return path.read_bytes()


def assert_works(path: Path) -> None:
    """It opens, writes, and what was written is there when it is opened again."""
    with closing(Store.open(path, "boot")) as store:
        store.unfinished(), store.known(), store.last_good_settings()
        past(store, 0, limit=1000)
        store.remember("works", "yes")
        store.append([event(1)])
    with closing(Store.open(path, "boot")) as store:
        assert store.recall("works") == "yes"
        store.advance(store.begin(DETACH, "eth0", "", is_forced=False), Step.DONE)


def test_file_cut_at_any_length_is_replaced(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    whole = filled(path)
    lengths = {0, 1, 15, 16, 99, 100, 511, 512, 4095, 4096, 4097, len(whole) - 1}
    lengths |= set(random.Random(1).sample(range(len(whole)), 60))
    for length in sorted(lengths):
        for leftover in path.parent.iterdir():
            leftover.unlink()
        path.write_bytes(whole[:length])
        caplog.clear()
        assert_works(path)
        # An empty file is what a crash right after making it leaves: nothing was lost.
        expected = ["damaged-1"] if length else []
        assert aside(path) == expected, length
        assert caplog.text.count("is of no use") == len(expected)
        if length:
            assert (path.parent / "rcmd.db.damaged-1").read_bytes() == whole[:length]


def test_any_bytes_in_the_file_cost_at_most_its_content(path: Path) -> None:
    whole = filled(path)
    chance = random.Random(2)
    for _ in range(150):
        for leftover in path.parent.iterdir():
            leftover.unlink()
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 20, 500))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        assert_works(path)


@pytest.mark.parametrize("detail", ["{", "[1]", "7", "[" * 100_000, '{"to": ' * 50_000])
def test_a_damaged_record_costs_what_it_held(store: Store, detail: str) -> None:
    events = [
        HistoryEvent(n, 4, "failover", "hme0", f"message {n}", {"to": "hme1"}) for n in (1, 2)
    ]
    store.append(events)
    store._tables._database.execute("UPDATE history SET detail = ? WHERE time_us = 1", (detail,))
    assert past(store, 0, limit=10) == (replace(events[0], detail={}), events[1])
    store.save_sysctls(SavedSysctls("hme0", 4, {"net/ipv4/conf/hme0/arp_ignore": "0"}))
    store._tables._database.execute('UPDATE sysctls SET "values" = ?', (detail,))
    again = Store(store._tables, "boot 1")
    assert again.take_sysctls("hme0", 4) == SavedSysctls("hme0", 4, {})


def test_numbers_that_no_history_reaches(store: Store) -> None:
    event = HistoryEvent(7, 4, "failover", "hme0", "message")
    store.append([event])
    for number in (2**63, 2**64 - 1, 2**100):
        assert past(store, number, limit=10) == ()
        assert past(store, -number, limit=number) == (event,)
        assert past(store, 0, limit=10, skip=number) == ()


def test_damaged_wal_costs_at_most_what_was_in_it(path: Path, tmp_path: Path) -> None:
    chance = random.Random(3)
    with closing(Store.open(path, "boot")) as store:
        write_one_of_each(store)
        main, wal = path.read_bytes(), path.with_name("rcmd.db-wal").read_bytes()
    assert len(wal) > 4096
    damages = [b"", b"x" * 5000, wal[:31], wal[:5000], wal[: len(wal) - 1]]
    for _ in range(20):
        damaged = bytearray(wal)
        damaged[chance.randrange(len(wal))] ^= 0xFF
        damages.append(bytes(damaged))
    for number, damaged in enumerate(damages):
        copy = tmp_path / f"copy {number}" / "rcmd.db"
        copy.parent.mkdir()
        copy.write_bytes(main)
        copy.with_name("rcmd.db-wal").write_bytes(damaged)
        assert_works(copy)


@pytest.mark.parametrize("content", [b"not a database at all" * 400, b"\0" * 8192])
def test_what_is_not_a_database_is_kept_under_another_name(
    path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    path.with_name("rcmd.db-wal").write_bytes(b"its wal")
    assert_works(path)
    assert path.with_name("rcmd.db.damaged-1").read_bytes() == content
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "rcmd.db.damaged-1" in caplog.text


def test_directory_in_the_place_of_the_file_is_moved_aside(path: Path) -> None:
    path.mkdir(parents=True)
    assert_works(path)
    assert path.with_name("rcmd.db.damaged-1").is_dir()


@pytest.mark.parametrize("companion", ["-wal", "-journal"])
def test_directory_in_the_place_of_a_companion_is_moved_aside(path: Path, companion: str) -> None:
    filled(path)
    path.with_name(path.name + companion).mkdir()
    assert_works(path)


@pytest.mark.parametrize("code", [sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_CANTOPEN])
def test_disk_that_fails_for_now_costs_nothing(
    path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(path)
    before = aside(path)

    def fail(connection: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("the disk says no")
        error.sqlite_errorcode = code
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(database_module, "_prepare", fail)
        with pytest.raises(StoreError, match="the disk says no"):
            Store.open(path, "boot")
    assert aside(path) == before
    assert_works(path)


def test_damaged_files_are_numbered_and_bounded(path: Path) -> None:
    path.parent.mkdir()
    for number in range(1, 12):
        path.write_bytes(b"%d" % number * 5000)
        Store.open(path, "boot").close()
    assert aside(path) == [f"damaged-{number}" for number in range(1, 10)]
    assert path.with_name("rcmd.db.damaged-9").read_bytes() == b"11" * 5000


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE remembered",
        "ALTER TABLE nic ADD COLUMN more TEXT",
        "PRAGMA user_version=0",
        "PRAGMA ignore_check_constraints=ON; UPDATE operation SET step = 'dancing'",
    ],
)
def test_database_of_another_make_is_moved_aside(path: Path, statement: str) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as database:
        database.executescript(statement)
    assert_works(path)
    assert aside(path) == ["damaged-1"]


def test_database_of_a_newer_version_is_kept_for_it(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version=3")
    assert_works(path)
    assert aside(path) == ["newer-1"]
    assert "written by a newer rcmd: version 3, we know 2" in caplog.text


OPERATION_OF_VERSION_1 = """
CREATE TABLE operation (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL CHECK (kind IN ('detach')),
    resource TEXT NOT NULL,
    caller TEXT NOT NULL,
    step TEXT NOT NULL CHECK (step IN ('started', 'leaving', 'unplumbing', 'undoing', 'done',
                                       'undone')),
    started_us INTEGER NOT NULL,
    is_forced INTEGER NOT NULL
) STRICT;
"""


def test_database_of_version_1_is_brought_along(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.executescript(
            f"DROP TABLE operation; {OPERATION_OF_VERSION_1}"
            "INSERT INTO operation VALUES (6, 'detach', 'eth0', 'uid 0', 'done', 0, 0);"
            "INSERT INTO operation VALUES (7, 'detach', 'eth1', 'uid 0', 'started', 0, 1);"
            "INSERT INTO operation VALUES (8, 'detach', 'eth2', 'uid 0', 'leaving', 0, 0);"
            "PRAGMA user_version=1;"
        )
    with closing(Store.open(path, "boot")) as store:
        assert [(it.number, it.step, it.interfaces) for it in store.unfinished()] == [
            (7, Step.ASKING, ("eth1",)),
            (8, Step.LEAVING, ("eth2",)),
        ]
        assert store.begin(DETACH, "eth3", "uid 0").number == 9
        assert len(past(store, 0, limit=1000)) == 301
    assert aside(path) == []


def test_changed_detail_of_an_event_costs_only_the_detail(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("UPDATE history SET detail = '{' WHERE number = 1")
        database.execute("UPDATE history SET detail = '7' WHERE number = 2")
    with closing(Store.open(path, "boot")) as store:
        events = past(store, 0, limit=1000)
    assert len(events) == 301
    assert events[0].detail == events[1].detail == {}
    assert events[2].detail == {"source": "x" * 50}


def test_place_that_cannot_be_made_is_a_store_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"rcmd\.db: "):
        Store.open(tmp_path / "file" / "rcmd.db", "boot")


# --- processes ----------------------------------------------------------------------------------


def run_child(task: str, path: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, str(CHILD), task, str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_what_was_confirmed_is_there_after_kill_9(path: Path) -> None:
    chance = random.Random(4)
    last = 0
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, str(CHILD), "write", str(path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        with child, child.stdout:
            lines = [child.stdout.readline() for _ in range(chance.randrange(1, 200))]
            child.kill()
            lines += child.stdout.readlines()
        confirmed = {
            int(number): Step(step)
            for number, step in (line.split() for line in lines if line.endswith("\n"))
        }
        assert max(confirmed) > last
        last = max(confirmed)
        with closing(Store.open(path, "boot")) as store:
            found = {each.number: each for each in store.unfinished()}
            # The very last call may have been written and not yet confirmed: one step further.
            for number, step in confirmed.items():
                assert found[number].step is step or number == last
            assert set(found) - set(confirmed) <= {last + 1}
            for each in found.values():
                store.advance(each, Step.UNDONE)
    assert aside(path) == []


def test_full_disk_is_told_passes_and_costs_nothing(path: Path) -> None:
    lines = run_child("limit", path)
    refused, kept, written, afterwards, history = lines
    assert refused.startswith("refused the store cannot be used: ")
    assert int(kept.split()[1]) == int(written.split()[1]) + 1
    assert afterwards == "afterwards yes"
    assert history == "history 301"


@pytest.mark.lab
def test_full_and_read_only_file_systems(tmp_path: Path) -> None:
    script = (
        'mount -t tmpfs -o size=512k none "$1" && '
        '"$2" "$3" fill "$1/rcmd.db" && cp "$1/rcmd.db" "$1/copy"; '
        'mount -o remount,ro "$1" && exec "$2" "$3" refuse "$1/rcmd.db"'
    )
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", str(tmp_path), sys.executable, str(CHILD)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    assert done.stdout.startswith("refused the store cannot be used: database or disk is full\n")
    assert "rcmd.db: Read-only file system" in done.stderr
    assert "StoreError" in done.stderr
