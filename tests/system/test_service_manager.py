import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from rcmd.platform.service_manager import (
    JournalFormatter,
    ServiceManager,
    is_journal_stream,
    log_formatter,
    watchdog_interval,
)


@pytest.fixture
def manager_socket(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.setblocking(False)
        yield receiver


@pytest.fixture
def manager(manager_socket: socket.socket) -> ServiceManager:
    return ServiceManager(manager_socket.getsockname())


def test_tells_the_manager_what_happens(
    manager: ServiceManager, manager_socket: socket.socket
) -> None:
    assert manager.ready()
    assert manager.stopping()
    assert manager.alive()
    assert [manager_socket.recv(100) for _ in range(3)] == [
        b"READY=1",
        b"STOPPING=1",
        b"WATCHDOG=1",
    ]


def test_reloading_carries_the_monotonic_time(
    manager: ServiceManager, manager_socket: socket.socket
) -> None:
    before = time.monotonic_ns() // 1000
    assert manager.reloading()
    first, second = manager_socket.recv(100).decode().split("\n")
    assert first == "RELOADING=1"
    key, value = second.split("=")
    assert key == "MONOTONIC_USEC"
    assert before <= int(value) <= time.monotonic_ns() // 1000


def test_reaches_an_abstract_socket() -> None:
    name = f"rcmd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind("\0" + name)
        assert ServiceManager.from_environment({"NOTIFY_SOCKET": "@" + name}).ready()
        assert receiver.recv(100) == b"READY=1"


def test_never_waits_for_a_manager_that_does_not_read(
    manager: ServiceManager, manager_socket: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    sent = 0
    while manager.alive():
        sent += 1
        assert sent < 100_000, "the queue of the receiver never fills"
    assert not manager.alive()
    assert len(caplog.records) == 1
    for _ in range(sent):
        manager_socket.recv(100)
    assert manager.alive()


def test_without_a_manager_nothing_is_sent_and_nothing_fails() -> None:
    manager = ServiceManager.from_environment({})
    assert manager.ready()
    assert manager.watchdog_interval_s is None


def test_an_address_of_an_unknown_kind_is_not_used(caplog: pytest.LogCaptureFixture) -> None:
    assert ServiceManager("vsock:2:1234").ready()
    assert "vsock:2:1234" in caplog.text


@pytest.mark.parametrize(
    ("environ", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({}, None),
    ],
)
def test_watchdog_interval(environ: dict[str, str], interval_s: float | None) -> None:
    assert watchdog_interval(environ, pid=7) == interval_s


def record(level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord("rcmd", level, __file__, 1, message, None, None)


@pytest.mark.parametrize(
    ("level", "line"),
    [
        (logging.CRITICAL, "<2>x"),
        (logging.ERROR, "<3>x"),
        (logging.WARNING, "<4>x"),
        (25, "<5>x"),
        (logging.INFO, "<6>x"),
        (logging.DEBUG, "<7>x"),
    ],
)
def test_the_journal_gets_the_syslog_level(level: int, line: str) -> None:
    assert JournalFormatter("%(message)s").format(record(level, "x")) == line


def test_every_line_of_a_traceback_has_the_level() -> None:
    failed = record(logging.ERROR, "broken")
    try:
        raise OSError("no carrier")
    except OSError:
        failed.exc_info = sys.exc_info()
    lines = JournalFormatter("%(message)s").format(failed).split("\n")
    assert lines[0] == "<3>broken"
    assert lines[-1] == "<3>OSError: no carrier"
    assert all(line.startswith("<3>") for line in lines)


def test_the_journal_is_believed_only_where_it_is_this_descriptor(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:
        status = os.fstat(log.fileno())
        here = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        inherited = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino + 1}"}
        assert is_journal_stream(here, descriptor=log.fileno())
        assert not is_journal_stream(inherited, descriptor=log.fileno())
        assert not is_journal_stream({}, descriptor=log.fileno())
        assert not is_journal_stream({"JOURNAL_STREAM": "nonsense"}, descriptor=log.fileno())
        for_journal = log_formatter(here, descriptor=log.fileno())
        for_reader = log_formatter({}, descriptor=log.fileno())
        closed = os.dup(log.fileno())
    os.close(closed)
    assert not is_journal_stream(here, descriptor=closed)
    assert for_journal.format(record(logging.ERROR, "x")) == "<3>x"
    assert for_reader.format(record(logging.ERROR, "x")) == "ERROR x"
