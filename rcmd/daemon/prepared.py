"""What is to be done the moment an interface fails, known beforehand.

When all is quiet the engine is asked what it would do if each member failed now
(`Engine.forecast`).  The first sign of a failure has that done at once, if the state is the one
that it was made from; then the sign is taken in as always, and the engine decides.  What it decides
is done already, as a rule.  What it does not ask for it is told of, like anything that was done,
and its comparison with the kernel mends it: it may have chosen another destination.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace

from rcmd.ipmp.api.commands import Cause, Move
from rcmd.ipmp.api.events import AddressGone, AddressSeen, KernelChange, LinkGone, LinkSeen, Moved
from rcmd.model.network import KernelAddress, Route

Item = KernelAddress | Route


@dataclass(slots=True)
class Prepared:
    """Of one revision of the engine's state."""

    _revision: int = -1
    _moves: dict[int, list[Move]] = field(default_factory=dict)
    """By the device (ifindex) that fails."""
    _done: list[Moved] = field(default_factory=list)
    """What the engine has not asked for yet."""

    def begin(self, revision: int) -> None:
        """What is added from now on was made from this state; all else is void."""
        self._revision = revision
        self._moves.clear()

    def add(self, ifindex: int, move: Move) -> None:
        if not _depends_on_time(move):
            self._moves.setdefault(ifindex, []).append(move)

    def takers(self, ifindex: int, revision: int) -> frozenset[int]:
        """The devices (ifindex) that would get what this one has; empty as in `take`."""
        if revision != self._revision:
            return frozenset()
        moves = self._moves.get(ifindex, ())
        addresses = (it.ifindex for move in moves for it in move.add)
        routes = (it.ifindex for move in moves for it in move.add_routes)
        return frozenset((*addresses, *routes))

    def take(self, ifindex: int, revision: int) -> tuple[Move, ...]:
        """What to do, once; nothing where the state is another one now."""
        return tuple(self._moves.pop(ifindex, ())) if revision == self._revision else ()

    def note(self, moved: Moved) -> None:
        """That was done."""
        self._done.append(moved)

    def without_echoes(self, changes: Sequence[KernelChange]) -> Sequence[KernelChange]:
        """Without what the kernel says of the IPv6 addresses that were moved, and of which the
        engine has not been told yet: who has caused that, the kernel does not say.

        All else of ours it does not tell us.
        """
        if not self._done:
            return changes
        added = {_place(it) for moved in self._done for it in moved.added}
        removed = {_place(it) for moved in self._done for it in moved.removed}
        return [it for it in changes if not _is_about(it, added, removed)]

    def answer(self, wanted: Move) -> Moved | None:
        """What has come of a move, where it is done already."""
        for moved in self._done:
            if _covers(moved.move, wanted):
                self._done.remove(moved)
                removals = {*wanted.remove, *wanted.remove_routes}
                if rest := [it for it in moved.removed if it not in removals]:
                    self._done.append(_removal(moved.move, rest))
                removed = tuple(it for it in moved.removed if it in removals)
                return replace(moved, move=wanted, removed=removed)
        return None

    def unasked(self) -> list[Moved]:
        """What was done, and nobody has asked for."""
        done, self._done = self._done, []
        return done


def failing(changes: Collection[KernelChange]) -> Iterator[int]:
    """The devices (ifindex) of which this may be the first sign of a failure.

    The last word on each counts: a link that was down for a moment has not failed.
    """
    is_down: dict[int, bool] = {}
    for change in changes:
        match change:
            case LinkSeen(link):
                is_down[link.ifindex] = not link.is_running
            case LinkGone(ifindex):
                is_down[ifindex] = True
            case _:
                pass
    return (ifindex for ifindex, has_failed in is_down.items() if has_failed)


_Place = tuple[int, object]


def _place(item: Item) -> _Place:
    return item.ifindex, item.address.ip if isinstance(item, KernelAddress) else None


def _is_about(change: KernelChange, added: Set[_Place], removed: Set[_Place]) -> bool:
    match change:
        case AddressSeen(address):
            return address.address.version == 6 and _place(address) in added
        case AddressGone(address):
            return address.address.version == 6 and _place(address) in removed
        case _:
            return False


def _depends_on_time(move: Move) -> bool:
    """It would be another one a moment later."""
    addresses = (*move.add, *move.settle, *move.refresh)
    return any(it.valid_s is not None or it.preferred_s for it in addresses) or any(
        it.expires_at is not None for it in move.add_routes
    )


def _covers(made: Move, wanted: Move) -> bool:
    """Whatever it was called for; of a device that has gone nothing is left to be removed."""
    bare = replace(made, cause=wanted.cause, remove=wanted.remove)
    return (
        replace(bare, remove_routes=wanted.remove_routes) == wanted
        and {*wanted.remove} <= {*made.remove}
        and {*wanted.remove_routes} <= {*made.remove_routes}
    )


def _removal(move: Move, removed: Collection[Item]) -> Moved:
    addresses = tuple(it for it in removed if isinstance(it, KernelAddress))
    routes = tuple(it for it in removed if isinstance(it, Route))
    made = Move(
        Cause.CLEANUP, move.source, move.destination, remove=addresses, remove_routes=routes
    )
    return Moved(made, removed=(*addresses, *routes))
