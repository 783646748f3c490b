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
solo   failed    0.50s   [qfe1]
"""
    )


def test_who_shares_the_load_is_shown_where_any_group_shares_it(
    rcmctl: Rcmctl, troubled: dict[str, Any]
) -> None:
    troubled["groups"][0] |= {"load_spreading": "flow", "carriers": ["hme1", "hme2"]}
    lines = rcmctl(FakeManager(troubled), "groups").out.splitlines()
    assert lines[0].endswith("SPREAD OVER")
    assert lines[1].endswith("by flow: hme1 hme2")
    assert lines[2].split()[-1] == "--"


def test_the_detection_time_is_blank_without_probing(  # behaviour 129
    rcmctl: Rcmctl, healthy: dict[str, Any]
) -> None:
    for interface in healthy["interfaces"]:
        interface["probe"] = "disabled"
    out = rcmctl(FakeManager(healthy), "groups").out
    assert out.splitlines()[1].split()[:3] == ["test", "ok", "--"]


@pytest.mark.parametrize("probe", ["ok", "failed", "unknown"])
def test_one_probed_member_is_enough_for_a_detection_time(  # behaviour 129
    rcmctl: Rcmctl, healthy: dict[str, Any], probe: str
) -> None:
    for interface in healthy["interfaces"]:
        interface["probe"] = "disabled"
    healthy["interfaces"][2]["probe"] = probe
    healthy["groups"][0]["failure_detection_ms"] = 24990
    out = rcmctl(FakeManager(healthy), "groups").out
    assert out.splitlines()[1].split()[:3] == ["test", "ok", "24.99s"]


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
