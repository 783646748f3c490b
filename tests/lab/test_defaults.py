"""A host whose administrator wrote no settings: probed, and prompt where nobody answers."""

from __future__ import annotations

import pytest
from scenes import (
    PAIR,
    ROUTER,
    LabFactory,
    addr_dump,
    await_hosted,
    await_same,
    await_settled,
    await_state,
    group_state,
    interface,
    start,
    told,
)

from rcmd.lab.lab import Lab

pytestmark = [pytest.mark.lab, pytest.mark.long]

DATA0 = "192.168.85.19"
NO_SETTINGS = {"rcmd/rcmd.yaml": ""}
PROMPTLY_S = 3.0
"""Much less than the 14 s of ten answers, or the 10 s of a search for targets."""


def await_home(lab: Lab) -> None:
    lab.wait_for(
        lambda: any(it["local"] == DATA0 for it in lab.addresses("hme0")),
        timeout=PROMPTLY_S,
        what="the failback",
    )


def test_with_nobody_to_probe_repairs_are_prompt(lab: Lab) -> None:
    """The router answers no multicast, and no route names it (behaviours 48, 122, 130)."""
    start(lab, {**PAIR, **NO_SETTINGS})
    await_settled(lab)
    assert group_state(lab) == "ok"
    lab.wait_for(lambda: interface(lab, "hme0")["state"] == "no-targets", what="no-targets")
    await_state(lab, "hme1", "no-targets")
    before = addr_dump(lab)
    assert group_state(lab) == "ok"
    shown = lab.rcmctl("status").stdout
    assert "All is well." not in shown
    assert "hme0: only its link is watched: nobody to probe was found" in shown
    assert "`targets:`" in shown

    lab.pull("hme0")
    await_hosted(lab, "hme1", DATA0)
    lab.plug("hme0")
    await_home(lab)
    await_same(lab, addr_dump, before)

    lab.tear_out("hme0")
    await_hosted(lab, "hme1", DATA0)
    lab.put_back("hme0")
    await_home(lab)
    await_state(lab, "hme0", "no-targets")

    assert lab.rcmctl("detach", "hme0").returncode == 0
    assert lab.rcmctl("attach", "hme0").returncode == 0
    await_home(lab)
    assert group_state(lab) == "ok"
    assert not [line for line in told(lab) if "NIC failure detected on hme1" in line]


def test_with_a_router_ten_answers_bring_the_addresses_home(lab_with: LabFactory) -> None:
    """behaviours 32, 33: about 14 s"""
    lab = lab_with()
    start(lab, {**PAIR, **NO_SETTINGS})
    lab.run(["ip", "route", "add", "default", "via", ROUTER], check=True)
    lab.wait_for(lambda: ROUTER in lab.rcmctl("targets").stdout, what="the target")
    lab.pull("hme0")
    await_hosted(lab, "hme1", DATA0)
    lab.plug("hme0")
    lab.wait_for(
        lambda: any(it["local"] == DATA0 for it in lab.addresses("hme0")),
        what="the failback",
    )
    assert interface(lab, "hme0")["state"] == "running"
