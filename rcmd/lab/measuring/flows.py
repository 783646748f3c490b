"""Many flows from the host to as many hosts behind the router, and by which cable each one went."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rcmd.lab.errors import LabError
from rcmd.lab.measuring.flow_sender import Order
from rcmd.lab.measuring.traffic import Peer
from rcmd.lab.measuring.wiretap import PORT, Seen, Wiretap
from rcmd.lab.network.places import Place

WARM_UP_NUMBER = 0
SINK_BUFFER = 4096


@dataclass(frozen=True, slots=True)
class Flow:
    """What became of one: datagrams.

    `path` is the NICs that it left by, each time another one; empty when nothing came.
    One is reordered that came after a later one.
    """

    sent: int
    received: int
    reordered: int
    path: tuple[str, ...]

    @property
    def lost(self) -> int:
        return self.sent - self.received


@dataclass(frozen=True, slots=True)
class FlowsResult:
    """`origins` are datagrams by the NIC that they left by and their source address.

    `bits` on the wire by NIC, Ethernet headers included; `lasted_s` from first to last frame.
    """

    flows: tuple[Flow, ...]
    origins: Mapping[tuple[str, str], int]
    bits: Mapping[str, int]
    lasted_s: float

    @property
    def lost(self) -> int:
        return sum(flow.lost for flow in self.flows)

    @property
    def reordered(self) -> int:
        return sum(flow.reordered for flow in self.flows)

    @property
    def mbit_s(self) -> float:
        return sum(self.bits.values()) / self.lasted_s / 1e6

    def strays(self, homes: Mapping[str, Collection[str]]) -> int:
        """Datagrams whose source is not an address of the NIC that they left by."""
        return sum(
            count
            for (nic, source), count in self.origins.items()
            if source not in homes.get(nic, ())
        )

    def begun_on(self) -> Counter[str]:
        """How many flows began on each NIC."""
        return Counter(flow.path[0] for flow in self.flows if flow.path)

    def ended_on(self) -> Counter[str]:
        """How many flows ended on each NIC."""
        return Counter(flow.path[-1] for flow in self.flows if flow.path)


class Flows:
    """UDP flows at a steady total rate; see `Lab.flows`."""

    def __init__(self, places: Mapping[str, Place], env: Mapping[str, str], order: Order) -> None:
        self._places = places
        self._env = env
        self._order = order
        self._nics: dict[str, str] = {}
        self._sinks: list[socket.socket] = []
        self._tap: Wiretap | None = None
        self._peer: Peer | None = None

    def start(self) -> Flows:
        """Returns once each flow has sent a datagram, which does not count.  Errors: LabError."""
        self._nics = self._places["host"].call(_nics)
        self._sinks = self._places["outside"].call(_sinks)
        self._tap = Wiretap(self._places["router"], self._order.run)
        self._peer = Peer(
            self._places["host"], self._env, "rcmd.lab.measuring.flow_sender", self._order.to_json()
        )
        self._peer.await_start()
        return self

    @property
    def seen(self) -> int:
        """Frames of this run that came so far, warm-up included."""
        return 0 if self._tap is None else self._tap.count

    def stop(self) -> FlowsResult:
        """Stop sending, wait for what is under way, and count.  Errors: LabError."""
        if self._peer is None or self._tap is None:
            raise LabError("the flows were not started")
        sent = json.loads(self._peer.end())
        seen = self._tap.end()
        self.kill()
        return counted(self._order, sent, seen, self._nics)

    def kill(self) -> None:
        if self._peer is not None:
            self._peer.kill()
        if self._tap is not None:
            self._tap.close()
        for sink in self._sinks:
            sink.close()


@dataclass(slots=True)
class _Track:
    """One flow, as its datagrams come."""

    received: int = 0
    reordered: int = 0
    latest: int = WARM_UP_NUMBER
    path: list[str] = field(default_factory=list)

    def note(self, number: int, count: int, nic: str) -> None:
        self.received += count
        if number < self.latest:
            self.reordered += count
        self.latest = max(self.latest, number + count - 1)
        if self.path[-1:] != [nic]:
            self.path.append(nic)


def _nics() -> dict[str, str]:
    """Names by MAC; a NIC keeps both when it is put back."""
    return {
        (path / "address").read_text().strip(): path.name
        for path in Path("/sys/class/net").iterdir()
    }


def _sinks() -> list[socket.socket]:
    """They take everything and read nothing, so that nobody is told of a closed port."""
    sinks = []
    for family in (socket.AF_INET, socket.AF_INET6):
        sock = socket.socket(family, socket.SOCK_DGRAM)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SINK_BUFFER)
        sock.bind(("", PORT))
        sinks.append(sock)
    return sinks


def counted(
    order: Order, sent: list[int], seen: Iterable[Seen], nics: Mapping[str, str]
) -> FlowsResult:
    tracks = [_Track() for _ in sent]
    origins: Counter[tuple[str, str]] = Counter()
    bits: Counter[str] = Counter()
    first_ns = last_ns = 0
    for frame in seen:
        if frame.run != order.run or frame.number == WARM_UP_NUMBER:
            continue
        nic = nics.get(frame.mac, frame.mac)
        # Between machines that trust each other, datagrams sent at once may travel in one frame.
        count = frame.payload // order.size
        tracks[frame.flow].note(frame.number, count, nic)
        origins[nic, frame.source] += count
        bits[nic] += 8 * frame.length
        first_ns, last_ns = first_ns or frame.at_ns, frame.at_ns
    flows = tuple(
        Flow(count, track.received, track.reordered, tuple(track.path))
        for count, track in zip(sent, tracks, strict=True)
    )
    return FlowsResult(flows, origins, bits, (last_ns - first_ns) / 1e9)
