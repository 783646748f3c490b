"""What is not UTF-8 is shown escaped, and nowhere does it end anything."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from rcmd.foreign_text import escaped, from_bytes

PACKAGE = Path(__file__).parent.parent / "rcmd"


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"eth0", "eth0"),
        ("Wäsche €".encode(), "Wäsche €"),
        (b"eth\xff", "eth\\xff"),
        (b"\xe2\x82", "\\xe2\\x82"),
        (b"a\0b", "a\0b"),
        (b"", ""),
    ],
)
def test_bytes(raw: bytes, shown: str) -> None:
    assert from_bytes(raw) == shown
    # The same from where Python itself has decoded it.
    assert escaped(os.fsdecode(raw)) == shown


def test_surrogates_that_are_no_bytes() -> None:
    assert escaped("a\ud800\udfffb") == "a\\ud800\\udfffb"


def decodes_strictly(call: ast.Call) -> bool:
    """`x.decode()` or `x.read_text()` that raises UnicodeDecodeError."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in ("decode", "read_text"):
        return False
    has_errors = any(keyword.arg == "errors" for keyword in call.keywords)
    return not has_errors and len(call.args) < 2


MAY = {
    # Of pyroute2: messages, not texts.
    "system/netlink_decoding.py",
    "system/rtnetlink.py",
    # The bus drops whoever sends a text that is not UTF-8; here it is Malformed.
    "bus/wire.py",
    # What is encoded in the same line.
    "bus/values.py",
    "system/store.py",
}


def test_nothing_from_outside_is_decoded_strictly() -> None:
    strays = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if "lab" not in path.parts and str(path.relative_to(PACKAGE)) not in MAY
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and decodes_strictly(node)
    }
    assert strays == set()
