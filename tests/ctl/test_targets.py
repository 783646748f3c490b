"""Targets: whom each interface probes.  Behaviour 128, mode -t."""

from __future__ import annotations

import json
from typing import Any

from .conftest import Rcmctl
from .fake_manager import FakeManager


def _row(interface: str, mode: str, test_address: str | None, **targets: str) -> dict[str, Any]:
    return {
        "interface": interface,
        "family": "IPv4",
        "mode": mode,
        "method": "icmp",
        "test_address": test_address,
        "targets": [
            {"address": name.replace("_", "."), "state": state, "answered": 1, "lost": 0}
            for name, state in targets.items()
        ],
    }


DOCUMENT = {
    "targets": [
        _row("hme0", "routes", "10.0.0.21", **{"10.0.0.2": "active", "10.0.0.1": "active"}),
        _row(
            "hme1",
            "pinned",
            None,
            **{
                "10.0.0.9": "slow",
                "10.0.0.1": "active",
                "10.0.0.8": "dead",
                "10.0.0.7": "unused",
                "10.0.0.6": "unused",
            },
        ),
        _row("hme2", "hosts", "10.0.0.23"),
        _row("qfe0", "disabled", None),
    ]
}


def test_targets(rcmctl: Rcmctl) -> None:
    assert (
        rcmctl(FakeManager(targets_document=DOCUMENT), "targets").out
        == """\
INTERFACE  MODE      TESTADDR   TARGETS
hme0       routes    10.0.0.21  10.0.0.2 10.0.0.1
hme1       pinned    --         10.0.0.1 (10.0.0.7 10.0.0.6) [10.0.0.9 10.0.0.8]
hme2       hosts     10.0.0.23  --
qfe0       disabled  --         --
"""
    )


def test_for_programs(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(targets_document=DOCUMENT), "targets", "--json")
    assert json.loads(answer.out) == DOCUMENT


def test_a_daemon_of_another_version(rcmctl: Rcmctl) -> None:
    document = {"targets": [{"interface": "hme0", "mode": "guesswork"}]}
    answer = rcmctl(FakeManager(targets_document=document), "targets")
    assert (answer.status, answer.out) == (1, "")
    assert "another version" in answer.err
