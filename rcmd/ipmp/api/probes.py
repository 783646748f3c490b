"""What probing asks for, what becomes of an answer, and what is worth telling."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family, IPAddress


class ProbeKind(Enum):
    """What a probe is for; the answer has to bring this back (solaris.md 1.3, type word)."""

    UNICAST = auto()
    """Counts: answered or lost."""
    SEARCH = auto()
    """Looks for hosts that could be targets: asks all of them at once, or one that is known."""
    ROUND_TRIP = auto()
    """Measures only; sent while the detection time is longer than the one asked for."""
    TRIAL = auto()
    """Finds out whether it leaves at all; an answer to it says nothing more."""
    WITNESS = auto()
    """Asks another member of the group, by ARP and in nobody's name, as its kernel would not answer
    an address of its own: does the link carry what this one sends?"""


@dataclass(frozen=True, slots=True)
class ProbeRequest:
    """One packet to send, with TTL or hop limit 1, on this interface only."""

    interface: str
    family: Family
    method: ProbeMethod
    """ICMP, or ARP: ARP requests for IPv4, neighbour solicitations for IPv6."""
    kind: ProbeKind
    sequence: int
    """16 bits, counted per interface, family and kind."""
    source: IPAddress | None
    """The test address; None: ARP with sender 0.0.0.0 (RFC 5227), solicitation from `::` or what
    the interface has."""
    target: IPAddress


@dataclass(frozen=True, slots=True)
class UnsentProbe:
    """It never left: nothing can be concluded from the silence that follows."""

    request: ProbeRequest
    reason: str
    """In the words of the kernel, with the name of the error."""


class Answer(Enum):
    """What became of an answer (solaris.md 1.3)."""

    ACCEPTED = auto()
    LATE = auto()
    """It had been counted lost, and no longer is."""
    MEASURED = auto()
    """Answers a probe that only measures."""
    HOST_FOUND = auto()
    """A host answered the search and is a target now."""
    UNWANTED = auto()
    """A host answered the search, but it cannot or need not be a target."""
    WITNESSED = auto()
    """Another member of the group has heard it."""
    DUPLICATE = auto()
    FAKE = auto()
    """Nothing was asked of that source under this sequence number."""
    OUT_OF_WINDOW = auto()
    LINK_DOWN = auto()
    """Came while the link is down, or nothing is being probed: worth nothing."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of one prober, since it was made (solaris.md 1.3, last line)."""

    sent: int
    acked: int
    lost: int
    unacked: int
    unknown: int
    """Neither: we were late ourselves, or the target was given up while it was awaited."""
    missed: int
    """Probes that were not sent because we woke too late."""
    occurrences: int
    """How often that happened."""


@dataclass(frozen=True, slots=True)
class ProbesMissed:
    """We woke too late to send these; they are not losses (behaviour 37)."""

    interfaces: tuple[str, ...]
    count: int
    """Of all of them together."""
    occurrences: int


@dataclass(frozen=True, slots=True)
class TargetDead:
    """A target misses its probes while others answer (behaviour 50)."""

    interface: str
    family: Family
    target: IPAddress


@dataclass(frozen=True, slots=True)
class TargetSlow:
    """A target answers too slowly while all others are fast (behaviour 58)."""

    interface: str
    family: Family
    target: IPAddress


@dataclass(frozen=True, slots=True)
class HostsSilent:
    """The hosts that were found are silent, and that proves nothing: others are looked for."""

    interface: str
    family: Family
    hosts: tuple[IPAddress, ...]
    is_heard: bool
    """By another member; otherwise the hosts answer none of them."""


@dataclass(frozen=True, slots=True)
class TargetUnreachable:
    """Nothing can be sent to a target, while probes to others leave."""

    interface: str
    family: Family
    target: IPAddress
    reason: str


@dataclass(frozen=True, slots=True)
class ProbesNotSent:
    """By this method nothing leaves: it says nothing about the interface."""

    interface: str
    family: Family
    method: ProbeMethod
    reason: str


@dataclass(frozen=True, slots=True)
class ProbesSentAgain:
    interface: str
    family: Family
    method: ProbeMethod


@dataclass(frozen=True, slots=True)
class HostFound:
    """A host answered the search and became a target."""

    interface: str
    family: Family
    target: IPAddress


@dataclass(frozen=True, slots=True)
class ClockAnomaly:
    """An answer was received before its probe was sent, by the clocks at hand."""

    interface: str
    family: Family
    target: IPAddress
    round_trip_s: float


@dataclass(frozen=True, slots=True)
class DetectionTimeRaised:
    """The detection time asked for cannot be met: answers take too long (behaviour 57)."""

    interface: str
    family: Family
    requested_ms: int
    detection_ms: int


@dataclass(frozen=True, slots=True)
class DetectionTimeLowered:
    interface: str
    family: Family
    detection_ms: int


ProbeFact = (
    ProbesMissed
    | TargetDead
    | TargetSlow
    | TargetUnreachable
    | HostsSilent
    | ProbesNotSent
    | ProbesSentAgain
    | HostFound
    | ClockAnomaly
    | DetectionTimeRaised
    | DetectionTimeLowered
)
