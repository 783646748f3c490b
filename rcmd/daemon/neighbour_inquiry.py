"""Asks the neighbours of an interface that took over an address where they are now.

The kernel believes for up to 45 s what it has heard on an interface (linux:net/core/neighbour.c,
neigh_timer_handler), and uses an older entry for eight seconds more while it asks.  On an interface
that was idle a neighbour may have got another hardware address meanwhile, and what the interface
took over would be sent to nobody.  A reply teaches the kernel's table (linux:net/ipv4/arp.c,
arp_process; linux:net/ipv6/ndisc.c, ndisc_recv_na), so that such an entry costs one round trip.

All are asked for, not the hardware address that is known alone: it is that which may be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from typing import Protocol

from rcmd.daemon.loop import Daemon
from rcmd.kernel.neighbour_table import NeighbourTable
from rcmd.kernel.probes.packets import BROADCAST, arp_request, neighbor_solicitation
from rcmd.model.network import IPAddress, IPInterface, IPNetwork

MOST_GATEWAYS = 8
"""Of each interface; they are asked at once.  The other neighbours take turns."""

_ETHERNET_LENGTH = 6


class Sender(Protocol):
    def send_at_once(self, ifindex: int, frames: Sequence[bytes]) -> None: ...

    def send_paced(self, ifindex: int, frames: Sequence[bytes], link: str) -> None: ...


class NeighbourInquiry:
    def __init__(
        self,
        daemon: Daemon,
        sender: Sender,
        table: NeighbourTable,
        call_soon: Callable[[Callable[[], None]], object],
    ) -> None:
        self._daemon = daemon
        self._sender = sender
        self._table = table
        self._call_soon = call_soon
        self._moved: dict[int, tuple[IPInterface, ...]] = {}
        """Interface -> what it took over, until that is asked in the name of."""
        self._asking: dict[int, _Questions] = {}
        """Interface -> what to ask its neighbours, when the kernel has said who they are."""

    def moved(self, ifindex: int, addresses: Sequence[IPInterface]) -> None:
        """The interface has these now; its routes may follow in the same turn of the loop."""
        if not self._moved:
            self._call_soon(self._begin)
        self._moved[ifindex] = (*self._moved.get(ifindex, ()), *addresses)

    def _begin(self) -> None:
        """Gateways first, and at once: most depends on them."""
        moved, self._moved = self._moved, {}
        view = self._daemon.engine.scene.view
        for ifindex, addresses in moved.items():
            link, leads = view.links.get(ifindex), view.table.leads.get(ifindex, ())
            questions = None if link is None else _Questions.of(link.hardware_address, addresses)
            if questions is None:
                continue
            gateways = islice((it.address for it in leads if not it.is_pinned), MOST_GATEWAYS)
            self._sender.send_at_once(ifindex, [*questions.to(gateways)])
            self._asking[ifindex] = questions
        if self._asking:
            self._table.look(self._asking)

    def readable(self) -> None:
        """The table has something to read."""
        seen = self._table.read()
        if seen is None:
            return
        scene = self._daemon.engine.scene
        for ifindex in seen.ifindexes:
            questions, link = self._asking.pop(ifindex, None), scene.view.links.get(ifindex)
            if questions is None or link is None:
                continue
            found = (it.address for it in seen.neighbours if it.ifindex == ifindex)
            member = scene.member_at(ifindex)
            name = member.circle if member else link.name
            self._sender.send_paced(ifindex, [*questions.to(found)], name)


class _Questions:
    """In whose name an interface asks, and whom it has asked."""

    def __init__(self, mac: bytes, addresses: Iterable[IPInterface]) -> None:
        self._mac = mac
        self._sources: dict[IPNetwork, IPAddress] = {it.network: it.ip for it in addresses}
        """One for each subnet."""
        self._asked: set[IPAddress] = set()

    @classmethod
    def of(cls, hardware_address: str, addresses: Iterable[IPInterface]) -> _Questions | None:
        """None where it has no Ethernet address."""
        try:
            mac = bytes.fromhex(hardware_address.replace(":", ""))
        except ValueError:
            return None
        return cls(mac, addresses) if len(mac) == _ETHERNET_LENGTH else None

    def to(self, targets: Iterable[IPAddress]) -> Iterator[bytes]:
        """A frame for each who was not asked yet and can be asked."""
        for target in targets:
            source = None if target in self._asked else self._source(target)
            if source is not None:
                self._asked.add(target)
                yield _question(self._mac, source, target)

    def _source(self, target: IPAddress) -> IPAddress | None:
        """Of its subnet, or any of its family where there is none."""
        same = [it for it in self._sources.items() if it[0].version == target.version]
        near = (address for network, address in same if target in network)
        return next(near, same[0][1] if same else None)


def _question(mac: bytes, source: IPAddress, target: IPAddress) -> bytes:
    if isinstance(source, IPv4Address) and isinstance(target, IPv4Address):
        return arp_request(mac, source, target, BROADCAST)
    assert isinstance(source, IPv6Address)
    assert isinstance(target, IPv6Address)
    return neighbor_solicitation(mac, source, target)
