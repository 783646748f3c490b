"""What the assembly decides by itself: with what to start, and when the history is written."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rcmd import assembly
from rcmd.assembly import (
    HistoryWriter,
    RecordedHistory,
    open_store,
    remember_running,
    remembered,
    starting_configuration,
)
from rcmd.configuration import ConfigurationFiles
from rcmd.daemon import MEMORY_KEY
from rcmd.ipmp.memory import Memory
from rcmd.rcm.journal import HistoryEvent
from rcmd.system.store import Store

GOOD = "failure_detection_time: 700ms\n"
BAD = "failure_detection_time: soon\n"


def detection_ms(monkeypatch: pytest.MonkeyPatch, store: Store, settings: str) -> int:
    monkeypatch.setattr(assembly, "read_tree", lambda: ConfigurationFiles(settings=settings))
    loaded = starting_configuration(store)
    assert loaded.has_errors is (settings == BAD)
    return loaded.configuration.settings.default_group.failure_detection_ms


def test_bad_settings_are_answered_with_the_last_good_ones(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store.volatile("boot")
    assert detection_ms(monkeypatch, store, BAD) == 10_000
    assert "going on with defaults" in caplog.text
    assert detection_ms(monkeypatch, store, GOOD) == 700
    assert detection_ms(monkeypatch, store, BAD) == 700
    assert "going on with the last good one" in caplog.text
    store.close()


def event(number: int) -> HistoryEvent:
    return HistoryEvent(number, 6, "failure", "hme0", f"number {number}")


def test_history_is_written_later_and_read_at_once() -> None:
    async def main() -> None:
        store = Store.volatile("boot")
        writer = HistoryWriter(store, asyncio.get_running_loop(), [])
        history = RecordedHistory(writer)
        history.append([event(1), event(2)])
        assert store.since(0, limit=10) == ()
        assert history.since(0, limit=10) == (event(1), event(2))
        writer(event(3))
        while len(store.since(0, limit=10)) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        store.close()

    asyncio.run(asyncio.wait_for(main(), 10))


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"offline": 7}'])
def test_unreadable_memory_is_no_memory(text: str, caplog: pytest.LogCaptureFixture) -> None:
    store = Store.volatile("boot")
    assert remembered(store) == Memory()
    store.remember(MEMORY_KEY, text)
    assert remembered(store) == Memory()
    assert "starting anew" in caplog.text
    store.close()


def test_process_that_did_not_end_by_itself_is_found_out() -> None:
    store = Store.volatile("boot")
    remember_running(store, is_running=True)
    assert store.recall(assembly.RUNNING_KEY)
    remember_running(store, is_running=False)
    assert not store.recall(assembly.RUNNING_KEY)
    store.close()


def test_machine_without_a_usable_disk_still_has_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(assembly, "STORE_PATH", tmp_path / "file" / "rcmd.db")
    monkeypatch.setattr(assembly, "boot_id", lambda: "boot")
    store = open_store()
    assert "nothing will be remembered" in caplog.text
    store.remember("key", "text")
    assert store.recall("key") == "text"
    store.close()
