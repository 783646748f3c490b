"""What spreading the flows of a group over its members brings, and what losing a member costs."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from rcmd.lab.lab import Lab
from rcmd.lab.measuring.flows import FlowsResult

from .figures import RUNS, Figure, Table
from .labs import PREPARED_AFTER_S, SETTINGS, LabFactory, configure, data_address
from .labs import wait_until_at as await_address

pytestmark = [pytest.mark.bench, pytest.mark.lab]

FOUR = ("hme0", "hme1", "hme2", "hme3")
FLOWS = 4000
RATE = 20_000
"""Datagrams a second of all flows together."""
MEASURED_S = 2.0
CABLE_MBIT_S = 100
DATAGRAM = 1400
"""Bytes, where cables are to be filled."""
BATCH = 12
"""More at once than a limited cable takes: they are taken apart where they leave the host."""
OVERLOAD = 1.3
"""Offered, of what the cables carry: flows are not spread to perfection, but all are filled."""
UNEVEN_AT_MOST = 15
"""Percent."""
FASTER_AT_LEAST = {2: 1.8, 4: 3.5, 8: 7.0}
MOVED_SHARE = 100 / 3
"""Percent of the survivors' flows, when the first of four members leaves a plain group.

The hash space is cut into four parts, then into three, in the order of the members
(Documentation/networking/nexthop-group-resilient.rst, "hash-threshold"): the second member's part
shrinks from 1/4-1/2 to 0-1/3 and so on; 1/6 and 1/12 of all flows move, of the survivors' 3/4.
"""
SAMPLING = 3
"""Percent: 3000 flows are a sample."""


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    option: str
    router: str
    prefix: str


IPV4 = Family("IPv4", "-4", "10.85.0.1", "198.18.0.0/16")
IPV6 = Family("IPv6", "-6", "2001:db8:85::1", "2001:db8:1980::/64")
families = pytest.mark.parametrize("family", [IPV4, IPV6], ids=lambda family: family.name)


def begin(lab: Lab, nics: Sequence[str], family: Family, *more: str) -> None:
    """One group that spreads by flow, whose default route an administrator gave to a member."""
    no_detection = "for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $f; done"
    lab.run(["sh", "-c", no_detection], check=True)
    configure(lab, dict.fromkeys(nics, 1))
    for number, nic in enumerate(nics):
        lab.write(f"/etc/hostname6.{nic}", f"addif 2001:db8:85::{19 + number:x}/64 up\n")
    options = ", ".join(("targets: [10.85.0.1]", "load_spreading: flow", *more))
    settings = SETTINGS.splitlines()[0]
    lab.write("/etc/rcmd/rcmd.yaml", f"{settings}\ngroups: {{test: {{{options}}}}}\n")
    lab.start_daemon()
    route = ["default", "via", family.router, "dev", nics[0]]
    lab.run(["ip", family.option, "route", "add", *route], check=True)
    await_spread(lab, nics, family)


def await_spread(lab: Lab, nics: Sequence[str], family: Family) -> None:
    """Wait until the default route leads through these, and the daemon has had its idle time."""

    def leads_there() -> bool:
        show = ["ip", "-j", family.option, "route", "show", "default"]
        routes = json.loads(lab.run(show, check=True).stdout)
        legs = [leg for route in routes for leg in route.get("nexthops", [route])]
        return {leg.get("dev") for leg in legs} == set(nics)

    lab.wait_for(leads_there, what=f"the default route through {', '.join(nics)}")
    time.sleep(PREPARED_AFTER_S)


def measured(lab: Lab, family: Family) -> FlowsResult:
    flows = lab.flows(FLOWS, family.prefix, rate=RATE).start()
    time.sleep(MEASURED_S)
    return flows.stop()


def saturated(lab: Lab, family: Family, cables: int) -> FlowsResult:
    offered = int(OVERLOAD * cables * CABLE_MBIT_S * 1e6 / 8 / DATAGRAM)
    flows = lab.flows(FLOWS, family.prefix, rate=offered, size=DATAGRAM, batch=BATCH).start()
    time.sleep(MEASURED_S)
    return flows.stop()


def unevenness(result: FlowsResult, nics: Sequence[str]) -> float:
    """How far the worst member is from an equal share of the flows, in percent."""
    begun = result.begun_on()
    equal = len(result.flows) / len(nics)
    return max(abs(begun[nic] - equal) for nic in nics) / equal * 100


def homes(lab: Lab, nics: Sequence[str]) -> dict[str, set[str]]:
    return {nic: {info["local"] for info in lab.addresses(nic)} for nic in nics}


@families
def test_share_and_throughput(lab_with: LabFactory, table: Table, family: Family) -> None:
    figures: list[Figure] = []
    alone = 0.0
    for count in (1, 2, 4, 8):
        nics = [f"hme{number}" for number in range(count)]
        lab = lab_with(nics=nics)
        begin(lab, nics, family)
        free = [measured(lab, family) for _ in range(RUNS)] if count > 1 else []
        strays = [result.strays(homes(lab, nics)) for result in free]
        for nic in nics:
            lab.limit(nic, CABLE_MBIT_S)
        full = [saturated(lab, family, count) for _ in range(RUNS)]
        lab.down()
        speeds = [result.mbit_s for result in full]
        if count == 1:
            alone = statistics.median(speeds)
            figures.append(Figure(f"{family.name}, one cable alone", speeds, "Mbit/s", 1e9, "—"))
            continue
        reordered = [
            first.reordered + second.reordered for first, second in zip(free, full, strict=True)
        ]
        what = f"{family.name}, {FLOWS} flows over {count} members"
        figures += [
            Figure(
                f"{what}: furthest from an equal share",
                [unevenness(result, nics) for result in free],
                "%",
                UNEVEN_AT_MOST,
            ),
            Figure(f"{what}: reordered, also when cables are full", reordered, "datagrams", 0),
            Figure(f"{what}: from a source of another NIC", strays, "datagrams", 0),
            Figure(f"{what}: lost", [result.lost for result in free], "datagrams", 0),
            Figure(
                f"{what}: throughput next to one",
                [speed / alone for speed in speeds],
                "x",
                at_least=FASTER_AT_LEAST[count],
            ),
        ]
    table.note(*figures)


@dataclass(slots=True)
class Losses:
    """Of each run: survivors' flows that moved (%), their datagrams lost, and how long the lost
    member's flows were silent (ms)."""

    moved: list[float] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    silent_ms: list[float] = field(default_factory=list)

    def note(self, result: FlowsResult, victim: str) -> None:
        theirs = [flow for flow in result.flows if flow.path[:1] != (victim,)]
        own = [flow for flow in result.flows if flow.path[:1] == (victim,)]
        self.moved.append(100 * sum(len(flow.path) > 1 for flow in theirs) / len(theirs))
        self.lost.append(sum(flow.lost for flow in theirs))
        rate = RATE * len(own) / len(result.flows)
        self.silent_ms.append(1000 * sum(flow.lost for flow in own) / rate)


