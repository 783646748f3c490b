import pytest

from rcmd.configuration.commands import split_commands
from rcmd.model import Fault


def words(text: str) -> list[list[str]]:
    return [[word.text for word in command] for command in split_commands("f", text)[0]]


def lines(text: str) -> list[list[int]]:
    return [[word.place.line for word in command] for command in split_commands("f", text)[0]]


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
    commands, warnings = split_commands("f", "a # x \\\nb\n")
    assert [[word.text for word in command] for command in commands] == [["a"], ["b"]]
    message = "a backslash in a comment does not join the next line to this one"
    assert warnings == (Fault("f", 1, message, is_warning=True),)
