"""What many routes on a NIC cost when it fails: its address nothing, and each route what it must.

Next to `ip -batch`, which adds and deletes as many in the same lab right afterwards: whatever else
the machine does slows both down.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from subprocess import CompletedProcess

import pytest

from rcmd.lab.lab import Lab

from .figures import RUNS, Figure, Table
from .labs import LabFactory, ifindex, start, wait_until_quiet
from .observer import Observer, Seen, What

pytestmark = [pytest.mark.bench, pytest.mark.lab]

NIC, OTHER = NICS = ("hme0", "hme1")
ROUTER = "10.85.0.1"
ONE, FEW, SOME, MANY = COUNTS = (1, 1000, 2000, 10_000)
MORE_THAN_ONE = 1.2
"""So much longer the address may take than with one route."""
SOME_MS = 500
NEXT_TO_IP_BATCH = 6
NEXT_TO_FEW = 1.3
"""So much longer each of many may take than each of few."""
COMPARE = (1e9, "compare")


@dataclass(frozen=True, slots=True)
class Span:
    """From the link event until they are elsewhere, and what `ip -batch` needs for the routes."""

    address_ms: float
    routes_ms: float
    ip_batch_ms: float

    @property
    def ratio(self) -> float:
        return self.routes_ms / self.ip_batch_ms


def test_a_pulled_cable(lab_with: LabFactory, table: Table) -> None:
    spans: dict[int, list[Span]] = {count: [] for count in COUNTS}
    for _ in range(RUNS):
        for count in COUNTS:
            spans[count].append(pulled(lab_with, count))
    alone = statistics.median(span.address_ms for span in spans[ONE])
    table.note(
        *(figure for count in COUNTS for figure in figures(count, spans[count], alone)),
        Figure(
            f"the same, each of {MANY} routes next to each of {FEW}",
            [many.ratio / few.ratio for few, many in zip(spans[FEW], spans[MANY], strict=True)],
            "x",
            NEXT_TO_FEW,
        ),
    )


def figures(count: int, spans: Sequence[Span], alone: float) -> list[Figure]:
    """`alone`: how long the address takes with one route."""
    what = f"cable pulled, {count} routes: " if count > ONE else "cable pulled, 1 route: "
    limit = (MORE_THAN_ONE * alone, "as with 1, plus 20 %") if count > ONE else COMPARE
    routes_limit = (SOME_MS, "") if count == SOME else COMPARE
    found = [
        Figure(f"{what}address elsewhere", [it.address_ms for it in spans], "ms", *limit),
        Figure(f"{what}all routes elsewhere", [it.routes_ms for it in spans], "ms", *routes_limit),
    ]
    if count > ONE:
        ratios = [span.ratio for span in spans]
        found += [
            Figure("`ip -batch` with as many", [it.ip_batch_ms for it in spans], "ms", *COMPARE),
            Figure(f"{what}next to `ip -batch`", ratios, "x", NEXT_TO_IP_BATCH),
        ]
    return found


def test_a_detach(lab_with: LabFactory, table: Table) -> None:
    lab = lab_with(nics=NICS)
    begin(lab, MANY)
    dry_runs: list[float] = []
    detaches: list[float] = []
    for _ in range(RUNS):
        dry_runs.append(taken_s(lambda: lab.rcmctl("detach", "--dry-run", NIC)))
        detaches.append(taken_s(lambda: lab.rcmctl("detach", NIC)))
        assert lab.rcmctl("attach", NIC).returncode == 0
        lab.wait_for(lambda: routes_on(lab, OTHER) == 0, what="the routes back")
        wait_until_quiet(lab)
    what = f"with {MANY} routes, `rcmctl` included"
    table.note(
        Figure(f"dry run of a detach {what}", dry_runs, "s", *COMPARE),
        Figure(f"detach {what}", detaches, "s", *COMPARE),
    )


def pulled(lab_with: LabFactory, count: int) -> Span:
    """Each time on a fresh host, whose link has not come and gone before."""
    lab = lab_with(nics=NICS)
    begin(lab, count)
    source, target = ifindex(lab, NIC), ifindex(lab, OTHER)
    with Observer(lab) as observer:
        lab.pull(NIC)
        # To ask the kernel, or to look into what was heard, would slow down what is measured.
        lab.wait_for(lambda: observer.heard >= 2 * count, what="the routes elsewhere")
        lab.wait_for(lambda: routes_on(lab, NIC) == 0, what="the routes elsewhere")
        seen = observer.seen()
    event = next(it.at_s for it in seen if it.ifindex == source and not it.has_carrier)
    arrived = next(it.at_s for it in seen if it.what is What.ADDED and it.ifindex == target)
    ip_batch_ms = moved_back_by_ip(lab, count)
    lab.down()
    return Span((arrived - event) * 1e3, (last_of_routes(seen) - event) * 1e3, ip_batch_ms)


def begin(lab: Lab, count: int) -> None:
    """As many routes by hand, which the daemon has taken into its care."""
    start(lab, dict.fromkeys(NICS, 1))
    ip_batch(lab, (f"route add {it} via {ROUTER} dev {NIC}" for it in destinations(count)))
    wait_until_quiet(lab)


def moved_back_by_ip(lab: Lab, count: int) -> float:
    lab.stop_daemon()
    lab.plug(NIC)
    # Nothing leads to the router there: the address has not come back.
    lines = [f"route append {it} via {ROUTER} dev {NIC} onlink" for it in destinations(count)]
    lines += [f"route del {it} via {ROUTER} dev {OTHER}" for it in destinations(count)]
    with Observer(lab) as observer:
        ip_batch(lab, lines)
        lab.wait_for(lambda: observer.heard >= 2 * count)
        seen = observer.seen()
    first = min(it.at_s for it in seen if it.what is What.ROUTE_ADDED)
    return (last_of_routes(seen) - first) * 1e3


def last_of_routes(seen: Sequence[Seen]) -> float:
    return max(it.at_s for it in seen if it.what in (What.ROUTE_ADDED, What.ROUTE_REMOVED))


def destinations(count: int) -> list[str]:
    return [f"20.{number >> 8}.{number & 255}.0/24" for number in range(count)]


def ip_batch(lab: Lab, lines: Iterable[str]) -> None:
    lab.run(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n", check=True)


def routes_on(lab: Lab, nic: str) -> int:
    shown = lab.run(["ip", "route", "show", "root", "20.0.0.0/8", "dev", nic], check=True)
    return len(shown.stdout.splitlines())


def taken_s(deed: Callable[[], CompletedProcess[str]]) -> float:
    begin_s = time.monotonic()
    done = deed()
    assert done.returncode == 0, done.stderr
    return time.monotonic() - begin_s
