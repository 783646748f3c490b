"""How long moving takes: a thousand addresses, and one while the bus is flooded."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from rcmd.lab.lab import Lab

from .figures import RUNS, Figure, Table
from .labs import (
    PREPARED_AFTER_S,
    LabFactory,
    data_address,
    ifindex,
    start,
    wait_until_at,
)
from .observer import Observer, Seen, What

pytestmark = [pytest.mark.bench, pytest.mark.lab]

NICS = ("hme0", "hme1")
MANY = 1000
MOST_OF_IP_BATCH = 0.6
ANNOUNCED_AFTER_S = 5.5
"""The last of the announcements that the start itself causes."""
FLOODERS = 4
OUTSTANDING = 32
FLOOD_S = 20.0
BUS = "unix:path=/run/dbus/system_bus_socket"
FLOOD = Path(__file__).parents[1] / "bus" / "flood.py"
FLOODING_AFTER_S = 2.0
NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


def test_a_thousand_addresses(lab_with: LabFactory, table: Table) -> None:
    ours: list[Span] = []
    theirs: list[Span] = []
    for _ in range(RUNS):
        lab = lab_with(nics=NICS)
        ours.append(moved_by_rcmd(lab))
        theirs.append(moved_by_ip(lab))
        lab.down()
    ip_batch = [span.moving_ms for span in theirs]
    announced = [span.since_event_ms for span in ours]
    table.note(
        Figure("1000 addresses moved by `ip -batch`, unannounced", ip_batch, "ms", 1e9, "compare"),
        Figure(
            "1000 addresses moved by rcmd, and each announced",
            [span.moving_ms for span in ours],
            "ms",
            statistics.median(ip_batch),
            "as `ip -batch`",
        ),
        Figure(
            "from the link event to the last of them announced",
            announced,
            "ms",
            MOST_OF_IP_BATCH * statistics.median(ip_batch),
            f"{MOST_OF_IP_BATCH} of `ip -batch`",
        ),
    )


@dataclass(frozen=True, slots=True)
class Span:
    """`moving_ms` is from the first addition to the last removal, or announcement if later,
    `since_event_ms` from the link event to the last announcement."""

    moving_ms: float
    since_event_ms: float = 0.0


def moved_by_rcmd(lab: Lab) -> Span:
    start(lab, {NICS[0]: MANY, NICS[1]: 1})
    time.sleep(ANNOUNCED_AFTER_S)
    expected = {IPv4Address(data_address(0, number)) for number in range(MANY)}
    source = ifindex(lab, NICS[0])
    with Observer(lab) as observer:
        lab.pull(NICS[0])
        wait_until_at(lab, NICS[1], data_address(0, MANY - 1))
        lab.wait_for(lambda: removed_from(observer, source) >= expected)
        lab.wait_for(lambda: observer.announced().keys() >= expected)
        seen, announced = observer.seen(), observer.announced()
    event = next(it.at_s for it in seen if it.ifindex == source and not it.has_carrier)
    begin = min(it.at_s for it in seen if it.what is What.ADDED)
    removed = max(it.at_s for it in seen if it.what is What.REMOVED)
    last = max(announced[address] for address in expected)
    return Span((max(removed, last) - begin) * 1e3, (last - event) * 1e3)


def moved_by_ip(lab: Lab) -> Span:
    """The same moves in the same order, back to where they came from."""
    lab.stop_daemon()
    lab.plug(NICS[0])
    source, target = ifindex(lab, NICS[1]), NICS[0]
    ours = {data_address(0, number) for number in range(MANY)}
    moving = [info["local"] for info in lab.addresses(NICS[1]) if info["local"] in ours]
    lines = [
        f"addr add {address}/16 brd + dev {target} label {target}:{number}"
        for number, address in enumerate(moving)
    ]
    lines += [f"addr del {address}/16 dev {NICS[1]}" for address in reversed(moving)]
    with Observer(lab) as observer:
        lab.run(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n", check=True)
        lab.wait_for(lambda: len(removed_from(observer, source)) >= MANY)
        seen = observer.seen()
    begin = min(it.at_s for it in seen if it.what is What.ADDED)
    return Span((max(it.at_s for it in seen if it.what is What.REMOVED) - begin) * 1e3)


def removed_from(observer: Observer, source: int) -> set[IPv4Address | None]:
    return {
        it.address for it in observer.seen() if it.what is What.REMOVED and it.ifindex == source
    }


def test_a_flooded_bus(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    start(lab, dict.fromkeys(NICS, 2))
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
    # It was a flood until the end, and rcmd has answered it.
    assert all(flooder.poll() is None for flooder in flooders)
    answers = [int(flooder.communicate()[0]) for flooder in flooders]
    assert min(answers) > 1000
    assert owner_of_the_name(lab) == owner
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
