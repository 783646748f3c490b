"""What has to live somewhere: every data address and route, and the interface it calls home.

Three sources: the configuration; what an administrator, or a router advertisement, added to a
member (adopted, with every attribute it had); what was taken away and is left away, or went with a
detached interface (withdrawn, until its file is read again).  What a group shares calls no
interface home.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from rcmd.ipmp.api.lease import Lease
from rcmd.ipmp.rules import slaac
from rcmd.ipmp.rules.address_flags import IFA_F_NODAD
from rcmd.ipmp.rules.expiry import steady_expiry
from rcmd.ipmp.rules.leads import Leads
from rcmd.ipmp.state.leases import Leases
from rcmd.model.kinds import AddressKind
from rcmd.model.network import (
    RCMD_PROTOCOL,
    Family,
    IPAddress,
    IPInterface,
    KernelAddress,
    Route,
    RouteKey,
    family_of,
)
from rcmd.model.settings import Address, Configuration, InterfaceConfig

SCOPE_HOST = 254


class RouteAtHome(NamedTuple):
    """Names a route in the ledger: the same route may be at home on two interfaces."""

    home: str
    key: RouteKey


MovableKey = IPAddress | RouteAtHome
"""Names whatever lives on one interface at a time."""


@dataclass(frozen=True, slots=True)
class DataAddress:
    """A data address, wherever it came from."""

    key: IPAddress
    """The address without its prefix; kept, because making it anew costs as much as all else."""
    address: IPInterface
    home: str
    logical: int
    is_up: bool
    configured: Address | None
    """None: added by hand, or autoconfigured."""
    original: KernelAddress | None
    """As it was found, if it is not configured; of a lease, as it is to be held now."""
    group: str = ""
    """The group that shares it, if no interface is its home."""
    lease: Lease | None = None
    """It was given by a DHCP server."""

    @property
    def family(self) -> Family:
        return family_of(self.key)

    @property
    def is_autoconfigured(self) -> bool:
        return self.original is not None and slaac.is_autoconfigured(self.original)

    def aged(self, copies: Mapping[str, KernelAddress]) -> DataAddress:
        """With what is left of its lifetimes, where it is in service."""
        served = next(iter(copies.values()), None)
        if served is None or self.original is None:
            return self
        return replace(self, original=slaac.with_lifetimes(self.original, served))

    def on(self, ifindex: int, label: str, *, at_home: bool, is_move: bool) -> KernelAddress:
        """The kernel address to add on a device."""
        if self.original is not None and self.is_autoconfigured:
            if at_home:
                return slaac.original_again(self.original, ifindex, is_move=is_move)
            return slaac.stand_in(self.original, ifindex)
        if self.original is not None:
            kept = replace(slaac.undetected(self.original), ifindex=ifindex)
            if not at_home:
                kept = replace(kept, label=label, protocol=RCMD_PROTOCOL)
            return _without_dad(kept) if is_move else kept
        configured = self.configured
        assert configured is not None
        wanted = kernel_address(configured, ifindex, label)
        return _without_dad(wanted) if is_move else wanted


def _as_configured(key: IPAddress, address: Address) -> DataAddress:
    return DataAddress(
        key,
        address.address,
        address.home,
        address.logical,
        address.is_up,
        configured=address,
        original=None,
        group=address.group,
    )


def as_found(key: IPAddress, found: KernelAddress, home: str) -> DataAddress:
    return DataAddress(key, found.address, home, 0, is_up=True, configured=None, original=found)


def _without_dad(address: KernelAddress) -> KernelAddress:
    """The sibling still answers for it while it moves: detection would call it a duplicate."""
    if address.family is Family.IPV4:
        return address
    return replace(address, flags=address.flags | IFA_F_NODAD)


def kernel_address(address: Address, ifindex: int, label: str) -> KernelAddress:
    """A configured address as the kernel takes it.

    A deprecated IPv4 test address becomes a /32 of scope host: IPv4 ignores `deprecated` when it
    chooses a source, and as a sibling of the data address it might win (linux.md 4.3).
    """
    is_ipv4 = address.address.version == 4
    hides = is_ipv4 and address.kind is AddressKind.TEST and address.is_deprecated
    interface: IPInterface = address.address
    if hides or address.peer is not None:
        interface = type(address.address)(address.address.ip)
    return KernelAddress(
        ifindex=ifindex,
        address=interface,
        label=label if is_ipv4 else "",
        broadcast=None if hides else address.broadcast,
        peer=address.peer,
        scope=SCOPE_HOST if hides else 0,
        protocol=RCMD_PROTOCOL,
        preferred_s=0 if address.is_deprecated else None,
    )


def owner(address: Address) -> str:
    """Its home, or what stands for one; no interface can be called so."""
    return address.home or owner_in(address.group)


def owner_in(group: str) -> str:
    """Stands for the home of what a group shares."""
    return f"group {group}"


@dataclass(slots=True)
class Ledger:
    """The record.  Mutable, but only through the verbs below."""

    configured: dict[IPAddress, Address] = field(default_factory=dict)
    adopted: dict[IPAddress, KernelAddress] = field(default_factory=dict)
    adopted_home: dict[IPAddress, str] = field(default_factory=dict)
    withdrawn: set[IPAddress] = field(default_factory=set)
    routes: dict[RouteAtHome, Route] = field(default_factory=dict)
    _homes: dict[RouteKey, tuple[str, ...]] = field(default_factory=dict)
    """Of the routes."""
    _expiring: dict[RouteAtHome, float] = field(default_factory=dict)
    """When routes end by themselves."""
    sources: dict[IPAddress, dict[RouteAtHome, None]] = field(default_factory=dict)
    """The source addresses that known routes prefer, and which do."""
    route_log: list[RouteKey] = field(default_factory=list)
    """Of which routes the homes have changed; for whoever follows it, and clears it."""
    changed_routes: dict[RouteAtHome, None] = field(default_factory=dict)
    """Those that are others, or gone; for whoever writes them down, and clears it."""
    leads: dict[str, Leads] = field(default_factory=dict)
    """Whom the routes of each home lead to."""
    leases: Leases = field(default_factory=Leases)

    def copy(self) -> Ledger:
        """One that can be changed without a change to this one."""
        return Ledger(
            configured=dict(self.configured),
            adopted=dict(self.adopted),
            adopted_home=dict(self.adopted_home),
            withdrawn=set(self.withdrawn),
            routes=dict(self.routes),
            _homes=dict(self._homes),
            _expiring=dict(self._expiring),
            sources={source: dict(routes) for source, routes in self.sources.items()},
            leads={home: leads.copy() for home, leads in self.leads.items()},
            leases=self.leases.copy(),
        )

    def configure(self, configuration: Configuration, detached: Container[IPAddress] = ()) -> None:
        """Replace what the files ask for: all of it is wanted, whatever was taken away before.

        But for what went with a `detached` interface, and comes back with it.
        """
        shared = {
            address.address.ip: address
            for group in configuration.settings.groups.values()
            for address in group.addresses
        }
        self.withdrawn = {key for key in self.withdrawn if key in detached}
        self.configured = {
            address.address.ip: address
            for interface in configuration.interfaces.values()
            for address in interface.addresses
            if address.kind is AddressKind.DATA
        }
        self.configured |= shared
        for key in self.configured.keys() - self.withdrawn:
            self._forget_adopted(key)
        self._want_leases()

    def _want_leases(self) -> None:
        """Each with all of its routes."""
        for home, lease in self.leases.by_home.items():
            for route in () if lease.key in self.withdrawn else lease.kernel_routes():
                key = RouteKey.of(route)
                self.leases.dropped.pop(key, None)
                if RouteAtHome(home, key) not in self.routes:
                    self.record_route(home, route)

    def replay(self, name: str, config: InterfaceConfig | None) -> None:
        """Take one interface's file as it is now; by-hand removals of its addresses are void."""
        old = {key for key, address in self.configured.items() if address.home == name}
        for key in old:
            del self.configured[key]
        self.withdrawn -= old
        self._forget_withdrawn_lease(name)
        for address in config.addresses if config else ():
            self.withdrawn.discard(address.address.ip)
            if address.kind is AddressKind.DATA:
                self.configured[address.address.ip] = address
                self._forget_adopted(address.address.ip)
        # What is at home comes first on its interface, and is the source of what it sends.
        at_home = {key: it for key, it in self.configured.items() if not it.group}
        shared = {key: it for key, it in self.configured.items() if it.group}
        self.configured = at_home | shared

    def addresses(self, homes: Container[str] | None = None) -> Iterator[DataAddress]:
        """Every data address (of these homes) that is wanted, in home and logical order."""
        for key, address in self.configured.items():
            if key not in self.withdrawn and (homes is None or owner(address) in homes):
                yield _as_configured(key, address)
        for key, found in self.adopted.items():
            if homes is None or self.adopted_home[key] in homes:
                yield as_found(key, found, self.adopted_home[key])
        for home, lease in self.leases.by_home.items():
            is_elsewhere = homes is not None and home not in homes
            if not is_elsewhere and lease.key not in self.withdrawn:
                yield from self._leased(home, lease)

    def _leased(self, home: str, lease: Lease) -> Iterator[DataAddress]:
        if not self.is_static(lease.key):
            yield replace(
                as_found(lease.key, lease.as_held(self.leases.now), home),
                address=lease.address,
                lease=lease,
            )

    def left_away(self) -> Iterator[DataAddress]:
        """What files, groups and leases ask for, and was taken away with nobody's objection."""
        for key in self.withdrawn - self.adopted.keys():
            lease = self.leases.holder_of(key)
            if key in self.configured:
                yield _as_configured(key, self.configured[key])
            elif lease is not None:
                yield from self._leased(lease.home, lease)

    def knows(self, key: IPAddress) -> bool:
        if key in self.adopted:
            return True
        is_wanted = key in self.configured or self.leases.holder_of(key) is not None
        return is_wanted and key not in self.withdrawn

    def is_static(self, key: IPAddress) -> bool:
        """Written in a file, or added by hand."""
        return key in self.configured or key in self.adopted

    def end_lease(self, home: str) -> Lease | None:
        """Neither its address nor its routes are wanted any more."""
        lease = self.leases.by_home.pop(home, None)
        if lease is None:
            return None
        self.leases.told.pop(lease.key, None)
        self.withdrawn.discard(lease.key)
        for route in lease.kernel_routes():
            self.drop_lease_route(home, route)
        return lease

    def drop_lease_route(self, home: str, route: Route) -> None:
        self.forget_route(RouteAtHome(home, RouteKey.of(route)))
        self.leases.dropped[RouteKey.of(route)] = route

    def _forget_withdrawn_lease(self, home: str) -> None:
        lease = self.leases.by_home.get(home)
        if lease is not None and lease.key in self.withdrawn:
            self.end_lease(home)

    def adopt(self, home: str, address: KernelAddress) -> None:
        key = address.address.ip
        self.adopted[key] = address
        self.adopted_home[key] = home

    def autoconfigured_home(self, key: IPAddress) -> str | None:
        """The interface where the kernel made it; None if it is no autoconfigured address."""
        found = self.adopted.get(key)
        if found is None or not slaac.is_autoconfigured(found):
            return None
        return self.adopted_home[key]

    def withdraw(self, key: IPAddress) -> None:
        """It was taken away on purpose: do not put it back."""
        if key in self.adopted:
            self._forget_adopted(key)
        else:
            self.withdrawn.add(key)

    def _forget_adopted(self, key: IPAddress) -> None:
        self.adopted.pop(key, None)
        self.adopted_home.pop(key, None)

    def record_route(self, home: str, route: Route) -> None:
        key = RouteKey.of(route)
        known = RouteAtHome(home, key)
        expires_at = steady_expiry(self._expiring.pop(known, None), route.expires_at)
        if expires_at is not None:
            self._expiring[known] = expires_at
        old = self.routes.get(known)
        if old is not None and (old.protocol, old.expires_at) == (route.protocol, expires_at):
            return
        if route.source is not None:
            self.sources.setdefault(route.source, {})[known] = None
        leads = self.leads.setdefault(home, Leads())
        if old is not None:
            leads.remove(old)
        leads.add(route)
        nowhere = route.on(0, route.protocol)
        if route.expires_at != expires_at:
            nowhere = replace(nowhere, expires_at=expires_at)
        self.routes[known] = nowhere
        homes = self._homes.get(key, ())
        if home not in homes:
            self._homes[key] = (*homes, home)
        self._note_route(known)

    def _note_route(self, known: RouteAtHome) -> None:
        self.route_log.append(known.key)
        self.changed_routes[known] = None

    def forget_routes_from(self, source: IPAddress) -> None:
        """The address is not wanted any more, and so no route can prefer it."""
        for known in list(self.sources.get(source, ())):
            self.forget_route(known)

    def forget_expired(self, now: float) -> None:
        """What has ended by itself is not put back."""
        for known in [it for it, expires_at in self._expiring.items() if expires_at <= now]:
            self.forget_route(known)

    def homes_of_route(self, key: RouteKey) -> tuple[str, ...]:
        """Who calls it home; nobody does if it is not known."""
        return self._homes.get(key, ())

    def knows_route(self, key: RouteKey) -> bool:
        return key in self._homes

    def forget_route(self, known: RouteAtHome) -> None:
        route = self.routes.pop(known, None)
        if route is None:
            return
        if route.source is not None:
            preferring = self.sources.get(route.source, {})
            preferring.pop(known, None)
            if not preferring:
                self.sources.pop(route.source, None)
        self._expiring.pop(known, None)
        self.leads[known.home].remove(route)
        homes = tuple(it for it in self._homes.get(known.key, ()) if it != known.home)
        if homes:
            self._homes[known.key] = homes
        else:
            self._homes.pop(known.key, None)
        self._note_route(known)

    def homes(self) -> set[str]:
        """Of all data addresses that have one."""
        homes = {it.home for it in self.configured.values() if it.home}
        return homes | set(self.adopted_home.values()) | self.leases.by_home.keys()

    def home_of(self, key: IPAddress) -> str | None:
        """The interface that an address belongs to, by its file or by hand."""
        configured = self.configured.get(key)
        lease = self.leases.holder_of(key)
        if configured or lease is None:
            return configured.home if configured else self.adopted_home.get(key)
        return lease.home

    def is_shared_in(self, group: str, key: IPAddress) -> bool:
        """Whether the members of the group share it."""
        configured = self.configured.get(key)
        return configured is not None and bool(group) and configured.group == group
