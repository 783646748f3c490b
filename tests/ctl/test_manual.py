"""The manual pages and the completion know everything there is."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from rcmd.configuration.interface_files.grammar import WORDS
from rcmd.configuration.settings import parse_settings
from rcmd.ctl.verbs import NAMES
from rcmd.model.settings import Settings

ROOT = Path(__file__).parents[2]
COMPLETION = ROOT / "etc" / "bash-completion" / "rcmctl"
NEGATIONS_WITH_A_MEANING = {"-failover", "-standby", "-deprecated"}


def _page(name: str) -> str:
    return (ROOT / "man" / name).read_text().replace("\\-", "-")


@pytest.mark.parametrize("verb", NAMES)
def test_every_verb_has_a_paragraph(verb: str) -> None:
    assert re.search(rf"^(\.BI? |\\fB){verb}\b", _page("rcmctl.8"), re.MULTILINE)


def test_every_word_of_the_hostname_grammar_is_explained() -> None:
    page = _page("hostname.rcmd.5")
    words = {word for word in WORDS if not word.startswith("-")} | NEGATIONS_WITH_A_MEANING
    missing = {word for word in words if not re.search(rf"(?<!\w){re.escape(word)}\b", page)}
    assert not missing


def test_the_example_of_the_settings_is_valid() -> None:
    example = re.search(r"\.SH EXAMPLE\n\.EX\n(.*?)\.EE", _page("rcmd.yaml.5"), re.DOTALL)
    assert example is not None
    parsed = parse_settings(example[1], Settings())
    assert parsed.findings.faults == ()
    assert parsed.settings.group("front").failure_detection_ms == 500


def _complete(*words: str) -> list[str]:
    """What bash would offer for the last word; rcmctl itself is a stand-in."""
    script = f"""
        rcmctl() {{ printf 'INTERFACE  ACTIVE\\nhme0       yes\\nhme1       no\\n'; }}
        source {COMPLETION}
        COMP_WORDS=(rcmctl "$@") COMP_CWORD=$#
        _rcmctl
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_completion_of_verbs() -> None:
    offered = {word for word in _complete("") if not word.startswith("-")}
    assert offered == set(NAMES)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("de",), ["detach"]),
        (("--json", "rel"), ["reload"]),
        (("detach", "h"), ["hme0", "hme1"]),
        (("detach", "hme0", "--d"), ["--dry-run"]),
        (("online", "hme1"), ["hme1"]),
        (("cancel", "--j"), ["--json"]),
        (("scripts", "t"), ["test"]),
        (("history", "--f"), ["--follow"]),
        (("probes", "--c"), ["--count"]),
        (("probes", "-c", "100"), ["100", "1000"]),
        (("history", "--since", "1h"), ["1h"]),
    ],
)
def test_completion(words: tuple[str, ...], offered: list[str]) -> None:
    assert _complete(*words) == offered
