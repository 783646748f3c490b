"""What is to be done, sorted by the way it goes: one batch for each (source, destination)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from rcmd.ipmp.api.commands import Cause, Move
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.model.network import IPInterface, KernelAddress, Route, RouteKey


class ItemKey(NamedTuple):
    """One thing on one device, and what was to be done with it."""

    ifindex: int
    thing: IPInterface | RouteKey
    is_addition: bool = True


Edge = tuple[str | None, str | None]
"""Source and destination."""


def item_key(item: KernelAddress | Route) -> ItemKey:
    """To be added."""
    thing = RouteKey.of(item) if isinstance(item, Route) else item.address
    return ItemKey(item.ifindex, thing)


def stay_key(item: KernelAddress | Route) -> ItemKey:
    """To be removed."""
    thing = RouteKey.of(item) if isinstance(item, Route) else item.address
    return ItemKey(item.ifindex, thing, is_addition=False)


@dataclass(slots=True)
class Batch:
    cause: Cause
    add: list[KernelAddress] = field(default_factory=list)
    add_routes: dict[ItemKey, Route] = field(default_factory=dict)
    remove_routes: list[Route] = field(default_factory=list)
    remove: list[KernelAddress] = field(default_factory=list)
    settle: list[KernelAddress] = field(default_factory=list)
    refresh: list[KernelAddress] = field(default_factory=list)
    announce: list[KernelAddress] = field(default_factory=list)

    def add_route(self, route: Route) -> None:
        """Once: two homes may want the same."""
        self.add_routes.setdefault(item_key(route), route)

    def has_work(self) -> bool:
        """Not so if all it consists of was refused before."""
        changes = self.remove or self.settle or self.refresh
        return bool(self.add or self.add_routes or self.remove_routes or changes)


class Batches:
    def __init__(self, view: KernelView, refused: Container[ItemKey]) -> None:
        self._view = view
        self.refused = refused
        self._batches: dict[Edge, Batch] = {}

    def of(self, cause: Cause, source: str | None, destination: str | None) -> Batch:
        """One operation for all that goes one way (behaviour 59), named after what forced it."""
        batch = self._batches.get((source, destination))
        if batch is None:
            batch = self._batches[source, destination] = Batch(cause)
        is_weak = batch.cause in (Cause.CONFIGURE, Cause.FAILBACK, Cause.REBALANCE)
        if is_weak and cause is not Cause.REBALANCE:
            batch.cause = cause
        return batch

    def peek(self, source: str | None, destination: str | None) -> Batch | None:
        """What goes that way, so far."""
        return self._batches.get((source, destination))

    def was_refused(self, item: KernelAddress | Route) -> bool:
        """The kernel would not add it when it was last asked."""
        return bool(self.refused) and item_key(item) in self.refused

    def has_to_stay(self, item: KernelAddress | Route) -> bool:
        """The kernel would not remove it when it was last asked."""
        return bool(self.refused) and stay_key(item) in self.refused

    def clean_up(self, name: str | None, address: KernelAddress) -> None:
        """It is to go, and nothing comes in its place."""
        if not self.has_to_stay(address):
            self.of(Cause.CLEANUP, name, None).remove.append(address)

    def added(self) -> Iterator[KernelAddress]:
        """All addresses that are to be added, so far."""
        for batch in self._batches.values():
            yield from batch.add

    def hold_back(self, stays: Callable[[KernelAddress], bool]) -> None:
        """These addresses are not removed yet."""
        for batch in self._batches.values():
            batch.remove = [address for address in batch.remove if not stays(address)]

    def moves(self) -> list[Move]:
        return [
            self._move(edge, batch) for edge, batch in self._batches.items() if batch.has_work()
        ]

    def _move(self, edge: Edge, batch: Batch) -> Move:
        source, destination = edge
        return Move(
            batch.cause,
            source,
            destination,
            add=tuple(batch.add),
            add_routes=tuple(batch.add_routes.values()),
            remove_routes=tuple(batch.remove_routes),
            remove=tuple(self._newest_first(batch.remove)),
            settle=tuple(batch.settle),
            refresh=tuple(batch.refresh),
            announce=tuple(batch.announce),
        )

    def _newest_first(self, addresses: Iterable[KernelAddress]) -> list[KernelAddress]:
        """Removing the primary address of a subnet first makes the kernel promote each secondary
        in turn, which is quadratic (linux.md 4.2)."""
        # What is to be removed is what the view holds, the very object.
        wanted = {id(address): address.ifindex for address in addresses}
        return [
            address
            for ifindex in dict.fromkeys(wanted.values())
            for address in reversed(self._view.addresses[ifindex].values())
            if id(address) in wanted
        ]
