"""Logical numbers of addresses: `hme1:2` is number 2 on hme1 (behaviour 60).

At home an address has the number of its file, away from home the lowest free one, for as long as it
stays there.  Taken is what an address that is there, or is coming, has; what belongs to one that
may come home; and what a label in the kernel says.  What was meant for one that never came is free.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

from rcmd.ipmp.api.commands import Move
from rcmd.ipmp.state.group_state import Scene, number_in
from rcmd.model.network import RCMD_PROTOCOL, Family, IPAddress, family_of


class LogicalNumbers:
    """Of one decision: what is given to one is not given to another."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._after = dict(scene.numbers)
        self._given: set[IPAddress] = set()
        self._free: dict[tuple[str, Family], Iterator[int]] = {}
        self._worn: dict[tuple[str, Family], dict[int, set[IPAddress]]] = {}

    def away(self, key: IPAddress, host: str) -> int:
        """The lowest free one, kept while it stays there."""
        where, number = self._after.get(key, ("", 0))
        if where == host and (key in self._given or _is_there(self._scene, key, host)):
            return number
        member = self._scene.members[host]
        is_recalled = key in member.recalls and key in member.guests
        number = member.guests[key] if is_recalled else self._next_free(host, family_of(key))
        self._give(key, host, number)
        return number

    def at_home(self, key: IPAddress, home: str, own: int) -> int:
        """Its own, unless another address of ours has it there, as after a reload."""
        where, number = self._after.get(key, ("", 0))
        if where == home and key in self._given:
            return number
        # 0 is the interface itself: nobody else is given it, but a name may be too long for more.
        if not own or not self._worn_by(home, family_of(key)).get(own, set()) - {key}:
            return own
        number = self._next_free(home, family_of(key))
        self._give(key, home, number)
        return number

    def forget(self, key: IPAddress) -> None:
        """It is at home with a number of its own, or nowhere."""
        if key not in self._given:
            self._after.pop(key, None)

    def after(self, moves: Iterable[Move]) -> dict[IPAddress, tuple[str, int]]:
        """Those once only these moves are made: what waits is where it has been."""
        arriving = {item.address.ip for move in moves for item in move.add}
        before = self._scene.numbers
        waiting = {
            key
            for key, place in self._after.items()
            if key not in arriving and before.get(key) != place
        }
        staying = {
            key: place
            for key, place in before.items()
            if key in waiting or self._after.get(key) == place
        }
        return staying | {it: self._after[it] for it in self._after if it not in waiting}

    def _give(self, key: IPAddress, host: str, number: int) -> None:
        self._given.add(key)
        # The last to come stands last.
        self._after.pop(key, None)
        self._after[key] = (host, number)

    def _next_free(self, host: str, family: Family) -> int:
        """One look at what is taken serves all that come there: it may be many."""
        if (host, family) not in self._free:
            taken = reserved_numbers(self._scene, host, family)
            self._free[host, family] = (n for n in itertools.count(1) if n not in taken)
        return next(self._free[host, family])

    def _worn_by(self, host: str, family: Family) -> dict[int, set[IPAddress]]:
        """Number -> the addresses of ours that have it on a host; by hand any label is given."""
        worn = self._worn.get((host, family))
        if worn is None:
            worn = self._worn[host, family] = {}
            for key, number in _guests(self._scene, host, family):
                worn.setdefault(number, set()).add(key)
            member = self._scene.members[host]
            tests = {it.address.ip for it in self._scene.test_addresses(member)}
            for held in self._scene.view.addresses.get(member.ifindex, {}).values():
                key = held.address.ip
                is_ours = held.protocol == RCMD_PROTOCOL and (
                    self._scene.ledger.knows(key) or key in tests
                )
                if is_ours and held.label and held.family is family:
                    worn.setdefault(number_in(held.label), set()).add(key)
        return worn


def reserved_numbers(scene: Scene, host: str, family: Family) -> set[int]:
    """Those on a host that are taken, or belong to an address that may come home."""
    member = scene.members[host]
    used = {0}
    used |= {
        address.logical
        for address in member.config.addresses
        if family_of(address.address) is family
    }
    used |= {number for _, number in _guests(scene, host, family)}
    used |= {
        number
        for key, number in member.guests.items()
        if key in member.recalls and family_of(key) is family
    }
    if family is Family.IPV4:
        for held in scene.view.addresses.get(member.ifindex, {}).values():
            used.add(number_in(held.label))
    return used


def _guests(scene: Scene, host: str, family: Family) -> Iterator[tuple[IPAddress, int]]:
    """Those that are there, and what they were given when they came."""
    for key, (where, number) in scene.numbers.items():
        if where == host and family_of(key) is family and _is_there(scene, key, host):
            yield key, number


def _is_there(scene: Scene, key: IPAddress, host: str) -> bool:
    return scene.hosts_of_down.get(key) == host or host in scene.copies_of(key)
