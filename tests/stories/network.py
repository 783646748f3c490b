"""A small honest model of the network beyond the cables: who answers a probe, and when.

All interfaces are on one switch, unless one is said to be elsewhere.  A station answers what is
asked of it, in its time; a black hole, a lossy cable or a dead switch swallow the question or the
answer.  What nobody has read yet waits in the socket of its interface, and is gone with it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from random import Random

from rcmd.ipmp.api.commands import LookForNeighbours, UnwatchInterface, WatchInterface
from rcmd.ipmp.api.events import Neighbour, NeighboursSeen, ProbeAnswer
from rcmd.ipmp.api.probes import ProbeKind, ProbeRequest, UnsentProbe
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family, IPAddress, family_of

from .kernel import Device, Kernel

RTT_S = 0.001

Listener = tuple[int, Family]


@dataclass(slots=True)
class Station:
    """A router or a host on the link."""

    is_alive: bool = True
    answers_multicast: bool = True
    answers_echo: bool = True
    takes_s: float = RTT_S
    mac: str = ""
    """Those that have none of their own are at one that is made of their address."""
    spurns: set[str] = field(default_factory=set)
    """The devices that it does not answer, out of spite."""


@dataclass(slots=True)
class Network:
    kernel: Kernel
    stations: dict[IPAddress, Station] = field(default_factory=dict)
    black_holes: set[str] = field(default_factory=set)
    """Devices whose carrier stays while nothing passes."""
    elsewhere: set[str] = field(default_factory=set)
    """Devices on another IP link: nobody of ours is there."""
    loss: dict[str, float] = field(default_factory=dict)
    is_switch_dead: bool = False
    filters: dict[tuple[str, str], str] = field(default_factory=dict)
    """(device, method or target) -> why nothing of that kind leaves the host by it."""
    neighbours: set[tuple[str, IPAddress]] = field(default_factory=set)
    """(device, address): whom the host has talked to there."""
    known_at: dict[IPAddress, str] = field(default_factory=dict)
    """At which hardware address the stations believe an address of the host to be."""
    random: Random = field(default_factory=lambda: Random(1))
    watched: dict[Listener, WatchInterface] = field(default_factory=dict)
    sent: list[tuple[float, ProbeRequest]] = field(default_factory=list)
    """Everything that was sent since somebody last looked."""
    count: int = 0
    checksum: int = 0
    """Of everything that was ever sent, to compare two runs by."""
    _unread: list[tuple[float, int, ProbeAnswer]] = field(default_factory=list)
    _numbers: int = 0

    # --- what the daemon does ---

    def watch(self, watch: WatchInterface) -> None:
        device = self.kernel.devices.get(watch.ifindex)
        if device is None:
            return
        assert device.link.name == watch.name
        if watch.method is ProbeMethod.ICMP:
            assert watch.source is not None, "an echo needs a source"
            assert any(held.ip == watch.source for held in device.addresses), "it is not here"
        self._close((watch.ifindex, watch.family))
        self.watched[watch.ifindex, watch.family] = watch

    def unwatch(self, unwatch: UnwatchInterface) -> None:
        self.watched.pop((unwatch.ifindex, unwatch.family), None)
        self._close((unwatch.ifindex, unwatch.family))

    def forget(self) -> None:
        """The daemon ended: its sockets are closed."""
        self.watched.clear()
        self._unread.clear()

    def _close(self, listener: Listener) -> None:
        self._unread = [it for it in self._unread if (it[2].ifindex, it[2].family) != listener]
        heapq.heapify(self._unread)

    def send(self, probes: Iterable[ProbeRequest], now: float) -> Iterator[UnsentProbe]:
        for probe in probes:
            reason = self._send(probe, now)
            if reason:
                yield UnsentProbe(probe, reason)

    def _send(self, probe: ProbeRequest, now: float) -> str:
        """Why it did not leave; empty if it did."""
        device = self.kernel.named(probe.interface)
        if device is None:
            # Torn out while the notifications were being lost: the socket has nowhere to send.
            return "No such device (ENODEV)"
        ifindex = device.link.ifindex
        watch = self.watched.get((ifindex, probe.family))
        assert watch is not None, f"{probe.interface} is not watched"
        is_usual = probe.kind not in (ProbeKind.TRIAL, ProbeKind.WITNESS)
        assert not is_usual or watch.method is probe.method, probe
        assert watch.source == probe.source or probe.kind is ProbeKind.WITNESS, probe
        for what in (str(probe.method), str(probe.target)):
            if reason := self.filters.get((probe.interface, what), ""):
                return reason
        self.sent.append((now, probe))
        self.count += 1
        self.checksum = hash((self.checksum, now, probe.interface, probe.sequence, probe.target))
        if not device.link.is_running or probe.interface in self.elsewhere or self.is_switch_dead:
            return ""
        if probe.kind is ProbeKind.WITNESS:
            self._ask_witness(device, probe, now)
            return ""
        multicast = probe.target.is_multicast
        for address, station in self.stations.items():
            is_meant = station.answers_multicast if multicast else address == probe.target
            if probe.method is ProbeMethod.ICMP and not station.answers_echo:
                continue
            if probe.interface in station.spurns and not multicast:
                continue
            if not is_meant or family_of(address) is not probe.family or not station.is_alive:
                continue
            if self._is_swallowed(probe.interface) or not self._finds_back(device, probe):
                continue
            if probe.method is ProbeMethod.ICMP and not multicast:
                self.neighbours.add((probe.interface, address))
            self._answer(ifindex, probe, address, now + station.takes_s)
        return ""

    def _finds_back(self, device: Device, probe: ProbeRequest) -> bool:
        """An echo is answered to whoever is believed to have its source; only who is not known is
        asked for.  What is asked by ARP says itself where the answer is to go."""
        if probe.method is not ProbeMethod.ICMP or probe.source is None:
            return True
        mac = device.link.hardware_address
        return self.known_at.setdefault(probe.source, mac) == mac

    def announced(self, device: Device, addresses: Iterable[IPAddress]) -> None:
        """The neighbours are told where these are."""
        if device.link.is_running and not self._is_swallowed(device.link.name):
            self.known_at.update(dict.fromkeys(addresses, device.link.hardware_address))

    def _answer(self, ifindex: int, probe: ProbeRequest, address: IPAddress, at: float) -> None:
        answer = ProbeAnswer(ifindex, probe.family, probe.kind, probe.sequence, address, at)
        self._numbers += 1
        heapq.heappush(self._unread, (at, self._numbers, answer))

    def _ask_witness(self, device: Device, probe: ProbeRequest, now: float) -> None:
        """The kernel of the host answers by its other device, if both are on the link."""
        for other in self.kernel.devices.values():
            name = other.link.name
            is_there = any(held.ip == probe.target for held in other.addresses)
            if other is device or not is_there or not other.link.is_running:
                continue
            if name in self.elsewhere or {name, probe.interface} & self.black_holes:
                continue
            if not self._is_swallowed(probe.interface) and not self._is_swallowed(name):
                self._answer(device.link.ifindex, probe, probe.target, now + RTT_S)

    def seen(self, look: LookForNeighbours) -> NeighboursSeen:
        """What the neighbour table has, for these devices."""
        found = []
        for name, address in sorted(self.neighbours, key=str):
            device = self.kernel.named(name)
            station = self.stations.get(address)
            if device and station and device.link.ifindex in look.ifindexes:
                mac = station.mac or f"02:00:{address.packed[-4:].hex(':')}"
                found.append(Neighbour(device.link.ifindex, address, mac))
        return NeighboursSeen(look.ifindexes, tuple(found))

    def _is_swallowed(self, name: str) -> bool:
        if name in self.black_holes:
            return True
        loss = self.loss.get(name, 0.0)
        return loss > 0 and self.random.random() < loss

    def read(self, now: float) -> tuple[ProbeAnswer, ...]:
        """What has come in up to now."""
        answers: list[ProbeAnswer] = []
        while self._unread and self._unread[0][0] <= now:
            answer = heapq.heappop(self._unread)[2]
            device = self.kernel.devices.get(answer.ifindex)
            if device and device.link.is_running:
                answers.append(answer)
        return tuple(answers)

    # --- looking ---

    def times(self, name: str, kind: ProbeKind = ProbeKind.UNICAST) -> list[float]:
        """When probes were sent on an interface."""
        return [at for at, it in self.sent if it.interface == name and it.kind is kind]

    def targets(self, name: str) -> set[str]:
        """Whom an interface has probed."""
        return {
            str(it.target)
            for _, it in self.sent
            if it.interface == name and it.kind is ProbeKind.UNICAST
        }
