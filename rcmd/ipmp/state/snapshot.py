"""What the engine has to remember until the next boot, beyond what the kernel can tell.

A restart must change nothing in the kernel: flags, ownership and what was done by hand have to
outlive the process.  The text form is JSON; unknown keys are ignored, so that an older version
can read what a newer one wrote.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from rcmd.ipmp.rules.plain_data import read_record
from rcmd.ipmp.state.leases import LeaseMemory
from rcmd.model.network import Family, IPAddress, KernelAddress, Route, family_of


@dataclass(frozen=True, slots=True)
class AdoptedAddress:
    home: str
    address: KernelAddress


@dataclass(frozen=True, slots=True)
class LostAddress:
    """Went with a detached interface; wanted again if the detach is undone."""

    home: str
    key: IPAddress
    original: KernelAddress | None


@dataclass(frozen=True, slots=True)
class HomedRoute:
    home: str
    route: Route


@dataclass(frozen=True, slots=True)
class Recall:
    """Addresses and routes that are called to an interface, whether or not failback is on."""

    interface: str
    keys: frozenset[IPAddress]
    routes: tuple[HomedRoute, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenUpAddress:
    """Taken away so often that it is left alone (`drift`)."""

    at: float
    key: IPAddress
    home: str = ""
    original: KernelAddress | None = None


@dataclass(frozen=True, slots=True)
class GivenUpRoute:
    at: float
    homed: HomedRoute


@dataclass(frozen=True, slots=True)
class Joined:
    """An application joined a multicast group on the device with this ifindex."""

    home: str
    group: IPAddress
    ifindex: int


@dataclass(frozen=True, slots=True)
class CarriedAlong:
    """What of ours was on a device when it lost its name."""

    ifindex: int
    addresses: frozenset[IPAddress] = frozenset()
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    offline: frozenset[str] = frozenset()
    detached: Mapping[str, int] = field(default_factory=dict)
    """Name -> ifindex of the device that was given up; another device of that name is new."""
    failed: frozenset[str] = frozenset()
    failed_by_probes: frozenset[str] = frozenset()
    """Those of the failed that ten answers have to repair, whatever their link does."""
    unproven: frozenset[str] = frozenset()
    """Plugged in while the machine ran, and not yet answered."""
    spare: frozenset[str] = frozenset()
    flapping: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Name -> its last link-ups, on the clock of the engine, which runs until the next boot."""
    plumbed: Mapping[str, int] = field(default_factory=dict)
    known_as: Mapping[str, str] = field(default_factory=dict)
    """Name -> the hardware address that the neighbours were told of, or know."""
    withdrawn: frozenset[IPAddress] = frozenset()
    adopted: tuple[AdoptedAddress, ...] = ()
    lost: tuple[LostAddress, ...] = ()
    recalls: tuple[Recall, ...] = ()
    away: Mapping[IPAddress, str] = field(default_factory=dict)
    """Configured address that lives elsewhere -> its home, whose file may be gone next time."""
    routes: tuple[HomedRoute, ...] = ()
    """There may be many: they have a text of their own (`route_record`)."""
    numbers: Mapping[IPAddress, tuple[str, int]] = field(default_factory=dict)
    """Logical number of an address away from home: an IPv6 address has no label that tells it."""
    guests: Mapping[str, Mapping[IPAddress, int]] = field(default_factory=dict)
    """Interface that is being detached -> the logical numbers of its guests, to be given back."""
    given_up: tuple[GivenUpAddress, ...] = ()
    given_up_routes: tuple[GivenUpRoute, ...] = ()
    leases: LeaseMemory = field(default_factory=LeaseMemory)
    has_settled: bool = False
    """The boot is over: what is missing is missing."""
    joined: tuple[Joined, ...] = ()
    stuck_groups: tuple[tuple[int, IPAddress], ...] = ()
    """Device and group, see `Memberships.stuck`."""
    told_groups: tuple[tuple[str, IPAddress], ...] = ()
    """Interface and group of the memberships of which it was said that they cannot move."""
    carried: tuple[CarriedAlong, ...] = ()

    def to_text(self) -> str:
        return json.dumps(
            {
                "offline": sorted(self.offline),
                "detached": dict(self.detached),
                "failed": sorted(self.failed),
                "failed_by_probes": sorted(self.failed_by_probes),
                "unproven": sorted(self.unproven),
                "spare": sorted(self.spare),
                "flapping": dict(self.flapping),
                "plumbed": dict(self.plumbed),
                "known_as": dict(self.known_as),
                "withdrawn": sorted(str(address) for address in self.withdrawn),
                "adopted": [[entry.home, _data(entry.address)] for entry in self.adopted],
                "lost": [
                    [entry.home, str(entry.key), entry.original and _data(entry.original)]
                    for entry in self.lost
                ],
                "recalls": [
                    [entry.interface, sorted(map(str, entry.keys)), _homed(entry.routes)]
                    for entry in self.recalls
                ],
                "away": {str(key): home for key, home in self.away.items()},
                "routes": _homed(self.routes),
                "numbers": {str(key): [*place] for key, place in self.numbers.items()},
                "guests": {
                    name: {str(key): number for key, number in guests.items()}
                    for name, guests in self.guests.items()
                },
                "given_up": [
                    [it.at, str(it.key), it.home, it.original and _data(it.original)]
                    for it in self.given_up
                ],
                "given_up_routes": [[it.at, *_homed((it.homed,))] for it in self.given_up_routes],
                "leases": self.leases.to_data(),
                "has_settled": self.has_settled,
                "joined": [[it.home, str(it.group), it.ifindex] for it in self.joined],
                "stuck_groups": [[ifindex, str(group)] for ifindex, group in self.stuck_groups],
                "carried": [
                    [
                        it.ifindex,
                        sorted(map(str, it.addresses)),
                        [_data(route) for route in it.routes],
                    ]
                    for it in self.carried
                ],
                "told_groups": [[home, str(group)] for home, group in self.told_groups],
            },
            default=str,
            separators=(",", ":"),
        )

    @classmethod
    def from_text(cls, text: str) -> Memory:
        """As much of it as can be understood."""
        return read_memory(text)[0]