@pytest.mark.parametrize(
    ("family", "is_resilient"),
    [(IPV4, False), (IPV4, True), (IPV6, False)],
    ids=["IPv4-plain", "IPv4-resilient", "IPv6-plain"],
)
def test_a_member_lost(
    lab_with: LabFactory, table: Table, family: Family, is_resilient: bool
) -> None:
    """Each time on a fresh host: a member that returns is another story, told below."""
    figures: list[Figure] = []
    kind = "resilient" if is_resilient else "plain"
    for blow, at_most in (("pulled", 10), ("torn out", 30)):
        losses = Losses()
        for _ in range(RUNS):
            lab = lab_with(nics=FOUR)
            begin(lab, FOUR, family, *(["resilient: true"] if is_resilient else []))
            losses.note(struck(lab, family, blow), FOUR[0])
            lab.down()
        what = f"{family.name}, {FLOWS} flows over 4 members ({kind}), one {blow}"
        stated = 0.0 if is_resilient else MOVED_SHARE + SAMPLING
        figures += [
            Figure(f"{what}: flows of the others that moved", losses.moved, "%", stated),
            Figure(f"{what}: lost of the others", losses.lost, "datagrams", 0),
            Figure(f"{what}: its own flows silent", losses.silent_ms, "ms", at_most),
        ]
    table.note(*figures)


def struck(lab: Lab, family: Family, blow: str) -> FlowsResult:
    """Flows over four members, the first of which is lost."""
    flows = lab.flows(FLOWS, family.prefix, rate=RATE).start()
    time.sleep(MEASURED_S)
    lab.pull(FOUR[0]) if blow == "pulled" else lab.tear_out(FOUR[0])
    await_spread(lab, FOUR[1:], family)
    time.sleep(MEASURED_S - PREPARED_AFTER_S)
    return flows.stop()


@families
def test_a_member_repaired(lab_with: LabFactory, table: Table, family: Family) -> None:
    """Flows that begin afterwards use it as before."""
    uneven = []
    for _ in range(RUNS):
        lab = lab_with(nics=FOUR)
        begin(lab, FOUR, family)
        struck(lab, family, "pulled")
        lab.plug(FOUR[0])
        await_address(lab, FOUR[0], data_address(0, 0))
        await_spread(lab, FOUR, family)
        uneven.append(unevenness(measured(lab, family), FOUR))
        lab.down()
    what = f"{family.name}, a member of 4 repaired: furthest from an equal share"
    table.note(Figure(what, uneven, "%", UNEVEN_AT_MOST))
