from __future__ import annotations

import io

import pytest

from rcmd.ctl.output import Output, Span, Tone, printable, wants_colour


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "expected"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_only_where_it_is_welcome(
    stream: io.StringIO, environment: dict[str, str], expected: bool
) -> None:
    assert wants_colour(stream, environment) is expected


def test_failed_is_red_and_degraded_yellow() -> None:
    stream = Terminal()
    output = Output(stream, io.StringIO(), is_json=False, has_colour=True)
    output.line(Span("failed", Tone.BAD), "  ", Span("degraded", Tone.WARNING))
    assert stream.getvalue() == "\x1b[31mfailed\x1b[0m  \x1b[33mdegraded\x1b[0m\n"


def test_without_colour_a_line_is_plain() -> None:
    stream = io.StringIO()
    output = Output(stream, io.StringIO(), is_json=False, has_colour=False)
    output.line(Span("failed", Tone.BAD), "  ")
    assert stream.getvalue() == "failed\n"


def test_lines_are_as_long_as_they_like_where_no_terminal_is() -> None:
    assert Output(io.StringIO(), io.StringIO(), is_json=False, has_colour=False).width is None


def test_a_terminal_has_a_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "132")
    assert Output(Terminal(), io.StringIO(), is_json=False, has_colour=False).width == 132


def test_control_characters_are_not_passed_on() -> None:
    assert printable("a\x1b[31m\nb\tc é") == "a?[31m?b?c é"


class Closed(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_output_without_a_reader_is_dropped() -> None:
    stdout, stderr = Closed(), Closed()
    output = Output(stdout, stderr, is_json=False, has_colour=False)
    output.line("gone")
    output.line("gone too")
    output.flush()
    output.complain("and nobody hears this")
    assert not output.is_read
    assert stdout.closed
    assert stderr.closed
