"""Probes that this host cannot send, on the real kernel: packet filters, and what they leave."""

from __future__ import annotations

import json
import shutil

import pytest
from scenes import (
    PAIR,
    SETTINGS,
    SETTINGS_PATH,
    Lab,
    await_event,
    await_hosted,
    await_state,
    history,
    kinds,
    start,
    state_of,
    status,
)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(shutil.which("nft") is None, reason="needs nft"),
]

DATA0 = "192.168.85.19"
ECHO_DROPPED = "ip protocol icmp drop"


def filter_out(lab: Lab, rule: str) -> None:
    for line in (
        "add table ip t",
        "add chain ip t c { type filter hook output priority 0 ; }",
        f"add rule ip t c {rule}",
    ):
        lab.run(["nft", *line.split()], check=True)


def let_out(lab: Lab) -> None:
    lab.run(["nft", "delete", "table", "ip", "t"], check=True)


def problems(lab: Lab, code: str) -> dict[str, str]:
    return {it["subject"]: it["text"] for it in status(lab)["problems"] if it["code"] == code}


def probed(lab: Lab, method: str) -> Lab:
    settings = SETTINGS.replace("{targets", f"{{probe: {method}, targets")
    lab.write(SETTINGS_PATH, settings)
    start(lab, PAIR)
    lab.wait_for(lambda: answered(lab) >= 10, what="answers")
    return lab


def answered(lab: Lab) -> int:
    """By the target that has answered least, of all interfaces."""
    listed = json.loads(lab.rcmctl("targets", "--json").stdout)
    return min((it["answered"] for one in listed["targets"] for it in one["targets"]), default=0)


@pytest.mark.long
def test_dropped_echo_is_told_and_arp_finds_the_black_hole(lab: Lab) -> None:
    probed(lab, "auto")
    filter_out(lab, ECHO_DROPPED)
    await_event(lab, "probes-not-sent", "hme0")
    await_event(lab, "probes-not-sent", "hme1")
    told = problems(lab, "probes-not-sent")
    assert "Operation not permitted (EPERM)" in told["hme0"]
    assert "ARP" in told["hme1"]
    lab.black_hole("hme0")
    await_hosted(lab, "hme1", DATA0)
    lab.restore("hme0")
    await_hosted(lab, "hme0", DATA0)
    # Once, however long it lasts.
    assert [kind for kind, _ in kinds(lab)].count("probes-not-sent") == 2
    let_out(lab)
    await_event(lab, "probes-sent", "hme0")
    lab.wait_for(lambda: not problems(lab, "probes-not-sent"), what="no problem")
    assert "group-failed" not in [kind for kind, _ in kinds(lab)]


@pytest.mark.long
def test_where_only_echo_may_be_used_the_link_counts(lab: Lab) -> None:
    """Also for the repair: no ten answers can come."""
    probed(lab, "icmp")
    filter_out(lab, ECHO_DROPPED)
    await_event(lab, "probes-not-sent", "hme0")
    await_event(lab, "probes-not-sent", "hme1")
    lab.pull("hme0")
    await_hosted(lab, "hme1", DATA0)
    lab.plug("hme0")
    await_hosted(lab, "hme0", DATA0)
    await_state(lab, "hme0", "running")
    assert state_of(lab, "hme1") == "running"
    let_out(lab)
    await_event(lab, "probes-sent", "hme0")
    lab.black_hole("hme0")
    await_hosted(lab, "hme1", DATA0)
    texts = [it["message"] for it in history(lab) if it["kind"] == "probes-not-sent"]
    assert all("EPERM" in text for text in texts)
