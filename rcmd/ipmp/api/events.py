"""What the engine is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rcmd.ipmp.api.commands import Move, Plumb, Spread
from rcmd.ipmp.api.lease import Lease
from rcmd.ipmp.api.memberships import MembershipsSeen
from rcmd.ipmp.api.nexthops import PinnedRoute, PinRule, SpreadItem, SpreadRoute
from rcmd.ipmp.api.probes import ProbeKind, UnsentProbe
from rcmd.model.network import Family, IPAddress, KernelAddress, Link, Route
from rcmd.model.settings import Configuration, InterfaceConfig


@dataclass(frozen=True, slots=True)
class LinkSeen:
    """A device exists, in this condition."""

    link: Link


@dataclass(frozen=True, slots=True)
class LinkGone:
    ifindex: int


@dataclass(frozen=True, slots=True)
class FamilySwitched:
    """A device that is up takes addresses of this family from now on, or no longer."""

    ifindex: int
    family: Family
    is_on: bool


@dataclass(frozen=True, slots=True)
class AddressSeen:
    address: KernelAddress


@dataclass(frozen=True, slots=True)
class AddressGone:
    address: KernelAddress
    is_by_request: bool
    """Somebody asked the kernel for it; otherwise the kernel took it away by itself.  Of IPv6 that
    is not told: it is so unless the device cannot hold the family any more."""
    requester: str = ""
    """The program that asked for it, where that is known: `NetworkManager (process 812)`."""


@dataclass(frozen=True, slots=True)
class RouteSeen:
    route: Route
    is_replacement: bool = False
    """It took the place of another, of whose end the kernel says nothing else."""


@dataclass(frozen=True, slots=True)
class RouteGone:
    route: Route
    is_by_request: bool
    """Somebody asked the kernel for it; otherwise the kernel dropped it by itself."""
    requester: str = ""
    """As of an address."""


@dataclass(frozen=True, slots=True)
class RoutesFound:
    """All that a device has of a family, asked for: others were dropped without a word."""

    ifindex: int
    family: Family
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class SpreadItemSeen:
    """A nexthop, group or route through a group with our mark."""

    item: SpreadItem


@dataclass(frozen=True, slots=True)
class ForeignNexthopSeen:
    """Somebody else uses this number."""

    number: int


@dataclass(frozen=True, slots=True)
class NexthopGone:
    """The nexthop or group of this number was removed by somebody else."""

    number: int


@dataclass(frozen=True, slots=True)
class SpreadRouteGone:
    """One of our routes was removed, but not by us."""

    route: SpreadRoute | PinnedRoute
    is_by_request: bool


@dataclass(frozen=True, slots=True)
class PinRuleGone:
    """Somebody else removed one of our rules."""

    rule: PinRule


SpreadChange = SpreadItemSeen | ForeignNexthopSeen | NexthopGone | SpreadRouteGone | PinRuleGone
KernelChange = (
    LinkSeen
    | LinkGone
    | FamilySwitched
    | AddressSeen
    | AddressGone
    | RouteSeen
    | RouteGone
    | RoutesFound
    | SpreadChange
)


@dataclass(frozen=True, slots=True)
class KernelChanged:
    """Notifications, in the order in which the kernel sent them."""

    changes: tuple[KernelChange, ...]


USUAL_PORTS = (32768, 60999)
"""net.ipv4.ip_local_port_range, where nobody has changed it."""


@dataclass(frozen=True, slots=True)
class KernelSnapshot:
    """Everything there is: sent at start, after an overrun, and now and then."""

    links: tuple[Link, ...] = ()
    addresses: tuple[KernelAddress, ...] = ()
    routes: tuple[Route, ...] = ()
    spread: tuple[SpreadItem, ...] = ()
    """What has our mark."""
    foreign_nexthops: tuple[int, ...] = ()
    """Numbers of the nexthops and groups of others."""
    local_ports: tuple[int, int] = USUAL_PORTS
    """First and last of those that the kernel gives to sockets that ask for none."""
    since: tuple[KernelChange | Moved | SpreadDone, ...] = ()
    """What has happened while it was taken, in order: it may be in it, or not."""


@dataclass(frozen=True, slots=True)
class Configured:
    """The configuration was read (again)."""

    configuration: Configuration


@dataclass(frozen=True, slots=True)
class BootSettled:
    """Every device that was going to appear at boot has appeared; the others are missing."""


@dataclass(frozen=True, slots=True)
class Attach:
    """Take the interface (again) into use; `config` is its hostname files as they are now."""

    name: str
    config: InterfaceConfig | None


@dataclass(frozen=True, slots=True)
class Offline:
    """Empty the interface and keep it empty."""

    name: str


@dataclass(frozen=True, slots=True)
class UndoOffline:
    name: str


@dataclass(frozen=True, slots=True)
class Leave:
    """The interface is about to be detached: move its data addresses off."""

    name: str


@dataclass(frozen=True, slots=True)
class Stay:
    """The detach was given up: back to where it was."""

    name: str


@dataclass(frozen=True, slots=True)
class Unplumb:
    """Take the test addresses, and whatever had nowhere to go, off the leaving interface."""

    name: str


@dataclass(frozen=True, slots=True)
class Leased:
    """A DHCP server gave an address to an interface, or renewed it."""

    lease: Lease
    options: Mapping[str, str] = field(default_factory=dict)
    """What else it said."""


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """The server took it back."""

    home: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something the kernel would not do."""

    item: KernelAddress | Route
    reason: str


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of a `Move`: acknowledged by the kernel, item by item."""

    move: Move
    added: tuple[KernelAddress | Route, ...] = ()
    removed: tuple[KernelAddress | Route, ...] = ()
    refusals: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Plumbed:
    """What became of a `Plumb`."""

    plumb: Plumb
    obstacles: tuple[str, ...] = ()
    """What could not be done, or does not help, a sentence each."""
    keeps_address: bool = False
    """The driver refused the hardware address."""
    refused: str = ""
    """Why it could not be set up at all."""


@dataclass(frozen=True, slots=True)
class SpreadRefusal:
    """Something of a `Spread` that the kernel would not do."""

    item: SpreadItem
    reason: str


@dataclass(frozen=True, slots=True)
class SpreadDone:
    """What became of a `Spread`: acknowledged by the kernel, item by item."""

    spread: Spread
    added: tuple[SpreadItem, ...] = ()
    removed: tuple[SpreadItem, ...] = ()
    refusals: tuple[SpreadRefusal, ...] = ()


@dataclass(frozen=True, slots=True)
class SpeedSeen:
    """How fast the link of an interface is, in Mbit/s; 0 where nobody knows."""

    name: str
    mbit: int


@dataclass(frozen=True, slots=True)
class ProbeAnswer:
    """An answer that came in on the interface it was asked for on."""

    ifindex: int
    family: Family
    kind: ProbeKind
    sequence: int
    source: IPAddress
    received_at: float
    """When the kernel received it, on the clock of `now`."""
    sent_at: float | None = None
    """When its probe was handed to the kernel, which is later than it was decided; if known."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Somebody on the link to whom this machine has talked lately."""

    ifindex: int
    """Of the device that it was reached by."""
    address: IPAddress
    hardware_address: str
    is_router: bool = False
    """It says so itself (IPv6)."""


