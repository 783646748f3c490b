"""Probes, live.  Behaviour 128, mode -p."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime
from typing import Any

import pytest

from rcmd.ctl.verbs import probes

from .conftest import Rcmctl
from .fake_manager import FakeManager
from .test_targets import DOCUMENT

START = datetime.fromisoformat("2026-11-22T12:34:56+01:00")
START_US = int(START.timestamp()) * 1_000_000


def _probe(number: int, after_ms: int, outcome: str, **changes: Any) -> dict[str, Any]:
    return {
        "number": number,
        "time_us": START_US + after_ms * 1000,
        "interface": "hme0",
        "family": "IPv4",
        "sequence": 40 + number,
        "target": "192.168.85.1",
        "outcome": outcome,
        "network_rtt_us": None,
        "rtt_us": None,
        **changes,
    }


PROBES = (
    _probe(1, -120, "answered", network_rtt_us=312, rtt_us=36970),
    _probe(2, 1310, "lost"),
    _probe(3, 61500, "unknown", interface="enp0s31f6npx123", target="fe80::1"),
)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "current_time", lambda: START)


def _manager(**changes: Any) -> FakeManager:
    return FakeManager(targets_document=DOCUMENT, future_probes=PROBES, **changes)


def _interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_each_probe_once_decided_until_interrupted(rcmctl: Rcmctl) -> None:
    answer = rcmctl(_manager(at_the_end=_interrupt), "probes")
    assert (answer.status, answer.err) == (0, "")
    assert (
        answer.out
        == """\
TIME      INTERFACE        PROBE   NETRTT    RTT       TARGET
-0.12s    hme0             41      0.31ms    36.97ms   192.168.85.1
1.31s     hme0             42      --        --        192.168.85.1
61.50s    enp0s31f6npx123  43      ?         ?         fe80::1
"""
    )


def test_as_many_as_wanted(rcmctl: Rcmctl) -> None:
    answer = rcmctl(_manager(), "probes", "-c", "2")
    assert (answer.status, answer.err) == (0, "")
    assert len(answer.out.splitlines()) == 1 + 2


def test_one_object_a_line_for_programs(rcmctl: Rcmctl) -> None:
    answer = rcmctl(_manager(), "probes", "--json", "--count", "3")
    assert tuple(json.loads(line) for line in answer.out.splitlines()) == PROBES


def test_the_daemon_ends(rcmctl: Rcmctl) -> None:
    answer = rcmctl(_manager(), "probes")
    assert answer.status == 6
    assert len(answer.out.splitlines()) == 1 + 3


def test_nothing_is_probed(rcmctl: Rcmctl) -> None:
    manager = FakeManager(targets_document={"targets": [DOCUMENT["targets"][3]]})
    answer = rcmctl(manager, "probes")
    assert (answer.status, answer.out) == (0, "probe-based failure detection is disabled\n")
    assert rcmctl(manager, "probes", "--json").out == ""


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_count_that_is_none(rcmctl: Rcmctl, count: str) -> None:
    assert rcmctl(_manager(), "probes", "--count", count).status == 2


def test_a_daemon_of_another_version(rcmctl: Rcmctl) -> None:
    manager = FakeManager(targets_document=DOCUMENT, future_probes=(_probe(1, 0, "not known"),))
    answer = rcmctl(manager, "probes")
    assert answer.status == 1
    assert "another version" in answer.err
