"""What the daemon needs of the outside; `system` implements it, tests have models of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from rcmd.ipmp.api.commands import (
    LookForNeighbours,
    Move,
    Plumb,
    Release,
    SendProbes,
    Spread,
    UnwatchInterface,
    WatchInterface,
)
from rcmd.ipmp.api.deviation import Deviation
from rcmd.ipmp.api.events import (
    KernelSnapshot,
    LinkGone,
    LinkSeen,
    Moved,
    Plumbed,
    ProbeAnswer,
    Refusal,
    RouteSeen,
    SpreadDone,
)
from rcmd.ipmp.api.nexthops import Sibling
from rcmd.ipmp.api.probes import UnsentProbe
from rcmd.model.kinds import LoadSpreading
from rcmd.model.network import Identity, IPAddress, Link

OnAdded = Callable[[Collection[Refusal]], None]
"""Told what was refused, when the addresses of a move are where they go: neighbours may know now,
before routes follow and anything is removed."""


class Kernel(Protocol):
    """rtnetlink, as far as the daemon uses it."""

    def looking(self) -> Generator[None, None, KernelSnapshot]:
        """Everything there is, a little at a time.

        What happens meanwhile may be in it, or not; one that was begun is given up when another
        begins.  Raises RcmError where it changes faster than it can be read.
        """

    def mind(self, names: Collection[str]) -> Sequence[RouteSeen]:
        """Routes of these devices only are told of from now on.

        Those that are already there are returned, of the devices that were not minded before.
        """

    def link(self, ifindex: int) -> LinkSeen | LinkGone: ...

    def execute(self, move: Move, on_added: OnAdded) -> Moved:
        """Make, then break; `on_added` is called in between."""

    def spread(self, spread: Spread) -> SpreadDone: ...

    def ask_for_gateways(self, siblings: Iterable[Sibling]) -> None:
        """Make the kernel find out anew where the gateways are that it takes for failed."""

    def prepare(self, move: Move) -> Iterator[None]: ...


class Devices(Protocol):
    """What is done to a device as a whole; errors are RcmError."""

    def plumb(self, plumb: Plumb) -> Plumbed:
        """Sysctls, MTU, hardware address, up."""

    def deviations(self, plumb: Plumb, link: Link) -> Sequence[Deviation]:
        """What of it is otherwise now.  Not whether it is up, or has IPv6: that is no accident."""

    def put_right(self, plumb: Plumb, deviation: Deviation) -> None: ...

    def obstacles(self, plumbs: Iterable[Plumb]) -> Sequence[str]:
        """What is set for every device, and defeats what they are to have; a sentence each."""

    def answers_for_all(self, name: str) -> bool:
        """Whether it answers ARP for every address of this machine, whichever device has it."""

    def sysctls_before(self, plumb: Plumb) -> Mapping[str, str]: ...

    def release(self, release: Release, saved: Mapping[str, str]) -> None: ...

    def hash_sysctls(self, mode: LoadSpreading) -> Mapping[str, str]:
        """The settings of the hash that shares traffic among nexthops: path -> value."""

    def differing_sysctls(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """The present value of each that is not as given."""

    def put_sysctls(self, values: Mapping[str, str]) -> None: ...

    def identify(self, name: str) -> Identity: ...

    def is_router(self, name: str) -> bool: ...


class Announcer(Protocol):
    def announce(
        self,
        ifindex: int,
        hardware_address: str,
        addresses: Iterable[IPAddress],
        *,
        is_router: bool,
        link: str,
    ) -> None:
        """`link` names the IP link, which several interfaces may be on."""

    def cancel(self, address: IPAddress) -> None: ...

    def forget(self, ifindex: int) -> None: ...


class Probes(Protocol):
    def watch(self, watch: WatchInterface) -> None: ...

    def unwatch(self, unwatch: UnwatchInterface) -> None: ...

    def send(self, command: SendProbes) -> Sequence[UnsentProbe]:
        """Those that did not leave are returned."""

    def look(self, command: LookForNeighbours) -> None:
        """Begin to read whom the machine has talked to; what is found is told as an event."""

    def read(self) -> Sequence[ProbeAnswer]:
        """What has been answered since the last call; does not wait."""
