"""Exit statuses, errors and JSON, for every verb."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from rcmd.bus.status_document import status_document
from rcmd.ctl.main import main
from rcmd.ctl.picture import Underway, picture_of
from rcmd.errors import (
    Busy,
    ConfigurationError,
    InvalidArgument,
    NoSuchResource,
    NotAuthorized,
    RcmError,
    RolledBack,
    Unreachable,
    Veto,
    Vetoed,
)
from rcmd.ports.coordinator import OperationStatus
from rcmd.ports.store import HistoryEvent, Operation, OperationKind, Step

from .conftest import Rcmctl
from .fake_manager import FakeManager

VETOES = (
    Veto("hme0", "network", "only functioning interface of group test"),
    Veto("br0", "network", "hme0 is a port of bridge br0"),
)
ERRORS = [
    (RolledBack("hme0: the kernel refused; everything is as it was"), 1),
    (ConfigurationError("/etc/hostname.hme0:1: bad address"), 1),
    (InvalidArgument("hme0/1 is not a resource"), 2),
    (Vetoed(VETOES), 3),
    (NoSuchResource("there is no hme9"), 4),
    (NotAuthorized("only root may do this"), 5),
    (Unreachable("rcmd is not running"), 6),
    (Busy("hme0: detach under way"), 7),
]
CHANGES: list[tuple[tuple[str, ...], tuple[Any, ...], dict[str, Any]]] = [
    (("detach", "hme0"), ("detach", "hme0", False), {"result": "detached"}),
    (("detach", "hme0", "--force"), ("detach", "hme0", True), {"result": "detached"}),
    (("detach", "-f", "hme0"), ("detach", "hme0", True), {"result": "detached"}),
    (("detach", "-n", "hme0"), ("query_detach", "hme0", False), {"result": "would be detached"}),
    (("attach", "hme0"), ("attach", "hme0"), {"result": "attached", "resource": "hme0"}),
    (("cancel", "7"), ("cancel", 7), {"result": "cancelled", "number": 7}),
    (("offline", "hme0"), ("offline", "hme0"), {"result": "offline", "resource": "hme0"}),
    (("online", "hme0"), ("undo_offline", "hme0"), {"result": "online", "resource": "hme0"}),
    (("reload",), ("reload",), {"result": "reloaded"}),
]


@pytest.mark.parametrize(("words", "call", "result"), CHANGES)
def test_a_change_is_asked_for_and_confirmed(
    rcmctl: Rcmctl, words: tuple[str, ...], call: tuple[Any, ...], result: dict[str, Any]
) -> None:
    manager = FakeManager()
    answer = rcmctl(manager, *words)
    assert (answer.status, answer.err) == (0, "")
    assert manager.calls == [call]
    in_json = rcmctl(FakeManager(), *words, "--json")
    assert json.loads(in_json.out).items() >= result.items()


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (("attach", "hme0"), "hme0: attached\n"),
        (("cancel", "7"), "operation 7: cancelled\n"),
        (("offline", "hme0"), "hme0: offline\n"),
        (("online", "hme0"), "hme0: online\n"),
        (("reload",), "configuration reloaded\n"),
    ],
)
def test_what_a_change_says(rcmctl: Rcmctl, words: tuple[str, ...], out: str) -> None:
    assert rcmctl(FakeManager(), *words).out == out


@pytest.mark.parametrize(("error", "status"), ERRORS)
@pytest.mark.parametrize("words", [words for words, _, _ in CHANGES])
def test_every_error_has_its_exit_status(
    rcmctl: Rcmctl, words: tuple[str, ...], error: RcmError, status: int
) -> None:
    answer = rcmctl(FakeManager(error=error), *words)
    assert (answer.status, answer.out) == (status, "")
    assert str(error) in answer.err


@pytest.mark.parametrize(("error", "status"), ERRORS)
def test_with_json_errors_are_json(rcmctl: Rcmctl, error: RcmError, status: int) -> None:
    answer = rcmctl(FakeManager(error=error), "attach", "hme0", "--json")
    assert (answer.status, answer.err) == (status, "")
    told = json.loads(answer.out)["error"]
    assert (told["name"], told["message"]) == (error.bus_name, str(error))
    assert len(told["vetoes"]) == (2 if isinstance(error, Vetoed) else 0)


def test_a_refusal_prints_every_reason_and_nothing_else(rcmctl: Rcmctl) -> None:
    # behaviours 117, 118: the reasons of a refused detach reach whoever asked
    answer = rcmctl(FakeManager(error=Vetoed(VETOES)), "detach", "hme0")
    assert answer.status == 3
    assert answer.err == (
        "hme0: network: only functioning interface of group test\n"
        "br0: network: hme0 is a port of bridge br0\n"
    )


def test_the_vetoes_in_json(rcmctl: Rcmctl) -> None:
    answer = rcmctl(FakeManager(error=Vetoed(VETOES)), "--json", "detach", "hme0")
    assert json.loads(answer.out)["error"]["vetoes"][0] == {
        "resource": "hme0",
        "client": "network",
        "reason": "only functioning interface of group test",
    }


def test_ctrl_c_leaves_the_daemon_at_work(rcmctl: Rcmctl, monkeypatch: pytest.MonkeyPatch) -> None:
    async def interrupted(self: FakeManager, name: str) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(FakeManager, "offline", interrupted)
    answer = rcmctl(FakeManager(), "offline", "hme0")
    assert answer.status == 130
    assert "rcmd goes on" in answer.err


def test_a_status_of_another_version_is_an_error_not_a_traceback(
    rcmctl: Rcmctl, healthy: dict[str, Any]
) -> None:
    healthy["interfaces"][0]["state"] = "confused"
    answer = rcmctl(FakeManager(healthy), "status")
    assert answer.status == 1
    assert "confused" in answer.err


@pytest.mark.parametrize("host", ["healthy", "troubled"])
def test_the_status_is_read_as_the_daemon_writes_it(
    host: str, request: pytest.FixtureRequest
) -> None:
    picture = picture_of(request.getfixturevalue(host))
    operations = tuple(_as_the_daemon_has_it(one) for one in picture.operations)
    document = status_document(picture.status, {}, operations)
    assert picture_of(json.loads(json.dumps(document))) == picture


def _as_the_daemon_has_it(one: Underway) -> OperationStatus:
    operation = Operation(
        one.number,
        OperationKind(one.kind),
        one.resource,
        one.caller,
        Step(one.step),
        one.started_us,
        is_forced=one.is_forced,
    )
    return OperationStatus(operation, one.waiting_for)


def test_a_closed_pipe_is_silent() -> None:
    program = "\n".join(
        (
            "import sys",
            "from rcmd.ctl.main import main",
            "main(['--help'])",
        )
    )
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=write, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_loads_no_bus_library() -> None:
    program = "\n".join(
        (
            "import sys",
            "from rcmd.ctl.main import main",
            "try:",
            "    main(['--help'])",
            "except SystemExit:",
            "    print([name for name in sys.modules if 'bus' in name or 'pyroute2' in name])",
        )
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.endswith(b"\n[]\n")


def test_the_exit_status_survives_a_reader_that_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read, write = os.pipe()
    os.close(read)
    manager = FakeManager(past=tuple(HistoryEvent(n, 6, "k", "s", "m" * 99) for n in range(1000)))
    # Larger than the buffer: the pipe is found broken in the middle, not only at the end.
    stdout = os.fdopen(write, "w")
    monkeypatch.setattr(sys, "stdout", stdout)
    assert main(["history", "--limit", "1000"], manager.connect) == 0
    assert stdout.closed
