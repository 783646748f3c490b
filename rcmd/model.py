"""The nouns everyone shares.  Values only: nothing here decides, reads or writes anything."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum, StrEnum
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


class AddressKind(StrEnum):
    """Data addresses are for applications and may move; test addresses are for probes and stay."""

    DATA = "data"
    TEST = "test"


class InterfaceState(StrEnum):
    RUNNING = "running"
    FAILED = "failed"
    NO_TARGETS = "no-targets"
    OFFLINE = "offline"
    MISSING = "missing"
    DETACHED = "detached"


FUNCTIONING = frozenset({InterfaceState.RUNNING, InterfaceState.NO_TARGETS})


class GroupState(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


# --- what the configuration wants ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Address:
    """One configured address: a logical interface of the Solaris grammar."""

    address: IPInterface
    home: str
    """The interface it belongs to; empty for one that belongs to a group."""
    logical: int = 0
    """Logical interface number at home: 0 shows as `hme0`, n as `hme0:n`.  Per family."""
    kind: AddressKind = AddressKind.DATA
    is_up: bool = True
    is_deprecated: bool = False
    broadcast: IPv4Address | None = None
    peer: IPAddress | None = None
    """The far end of a point-to-point link (`destination`)."""
    group: str = ""
    """The group whose members share it, where no interface is its home."""


@dataclass(frozen=True, slots=True)
class InterfaceConfig:
    """What the hostname files of one interface ask for, both families together."""

    name: str
    families: frozenset[Family] = frozenset()
    """The families to plumb: those that have a file."""
    group: str = ""
    is_standby: bool = False
    addresses: tuple[Address, ...] = ()
    mtu: int | None = None
    hardware_address: str | None = None
    wants_dhcp: bool = False
    """An IPv4 address is to be asked for by DHCP."""
    dhcp_hostname: str = ""
    """The name to ask the DHCP server for."""


class ProbeMethod(StrEnum):
    ICMP = "icmp"
    ARP = "arp"
    AUTO = "auto"
    NONE = "none"


class TargetState(StrEnum):
    """What a target is used for."""

    UNUSED = "unused"
    """A spare."""
    ACTIVE = "active"
    """In rotation."""
    SLOW = "slow"
    """Answered too slowly while others were fast."""
    DEAD = "dead"
    """Silent while others answered."""


class LoadSpreading(StrEnum):
    FLOW = "flow"
    DESTINATION = "destination"
    OFF = "off"


class Weights(StrEnum):
    """How much of the load each active member takes."""

    EQUAL = "equal"
    SPEED = "speed"
    """In proportion to the speed of its link."""


class WhenRemoved(StrEnum):
    """What becomes of an address or a known route that somebody else takes away."""

    ACCEPT = "accept"
    """It is left away; what the configuration asks for stays a problem until it is there."""
    RESTORE = "restore"
    """It is put back; but not for ever (`ipmp.state.restore_policy`)."""


@dataclass(frozen=True, slots=True)
class GroupSettings:
    """Settings of one group; the defaults of the daemon with the group's overrides applied."""

    failure_detection_ms: int = 10_000
    failback: bool = True
    probe: ProbeMethod = ProbeMethod.AUTO
    targets: tuple[IPAddress, ...] = ()
    load_spreading: LoadSpreading = LoadSpreading.OFF
    weights: Weights = Weights.EQUAL
    is_resilient: bool = False
    """Flows of the other members stay where they are when one leaves or returns."""
    when_removed: WhenRemoved | None = None
    """None: what the configuration asks for is put back, what was added by hand is gone."""
    addresses: tuple[Address, ...] = ()
    """Data addresses that no member is the home of: they are spread over the active ones."""


