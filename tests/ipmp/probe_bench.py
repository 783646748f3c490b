"""A virtual link for probers: sends what they ask for, and answers as a test wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import count
from math import inf
from random import Random

from rcmd.ipmp.api.probes import ProbeKind, ProbeRequest
from rcmd.ipmp.probing.prober import Prober
from rcmd.ipmp.probing.source import ProbeSource
from rcmd.ipmp.probing.targets import TargetList
from rcmd.ipmp.probing.timing import DetectionTime
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family, IPAddress

SOURCE = IPv4Address("10.0.0.1")
PREFIX = IPv4Network("10.0.0.0/24")
ICMP4 = ProbeSource(ProbeMethod.ICMP, SOURCE, PREFIX)
ICMP6 = ProbeSource(ProbeMethod.ICMP, IPv6Address("fe80::1"), IPv6Network("fe80::/10"))
RTT = 0.0005

Link = Callable[[ProbeRequest, float], float | None]
"""How long the answer to a request takes that is sent now; None is never."""


def routers(number: int) -> list[IPAddress]:
    return [ip_address(f"10.0.0.{100 + index}") for index in range(number)]


def answering(_request: ProbeRequest, _now: float) -> float | None:
    return RTT


def silent(_request: ProbeRequest, _now: float) -> float | None:
    return None


def silent_but(*addresses: IPAddress) -> Link:
    return lambda request, _: RTT if request.target in addresses else None


def make_prober(
    targets: Iterable[IPAddress] = (),
    *,
    name: str = "hme0",
    family: Family = Family.IPV4,
    source: ProbeSource = ICMP4,
    detection: DetectionTime | None = None,
    detection_ms: int = 10_000,
    seed: int = 1,
    start: bool = True,
) -> Prober:
    detection = detection or DetectionTime(detection_ms)
    prober = Prober(name, family, TargetList(family), detection, Random(seed))
    prober.set_source(source, frozenset(), 0.0)
    prober.set_routers(list(targets), 0.0)
    if start:
        prober.start(0.0)
    return prober


def _to_the_prober(prober: Prober, request: ProbeRequest, at: float) -> object:
    return prober.answered(request.sequence, request.target, at, request.kind)


class Bench:
    """One prober, or several, on a link."""

    def __init__(self, *probers: Prober, link: Link = answering) -> None:
        self.probers = probers
        self.answered: Callable[[Prober, ProbeRequest, float], object] = _to_the_prober
        self.link = link
        self.now = 0.0
        self.sent: list[tuple[float, ProbeRequest]] = []
        self._number = count()
        self._answers: list[tuple[float, int, Prober, ProbeRequest]] = []

    def run(self, until: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """Whether `stop` said so before the time was over."""
        while True:
            moments = [at for each in self.probers if (at := each.deadline()) is not None]
            moments += [answer[0] for answer in self._answers[:1]]
            at = min(moments, default=inf)
            if at > until:
                self.now = until
                return False
            self.wake(at)
            if stop():
                return True

    def wake(self, now: float, link: Link | None = None) -> list[ProbeRequest]:
        """Read what has come, then do what is due."""
        self.now = now
        self.read()
        requests: list[ProbeRequest] = []
        for prober in self.probers:
            for request in prober.due(now, now):
                requests.append(request)
                self.sent.append((now, request))
                delay = (link or self.link)(request, now)
                if delay is not None and request.kind is not ProbeKind.SEARCH:
                    entry = (now + delay, next(self._number), prober, request)
                    heappush(self._answers, entry)
        return requests

    def read(self) -> None:
        while self._answers and self._answers[0][0] <= self.now:
            at, _, prober, request = heappop(self._answers)
            self.answered(prober, request, at)

    def times(self) -> list[float]:
        return [at for at, request in self.sent if request.kind is ProbeKind.UNICAST]


def proven(number=1, until=100.0, **options):
    """A prober whose quiet period is over, on a link that works."""
    prober = make_prober(routers(number), **options)
    bench = Bench(prober)
    bench.run(until)
    assert prober.is_repaired
    return prober, bench


def step(bench, link=answering):
    """One probe."""
    (prober,) = bench.probers
    return bench.wake(prober.deadline(), link)[0]
