"""By whose will an address went: somebody asked for it, or the kernel did it by itself.

IPv4: the notification carries the port and the sequence number of the request, and nothing where
there was none.  With the first address of a subnet the kernel may remove the others
(promote_secondaries=0): it tells of those before, under the same port and number.

IPv6: the notification never carries a sender.  What the kernel does by itself it does to all
addresses of a device, which cannot hold any from then on, and that is told before
(`link_families`).
"""

from __future__ import annotations

from collections.abc import MutableSequence
from dataclasses import replace
from ipaddress import IPv4Network

from rcmd.ipmp.api.events import AddressGone, KernelChange
from rcmd.kernel.netlink.message import Header
from rcmd.model.network import Family

IFA_F_SECONDARY = 0x01


def may_be_request(header: Header, payload: bytes, own_port: int) -> bool:
    """Of an RTM_DELADDR; what follows from our own requests (`own_port`) is nobody's will."""
    is_ipv6 = payload[:1] == bytes((Family.IPV6,))
    return is_ipv6 or header.port not in (0, own_port)


class Cascade:
    """Of one reading: the IPv4 addresses that went because the first of their subnet did."""

    def __init__(self) -> None:
        self._request = (0, 0)
        self._secondaries: list[int] = []
        """Where those that went by this request are among the changes."""

    @property
    def is_open(self) -> bool:
        """What was read last may go with what comes next."""
        return bool(self._secondaries)

    def note(self, header: Header, changes: MutableSequence[KernelChange]) -> None:
        """The last of the changes is what this message says."""
        gone = changes[-1] if changes else None
        if not isinstance(gone, AddressGone) or gone.address.family is not Family.IPV4:
            return
        request = (header.port, header.sequence)
        if request != self._request or not gone.is_by_request:
            self._request, self._secondaries = request, []
        if not gone.is_by_request:
            return
        if gone.address.flags & IFA_F_SECONDARY:
            self._secondaries.append(len(changes) - 1)
            return
        for place in self._secondaries:
            other = changes[place]
            assert isinstance(other, AddressGone)
            if _subnet(other) == _subnet(gone):
                changes[place] = replace(other, is_by_request=False, requester="")
        self._secondaries = []


def _subnet(gone: AddressGone) -> tuple[int, object]:
    network = gone.address.address.network
    assert isinstance(network, IPv4Network)
    return gone.address.ifindex, network
