"""Networks, to be asked for those around an address."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from rcmd.model.network import IPAddress, IPNetwork

Thing = TypeVar("Thing", bound=Hashable)


class Networks(Generic[Thing]):
    """Each with the things that it belongs to.  However many there are, to ask takes as long."""

    def __init__(self) -> None:
        self._by_length: dict[tuple[int, int], dict[int, dict[Thing, None]]] = {}

    def add(self, network: IPNetwork, thing: Thing) -> None:
        shift = network.max_prefixlen - network.prefixlen
        same = self._by_length.setdefault((network.version, shift), {})
        same.setdefault(int(network.network_address) >> shift, {})[thing] = None

    def around(self, address: IPAddress) -> Iterator[Thing]:
        """What the networks that contain the address belong to."""
        for (version, shift), same in self._by_length.items():
            if version == address.version:
                yield from same.get(int(address) >> shift, ())

    def nearest(self, address: IPAddress) -> int:
        """The length of the longest prefix around the address; -1 if there is none."""
        return max(
            (
                address.max_prefixlen - shift
                for (version, shift), same in self._by_length.items()
                if version == address.version and int(address) >> shift in same
            ),
            default=-1,
        )

    def __contains__(self, address: IPAddress) -> bool:
        return self.nearest(address) >= 0
