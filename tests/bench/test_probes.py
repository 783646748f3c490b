"""Black holes: how soon they are seen, how often none is seen where there is none, and the cost.

The long ones, ten minutes each, run where RCMD_BENCH_LONG is set; the lossy one needs nftables.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest

from rcmd.lab.lab import Lab

from .figures import RUNS, Figure, Table
from .labs import LabFactory, data_address
from .observer import Observer, What
from .test_footprint import cpu_ns, resident_kib

pytestmark = [pytest.mark.bench, pytest.mark.lab]

is_long = "RCMD_BENCH_LONG" in os.environ
NETMASK = "10.85.0.0 255.255.0.0\n"
TARGETS = tuple(f"10.85.0.{number}" for number in range(1, 6))
LONG_S = 600.0
LOSS = 0.2
LOSSES, ANSWERS = 5, 10
"""In a row: these make a failure, and a repair."""
SLOTS = 7
"""Probe intervals in a failure detection time."""
COST_S = 60.0
"""Three of the regular looks at everything are in it."""
SETTLED_AFTER_S = 25.0
"""Announced, repaired, prepared for the next failures; nothing outside tells when it was."""
BURN = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
share, parent = float(sys.argv[2]), os.getppid()
while os.getppid() == parent:
    end = time.monotonic() + 0.05 * share
    while time.monotonic() < end:
        pass
    time.sleep(0.05 * (1 - share))
"""


@contextlib.contextmanager
def busy_machine() -> Iterator[None]:
    """Somebody computes all the time on one processor, and half of the time on another."""
    cores = sorted(os.sched_getaffinity(0))
    shares = ((cores[0], 1.0), (cores[-1], 0.5))
    burners = [
        subprocess.Popen([sys.executable, "-c", BURN, str(core), str(share)])
        for core, share in shares
    ]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def begin(
    lab: Lab, groups: Sequence[Sequence[str]], detection: str, targets: Sequence[str] = TARGETS[:1]
) -> None:
    """Groups g0, g1, ... of these NICs, each with a data and a test address, probed by ICMP."""
    addresses = "".join(f"addr add {target}/16 dev lan0\n" for target in targets)
    lab.run(["ip", "-batch", "-"], where="router", stdin=addresses, check=True)
    lab.write("/etc/netmasks", NETMASK)
    number = 0
    for group, nics in enumerate(groups):
        for nic in nics:
            lab.write(
                f"/etc/hostname.{nic}",
                f"{data_address(0, number)} netmask + broadcast + group g{group} up \\\n"
                f"addif {data_address(1, number)} netmask + broadcast + deprecated -failover up\n",
            )
            number += 1
    probed = "".join(
        f"  g{group}: {{probe: icmp, targets: [{', '.join(targets)}]}}\n"
        for group in range(len(groups))
    )
    settings = f"failure_detection_time: {detection}\ngroups:\n{probed}"
    lab.write("/etc/rcmd/rcmd.yaml", settings)
    know_neighbours(lab, [nic for nics in groups for nic in nics], targets)
    lab.start_daemon(timeout=240.0)


def know_neighbours(lab: Lab, nics: Sequence[str], targets: Sequence[str]) -> None:
    """For all time: all namespaces share one neighbour table, too small for hundreds of NICs."""
    links = json.loads(lab.run(["ip", "-j", "link"], check=True).stdout)
    hardware = {link["ifname"]: link["address"] for link in links}
    shown = lab.run(["ip", "-j", "link", "show", "lan0"], where="router", check=True).stdout
    router = json.loads(shown)[0]["address"]
    ours = "".join(
        f"neigh replace {target} lladdr {router} dev {nic} nud permanent\n"
        for nic in nics
        for target in targets
    )
    theirs = "".join(
        f"neigh replace {data_address(1, number)} lladdr {hardware[nic]} dev lan0 nud permanent\n"
        for number, nic in enumerate(nics)
    )
    lab.run(["ip", "-batch", "-"], stdin=ours, check=True)
    lab.run(["ip", "-batch", "-"], where="router", stdin=theirs, check=True)


def failures(lab: Lab) -> list[str]:
    """What the daemon said of interfaces and groups that failed."""
    said = lab.daemon_log().splitlines()
    return [line for line in said if "failure detected on" in line or "have failed" in line]


def await_repair(lab: Lab, nics: Sequence[str], *, within_s: float = 60.0) -> None:
    """Wait until all of them have answered ten times, and have their addresses back."""

    def states() -> set[str]:
        shown = json.loads(lab.rcmctl("status", "--json").stdout)
        return {it["state"] for it in shown.get("interfaces", ()) if it["name"] in nics}

    lab.wait_for(lambda: states() == {"running"}, timeout=within_s, what="the repair")


