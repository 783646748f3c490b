"""What the engine asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from rcmd.ipmp.api.nexthops import SpreadItem
from rcmd.ipmp.api.probes import ProbeRequest
from rcmd.model.kinds import LoadSpreading, ProbeMethod
from rcmd.model.network import Family, IPAddress, KernelAddress, Route


class Severity(IntEnum):
    """As in syslog."""

    ERROR = 3
    WARNING = 4
    NOTICE = 5
    INFO = 6


class Cause(StrEnum):
    """Why addresses go where they go."""

    CONFIGURE = "configure"
    FAILOVER = "failover"
    FAILBACK = "failback"
    OFFLINE = "offline"
    DETACH = "detach"
    MISSING = "missing"
    STANDBY = "standby"
    REBALANCE = "rebalance"
    """To even out the load, and for no other reason."""
    CLEANUP = "cleanup"


@dataclass(frozen=True, slots=True)
class Move:
    """One batch for the kernel: make, then break.

    Order of execution: `add` in order, `add_routes` in order, `remove_routes`, `remove` in the
    order given (newest first), `settle`, `refresh`.  Where an addition is refused, the removal of
    the same address (or of the same route) elsewhere is left out.  `announce` is told to the
    neighbours afterwards.
    """

    cause: Cause
    source: str | None
    destination: str | None
    add: tuple[KernelAddress, ...] = ()
    add_routes: tuple[Route, ...] = ()
    remove_routes: tuple[Route, ...] = ()
    remove: tuple[KernelAddress, ...] = ()
    settle: tuple[KernelAddress, ...] = ()
    """What was added without duplicate detection and came home, as it is to stay; and leased
    addresses whose time begins anew."""
    refresh: tuple[KernelAddress, ...] = ()
    """What is there already, with the lifetimes that it is to have."""
    announce: tuple[KernelAddress, ...] = ()
    is_rest: bool = False
    """More of a move whose beginning was told already."""

    @property
    def items(self) -> tuple[KernelAddress | Route, ...]:
        """All that is added, removed or refreshed."""
        changed = (*self.remove, *self.refresh)
        return (*self.add, *self.add_routes, *self.remove_routes, *changed)


@dataclass(frozen=True, slots=True)
class Spread:
    """One batch of nexthops, groups and their routes: `add` in order, then `remove` in order.

    What is there already under its number is changed.
    """

    add: tuple[SpreadItem, ...] = ()
    remove: tuple[SpreadItem, ...] = ()


@dataclass(frozen=True, slots=True)
class ChooseHash:
    """Choose what of a packet decides its way out, for the whole machine; OFF gives it back."""

    mode: LoadSpreading
    groups: tuple[str, ...] = ()
    """For whose sake."""


@dataclass(frozen=True, slots=True)
class Plumb:
    """Prepare a device for addresses: sysctls first, then MTU, hardware address, link up."""

    ifindex: int
    name: str
    families: frozenset[Family] = frozenset()
    mtu: int | None = None
    hardware_address: str | None = None
    is_grouped: bool = False
    """Only members of a group get the sysctls."""
    is_bare: bool = False
    """Nothing but a test address lives on it (`bare`)."""
    device: str = ""
    """How the kernel calls it, where that is not the name of the interface."""

    @property
    def kernel_name(self) -> str:
        return self.device or self.name


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the neighbours under which hardware address these can be reached now.

    They stay where they are; what moves is announced with its `Move`.
    """

    ifindex: int
    hardware_address: str
    addresses: tuple[IPAddress, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Give a device back: sysctls as they were before `Plumb`; `take_down` also sets it down."""

    ifindex: int
    name: str
    take_down: bool
    device: str = ""
    """How the kernel calls it, where that is not the name of the interface."""

    @property
    def kernel_name(self) -> str:
        return self.device or self.name


@dataclass(frozen=True, slots=True)
class Report:
    """A fact for the log, the history and the bus."""

    severity: Severity
    kind: str
    subject: str
    message: str
    detail: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WatchInterface:
    """Make ready to probe an interface like this, and no longer as before."""

    ifindex: int
    name: str
    family: Family
    method: ProbeMethod
    source: IPAddress | None
    hardware_address: str


@dataclass(frozen=True, slots=True)
class UnwatchInterface:
    ifindex: int
    family: Family


@dataclass(frozen=True, slots=True)
class SendProbes:
    probes: tuple[ProbeRequest, ...]


@dataclass(frozen=True, slots=True)
class LookForNeighbours:
    """Read whom the machine has talked to by these devices; `NeighboursSeen` answers, later."""

    ifindexes: frozenset[int]


Command = (
    Move
    | Spread
    | ChooseHash
    | Plumb
    | Announce
    | Release
    | Report
    | WatchInterface
    | UnwatchInterface
    | SendProbes
    | LookForNeighbours
)
