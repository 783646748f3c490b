"""Which hosts on the link this machine knows, of one group and family: who could be probed.

Linux answers no echo request to a multicast address, so nobody would be found on a link without a
router.  But whom this machine talks to is in the neighbour table of the kernel.  Who has been
known longest comes first, and of all addresses of one host only one is asked: many that answer
may be one that lies.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from math import inf

from rcmd.ipmp.api.events import Neighbour
from rcmd.model.network import IPAddress

MOST_KNOWN = 64
ASK_AFTER_S = 2.0
"""So soon a host that has not answered is asked again; twice as late each time."""
ASK_AFTER_AT_MOST_S = 64.0
ASKED_AT_ONCE = 3
DEAF_AFTER = 3
"""Who has not answered so many requests in a row will not."""
SHUNNED_S = 60.0
"""So long an interface does not take a host again that was silent for no reason of its own."""

Rank = tuple[bool, float, IPAddress]
"""The less the better."""


@dataclass(slots=True)
class _Host:
    address: IPAddress
    known_since: float
    hardware: frozenset[str] = frozenset()
    is_router: bool = False
    is_neighbour: bool = False
    """This machine has talked to it lately."""
    seen_at: float = -inf
    asked_at: float = -inf
    asks: int = 0
    """Requests in a row that were not answered."""

    @property
    def rank(self) -> Rank:
        return not self.is_router, self.known_since, self.address


@dataclass(slots=True)
class Acquaintance:
    _hosts: dict[IPAddress, _Host] = field(default_factory=dict)
    _kin: dict[IPAddress, IPAddress] = field(default_factory=dict)
    """Address -> the first one of the same host."""
    _shunned: dict[tuple[str, IPAddress], float] = field(default_factory=dict)
    _has_looked: bool = False

    # --- getting to know ---

    def seen(self, neighbours: Iterable[Neighbour], kept: Container[IPAddress], now: float) -> None:
        """The kernel's table, all of it; `kept` are targets, and are not forgotten."""
        for host in self._hosts.values():
            host.is_neighbour = False
        # Whom this machine talked to before we came has been known longest.
        since = now if self._has_looked else -inf
        self._has_looked = True
        for neighbour in neighbours:
            host = self._hosts.setdefault(neighbour.address, _Host(neighbour.address, since))
            if not host.is_neighbour:
                # Of the others it stays known: who is no target is not talked to.
                host.is_neighbour, host.seen_at, host.hardware = True, now, frozenset()
            host.is_router = host.is_router or neighbour.is_router
            host.hardware |= {neighbour.hardware_address}
        self._forget(kept, now)
        self._kin = _kin_of(self._hosts.values())

    def answered(self, address: IPAddress, now: float) -> None:
        host = self._hosts.setdefault(address, _Host(address, now))
        host.asks, host.seen_at = 0, now

    def _forget(self, kept: Container[IPAddress], now: float) -> None:
        """Who has not been seen for a while; and those known last, where they are too many."""
        for address, host in list(self._hosts.items()):
            if not host.is_neighbour and address not in kept and now - host.seen_at > SHUNNED_S:
                del self._hosts[address]
        surplus = sorted(self._hosts.values(), key=lambda host: host.rank)[MOST_KNOWN:]
        for host in surplus:
            if host.address not in kept:
                del self._hosts[host.address]
        self._shunned = {key: until for key, until in self._shunned.items() if until > now}

    def _rank(self, address: IPAddress) -> Rank:
        host = self._hosts.get(address)
        return host.rank if host is not None else (True, inf, address)

    # --- choosing ---

    @property
    def has_neighbours(self) -> bool:
        return any(host.is_neighbour for host in self._hosts.values())

    def are_one(self, first: IPAddress, second: IPAddress) -> bool:
        """Two addresses of one host, as far as is known."""
        kin = self._kin
        return first == second or kin.get(first, first) == kin.get(second, second)

    def is_before(self, first: IPAddress, second: IPAddress) -> bool:
        """Whether the first is preferred to the second, and not only listed before it."""
        return self._rank(first)[:2] < self._rank(second)[:2]

    def in_order(self, addresses: Iterable[IPAddress]) -> list[IPAddress]:
        """The best first."""
        return sorted(addresses, key=self._rank)

    def to_ask(self, now: float, is_wanted: Callable[[IPAddress], bool]) -> list[IPAddress]:
        """The neighbours to be asked now whether they would answer: the best of those that have
        been asked least."""
        due = [
            host
            for host in self._hosts.values()
            if host.is_neighbour
            and now - host.asked_at >= min(ASK_AFTER_S * 2**host.asks, ASK_AFTER_AT_MOST_S)
            and is_wanted(host.address)
        ]
        chosen = sorted(due, key=lambda host: (host.asks, host.rank))[:ASKED_AT_ONCE]
        for host in chosen:
            host.asked_at = now
            host.asks += 1
        return [host.address for host in chosen]

    def are_deaf(self, is_wanted: Callable[[IPAddress], bool]) -> bool:
        """There are some to ask, and all of them have been asked in vain."""
        asked = [it for it in self._hosts.values() if it.is_neighbour and is_wanted(it.address)]
        return bool(asked) and all(host.asks >= DEAF_AFTER for host in asked)

    def ask_anew(self) -> None:
        """They are asked in another way now."""
        for host in self._hosts.values():
            host.asks, host.asked_at = 0, -inf

    def shun(self, interface: str, address: IPAddress, now: float) -> None:
        self._shunned[interface, address] = now + SHUNNED_S

    def is_shunned(self, interface: str, address: IPAddress, now: float) -> bool:
        """It, or another address of the same host."""
        return any(
            now < until and name == interface and self.are_one(address, shunned)
            for (name, shunned), until in self._shunned.items()
        )


def _kin_of(hosts: Iterable[_Host]) -> dict[IPAddress, IPAddress]:
    """Address -> the first one of the same host: they share a hardware address, if need be by
    way of others; an address may be at several, where a host has several NICs."""
    parents: dict[IPAddress, IPAddress] = {}

    def first(address: IPAddress) -> IPAddress:
        while (parent := parents.get(address)) is not None:
            address = parent
        return address

    owners: dict[str, IPAddress] = {}
    addresses = []
    for host in sorted(hosts, key=lambda host: host.rank):
        addresses.append(host.address)
        for hardware in host.hardware:
            elder, own = first(owners.setdefault(hardware, host.address)), first(host.address)
            if elder != own:
                parents[own] = elder
    return {address: first(address) for address in addresses}
