import pytest

from rcmd.configuration.findings import Findings
from rcmd.configuration.interface_files.commands import split_commands


def words(text: str) -> list[list[str]]:
    return [[word.text for word in command] for command in split_commands("f", text, Findings())]


def lines(text: str) -> list[list[int]]:
    return [[word.line for word in command] for command in split_commands("f", text, Findings())]


def warnings(text: str) -> list[str]:
    findings = Findings()
    split_commands("f", text, findings)
    return [str(fault) for fault in findings.faults]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("\n \t\n\n", []),
        ("a b\n", [["a", "b"]]),
        ("a b", [["a", "b"]]),
        ("  a\t b  \n", [["a", "b"]]),
        ("a\n\n\nb\n", [["a"], ["b"]]),
        ("a \\\nb\n", [["a", "b"]]),  # behaviour 85
        ("a\\\nb\n", [["ab"]]),
        ("a\\", [["a"]]),
        ("a \\\n\nb", [["a"], ["b"]]),
        ("\\a\\b\\\\c", [["ab\\c"]]),
        ("a\\ b", [["a", "b"]]),
        ("# all\na # rest\n#\n", [["a"]]),
        ("a#b", [["a#b"]]),
        ("\\#a", [["#a"]]),
        ("a\r\nb\\\r\nc\r\n", [["a"], ["bc"]]),
    ],
)
def test_lines_are_read_as_by_the_shell(text, expected):
    assert words(text) == expected


def test_a_word_is_placed_at_its_physical_line():
    assert lines("\na \\\n  b\\\nc d\n\ne") == [[2, 3, 4], [6]]


def test_a_comment_ends_with_its_physical_line_and_says_so():
    text = "a # x \\\nb\n"
    assert words(text) == [["a"], ["b"]]
    message = "a backslash in a comment does not join the next line to this one"
    assert warnings(text) == [f"f:1: warning: {message}"]


@pytest.mark.parametrize("end", ["\\ ", "\\\t  ", "\\ \r", "\\ # more", "\\\\\\ "])
def test_a_backslash_before_blanks_does_not_join_and_says_so(end):
    text = f"a {end}\nb\n"
    assert len(words(text)) == 2
    message = "a backslash followed by blanks does not join the next line to this one"
    assert warnings(text) == [f"f:1: warning: {message}"]


@pytest.mark.parametrize("line", ["a\\ b", "a \\\\ ", "a # \\ ", "a \\"])
def test_other_backslashes_say_nothing(line):
    assert warnings(f"{line}\nb\n") == []


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000", "\x0b", "\x0c", "\r"])
def test_every_blank_splits(blank):
    assert words(f"a{blank}b{blank}\nc\n") == [["a", "b"], ["c"]]
    assert words(f"a{blank}b\\\nc\n") == [["a", "bc"]]


def test_byte_order_marks_are_nothing():
    assert words("\ufeffa b\n\ufeffc\n") == [["a", "b"], ["c"]]
