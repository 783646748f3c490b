"""Whose routes concern us: those of the devices that are called like an interface of ours.

A machine may have a hundred thousand routes on other devices, or as many that come and go: of those
nothing is decoded but the device, out of the bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable

from rcmd.kernel.netlink.message import RTN_UNICAST
from rcmd.model.network import Link

_RTMSG_BYTES = 12
_TYPE_AT = 7
_RTA_OIF = 4
_ATTRIBUTE = struct.Struct("=HH")
_INDEX = struct.Struct("=I")
_TYPE_MASK = 0x3FFF


class Minded:
    """Everybody, until names are given."""

    def __init__(self) -> None:
        self._names: frozenset[str] | None = None
        self._present: dict[int, tuple[str, ...]] = {}
        """Every device: ifindex -> all of its names."""
        self.indexes: set[int] = set()

    @property
    def is_everybody(self) -> bool:
        return self._names is None

    def name(self, names: Collection[str]) -> list[int]:
        """These from now on; the devices (ifindex) that were not minded before."""
        self._names = frozenset(names)
        new = [it for it in self._present if self._is_new(it)]
        self.indexes = self._named()
        return new

    def see_all(self, links: Iterable[Link]) -> None:
        """There are no others."""
        self._present = {link.ifindex: link.names for link in links}
        self.indexes = self._named()

    def _named(self) -> set[int]:
        wanted = self._names or frozenset()
        return {it for it, names in self._present.items() if not wanted.isdisjoint(names)}

    def see(self, link: Link) -> bool:
        """A device is there, by these names; whether it was not minded before."""
        self._present[link.ifindex] = link.names
        is_new = self._is_new(link.ifindex)
        if is_new:
            self.indexes.add(link.ifindex)
        return is_new

    def _is_new(self, ifindex: int) -> bool:
        if self._names is None or ifindex in self.indexes:
            return False
        return not self._names.isdisjoint(self._present[ifindex])

    def forget(self, ifindex: int) -> None:
        self._present.pop(ifindex, None)
        self.indexes.discard(ifindex)

    def concerns(self, route: bytes) -> bool:
        """Whether the payload of a route message may say something about them.

        Also where it has several devices, or none of its own, and where it is not about a way to
        others at all: there are few of those.
        """
        if self._names is None or len(route) < _RTMSG_BYTES or route[_TYPE_AT] != RTN_UNICAST:
            return True
        offset, end = _RTMSG_BYTES, len(route)
        while offset + 8 <= end:
            length, kind = _ATTRIBUTE.unpack_from(route, offset)
            if kind & _TYPE_MASK == _RTA_OIF:
                return _INDEX.unpack_from(route, offset + 4)[0] in self.indexes
            if length < 4:
                return True
            offset += (length + 3) & ~3
        return True
