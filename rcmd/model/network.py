"""Links, addresses, routes and identities, as the kernel has them."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field, replace
from enum import IntEnum
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
)

IPAddress = IPv4Address | IPv6Address
IPInterface = IPv4Interface | IPv6Interface
IPNetwork = IPv4Network | IPv6Network
RCMD_PROTOCOL = 0x99
"""Marks every address (IFA_PROTO) and route (rtm_protocol) that rcmd adds to the kernel."""


class Family(IntEnum):
    """An address family, by its AF_ number."""

    IPV4 = 2
    IPV6 = 10

    def __str__(self) -> str:
        return "IPv4" if self is Family.IPV4 else "IPv6"


def family_of(address: IPAddress | IPInterface | IPNetwork) -> Family:
    return Family.IPV4 if address.version == 4 else Family.IPV6


SMALLEST_MTU = {Family.IPV4: 68, Family.IPV6: 1280}
"""With less the kernel takes the family off a device (linux:net/ipv4/devinet.c, RFC 8200 5)."""


@dataclass(frozen=True, slots=True)
class Link:
    """A network device as rtnetlink reports it."""

    ifindex: int
    name: str
    hardware_address: str = ""
    medium: int = 1
    """ARPHRD_ type; 1 is Ethernet."""
    mtu: int = 1500
    is_up: bool = False
    """IFF_UP: administratively up."""
    has_carrier: bool = False
    """IFF_LOWER_UP, and operational state up or unknown (linux:operstates.rst)."""
    master: int = 0
    """ifindex of the bridge, bond or team it is a port of."""
    lower: int = 0
    """ifindex of the device it is stacked on (VLAN, macvlan), if that is in this namespace."""
    kind: str = ""
    """IFLA_INFO_KIND: vlan, macvlan, bridge, veth, ..."""
    switched_off: frozenset[Family] = frozenset()
    """Families that are not in force on it: IPv6 where `disable_ipv6` is set, or where the kernel
    has none."""
    takes_all: bool = False
    """Whatever its lower device receives is taken for it: a macvlan in passthru mode."""
    alternatives: tuple[str, ...] = ()
    """Its alternative names (`ip link property add`)."""
    device: str = ""
    """How the kernel calls it, where `name` is one of its alternative names: see `called_by`."""

    @property
    def kernel_name(self) -> str:
        """For the kernel's own files, labels and the like, which know no alternative names."""
        return self.device or self.name

    @property
    def names(self) -> tuple[str, ...]:
        """All that it answers to; that of the kernel first."""
        return (self.kernel_name, *self.alternatives)

    def called_by(self, names: Container[str]) -> Link:
        """Under the first of its names that is one of these, else under the kernel's."""
        name = next((it for it in self.names if it in names), self.kernel_name)
        device = "" if name == self.kernel_name else self.kernel_name
        if (name, device) == (self.name, self.device):
            return self
        return replace(self, name=name, device=device)

    @property
    def families(self) -> frozenset[Family]:
        """Those of which it can hold addresses now."""
        return frozenset(
            family
            for family in Family
            if family not in self.switched_off and self.mtu >= SMALLEST_MTU[family]
        )

    @property
    def is_running(self) -> bool:
        """Solaris RUNNING: usable as far as the driver can tell."""
        return self.is_up and self.has_carrier


@dataclass(frozen=True, slots=True)
class KernelAddress:
    """An address on a device, with every attribute needed to put it back as it was."""

    ifindex: int
    address: IPInterface
    label: str = ""
    broadcast: IPv4Address | None = None
    peer: IPAddress | None = None
    scope: int = 0
    """RT_SCOPE_: 0 universe, 253 link, 254 host."""
    flags: int = 0
    """IFA_F_; only the administrator's own (nodad, noprefixroute, mcautojoin) when added."""
    protocol: int = 0
    """IFA_PROTO."""
    valid_s: int | None = None
    """Valid lifetime in seconds; None is forever."""
    preferred_s: int | None = None
    """Preferred lifetime in seconds; None is forever, 0 shows as deprecated."""
    metric: int = 0
    """IFA_RT_PRIORITY: metric of the prefix route; 0 is the kernel's default."""

    @property
    def family(self) -> Family:
        return family_of(self.address)