def read_memory(text: str) -> tuple[Memory, tuple[str, ...]]:
    """What can be understood of a text, and a phrase for each thing that cannot.

    Whatever the text is: each thing that is remembered stands by itself.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Memory(), (f"not JSON: {error}",)
    found, lost = read_record(Memory, data, _is_sound)
    return Memory(**found), tuple(lost)


def _is_sound(value: object) -> bool:
    """Whether the kernel could be told of it."""
    match value:
        case KernelAddress():
            others = [value.broadcast, value.peer]
            numbers = [value.ifindex, value.flags, value.metric]
            numbers += [it for it in (value.valid_s, value.preferred_s) if it is not None]
            octets = [value.scope, value.protocol]
        case Route():
            # An IPv4 route may have an IPv6 gateway.
            others = [value.source, value.gateway if value.family is Family.IPV6 else None]
            numbers = [value.ifindex, value.table, value.priority, value.realm]
            numbers += [number for metric in value.metrics for number in metric]
            octets = [value.scope, value.protocol, value.tos, value.preference]
        case _:
            return True
    return (
        min(numbers) >= 0
        and all(octet in range(256) for octet in octets)
        and all(other is None or family_of(other) is value.family for other in others)
    )


def _homed(routes: Iterable[HomedRoute]) -> list[list[Any]]:
    return [homed_route(entry) for entry in routes]


def homed_route(entry: HomedRoute) -> list[Any]:
    """For JSON."""
    return [entry.home, _data(entry.route)]


_NAMES = {kind: tuple(it.name for it in fields(kind) if it.init) for kind in (KernelAddress, Route)}


def _data(value: KernelAddress | Route) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _NAMES[type(value)]}