@dataclass(frozen=True, slots=True)
class Settings:
    """rcmd.yaml and /etc/default/mpathd, merged."""

    default_group: GroupSettings = GroupSettings()
    groups: Mapping[str, GroupSettings] = field(default_factory=dict)
    track_interfaces_only_with_groups: bool = True
    hook_timeout_s: float = 60.0
    missing_at_boot_wait_s: float = 10.0

    def group(self, name: str) -> GroupSettings:
        return self.groups.get(name, self.default_group)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the administrator wrote down, parsed."""

    interfaces: Mapping[str, InterfaceConfig] = field(default_factory=dict)
    settings: Settings = Settings()


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """Something wrong in a configuration file, with its place."""

    file: str
    line: int
    message: str
    is_warning: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.is_warning else ""
        return f"{self.file}:{self.line}: {kind}{self.message}"


# --- what the kernel says -----------------------------------------------------------------------

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


# --- what is the case, for people and programs ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddressStatus:
    address: IPInterface
    kind: AddressKind
    group: str
    home: str
    """Empty for one that belongs to its group, and to no interface."""
    hosted_on: str | None
    label: str
    is_up: bool = True


class ProbeState(StrEnum):
    """What probes say of an interface (solaris.md 6.1, `ipmpstat -i`)."""

    OK = "ok"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """It could be probed, and nobody is there to answer."""
    DISABLED = "disabled"
    """Probing is off, there is no unique test address to probe from, or no probe can be sent."""


@dataclass(frozen=True, slots=True)
class InterfaceStatus:
    name: str
    ifindex: int
    """0 where there is no device."""
    group: str
    state: InterfaceState
    flags: tuple[str, ...]
    link_up: bool
    is_standby: bool
    hardware_address: str
    problem: str = ""
    """What is wrong, in a sentence; empty when all is well."""
    probe: ProbeState = ProbeState.DISABLED
    unsent: str = ""
    """Which probes this machine cannot send by it, and why; empty where it can."""

    @property
    def is_functioning(self) -> bool:
        """Without targets it is taken for good, unless it had failed before it lost the last."""
        return self.state in FUNCTIONING and "FAILED" not in self.flags


@dataclass(frozen=True, slots=True)
class GroupStatus:
    name: str
    state: GroupState
    interfaces: tuple[str, ...]
    failure_detection_ms: int
    """The one in force: longer than the one asked for while answers take too long for that."""
    load_spreading: LoadSpreading = LoadSpreading.OFF
    carriers: tuple[str, ...] = ()
    """Who shares the outgoing traffic now."""
    spares: int = 0
    """How many members may fail or go before an address has nowhere to live."""


class ProblemSeverity(StrEnum):
    ERROR = "error"
    """Something that is wanted does not work."""
    WARNING = "warning"
    """Everything works, and something is wrong, or would not survive the next failure."""
    NOTICE = "notice"
    """Something that would be seen elsewhere is not seen here."""


class ProblemCode(StrEnum):
    """What is wrong, for programs: never renamed."""

    GROUP_FAILED = "group-failed"
    """No member of a group is usable."""
    GROUP_DEGRADED = "group-degraded"
    """Not every member of a group is usable; there is a spare."""
    NO_SPARE = "no-spare"
    """A group of several configured members has none left that may fail or go."""
    INTERFACE_FAILED = "interface-failed"
    INTERFACE_MISSING = "interface-missing"
    """There is a file, and no such device."""
    INTERFACE_EXCLUDED = "interface-excluded"
    """It may not serve in its group: another medium, a hardware address that is not unique."""
    INTERFACE_IMPAIRED = "interface-impaired"
    """It serves, and something is wrong with it."""
    NO_TARGETS = "no-targets"
    """Nobody to probe was found: only the link counts."""
    NOT_ANSWERED = "not-answered"
    """It is taken for good, and no probe has been answered yet."""
    PROBES_NOT_SENT = "probes-not-sent"
    """This machine cannot send probes by an interface: they say nothing about it."""
    ADDRESS_MISSING = "address-missing"
    """A data address is wanted, and on no interface."""
    ADDRESS_UNSERVED = "address-unserved"
    """A data address is on an interface that is of no use, and nobody else can take it."""
    ROUTE_MISSING = "route-missing"
    """Routes that an interface is the home of are on no device, against all attempts."""
    TEST_ADDRESS_MISSING = "test-address-missing"
    """An interface is in use without a test address that its file asks for."""
    PRECONDITION = "precondition"
    """A setting of a device, or of all, is not what its group or its file needs."""
    ADVERTISEMENTS = "advertisements"
    """More comes from router advertisements than is followed."""
    STORE = "store"
    """What happens cannot be recorded: the disk is full, read-only or broken."""
    MEMORY = "memory"
    """Not all of what was remembered before the start can be understood."""
    CONFIGURATION = "configuration"
    """A file that cannot be used as it is."""
    FILE_NOT_TRUSTED = "file-not-trusted"
    """Others than root may write a file that decides about the network."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wanted and not there, or that would be believed wrongly."""

    code: ProblemCode
    severity: ProblemSeverity
    subject: str
    """An interface, a group, an address or a file."""
    text: str
    """A sentence about the subject, without its name in front."""
    advice: str = ""
    """What to do, in a sentence; empty where nothing can be done, or it is obvious."""
    since_us: int = field(default=0, compare=False)
    """Microseconds since the epoch; 0 where nobody has noted it yet."""

    @property
    def key(self) -> tuple[ProblemCode, str]:
        """What makes it the same problem, however its text changes."""
        return self.code, self.subject


