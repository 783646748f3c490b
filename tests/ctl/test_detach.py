"""What a detach says, and what a dry run says."""

from __future__ import annotations

import json
from ipaddress import ip_address

import pytest

from rcmd.ctl.verbs import detach
from rcmd.errors import Veto
from rcmd.ports.plan import DetachPlan, MovableKind, PlannedMove
from rcmd.ports.sockets import Session

from .conftest import Rcmctl
from .fake_manager import FakeManager

MOVES = (
    PlannedMove(MovableKind.ADDRESS, "192.168.85.19/24", "hme0", "hme1"),
    PlannedMove(MovableKind.ADDRESS, "192.168.85.21/24", "hme0", None),
    PlannedMove(MovableKind.ROUTE, "default via 192.168.85.1", "hme0", "hme1"),
)
VETOES = (
    Veto("hme0", "network", "not in a group"),
    Veto("vlan7", "network", "vlan7 is stacked on hme0"),
)
FREE = DetachPlan("hme0", (), MOVES, ("route 10.9.0.0/16 cannot follow: no such gateway",))
REFUSED = DetachPlan("hme0", VETOES, MOVES)

MOVES_TEXT = """\
  address  192.168.85.19/24          hme0 -> hme1
  address  192.168.85.21/24          nowhere: disappears with hme0
  route    default via 192.168.85.1  hme0 -> hme1
"""


def test_a_dry_run_prints_every_move_and_warning(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(plan=FREE), "detach", "--dry-run", "hme0")
    assert answer.status == 0
    assert answer.out == (
        "hme0: would be detached:\n"
        + MOVES_TEXT
        + "  warning: route 10.9.0.0/16 cannot follow: no such gateway\n"
        "nothing was changed\n"
    )


def test_a_dry_run_prints_every_veto_and_is_refused(rcmctl: Rcmctl) -> None:
    # behaviour 101: all refusals are collected, nothing changes
    manager = FakeManager(plan=REFUSED)
    answer = rcmctl(manager, "detach", "hme0", "-n")
    assert answer.status == 3
    assert answer.out == (
        "hme0: network: not in a group\n"
        "vlan7: network: vlan7 is stacked on hme0\n"
        "hme0: would be refused; what a detach would move:\n" + MOVES_TEXT + "nothing was changed\n"
    )
    assert manager.calls == [("query_detach", "hme0", False)]


@pytest.mark.parametrize("arguments", [("hme0",), ("hme0", "-n")])
def test_the_session_of_the_caller_is_told(
    rcmctl: Rcmctl, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    session = Session(ip_address("192.168.85.19"), ip_address("10.0.0.5"))
    monkeypatch.setattr(detach, "session_of", lambda _: session)
    manager = FakeManager()
    assert rcmctl(manager, "detach", *arguments).status == 0
    assert manager.sessions == [session]


def test_a_forced_dry_run_is_refused_by_what_force_does_not_override(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(plan=REFUSED), "detach", "hme0", "-n", "-f")
    assert answer.status == 3
    assert answer.out == (
        "hme0: network: not in a group\n"
        "vlan7: network: vlan7 is stacked on hme0\n"
        "hme0: would be refused; what a detach would move:\n" + MOVES_TEXT + "nothing was changed\n"
    )


def test_a_dry_run_with_nothing_to_move(rcmctl: Rcmctl) -> None:
    assert rcmctl(FakeManager(), "detach", "hme0", "-n").out == (
        "hme0: would be detached:\n  no address and no route would move\nnothing was changed\n"
    )


def test_a_dry_run_in_json(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(plan=REFUSED), "detach", "hme0", "-n", "--json")
    assert answer.status == 3
    document = json.loads(answer.out)
    assert document["result"] == "would be refused"
    assert document["vetoes"][1] == {
        "resource": "vlan7",
        "client": "network",
        "reason": "vlan7 is stacked on hme0",
    }
    first, second, _ = document["moves"]
    assert first == {
        "kind": "address",
        "address": "192.168.85.19/24",
        "from": "hme0",
        "to": "hme1",
        "fate": "moved",
        "reason": "",
    }
    assert (second["address"], second["to"], second["fate"]) == ("192.168.85.21/24", None, "lost")


def test_what_stays_or_is_lost_is_told_with_the_reason(rcmctl: Rcmctl) -> None:
    plan = DetachPlan(
        "hme0",
        moves=(
            PlannedMove(MovableKind.ADDRESS, "169.254.3.4/16", "hme0", "hme0", "link-local"),
            PlannedMove(MovableKind.ROUTE, "10.9.0.0/16", "hme0", None, "is encapsulated"),
        ),
    )
    assert rcmctl(FakeManager(plan=plan), "detach", "hme0").out == (
        "  address  169.254.3.4/16  stays on hme0 (link-local)\n"
        "  route    10.9.0.0/16     nowhere: disappeared with hme0 (is encapsulated)\n"
        "hme0: detached\n"
    )


def test_a_detach_says_what_moved(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(plan=FREE), "detach", "hme0")
    assert answer.out == (
        MOVES_TEXT.replace("disappears", "disappeared")
        + "  warning: route 10.9.0.0/16 cannot follow: no such gateway\n"
        "hme0: detached\n"
    )


def test_a_reason_cannot_steer_the_terminal(rcmctl: Rcmctl) -> None:
    plan = DetachPlan("hme0", (Veto("hme0", "script", "no\x1b[2Jthing"),))
    answer = rcmctl(FakeManager(plan=plan), "detach", "hme0")
    assert answer.err == "hme0: script: no?[2Jthing\n"
