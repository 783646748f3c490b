"""The guest as rcmd's host: two cards, each with a data address, in one group."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .daemon import Daemon, Member
from .guest import Guest
from .stream import Stream, stream_to

TAIL_S = 0.3
"""A stream goes on so long after the address is where it should be."""


@dataclass(frozen=True, slots=True)
class Host:
    guest: Guest
    daemon: Daemon
    first: Member
    second: Member

    @property
    def members(self) -> tuple[Member, Member]:
        return (self.first, self.second)

    def wait_until_running(self) -> None:
        """With probes: they have been answered."""
        self.guest.wait_until(
            "all interfaces are running",
            lambda: set(self.daemon.states().values()) == {"running"},
        )

    @contextmanager
    def watched(self, member: Member, moves_to: str) -> Iterator[Stream]:
        """A stream to the member's address, until that is on the interface `moves_to`."""
        with stream_to(self.guest.wire, member.address) as stream:
            yield stream
            self.daemon.wait_until_at(member, moves_to)
            time.sleep(TAIL_S)


def settle(guest: Guest, nic: str, slot: int) -> None:
    """The card is in its slot, its cable plugged, its port forwards."""
    if nic not in guest.nics:
        guest.add_nic(nic, slot)
    guest.set_link(nic, is_up=True)
    guest.wire.restore(nic)
    guest.wait_for_interface(nic)
