from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from rcmd.ctl.main import main

from .fake_manager import FakeManager


@dataclass(frozen=True)
class Answer:
    status: int
    out: str
    err: str


Rcmctl = Callable[..., Answer]


@pytest.fixture
def rcmctl(capsys: pytest.CaptureFixture[str]) -> Rcmctl:
    """Run rcmctl against a manager."""

    def run(manager: FakeManager, *words: str) -> Answer:
        status = main(words, manager.connect)
        captured = capsys.readouterr()
        return Answer(status, captured.out, captured.err)

    return run


@pytest.fixture(autouse=True)
def _berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A time zone with summer time, the same on every machine."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


def _interface(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "ifindex": 4,
        "group": "test",
        "state": "running",
        "flags": ["UP", "RUNNING"],
        "link_up": True,
        "standby": False,
        "hardware_address": "02:00:00:00:00:01",
        "bus_path": "pci:0000:03:00.0",
        "driver": "virtio_net",
        "problem": "",
        "probe": "ok",
        **changes,
    }


def problem(code: str, subject: str, text: str, **changes: str) -> dict[str, str]:
    return {
        "code": code,
        "severity": "error",
        "subject": subject,
        "text": text,
        "since": "",
        "advice": "",
        **changes,
    }


def _address(address: str, home: str, **changes: Any) -> dict[str, Any]:
    return {
        "address": address,
        "kind": "data",
        "group": "test",
        "home": home,
        "hosted_on": home,
        "label": home,
        "up": True,
        **changes,
    }


@pytest.fixture
def healthy() -> dict[str, Any]:
    """The overview chapter's host before the failure, with a spare besides."""
    return {
        "groups": [
            {
                "name": "test",
                "state": "ok",
                "interfaces": ["hme0", "hme1", "hme2"],
                "failure_detection_ms": 10000,
                "spares": 2,
            }
        ],
        "interfaces": [
            _interface("hme0"),
            _interface("hme1", ifindex=5),
            _interface(
                "hme2",
                ifindex=6,
                flags=["UP", "RUNNING", "STANDBY", "INACTIVE"],
                standby=True,
            ),
        ],
        "addresses": [
            _address("192.168.85.19/24", "hme0"),
            _address("192.168.85.21/24", "hme0", kind="test", label="hme0:1"),
            _address("192.168.85.20/24", "hme1"),
            _address("192.168.85.22/24", "hme1", kind="test", label="hme1:1"),
            _address("2001:db8:5::20/64", "hme1", label=""),
        ],
        "operations": [],
        "problems": [],
    }


@pytest.fixture
def troubled() -> dict[str, Any]:
    """One member failed, one never came, one alone, and a detach under way."""
    return {
        "groups": [
            {
                "name": "test",
                "state": "degraded",
                "interfaces": ["hme0", "hme1", "qfe0"],
                "failure_detection_ms": 10000,
                "spares": 0,
            },
            {
                "name": "solo",
                "state": "failed",
                "interfaces": ["qfe1"],
                "failure_detection_ms": 500,
                "spares": 0,
            },
        ],
        "interfaces": [
            _interface(
                "hme0", state="failed", flags=["UP", "FAILED"], link_up=False, probe="unknown"
            ),
            _interface("hme1", ifindex=5),
            _interface(
                "qfe0",
                ifindex=0,
                state="missing",
                flags=[],
                link_up=False,
                hardware_address="",
                problem="there is no such device",
                probe="disabled",
            ),
            _interface(
                "qfe1",
                ifindex=7,
                group="solo",
                state="failed",
                flags=["UP", "RUNNING", "FAILED"],
                problem="no answer from any target",
                probe="failed",
            ),
            _interface(
                "eri0",
                ifindex=8,
                group="",
                problem="/etc/hostname.eri0:1: bad address",
                probe="disabled",
            ),
        ],
        "addresses": [
            _address("192.168.85.19/24", "hme0", hosted_on="hme1", label="hme1:2"),
            _address("192.168.85.21/24", "hme0", kind="test"),
            _address("192.168.85.22/24", "hme1", kind="test", label="hme1:1"),
            _address("192.168.85.20/24", "hme1"),
            _address("192.168.85.23/24", "hme1", hosted_on=None, label="", up=False),
            _address("10.0.0.1/8", "qfe1", group="solo", hosted_on=None, label=""),
        ],
        "operations": [
            {
                "number": 7,
                "kind": "detach",
                "resource": "hme0",
                "caller": "uid 0, pid 4711",
                "step": "leaving",
                "started_us": 1795347296789000,
                "forced": True,
                "waiting_for": ["backup", "cluster"],
            }
        ],
        "problems": [
            problem("group-failed", "solo", "failed, no interface is usable"),
            problem("interface-failed", "hme0", "failed", since="2026-11-22T11:34:56.789+00:00"),
            problem("interface-missing", "qfe0", "missing: there is no such device"),
            problem("interface-failed", "qfe1", "failed: no answer from any target"),
            problem("address-missing", "10.0.0.1/8", "on no interface (home: qfe1)"),
            problem(
                "no-spare",
                "test",
                "no spare is left (hme0 is offline)",
                severity="warning",
                advice="Bring another member of the group back into service.",
            ),
            problem(
                "configuration", "eri0", "/etc/hostname.eri0:1: bad address", severity="warning"
            ),
        ],
    }
