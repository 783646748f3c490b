"""Names as object paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rcmd.bus.paths import escape, group_path, interface_path


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("hme0", "hme0"),
        ("br-lan.5", "br_2dlan_2e5"),
        ("a_b", "a_5fb"),
        ("9p", "9p"),
        ("é", "_c3_a9"),
        ("", "_"),
    ],
)
def test_escaping(name: str, escaped: str) -> None:
    assert escape(name) == escaped


@given(st.text(), st.text())
def test_no_two_names_share_a_path(one: str, other: str) -> None:
    assert (escape(one) == escape(other)) == (one == other)


def test_where_objects_are() -> None:
    assert group_path("test") == "/org/rcmd1/group/test"
    assert interface_path("eth0.5") == "/org/rcmd1/interface/eth0_2e5"
