"""What is not UTF-8 is shown escaped, and nowhere does it end anything."""

from __future__ import annotations

import os

import pytest

from rcmd.foreign_text import escaped, from_bytes


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
