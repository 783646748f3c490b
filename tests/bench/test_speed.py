"""How long moving takes: a thousand addresses, and one while the bus is flooded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from rcmd.lab.lab import Lab

from .figures import RUNS, Figure, Table
from .labs import (
    PREPARED_AFTER_S,
    LabFactory,
    data_address,
    start,
    wait_until_at,
)
from .observer import Observer, Seen, What

pytestmark = [pytest.mark.bench, pytest.mark.lab]

NICS = ("hme0", "hme1")
MANY = 1000
FLOODERS = 4
OUTSTANDING = 32
FLOOD_S = 30.0
BUS = "unix:path=/run/dbus/system_bus_socket"
FLOOD = Path(__file__).parents[1] / "bus" / "flood.py"
FLOODING_AFTER_S = 2.0
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def test_a_thousand_addresses(lab_with: LabFactory, table: Table) -> None:
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(RUNS):
        lab = lab_with(nics=NICS)
        ours.append(moved_by_rcmd(lab))
        theirs.append(moved_by_ip(lab))
        lab.down()
    table.note(
        Figure("1000 addresses moved by `ip -batch`, not announced", theirs, "ms", 1e9, "–"),
        Figure(
            "1000 addresses moved by rcmd, from the link event to the last announcement",
            ours,
            "ms",
            sorted(theirs)[RUNS // 2],
            "as `ip -batch`",
        ),
    )


def moved_by_rcmd(lab: Lab) -> float:
    """Milliseconds from the link event until all have moved, and all are announced."""
    start(lab, NICS, MANY)
    expected = {IPv4Address(data_address(0, number)) for number in range(MANY)}
    source = ifindex(lab, NICS[0])
    with Observer(lab) as observer:
        lab.pull(NICS[0])
        lab.wait_for(lambda: removed_from(observer, source) >= expected)
        lab.wait_for(lambda: observer.announced().keys() >= expected)
        seen, announced = observer.seen(), observer.announced()
    begin = next(it.at_s for it in seen if it.ifindex == source and not it.has_carrier)
    end = max(it.at_s for it in seen if it.what is What.REMOVED)
    return (max(end, *(announced[address] for address in expected)) - begin) * 1e3


def moved_by_ip(lab: Lab) -> float:
    """Milliseconds from the first addition to the last removal, back to where they came from."""
    lab.stop_daemon()
    lab.plug(NICS[0])
    source, target = ifindex(lab, NICS[1]), NICS[0]
    moving = [
        info
        for info in lab.addresses(NICS[1])
        if info["local"] in {data_address(0, number) for number in range(MANY)}
    ]
    lines = [
        f"addr add {info['local']}/16 brd + dev {target} label {target}:{number}"
        for number, info in enumerate(moving)
    ]
    lines += [f"addr del {info['local']}/16 dev {NICS[1]}" for info in reversed(moving)]
    with Observer(lab) as observer:
        lab.run(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n", check=True)
        lab.wait_for(lambda: len(removed_from(observer, source)) >= MANY)
        seen = observer.seen()
    begin = min(it.at_s for it in seen if it.what is What.ADDED)
    return (max(it.at_s for it in seen if it.what is What.REMOVED) - begin) * 1e3


def removed_from(observer: Observer, source: int) -> set[IPv4Address | None]:
    return {
        it.address for it in observer.seen() if it.what is What.REMOVED and it.ifindex == source
    }


def ifindex(lab: Lab, nic: str) -> int:
    shown = lab.run(["ip", "-j", "link", "show", "dev", nic], check=True).stdout
    return int(json.loads(shown)[0]["ifindex"])


def test_a_flooded_bus(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    start(lab, NICS)
    owner = owner_of_the_name(lab)
    flooders = [
        lab.popen(
            [*NOBODY, sys.executable, str(FLOOD), BUS, str(OUTSTANDING), str(FLOOD_S)],
            stdout=subprocess.PIPE,
        )
        for _ in range(FLOODERS)
    ]
    time.sleep(FLOODING_AFTER_S)
    values = [failover_ms(lab, number) for number in range(RUNS)]
    assert owner_of_the_name(lab) == owner
    for flooder in flooders:
        assert flooder.poll() is None
        flooder.kill()
    table.note(
        Figure("flooded by 4 connections: link event to the address elsewhere", values, "ms", 20)
    )


def failover_ms(lab: Lab, number: int) -> float:
    """From the kernel's link event to its word that the last address is on the other NIC."""
    nic, other, address = NICS[number % 2], NICS[1 - number % 2], data_address(number % 2, 1)
    if number:
        lab.plug(other)
        wait_until_at(lab, other, data_address(1 - number % 2, 1))
        time.sleep(PREPARED_AFTER_S)
    source, target = ifindex(lab, nic), ifindex(lab, other)

    def arrivals(seen: list[Seen]) -> list[float]:
        return [
            it.at_s
            for it in seen
            if it.what is What.ADDED and it.ifindex == target and str(it.address) == address
        ]

    with Observer(lab) as observer:
        lab.pull(nic)
        lab.wait_for(lambda: bool(arrivals(observer.seen())))
        seen = observer.seen()
    begin = next(it.at_s for it in seen if it.ifindex == source and not it.has_carrier)
    return (arrivals(seen)[0] - begin) * 1e3


def owner_of_the_name(lab: Lab) -> str:
    return lab.run(
        [
            "dbus-send",
            "--system",
            "--print-reply=literal",
            "--dest=org.freedesktop.DBus",
            "/",
            "org.freedesktop.DBus.GetNameOwner",
            "string:org.rcmd1",
        ],
        check=True,
    ).stdout.strip()