@dataclass(frozen=True, slots=True)
class NeighboursSeen:
    """What `LookForNeighbours` has found."""

    ifindexes: frozenset[int]
    """Where was looked."""
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""

    answers: tuple[ProbeAnswer, ...] = ()
    drained_at: float | None = None
    """When the reading of the answers began; None: there are no sockets to read."""
    unsent: tuple[UnsentProbe, ...] = ()


@dataclass(frozen=True, slots=True)
class Together:
    """Several events that are judged as one: the answers to all moves of one decision, say."""

    events: tuple[Event, ...]


Event = (
    Together
    | KernelChanged
    | KernelSnapshot
    | Configured
    | BootSettled
    | Attach
    | Offline
    | UndoOffline
    | Leave
    | Stay
    | Unplumb
    | Leased
    | LeaseLost
    | Moved
    | SpreadDone
    | Plumbed
    | SpeedSeen
    | MembershipsSeen
    | NeighboursSeen
    | Tick
)


def names_in(event: Event) -> frozenset[str]:
    """The interfaces that it asks to take into use."""
    match event:
        case Configured(configuration):
            return frozenset(configuration.interfaces)
        case Attach(name):
            return frozenset({name})
        case Together(events):
            return frozenset().union(*map(names_in, events))
        case _:
            return frozenset()


def is_of_operation(event: Event) -> bool:
    """A step of a detach: a crash after it must find what has to be put back."""
    match event:
        case Leave() | Unplumb() | Stay():
            return True
        case Together(events):
            return any(is_of_operation(part) for part in events)
        case _:
            return False
