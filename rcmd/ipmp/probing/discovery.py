"""Looking for hosts that answer a multicast (solaris.md 1.5; behaviour 45)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from rcmd.ipmp.api.probes import Answer
from rcmd.ipmp.probing.history import SEQUENCE_MASK, SIZE
from rcmd.model.network import Family, IPAddress

ALL_HOSTS: dict[Family, IPAddress] = {
    Family.IPV4: IPv4Address("224.0.0.1"),
    Family.IPV6: IPv6Address("ff02::1"),
}


class Discovery:
    """Numbers the multicast probes, and tells answers to them from others."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = 0

    def record(self) -> int:
        """The sequence number of a multicast probe that is being sent."""
        sequence = self._next & SEQUENCE_MASK
        self._next += 1
        return sequence

    def objection(self, sequence: int | None) -> Answer | None:
        """What is wrong with the number that an answer brought; None if it is ours."""
        if sequence is None or not self._next:
            return Answer.FAKE
        age = (self._next - 1 - sequence) & SEQUENCE_MASK
        return Answer.OUT_OF_WINDOW if age >= SIZE or age >= self._next else None
