"""Groups: how they are, and how usable their members."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Rcmctl
from .fake_manager import FakeManager


def test_groups(rcmctl: Rcmctl, troubled: dict[str, Any]) -> None:
    assert (
        rcmctl(FakeManager(troubled), "groups").out
        == """\
GROUP  STATE     FDT     INTERFACES
test   degraded  10.00s  hme1 [hme0 qfe0]
solo   failed    --      [qfe1]
"""
    )


def test_groups_name_active_inactive_and_unusable_members(
    rcmctl: Rcmctl, healthy: dict[str, Any]
) -> None:
    healthy["interfaces"][0]["state"] = "offline"
    out = rcmctl(FakeManager(healthy), "groups").out
    assert out.splitlines()[1].endswith("hme1 (hme2) [hme0]")


@pytest.mark.parametrize("state", ["failed", "offline", "missing", "detached"])
def test_an_interface_in_such_a_state_is_not_usable(
    rcmctl: Rcmctl, healthy: dict[str, Any], state: str
) -> None:
    healthy["interfaces"][1]["state"] = state
    out = rcmctl(FakeManager(healthy), "groups").out
    assert out.splitlines()[1].endswith("hme0 (hme2) [hme1]")


def test_an_interface_without_targets_is_usable(rcmctl: Rcmctl, healthy: dict[str, Any]) -> None:
    healthy["interfaces"][1]["state"] = "no-targets"
    out = rcmctl(FakeManager(healthy), "groups").out
    assert out.splitlines()[1].endswith("hme0 hme1 (hme2)")
