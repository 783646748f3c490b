"""Progress on a terminal, and Ctrl-C while something is under way."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from contextlib import redirect_stderr
from typing import Any

import pytest

from rcmd.ctl.main import main
from rcmd.errors import NoSuchResource, NotAuthorized
from rcmd.ports.coordinator import Caller

from .conftest import Rcmctl
from .fake_manager import NOTHING, FakeManager


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _watched(manager: FakeManager, *words: str) -> tuple[int, str]:
    """The exit status, and what a person sees on the terminal that is standard error."""
    terminal = Terminal()
    with redirect_stderr(terminal):
        status = main(words, manager.connect)
    return status, terminal.getvalue()


def _host(**changes: Any) -> dict[str, Any]:
    """One operation is under way: ours."""
    operation = {
        "number": 7,
        "kind": "detach",
        "resource": "hme0",
        "caller": str(Caller("", os.geteuid(), os.getpid())),
        "step": "asking",
        "started_us": 1795347296789000,
        "forced": False,
        "waiting_for": ["backup", "clu\x1bster"],
    }
    return {**NOTHING, "operations": [operation | changes]}


def _seen(document: dict[str, Any]) -> FakeManager:
    """Its operations end once they have been looked at."""
    looked_at = asyncio.Event()
    return FakeManager(document, may_end=looked_at, looked_at=looked_at)


# --- progress -------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["detach", "attach"])
def test_one_line_tells_what_is_awaited_and_is_erased(
    capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    status, seen = _watched(_seen(_host()), verb, "hme0")
    line = "hme0: asking: waiting for backup, clu?ster (0 s)"
    assert (status, seen) == (0, f"\r{line}\r{line}\r{' ' * len(line)}\r")
    assert f"hme0: {verb}ed\n" in capsys.readouterr().out


def test_nothing_awaited() -> None:
    _, seen = _watched(_seen(_host(step="leaving", waiting_for=[])), "detach", "hme0")
    assert "\rhme0: leaving (0 s)\r" in seen


def test_a_line_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    _, seen = _watched(_seen(_host()), "detach", "hme0")
    line = "hme0: asking: waiting"[:19]
    assert seen.split("\r") == ["", line, line, " " * 19, ""]


def test_the_operations_of_others_are_not_ours() -> None:
    assert _watched(_seen(_host(caller="uid 0, pid 1")), "detach", "hme0") == (0, "")


def test_a_refusal_stands_on_a_line_of_its_own() -> None:
    manager = _seen(_host(waiting_for=[]))

    async def refused(resource: str, *, force: bool, session: object) -> Any:
        await manager.looked_at.wait()
        raise NoSuchResource(f"{resource} has gone, force {force}")

    manager.detach = refused  # type: ignore[method-assign]
    status, seen = _watched(manager, "detach", "hme0")
    assert status == 4
    assert seen.endswith(" \rrcmctl: hme0 has gone, force False\n")


def test_with_json_there_is_no_progress() -> None:
    manager = FakeManager(_host())
    assert _watched(manager, "detach", "hme0", "--json") == (0, "")
    assert not manager.looked_at.is_set()


def test_without_a_terminal_there_is_no_progress(rcmctl: Rcmctl) -> None:
    manager = FakeManager(_host())
    answer = rcmctl(manager, "detach", "hme0")
    assert (answer.err, manager.looked_at.is_set()) == ("", False)


# --- Ctrl-C ---------------------------------------------------------------------------------------


class Interrupted(FakeManager):
    """Ctrl-C is pressed as soon as something has begun."""

    async def _take_time(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await super()._take_time()


def _interrupted(document: dict[str, Any]) -> Interrupted:
    return Interrupted(document, may_end=asyncio.Event())


@pytest.mark.parametrize("verb", ["detach", "attach"])
def test_ctrl_c_cancels(rcmctl: Rcmctl, verb: str) -> None:
    manager = _interrupted(_host())
    answer = rcmctl(manager, verb, "hme0")
    assert manager.calls[-1] == ("cancel", 7)
    assert (answer.status, answer.out) == (1, "")
    assert answer.err == (
        "rcmctl: cancelling operation 7; Ctrl-C again to leave\n"
        "rcmctl: cancelled by uid 0, pid 123\n"
    )


def test_ctrl_c_too_late(rcmctl: Rcmctl) -> None:
    """It was over before the daemon heard of it."""
    manager = _interrupted(_host())
    may_end = manager.may_end
    assert may_end is not None

    async def cancel(number: int) -> None:
        may_end.set()
        raise NoSuchResource(f"operation {number} is not under way")

    manager.cancel = cancel  # type: ignore[method-assign]
    answer = rcmctl(manager, "detach", "hme0")
    assert (answer.status, answer.out) == (0, "hme0: detached\n")


def test_a_second_ctrl_c_leaves(rcmctl: Rcmctl) -> None:
    manager = _interrupted(_host())

    async def cancel(number: int) -> None:
        manager.calls.append(("cancel", number))
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    manager.cancel = cancel  # type: ignore[method-assign]
    answer = rcmctl(manager, "detach", "hme0")
    assert manager.calls[-1] == ("cancel", 7)
    assert answer.status == 130
    assert answer.err.endswith("rcmctl: interrupted; rcmd undoes what it has begun\n")


def test_ctrl_c_before_there_is_an_operation_leaves(rcmctl: Rcmctl) -> None:
    manager = _interrupted(NOTHING)
    answer = rcmctl(manager, "detach", "hme0")
    assert (answer.status, manager.calls) == (130, [("detach", "hme0", False)])
    assert answer.err == "rcmctl: interrupted; rcmd undoes what it has begun\n"


def test_ctrl_c_by_one_who_may_not_cancel_leaves(rcmctl: Rcmctl) -> None:
    manager = _interrupted(_host())

    async def cancel(number: int) -> None:
        raise NotAuthorized(f"operation {number}: polkit says no")

    manager.cancel = cancel  # type: ignore[method-assign]
    answer = rcmctl(manager, "detach", "hme0")
    assert answer.status == 130
    assert "polkit says no\nrcmctl: interrupted" in answer.err
