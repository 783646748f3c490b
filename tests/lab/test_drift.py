"""What others take away is put back where it is wanted; nobody is fought."""

from __future__ import annotations

import pytest
from scenes import (
    DUAL_STACK,
    ROUTER,
    ROUTER6,
    SETTINGS,
    addr_dump,
    await_event,
    await_hosted,
    await_same,
    await_settled,
    hosted_on,
    hosts_of,
    kinds,
    route_devices,
    start,
    status,
    told,
)

from rcmd.lab.lab import Lab

pytestmark = pytest.mark.lab


def ip(lab: Lab, words: str) -> None:
    lab.run(["ip", *words.split()], check=True)


def test_restored_but_not_fought_for(lab: Lab) -> None:
    start(lab, {**DUAL_STACK, "rcmd/rcmd.yaml": SETTINGS + "when_removed: restore\n"})
    await_settled(lab)
    ip(lab, "addr add 192.168.85.77/24 dev hme1")
    ip(lab, f"route add 10.9.0.0/16 via {ROUTER} dev hme0 proto static")
    ip(lab, f"-6 route add 2001:db8:9::/48 via {ROUTER6} dev hme0")
    await_event(lab, "address-added", "hme1")
    before = addr_dump(lab)
    ip(lab, "addr del 192.168.85.77/24 dev hme1")
    ip(lab, "addr del 192.168.85.22/32 dev hme1")
    ip(lab, "addr del 2001:db8:85::20/64 dev hme1")
    await_event(lab, "put-back", "hme1")
    await_hosted(lab, "hme1", "192.168.85.77", "192.168.85.22", "2001:db8:85::20")
    await_settled(lab)
    await_same(lab, addr_dump_in_any_order, in_any_order(before))
    ip(lab, "route del 10.9.0.0/16")
    ip(lab, "-6 route del 2001:db8:9::/48")
    await_event(lab, "put-back", "hme0")
    lab.wait_for(lambda: route_devices(lab, "10.9.0.0/16") == ["hme0"], what="the route")
    lab.wait_for(lambda: route_devices(lab, "2001:db8:9::/48", 6) == ["hme0"], what="the route")

    for _ in range(4):
        lab.wait_for(lambda: hosts_of(lab, "192.168.85.19") == ["hme0"], what="the address")
        ip(lab, "addr del 192.168.85.19/24 dev hme0")
    await_event(lab, "given-up", "hme0")
    assert hosts_of(lab, "192.168.85.19") == []
    about = [text for text in told(lab) if "192.168.85.19" in text and "remov" in text]
    assert len(about) == 2  # once that it is put back, once that it is given up
    assert hosted_on(lab, "192.168.85.19") is None
    (problem,) = [it for it in status(lab)["problems"] if it["code"] == "address-missing"]
    assert problem["subject"] == "192.168.85.19/24"
    assert "/etc/hostname.hme0" in problem["text"]
    lab.kill_daemon()
    lab.start_daemon()
    await_hosted(lab, "hme0", "192.168.85.19")


def test_a_removed_route_is_told_of_once(lab: Lab) -> None:
    start(lab, DUAL_STACK)
    ip(lab, f"route add 10.9.0.0/16 via {ROUTER} dev hme0")
    ip(lab, "route del 10.9.0.0/16")
    await_event(lab, "route-removed", "hme0")
    assert route_devices(lab, "10.9.0.0/16") == []
    assert kinds(lab).count(("route-removed", "hme0")) == 1


def addr_dump_in_any_order(lab: Lab) -> object:
    return in_any_order(addr_dump(lab))


def in_any_order(dump: list[dict[str, object]]) -> object:
    return [sorted(str(info) for info in link["addr_info"]) for link in dump]  # type: ignore[attr-defined]
