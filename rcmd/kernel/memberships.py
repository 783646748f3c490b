"""Multicast memberships, from the tables in /proc/net.

The kernel tells of no change (before RTNLGRP_IPV4_MCADDR of Linux 6.13), so the tables are read
again and again; what has not changed is not looked into.  Formats: `igmp_mc_seq_show` and
`igmp_mcf_seq_show` in net/ipv4/igmp.c, `igmp6_mc_seq_show` and `igmp6_mcf_seq_show` in
net/ipv6/mcast.c.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from rcmd.ipmp.api.memberships import Membership
from rcmd.model.network import IPAddress

_log = logging.getLogger(__name__)

NET = Path("/proc/thread-self/net")
"""Of the network namespace that this thread is in."""
TABLES = ("igmp", "igmp6", "mcfilter", "mcfilter6")

_Place = tuple[int, IPAddress]


@dataclass(slots=True)
class _Choice:
    """Who asks for chosen senders of one group on one device."""

    sources: list[IPAddress] = field(default_factory=list)
    users: int = 0
    """Of the sender that most ask for; those who ask for different ones are taken for the same."""


class MembershipTables:
    """Remembers what it has read, to tell whether anything is new."""

    def __init__(self, net: Path = NET) -> None:
        self._net = net
        self._last: tuple[tuple[bytes, ...], frozenset[int]] | None = None

    def forget(self) -> None:
        """The next `poll` tells everything, whether or not it is new."""
        self._last = None

    def poll(self, devices: Collection[int]) -> tuple[Membership, ...] | None:
        """The memberships on these devices (ifindex); None where nothing is new since last time."""
        texts = tuple(_read(self._net / name) for name in TABLES)
        read = texts, frozenset(devices)
        if read == self._last:
            return None
        self._last = read
        return tuple(it for it in memberships(*texts) if it.ifindex in devices)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        # A kernel without IPv6, or without multicast.
        return b""


def memberships(igmp: bytes, igmp6: bytes, mcfilter: bytes, mcfilter6: bytes) -> list[Membership]:
    """What the tables say; a line that is unlike the others is left out, with a warning."""
    choices: dict[_Place, _Choice] = {}
    for place, source, users in (*_filters(mcfilter, _ipv4), *_filters(mcfilter6, _ipv6)):
        choice = choices.setdefault(place, _Choice())
        choice.sources.append(source)
        choice.users = max(choice.users, users)
    found = []
    for (ifindex, group), users in (*_igmp(igmp), *_igmp6(igmp6)):
        choice = choices.get((ifindex, group), _Choice())
        found.append(Membership(ifindex, group, users, tuple(choice.sources), choice.users))
    return found


def _igmp(text: bytes) -> Iterator[tuple[_Place, int]]:
    """A line for each device, and under it an indented one for each group:

        3       hme0      :     2      V3
                                030201EF     1 0:00000000               0

    The group is a number in network order, printed as one in the order of the machine.
    """
    ifindex = 0
    for line in text.decode("ascii", "replace").splitlines()[1:]:
        words = line.split()
        try:
            if line[:1].isspace():
                yield (ifindex, _swapped_ipv4(words[0])), int(words[1])
            else:
                ifindex = int(words[0])
        except (ValueError, IndexError, OverflowError):
            _log.warning("a line of /proc/net/igmp is not understood: %r", line)


def _igmp6(text: bytes) -> Iterator[tuple[_Place, int]]:
    """`5    hme1            ff050000000000000000000000010003     1 00000004 0`."""
    for line in text.decode("ascii", "replace").splitlines():
        words = line.split()
        try:
            yield (int(words[0]), _ipv6(words[2])), int(words[3])
        except (ValueError, IndexError):
            _log.warning("a line of /proc/net/igmp6 is not understood: %r", line)


def _filters(
    text: bytes, address: Callable[[str], IPAddress]
) -> Iterator[tuple[_Place, IPAddress, int]]:
    """`  3   hme1 0xe8010101 0x0a000005      1      0`: users that want, and that refuse, a sender.

    Only those are told that want it.
    """
    for line in text.decode("ascii", "replace").splitlines()[1:]:
        words = line.split()
        try:
            users = int(words[4])
            if users:
                yield (int(words[0]), address(words[2])), address(words[3]), users
        except (ValueError, IndexError):
            _log.warning("a line of /proc/net/mcfilter is not understood: %r", line)


# The same few groups are on every device, and to make an address takes longer than all else.


@lru_cache(maxsize=1024)
def _swapped_ipv4(text: str) -> IPv4Address:
    """`030201EF`."""
    return IPv4Address(int(text, 16).to_bytes(4, sys.byteorder))


@lru_cache(maxsize=1024)
def _ipv4(text: str) -> IPv4Address:
    """`0xe8010101`."""
    return IPv4Address(int(text, 16))


@lru_cache(maxsize=4096)
def _ipv6(text: str) -> IPv6Address:
    """32 digits."""
    return IPv6Address(bytes.fromhex(text))
