"""Addresses that a group shares, on the real kernel: spread, and lost by nobody."""

from __future__ import annotations

import json

import pytest
from scenes import (
    ROUTER,
    SETTINGS_PATH,
    LabFactory,
    addr_dump,
    await_settled,
    history,
    labels,
    marks,
    reaches,
    snapshot,
    start,
    status,
)

from rcmd.lab.lab import Lab
from rcmd.model.network import RCMD_PROTOCOL

pytestmark = pytest.mark.lab

NICS = ("hme0", "hme1", "hme2")
FOUR = [f"192.168.85.{number}" for number in (40, 41, 42, 43)]
SIX = [f"2001:db8:85::{number}" for number in (44, 45)]
MEMBERS = {
    f"hostname.{nic}": f"group test addif 192.168.85.{21 + number}/24 -failover deprecated up\n"
    for number, nic in enumerate(NICS)
} | {f"hostname6.{nic}": "" for nic in NICS}
SPREAD = {
    "hme0": {"192.168.85.40/24", "192.168.85.43/24"},
    "hme1": {"192.168.85.41/24", "2001:db8:85::44/64"},
    "hme2": {"192.168.85.42/24", "2001:db8:85::45/64"},
}


def settings(*addresses: str) -> str:
    listed = ", ".join(f"{it}/{64 if ':' in it else 24}" for it in addresses)
    return (
        "failure_detection_time: 500ms\n"
        f"groups: {{test: {{targets: [{ROUTER}], addresses: [{listed}]}}}}\n"
    )


def layout(lab: Lab) -> dict[str, set[str]]:
    """NIC -> the global addresses that it holds, but for its test address."""
    seen = snapshot(lab)
    return {
        link.name: {
            str(it.address) for it in seen.addresses if it.ifindex == link.ifindex and it.scope == 0
        }
        for link in seen.links
        if link.name in NICS
    }


def await_layout(lab: Lab, wanted: dict[str, set[str]]) -> None:
    lab.wait_for(lambda: layout(lab) == wanted, what=f"the layout {wanted}")


def devices(lab: Lab) -> dict[str, list[str]]:
    """All that `ip addr` shows, in whatever order."""
    return {
        link["ifname"]: sorted(json.dumps(info, sort_keys=True) for info in link["addr_info"])
        for link in addr_dump(lab)
    }


@pytest.mark.long
def test_they_are_spread_move_and_come_back(lab_with: LabFactory) -> None:
    lab = lab_with(nics=NICS)
    files = {**MEMBERS, "rcmd/rcmd.yaml": settings(*FOUR, *SIX)}
    start(lab, files, detects_duplicates=True)
    await_layout(lab, SPREAD)
    await_settled(lab)
    before = devices(lab)
    assert labels(lab, "hme0") == {
        "192.168.85.21": "hme0:1",
        "192.168.85.40": "hme0:2",
        "192.168.85.43": "hme0:3",
    }
    assert {marks(lab)[nic, it] for nic in NICS for it in SPREAD[nic]} == {RCMD_PROTOCOL}
    sessions = [lab.tcp_session(it) for it in (FOUR[0], FOUR[2], SIX[1])]

    lab.pull("hme2")
    refuge = {
        "hme0": SPREAD["hme0"] | {"192.168.85.42/24"},
        "hme1": SPREAD["hme1"] | {"2001:db8:85::45/64"},
        "hme2": set(),
    }
    await_layout(lab, refuge)
    # What comes back is as it was: no trace of the move, and no detection on the way.
    lab.plug("hme2")
    await_layout(lab, SPREAD)
    assert devices(lab) == before
    assert all(session.alive() for session in sessions)
    told = [(it["kind"], it["detail"].get("from")) for it in history(lab)]
    assert [it for it in told if it[0] in ("failover", "failback", "rebalance")] == [
        ("failover", "hme2"),
        ("failover", "hme2"),
        ("rebalance", "hme0"),
        ("rebalance", "hme1"),
    ]

    lab.kill_daemon()
    lab.start_daemon()
    assert devices(lab) == before

    plan = json.loads(lab.rcmctl("detach", "--dry-run", "--json", "hme2").stdout)
    addresses = (it for it in plan["moves"] if it["kind"] == "address")
    moves = {it["address"]: it["to"] for it in addresses if it["to"]}
    assert moves == {"192.168.85.42/24": "hme0", "2001:db8:85::45/64": "hme1"}
    assert lab.rcmctl("detach", "hme2").returncode == 0
    await_layout(lab, refuge)
    assert lab.rcmctl("attach", "hme2").returncode == 0
    await_layout(lab, SPREAD)

    lab.write(SETTINGS_PATH, settings("192.168.85.43", "192.168.85.50", *SIX))
    assert lab.rcmctl("reload").returncode == 0
    await_layout(
        lab,
        {
            "hme0": {"192.168.85.43/24", "192.168.85.50/24"},
            "hme1": {"2001:db8:85::44/64"},
            "hme2": {"2001:db8:85::45/64"},
        },
    )
    shown = {it["address"]: it for it in status(lab)["addresses"] if it["kind"] == "data"}
    assert shown["192.168.85.50/24"]["home"] is None
    assert shown["192.168.85.50/24"]["group"] == "test"
    assert shown["192.168.85.50/24"]["hosted_on"] == "hme0"
    assert reaches(lab, "192.168.85.50", where="router")
    assert len(shown) == 4