def detected_ms(lab: Lab, lost: dict[str, tuple[str, str]]) -> list[float]:
    """From the black holes to the addresses elsewhere; NIC -> (address, NIC that takes it)."""
    shown = json.loads(lab.run(["ip", "-j", "link"], check=True).stdout)
    indexes = {link["ifname"]: link["ifindex"] for link in shown}

    def arrivals() -> dict[str, float]:
        return {
            nic: seen.at_s
            for nic, (address, other) in lost.items()
            for seen in observer.seen()
            if seen.what is What.ADDED
            and seen.ifindex == indexes[other]
            and str(seen.address) == address
        }

    begun: dict[str, float] = {}
    with Observer(lab) as observer:
        for nic in lost:
            begun[nic] = time.monotonic()
            lab.black_hole(nic)
        lab.wait_for(lambda: arrivals().keys() == lost.keys(), timeout=30.0, what="the failover")
        found = arrivals()
    return [(found[nic] - begun[nic]) * 1e3 for nic in lost]


def test_a_black_hole_at_the_default_time(lab_with: LabFactory, table: Table) -> None:
    groups = [(f"hme{2 * number}", f"hme{2 * number + 1}") for number in range(RUNS)]
    lab = lab_with(nics=[nic for pair in groups for nic in pair])
    begin(lab, groups, "10s")
    time.sleep(SETTLED_AFTER_S)
    lost = {pair[0]: (data_address(0, 2 * number), pair[1]) for number, pair in enumerate(groups)}
    values = [value / 1e3 for value in detected_ms(lab, lost)]
    most = 10 + 10 / SLOTS
    table.note(Figure("black hole at 10 s: seen, and its address elsewhere", values, "s", most))


def test_a_black_hole_at_the_shortest_time(lab_with: LabFactory, table: Table) -> None:
    nics = ("hme0", "hme1")
    lab = lab_with(nics=nics)
    values: list[float] = []
    with busy_machine():
        begin(lab, [nics], "100ms")
        for number in range(RUNS):
            nic, other = nics[number % 2], nics[1 - number % 2]
            await_repair(lab, nics)
            values += detected_ms(lab, {nic: (data_address(0, number % 2), other)})
            lab.restore(nic)
    what = "black hole at 100 ms, one core busy and the other half: address elsewhere"
    table.note(Figure(what, values, "ms", 200))


@pytest.mark.parametrize("members", [8, 64, *([512] if is_long else [])])
def test_what_probing_costs(lab_with: LabFactory, table: Table, members: int) -> None:
    nics = tuple(f"hme{number}" for number in range(members))
    lab = lab_with(nics=nics)
    begin(lab, [nics[first : first + 8] for first in range(0, members, 8)], "10s", TARGETS)
    pid = lab.daemon().pid
    to_ready_s = cpu_ns(pid) / 1e9
    await_repair(lab, nics, within_s=300.0)
    time.sleep(SETTLED_AFTER_S)
    failed = len(failures(lab))
    before = cpu_ns(pid)
    time.sleep(COST_S)
    share = (cpu_ns(pid) - before) / (COST_S * 1e9) * 100
    assert len(failures(lab)) == failed
    target = 2.0 if members <= 64 else 1e9
    words = "" if members <= 64 else "stated"
    who = f"with {members} members x 5 targets at 10 s"
    resident_mb = resident_kib(pid) * 1024 / 1e6
    table.note(
        Figure(f"processor {who}", [share], "% of a core", target, words),
        Figure(f"processor time from start to READY {who}", [to_ready_s], "s", 10.0),
        Figure(f"resident memory {who}", [resident_mb], "MB", 100),
    )


if is_long:

    def test_no_false_failure_at_the_shortest_time(lab_with: LabFactory, table: Table) -> None:
        nics = ("hme0", "hme1")
        lab = lab_with(nics=nics)
        with busy_machine():
            begin(lab, [nics], "100ms")
            time.sleep(LONG_S)
            false = len(failures(lab))
        what = "false failures in 10 minutes at 100 ms, one core busy and the other half"
        table.note(Figure(what, [false], "", 0, "none"))

    def test_a_lossy_link(lab_with: LabFactory, table: Table) -> None:
        """As many false failures as five losses in a row make by chance, and no more."""
        members, detection_s = 8, 1.0
        nics = tuple(f"hme{number}" for number in range(members))
        lab = lab_with(nics=nics)
        begin(lab, [nics], f"{detection_s:g}s")
        await_repair(lab, nics)
        rule = f"icmp type echo-request numgen random mod 100 < {100 * LOSS:g} drop"
        chain = "{ type filter hook input priority 0; }"
        script = f"add table inet t\nadd chain inet t c {chain}\nadd rule inet t c {rule}\n"
        lab.run(["nft", "-f", "-"], where="router", stdin=script, check=True)
        time.sleep(LONG_S)
        false = len(failures(lab))
        expected = members * by_chance(LONG_S * SLOTS / detection_s)
        most = expected + 3 * math.sqrt(expected)
        what = f"false failures at {LOSS:.0%} loss, 10 minutes, 8 members at 1 s"
        words = f"{expected:.1f} by chance, ≤ {most:.0f}"
        table.note(Figure(what, [false], "", most, words))


def by_chance(probes: float) -> float:
    """How often five losses in a row fail one member within so many probes, repairs included."""
    to_failure = (LOSS**-LOSSES - 1) / (1 - LOSS)
    to_repair = ((1 - LOSS) ** -ANSWERS - 1) / LOSS
    return probes / (to_failure + to_repair)