@dataclass(frozen=True, slots=True)
class Route:
    """A unicast route through one device."""

    ifindex: int
    destination: IPNetwork
    gateway: IPAddress | None = None
    table: int = 254
    priority: int = 0
    """Metric; IPv6 shows 1024 where none was given."""
    tos: int = 0
    scope: int = 0
    protocol: int = 3
    """rtm_protocol: 2 kernel, 3 boot, 4 static, 9 ra."""
    source: IPAddress | None = None
    """RTA_PREFSRC."""
    is_onlink: bool = False
    metrics: tuple[tuple[int, int], ...] = ()
    """RTA_METRICS as (RTAX_ number, value), sorted: lock (a mask), mtu, advmss, window, ..."""
    congestion: str = ""
    """The congestion control algorithm, RTAX_CC_ALGO."""
    preference: int = 0
    """RTA_PREF of IPv6: 0 medium, 1 high, 3 low (RFC 4191)."""
    realm: int = 0
    """RTA_FLOW of IPv4."""
    expires_at: float | None = field(default=None, compare=False, repr=False)
    """When the kernel takes it away by itself, on the clock of the engine; only IPv6 has that.
    Not part of what it is: every look at it gives a slightly different answer."""
    known_key: RouteKey | None = field(default=None, init=False, compare=False, repr=False)
    """Ask `RouteKey.of`, which makes it only once."""

    @property
    def family(self) -> Family:
        return family_of(self.destination)

    @property
    def next_hop(self) -> IPAddress | None:
        """The gateway, if something has to lead to it on the device: it is no neighbour by itself,
        as those with a link-local IPv6 address are."""
        gateway = self.gateway
        if gateway is None or self.is_onlink or (gateway.version == 6 and gateway.is_link_local):
            return None
        return gateway

    def on(self, ifindex: int, protocol: int) -> Route:
        """The same route through another device."""
        # Where there are thousands, `replace` is a tenth of all that it takes to move them.
        made = Route(
            ifindex,
            self.destination,
            self.gateway,
            self.table,
            self.priority,
            self.tos,
            self.scope,
            protocol,
            self.source,
            self.is_onlink,
            self.metrics,
            self.congestion,
            self.preference,
            self.realm,
            self.expires_at,
        )
        object.__setattr__(made, "known_key", self.known_key)
        return made


RouteSlot = tuple[int, int, int, int, int, int]
"""Destination (version, address, prefix), table, TOS, metric: `ip route replace` goes by these."""


class RouteKey:
    """What makes a route the same route on another device: all but `ifindex` and `protocol`.

    There may be tens of thousands, and each is looked up many times: so it is kept as numbers, and
    with its hash.
    """

    __slots__ = (
        "_hash",
        "_identity",
        "family",
        "gateway",
        "has_gateway",
        "names_host",
        "next_hop",
        "slot",
        "source",
    )

    def __init__(self, route: Route) -> None:
        """`RouteKey.of` instead makes it once for each route."""
        destination, gateway = route.destination, route.gateway
        self.family = Family.IPV4 if destination.version == 4 else Family.IPV6
        self.source = route.source
        self.has_gateway = gateway is not None
        self.next_hop = route.next_hop
        self.slot: RouteSlot = (
            destination.version,
            int(destination.network_address),
            destination.prefixlen,
            route.table,
            route.tos,
            route.priority,
        )
        self.gateway = None if gateway is None else (gateway.version, int(gateway))
        is_direct = self.gateway in (None, self.slot[:2])
        self.names_host = destination.prefixlen == destination.max_prefixlen and is_direct
        """It leads to one host, which is a neighbour."""
        self._identity = (
            self.slot,
            self.gateway,
            None if route.source is None else int(route.source),
            route.scope,
            route.is_onlink,
            route.metrics,
            route.congestion,
            route.preference,
            route.realm,
        )
        self._hash = hash(self._identity)

    @classmethod
    def of(cls, route: Route) -> RouteKey:
        if route.known_key is None:
            object.__setattr__(route, "known_key", cls(route))
        assert route.known_key is not None
        return route.known_key

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, RouteKey)
            and self._hash == other._hash
            and self._identity == other._identity
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"RouteKey{self._identity}"


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes a NIC the same NIC when it returns."""

    name: str
    permanent_address: str = ""
    bus_path: str = ""
    """`pci:0000:03:00.0`, `usb:1-2`, or empty for a virtual device."""
    driver: str = ""
