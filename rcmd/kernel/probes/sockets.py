"""Sends probes and receives their answers.  What they mean is decided elsewhere."""

from __future__ import annotations

import errno
import logging
import os
import secrets
import select
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import assert_never

from rcmd.kernel.probes.arp_ndp import ArpSocket, NdSocket
from rcmd.kernel.probes.datagrams import ProbeSocket
from rcmd.kernel.probes.echo import EchoSocket, EchoSocket6
from rcmd.kernel.probes.packets import TAG_LENGTH, EchoSeal
from rcmd.kernel.probes.times import ReadMoment
from rcmd.kernel.probes.values import Answer, Ignored, Probe, ProbedInterface, ProbeKind, Unsent
from rcmd.kernel.transmission import Transmission
from rcmd.model.network import Family

_log = logging.getLogger(__name__)

_KEY_LENGTH = 32
_ETHERNET_ADDRESS_LENGTH = 6
_FULL = frozenset({errno.EAGAIN, errno.ENOBUFS})
"""There was no room in the queue of the NIC, or a filter behind it dropped the packet."""


class ProbeSockets:
    """All probing of this process: one descriptor to watch, one wake-up for all that came."""

    def __init__(self) -> None:
        self._seal = EchoSeal(
            tag=secrets.token_bytes(TAG_LENGTH),
            key=secrets.token_bytes(_KEY_LENGTH),
            process_id=os.getpid(),
        )
        self._epoll = select.epoll()
        self._sockets: dict[ProbeKind, ProbeSocket] = {}
        self._interfaces: dict[ProbeKind, dict[int, ProbedInterface]] = {
            kind: {} for kind in ProbeKind
        }
        self._ignored: Counter[Ignored] = Counter()
        self._transmission = Transmission()

    @property
    def ignored(self) -> Mapping[Ignored, int]:
        """How many packets were received that are no answers, since the start."""
        return dict(self._ignored)

    def fileno(self) -> int:
        """Readable when `read` has something to read, whatever is opened and closed meanwhile."""
        return self._epoll.fileno()

    def open_interface(self, interface: ProbedInterface, *, beside: bool = False) -> None:
        """Probe this interface like this, and no longer as before in that family.

        Or as well as before (`beside`).  To be repeated when its name, source or hardware address
        changes; probes under way by ARP and ND are forgotten then.

        Raises OSError: EPERM without CAP_NET_RAW; EADDRNOTAVAIL where echo has no source;
        EOPNOTSUPP where ARP or ND has no Ethernet address.
        """
        match interface.kind:
            case ProbeKind.ICMP | ProbeKind.ICMP6:
                if interface.source is None:
                    raise _error(errno.EADDRNOTAVAIL, interface)
            case ProbeKind.ARP | ProbeKind.ND:
                if len(interface.hardware_address) != _ETHERNET_ADDRESS_LENGTH:
                    raise _error(errno.EOPNOTSUPP, interface)
            case _:
                assert_never(interface.kind)
        if interface.kind not in self._sockets:
            opened = self._open(interface.kind)
            self._sockets[interface.kind] = opened
            self._epoll.register(opened.fileno(), select.EPOLLIN)
        # The new one stands before the old one goes, so that the socket they share is kept.
        known = self._interfaces[interface.kind].get(interface.ifindex)
        self._interfaces[interface.kind][interface.ifindex] = interface
        if known not in (None, interface):
            self._sockets[interface.kind].forget(interface.ifindex)
        for kind in ProbeKind:
            is_other = kind.family is interface.kind.family and kind is not interface.kind
            if is_other and not beside:
                self._close(kind, interface.ifindex)

    def is_open(self, ifindex: int, kind: ProbeKind) -> bool:
        return ifindex in self._interfaces[kind]

    def close_interface(self, ifindex: int, family: Family) -> None:
        """Probe it no more; one that is not open is left alone."""
        for kind in ProbeKind:
            if kind.family is family:
                self._close(kind, ifindex)

    def send(self, probes: Sequence[Probe]) -> tuple[Unsent, ...]:
        """Send all of these without waiting; what did not leave is returned with the reason.

        A probe for which a NIC that sends nothing has no room counts as sent: that it is lost says
        something about the NIC.
        """
        unsent = []
        for probe in probes:
            try:
                self._send(probe)
            except OSError as error:
                number = error.errno or errno.EIO
                if number not in _FULL or self._goes_on(probe):
                    unsent.append(Unsent(probe, number))
        return tuple(unsent)

    def read(self) -> tuple[Answer, ...]:
        """All answers that wait, possibly the same one twice; never waits."""
        moment = ReadMoment.sample()
        answers = []
        for kind, receiver in self._sockets.items():
            for found in receiver.read(self._interfaces[kind], moment):
                if isinstance(found, Answer):
                    answers.append(found)
                else:
                    self._ignored[found] += 1
                    _log.debug("%s packet ignored: %s", kind, found)
        return tuple(answers)

    def close(self) -> None:
        for kind, interfaces in self._interfaces.items():
            for ifindex in list(interfaces):
                self._close(kind, ifindex)
        self._epoll.close()

    def _goes_on(self, probe: Probe) -> bool:
        interface = self._interfaces[probe.kind][probe.ifindex]
        return self._transmission.goes_on(interface.ifindex, interface.name)

    def _send(self, probe: Probe) -> None:
        """Raises OSError; ENODEV where the interface is not open."""
        interface = self._interfaces[probe.kind].get(probe.ifindex)
        if interface is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        self._sockets[probe.kind].send(interface, probe)

    def _open(self, kind: ProbeKind) -> ProbeSocket:
        match kind:
            case ProbeKind.ICMP:
                return EchoSocket(self._seal)
            case ProbeKind.ICMP6:
                return EchoSocket6(self._seal)
            case ProbeKind.ARP:
                return ArpSocket()
            case ProbeKind.ND:
                return NdSocket()
            case _:
                assert_never(kind)

    def _close(self, kind: ProbeKind, ifindex: int) -> None:
        if self._interfaces[kind].pop(ifindex, None) is None:
            return
        self._sockets[kind].forget(ifindex)
        self._transmission.forget(ifindex)
        if not self._interfaces[kind]:
            closed = self._sockets.pop(kind)
            self._epoll.unregister(closed.fileno())
            closed.close()


def _error(number: int, interface: ProbedInterface) -> OSError:
    return OSError(number, f"{interface.name} by {interface.kind}: {os.strerror(number)}")
