"""The past, and what follows it."""

from __future__ import annotations

import json
import os
import signal

import pytest

from rcmd.ports.store import HistoryEvent

from .conftest import Rcmctl
from .fake_manager import FakeManager

START = 1795347296789000
"""2026-11-22 12:34:56.789 in Berlin."""

PAST = tuple(
    HistoryEvent(
        START + n * 1_000_000, 3, "link-down", "hme0", f"The link has gone down on hme0 {n}"
    )
    for n in range(200)
)
NEXT = HistoryEvent(START + 300_000_000, 5, "detached", "hme0", "by uid 0", {"caller": "uid 0"})


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_a_line_an_event(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(past=(PAST[0], NEXT)), "history")
    assert answer.out == (
        "2026-11-22 12:34:56.789  link-down       The link has gone down on hme0 0\n"
        "2026-11-22 12:39:56.789  detached        hme0: by uid 0\n"
    )


def test_a_failure_says_why(rcmctl: Rcmctl) -> None:
    detail = {"cause": "probes to 192.168.85.1 are not answered", "found_by": "probes"}
    event = HistoryEvent(START, 3, "failure", "hme0", "NIC failure detected on hme0", detail)
    answer = rcmctl(FakeManager(past=(event,)), "history")
    assert answer.out == (
        "2026-11-22 12:34:56.789  failure         NIC failure detected on hme0: "
        "probes to 192.168.85.1 are not answered\n"
    )


def test_a_failure_of_which_no_cause_is_known(rcmctl: Rcmctl) -> None:
    event = HistoryEvent(START, 3, "failure", "hme0", "NIC failure detected on hme0")
    answer = rcmctl(FakeManager(past=(event,)), "history")
    assert answer.out.endswith("NIC failure detected on hme0\n")


@pytest.mark.parametrize(
    ("words", "since_us", "count"),
    [
        ((), 0, 100),
        (("--limit", "3"), 0, 3),
        (("--limit", "0"), 0, 0),
        (("--since", "2026-11-22T12:35:00"), 1795347300000000, 196),
        (("--since", "2026-11-22 12:35:00", "--limit", "2"), 1795347300000000, 2),
    ],
)
def test_how_much_of_it(rcmctl: Rcmctl, words: tuple[str, ...], since_us: int, count: int) -> None:
    manager = FakeManager(past=PAST)
    answer = rcmctl(manager, "history", *words)
    lines = answer.out.splitlines()
    assert len(lines) == count
    if count:
        assert manager.calls[0][1] == since_us
        assert lines[-1].endswith("hme0 199")


def test_in_json(rcmctl: Rcmctl) -> None:
    assert json.loads(rcmctl(FakeManager(past=(NEXT,)), "history", "--json").out) == {
        "events": [
            {
                "time_us": NEXT.time_us,
                "severity": "notice",
                "kind": "detached",
                "subject": "hme0",
                "message": "by uid 0",
                "detail": {"caller": "uid 0"},
            }
        ]
    }


def test_follow_prints_the_backlog_and_goes_on_until_ctrl_c(rcmctl: Rcmctl) -> None:
    # The last one of the past was also signalled: shown once.
    manager = FakeManager(past=PAST, future=(PAST[-1], NEXT), at_the_end=_interrupt)
    answer = rcmctl(manager, "history", "--follow")
    assert (answer.status, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert len(lines) == 11
    assert lines[-2].endswith("hme0 199")
    assert lines[-1].endswith("hme0: by uid 0")
    assert [call[0] for call in manager.calls] == ["subscribe", "history"]


def test_follow_in_json_is_an_object_a_line(rcmctl: Rcmctl) -> None:
    manager = FakeManager(past=PAST, future=(NEXT,), at_the_end=_interrupt)
    lines = rcmctl(manager, "history", "--follow", "--limit", "1", "--json").out.splitlines()
    assert [json.loads(line)["kind"] for line in lines] == ["link-down", "detached"]


def test_follow_without_a_backlog(rcmctl: Rcmctl) -> None:
    manager = FakeManager(past=PAST, future=(NEXT,), at_the_end=_interrupt)
    out = rcmctl(manager, "history", "--follow", "--limit", "0").out
    assert len(out.splitlines()) == 1


def test_follow_ends_with_the_daemon(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(future=(NEXT,)), "history", "--follow")
    assert answer.status == 6
    assert answer.err == "rcmctl: rcmd has ended\n"


def test_a_time_that_is_none_is_a_usage_error(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(), "history", "--since", "yesterday-ish")
    assert answer.status == 2
    assert "is not a time" in answer.err
