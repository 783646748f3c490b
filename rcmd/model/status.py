"""What is the case, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from rcmd.model.kinds import AddressKind, LoadSpreading, ProbeMethod

if TYPE_CHECKING:
    # What `rcmctl status` shows it need not load.
    from rcmd.model.network import Family, IPAddress, IPInterface


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
