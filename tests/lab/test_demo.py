"""The demo tells the truth: all of it, in 80 columns, and it fails when the story does."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from conftest import LabFactory

from rcmd.lab import demo
from rcmd.lab.narration import WIDTH, Narrator

pytestmark = pytest.mark.lab

CHAPTERS = 15


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.long
def test_the_whole_story_is_told_and_every_claim_holds() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "rcmd.lab.main", "demo"], text=True, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert max(len(line) for line in lines) <= WIDTH
    assert "\x1b" not in done.stdout
    assert "✗" not in done.stdout
    assert [line for line in lines if re.match(r"\d+\. ", line)][-1].startswith(f"{CHAPTERS}. ")
    # The figures are those of a stream that never stopped.
    losses = re.findall(r"(\d+) of (\d+) datagrams lost", done.stdout)
    assert len(losses) == CHAPTERS - 1
    assert all(int(sent) > 0 for _, sent in losses)
    # Behaviour 92: the overview chapter's message, for both families.
    for family in ("IPv4", "IPv6"):
        assert f"moving addresses from failed {family} interfaces: hme0 (moved to hme1)" in (
            done.stdout
        )


def test_a_story_that_goes_wrong_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "HOSTNAME_FILES", {})
    monkeypatch.setattr(demo, "MISSING_WITHIN_S", 0.0)
    assert demo.main() == 1
    told = capsys.readouterr().out
    assert "✗ the story broke off" in told
    assert "✗ Boot without a NIC" in told


def test_a_claim_that_does_not_hold_is_a_failure(lab_with: LabFactory) -> None:
    output = io.StringIO()
    narrator = Narrator(lab_with(nics=()), output)
    narrator.chapter("Sums", "Whether one and one is three.")
    narrator.check("one and one is two", is_so=True)
    assert narrator.failures == []
    narrator.check("one and one is three", is_so=False)
    assert narrator.failures == ["one and one is three"]
    narrator.summary()
    assert "✗ Sums" in output.getvalue()


def test_colours_are_for_terminals_only(
    lab_with: LabFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    lab = lab_with(nics=())
    for output, is_coloured in ((io.StringIO(), False), (Terminal(), True)):
        Narrator(lab, output).chapter("A title", "A sentence.")
        assert ("\x1b[" in output.getvalue()) is is_coloured
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    Narrator(lab, plain).chapter("A title", "A sentence.")
    assert "\x1b[" not in plain.getvalue()


def test_long_output_is_folded_and_complete(lab_with: LabFactory) -> None:
    output = io.StringIO()
    narrator = Narrator(lab_with(nics=()), output)
    narrator.chapter("Words", "Many of them.")
    words = [f"word{number}" for number in range(40)]
    narrator.run("echo", *words)
    shown = output.getvalue()
    assert shown.split()[-40:] == words
    unbroken = "x" * 200
    narrator.quote(unbroken)
    said = output.getvalue()[len(shown) :]
    assert "".join(said.split()) == unbroken
    assert max(len(line) for line in said.splitlines()) <= WIDTH
