"""rcmd beside a process that only waits for one link to go, and sends what it has prepared."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from rcmd.lab.lab import Lab

from .figures import Figure, Table
from .labs import PREPARED_AFTER_S, LabFactory, data_address, ifindex, start, wait_until_at
from .observer import Observer

pytestmark = [pytest.mark.bench, pytest.mark.lab]

NICS = ("hme0", "hme1")
LABS = 3
ROUNDS = 4
"""In each of them: a NIC whose link comes up too often is not trusted."""
WITHIN_S = 2.0
MOVER = Path(__file__).with_name("prepared_mover.py")
AS_FIRST = ["nice", "-n", "-15"]
"""As rcmd itself."""
ANNOUNCED_AFTER_S = 5.5
"""The last of the announcements that the start itself causes."""
MEDIAN_RATIO, TAIL_RATIO = 1.5, 3.0


def test_two_addresses(lab_with: LabFactory, table: Table) -> None:
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(LABS):
        lab = lab_with(nics=NICS)
        theirs += [by_mover(lab, number) for number in range(ROUNDS)]
        start(lab, dict.fromkeys(NICS, 2))
        time.sleep(ANNOUNCED_AFTER_S)
        ours += [by_rcmd(lab, number) for number in range(ROUNDS)]
        lab.down()
    table.note(
        Figure(
            "2 addresses, link event to the last announced: 30 lines", theirs, "ms", 1e9, "compare"
        ),
        Figure("the same: rcmd", ours, "ms", 1e9, "compare"),
        Figure(
            "rcmd's median by that of the 30 lines",
            [statistics.median(ours) / statistics.median(theirs)],
            "",
            MEDIAN_RATIO,
        ),
        Figure(
            f"the slowest of {len(ours)}, as a ratio",
            [max(ours) / max(theirs)],
            "",
            TAIL_RATIO,
        ),
    )


def by_rcmd(lab: Lab, number: int) -> float:
    nic, other = NICS[number % 2], NICS[1 - number % 2]
    moving = [data_address(number % 2, rank) for rank in range(2)]
    if number:
        lab.plug(other)
        wait_until_at(lab, other, data_address(1 - number % 2, 1))
        time.sleep(ANNOUNCED_AFTER_S)
    return until_announced(lab, nic, moving)


def by_mover(lab: Lab, number: int) -> float:
    """They are where they were configured again when it ends."""
    nic, other = NICS[number % 2], NICS[1 - number % 2]
    moving = ["10.85.200.1", "10.85.200.2"]
    lab.plug(nic)
    for name in NICS:
        lab.run(["ip", "link", "set", name, "up"], check=True)
    for address in moving:
        lab.run(["ip", "address", "add", f"{address}/16", "dev", nic], check=True)
    there = lab.run(["cat", f"/sys/class/net/{other}/address"], check=True).stdout.strip()
    places = [str(ifindex(lab, nic)), nic, str(ifindex(lab, other)), other, there]
    command = [*AS_FIRST, sys.executable, "-S", str(MOVER), *places, *moving]
    mover = lab.popen(command, stdout=subprocess.PIPE)
    assert mover.stdout is not None
    assert mover.stdout.readline().strip() == "ready"
    time.sleep(PREPARED_AFTER_S)
    took_ms = until_announced(lab, nic, moving)
    assert mover.wait(WITHIN_S) == 0
    for name in NICS:
        lab.run(["ip", "address", "flush", "dev", name], check=True)
    lab.plug(nic)
    return took_ms


def until_announced(lab: Lab, nic: str, addresses: list[str]) -> float:
    """Milliseconds from the kernel's link event to the last of them on the router's wire."""
    source, expected = ifindex(lab, nic), {IPv4Address(it) for it in addresses}
    with Observer(lab) as observer:
        lab.pull(nic)
        lab.wait_for(lambda: observer.announced().keys() >= expected, what="announcements")
        seen, announced = observer.seen(), observer.announced()
    event = next(it.at_s for it in seen if it.ifindex == source and not it.has_carrier)
    return (max(announced[address] for address in expected) - event) * 1e3
