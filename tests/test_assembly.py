"""What the assembly decides by itself: with what to start, and when the history is written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from ipaddress import IPv4Network
from pathlib import Path
from unittest.mock import AsyncMock, Mock

import pytest

from rcmd.configuration import ConfigurationFiles, load
from rcmd.configuration.conflicts import Neighbours, SourceText
from rcmd.daemon import startup, wiring
from rcmd.daemon.history import HistoryWriter, RecordedHistory
from rcmd.daemon.loop import MEMORY_KEY
from rcmd.daemon.startup import open_store, remember_running, remembered, starting_configuration
from rcmd.daemon.wiring import Assembly, first_look
from rcmd.errors import RcmError
from rcmd.ipmp.api.commands import Report, Severity
from rcmd.ipmp.api.events import KernelChange, LinkSeen, RouteSeen
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.ipmp.state.snapshot import Memory
from rcmd.model.network import Link, Route
from rcmd.platform import network_managers as neighbours
from rcmd.platform.store.store import Store
from rcmd.ports.store import HistoryEvent

GOOD = "failure_detection_time: 700ms\n"
BAD = "failure_detection_time: soon\n"


def detection_ms(monkeypatch: pytest.MonkeyPatch, store: Store, settings: str) -> int:
    monkeypatch.setattr(startup, "read_tree", lambda: ConfigurationFiles(settings=settings))
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
        assert await store.since(0, limit=10) == ()
        assert await history.since(0, limit=10) == (event(1), event(2))
        writer(event(3))
        while len(await store.since(0, limit=10)) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        store.close()

    asyncio.run(asyncio.wait_for(main(), 10))


def test_memory_that_cannot_be_understood_is_kept_aside_and_told(tmp_path: Path) -> None:
    store, aside = Store.volatile("boot"), tmp_path / "remembered"
    assert remembered(store, aside) == (Memory(), None)
    store.remember(MEMORY_KEY, Memory(offline=frozenset({"hme0"})).to_text())
    assert remembered(store, aside) == (Memory(offline=frozenset({"hme0"})), None)
    text = '{"flapping": null, "offline": ["hme0"]}'
    store.remember(MEMORY_KEY, text)
    memory, problem = remembered(store, aside)
    assert memory == Memory(offline=frozenset({"hme0"}))
    assert problem is not None
    assert "forgotten: flapping: None is not an object" in problem.text
    kept = tmp_path / "remembered.damaged-1"
    assert str(kept) in problem.advice
    assert kept.read_text() == text
    store.close()


def test_memory_that_cannot_be_kept_aside_costs_nothing_more(tmp_path: Path) -> None:
    store = Store.volatile("boot")
    store.remember(MEMORY_KEY, "[" * 100_000)
    memory, problem = remembered(store, tmp_path / "nowhere" / "remembered")
    assert memory == Memory()
    assert problem is not None
    assert problem.advice == ""
    store.close()


def test_process_that_did_not_end_by_itself_is_found_out() -> None:
    store = Store.volatile("boot")
    remember_running(store, is_running=True)
    assert store.recall(startup.RUNNING_KEY)
    remember_running(store, is_running=False)
    assert not store.recall(startup.RUNNING_KEY)
    store.close()


def test_machine_without_a_usable_disk_still_has_a_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(startup, "STORE_PATH", tmp_path / "file" / "rcmd.db")
    monkeypatch.setattr(startup, "boot_id", lambda: "boot")
    store = open_store()
    assert "nothing will be remembered" in caplog.text
    store.remember("key", "text")
    assert store.recall("key") == "text"
    store.close()


def test_first_look_waits_until_the_kernel_can_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "RETRY_S", 0.001)

    class Restless:
        def __init__(self, failures: int) -> None:
            self.looks = iter([False] * failures + [True])

        def look(self) -> bool:
            return next(self.looks)

    asyncio.run(first_look(Restless(3)))  # type: ignore[arg-type]
    with pytest.raises(RcmError, match="faster than it can be read"):
        asyncio.run(first_look(Restless(wiring.FIRST_LOOKS)))  # type: ignore[arg-type]


@pytest.mark.parametrize("failure", [None, RuntimeError("impossible")])
def test_end_listens_to_the_kernel_until_the_bus_is_done(failure: BaseException | None) -> None:
    """Only an end without a failure counts as one."""
    calls = Mock()
    calls.store = Store.volatile("boot")
    calls.bus.stop = AsyncMock()
    remember_running(calls.store, is_running=True)
    remembered: list[str | None] = []
    ending = Assembly.__new__(Assembly)
    edges = (
        "loop",
        "kernel",
        "udev",
        "manager",
        "history",
        "announcer",
        "prober",
        "neighbours",
        "carrier",
        "leases",
    )
    for edge in ("bus", "daemon", *edges):
        setattr(ending, edge, getattr(calls, edge))
    ending.failure = failure
    ending.tasks = set()
    ending.drains = Mock(close=AsyncMock())
    ending.kernel_log = None
    with closing(calls.store) as store:
        ending.store = Mock(wraps=store)
        open_then: list[bool] = []

        def end() -> None:
            remembered.append(store.recall(startup.RUNNING_KEY))
            # While the disk is waited for, timers go on: they read the kernel, and what it says.
            open_then.extend(
                not edge.close.called for edge in (calls.kernel, calls.prober, calls.carrier)
            )

        ending.store.end = AsyncMock(side_effect=end)
        asyncio.run(ending.close())
    assert open_then == [True] * 3
    assert calls.kernel.close.called
    assert bool(remembered[0]) is (failure is not None)
    names = [call[0] for call in calls.mock_calls]
    assert names.index("bus.stop") < names.index("loop.remove_reader")


@pytest.mark.parametrize("failure", [OSError(5, "Input/output error"), EOFError("it has ended")])
def test_daemon_goes_on_without_the_kernel_log(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    deaf = Assembly.__new__(Assembly)
    loop, kernel_log = Mock(), Mock()
    kernel_log.read.side_effect = failure
    kernel_log.fileno.return_value = 7
    deaf.loop, deaf.kernel_log = loop, kernel_log
    deaf.kernel_log_readable()
    loop.remove_reader.assert_called_once_with(7)
    kernel_log.close.assert_called_once_with()
    assert deaf.kernel_log is None
    assert [it.getMessage() for it in caplog.records] == [
        f"the kernel log is not heard any more: {failure}"
    ]


def test_a_start_tells_who_else_claims_an_interface(monkeypatch: pytest.MonkeyPatch) -> None:
    others = Neighbours(dhcpcd=SourceText("/etc/dhcpcd.conf", "interface hme0\ninterface hme1\n"))
    monkeypatch.setattr(neighbours, "read_neighbours", lambda _names: others)
    told: list[Report] = []
    starts = Assembly.__new__(Assembly)
    starts.loaded = load(ConfigurationFiles(hostname={"/etc/hostname.hme1": "10.0.0.1/24 up\n"}))
    starts.daemon = Mock(report=told.append)
    starts.daemon.engine.scene.view = KernelView()
    asyncio.run(starts.tell_claims())
    (report,) = told
    assert (report.severity, report.kind, report.subject) == (Severity.WARNING, "claim", "hme1")
    assert report.message.startswith("/etc/dhcpcd.conf:2: warning: dhcpcd claims hme1: ")


def test_a_lost_carrier_waits_for_one_decision_however_much_is_unread() -> None:
    """Ten thousand routes may have been added a moment ago."""
    unread = tuple(
        RouteSeen(Route(4, IPv4Network((20 << 24 | number << 8, 24)))) for number in range(100)
    )
    down = LinkSeen(Link(4, "hme0", "02:00:00:00:00:01", has_carrier=False))
    told: list[Sequence[KernelChange]] = []
    polling = Assembly.__new__(Assembly)
    polling.loop = Mock(time=Mock(return_value=0.0))
    polling.pace, polling.advertisements = Mock(), Mock()
    polling.carrier = Mock(poll=Mock(return_value=(4,)))
    polling.kernel = Mock(
        link=Mock(return_value=down), read=Mock(return_value=unread), has_read_all=False
    )
    polling.daemon = Mock(kernel_changed=told.append)
    polling.poll_carrier()
    assert told == [(*unread, down)]


@pytest.mark.parametrize("has_read_all", [True, False])
def test_the_carrier_is_looked_at_often_while_its_loss_may_be_unread(has_read_all: bool) -> None:
    seen = (RouteSeen(Route(4, IPv4Network("10.9.0.0/16"))),)
    reading = Assembly.__new__(Assembly)
    reading.loop, reading.daemon, reading.advertisements = Mock(), Mock(), Mock()
    reading.kernel = Mock(read=Mock(return_value=seen), has_read_all=has_read_all)
    reading.pace = Mock()
    reading.kernel_readable()
    assert reading.pace.hasten.called is not has_read_all