@dataclass(frozen=True, slots=True)
class Preparations:
    """What has become of prepared failovers since the daemon started."""

    done: int = 0
    """At the first sign of a failure, before it was decided what to do."""
    mended: int = 0
    """Of those, what was done is not what was decided: it was done otherwise then, or undone."""


@dataclass(frozen=True, slots=True)
class Status:
    """One consistent picture of everything."""

    groups: tuple[GroupStatus, ...] = ()
    interfaces: tuple[InterfaceStatus, ...] = ()
    addresses: tuple[AddressStatus, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Worst first; empty when all is well."""
    preparations: Preparations = Preparations()


class TargetMode(StrEnum):
    """Where the targets of an interface and family come from (solaris.md 6.1, `ipmpstat -t`)."""

    PINNED = "pinned"
    """Named in the settings, or by host routes."""
    ROUTES = "routes"
    """The routers of the routing table."""
    HOSTS = "hosts"
    """Whoever answered a multicast, or this machine talks to."""
    DISABLED = "disabled"
    """It is not probed."""


@dataclass(frozen=True, slots=True)
class ProbeTarget:
    """One target, as it answers one interface."""

    address: IPAddress
    state: TargetState
    crtt_s: float | None
    """Conservative round trip time: an answer that takes longer is lost.  None: not measured."""
    answered: int
    lost: int


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """Whom one interface and family probes, and from where."""

    interface: str
    family: Family | None
    """None for an interface that is probed on neither."""
    mode: TargetMode
    method: ProbeMethod = ProbeMethod.NONE
    test_address: IPAddress | None = None
    targets: tuple[ProbeTarget, ...] = ()
    """In the order of use, the next one first; those out of rotation at the end."""


class ProbeOutcome(StrEnum):
    ANSWERED = "answered"
    LOST = "lost"
    UNKNOWN = "unknown"
    """Neither: rcmd was late itself, the link went down, or the target was given up."""


@dataclass(frozen=True, slots=True)
class ProbeStatus:
    """One probe that was decided about."""

    number: int
    """Grows with every decision on this machine; a late answer does not give a new one."""
    time_s: float
    """When it was sent, on the clock of the engine."""
    interface: str
    family: Family
    sequence: int
    """Counted per interface and family from 0."""
    target: IPAddress
    outcome: ProbeOutcome
    network_rtt_s: float | None = None
    """Until the kernel received the answer."""
    rtt_s: float | None = None
    """Until rcmd had read it."""
