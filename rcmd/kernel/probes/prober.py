"""Carries the engine's probes to the sockets, and the answers back."""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence

from rcmd.ipmp.api.commands import LookForNeighbours, SendProbes, UnwatchInterface, WatchInterface
from rcmd.ipmp.api.events import ProbeAnswer
from rcmd.ipmp.api.probes import ProbeKind as Purpose
from rcmd.ipmp.api.probes import ProbeRequest, UnsentProbe
from rcmd.kernel.neighbour_table import NeighbourTable
from rcmd.kernel.probes.sockets import ProbeSockets
from rcmd.kernel.probes.values import Probe, ProbedInterface, ProbeKind, reason_of
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family

log = logging.getLogger(__name__)

_PURPOSES = tuple(Purpose)
_SEQUENCE_BITS = 16
"""The engine counts in 16 bits; what the probe is for goes above them."""


class Prober:
    """Implements `ports.network.Probes`."""

    def __init__(self) -> None:
        self._sockets = ProbeSockets()
        self.neighbours = NeighbourTable()
        """Readable when some of what was looked for has come."""
        self._watches: dict[tuple[str, Family], WatchInterface] = {}

    def watch(self, watch: WatchInterface) -> None:
        """Failures are logged; each probe that cannot be sent for that reason says so, too."""
        self._watches[watch.name, watch.family] = watch
        try:
            self._sockets.open_interface(_interface(watch, watch.method))
        except OSError as error:
            log.error("%s cannot be probed: %s", watch.name, error.strerror)

    def unwatch(self, unwatch: UnwatchInterface) -> None:
        self._sockets.close_interface(unwatch.ifindex, unwatch.family)
        gone = (unwatch.ifindex, unwatch.family)
        self._watches = {
            key: watch
            for key, watch in self._watches.items()
            if (watch.ifindex, watch.family) != gone
        }

    def send(self, command: SendProbes) -> Sequence[UnsentProbe]:
        unsent = []
        probes: dict[Probe, ProbeRequest] = {}
        for request in command.probes:
            try:
                probes[self._probe(request)] = request
            except OSError as error:
                unsent.append(UnsentProbe(request, reason_of(error.errno or errno.EIO)))
        for each in self._sockets.send(tuple(probes)):
            unsent.append(UnsentProbe(probes[each.probe], each.reason))
        for it in unsent:
            log.debug("probe to %s not sent: %s", it.request.target, it.reason)
        return unsent

    def _probe(self, request: ProbeRequest) -> Probe:
        """Raises OSError where the interface is not watched, or not open and cannot be opened."""
        watch = self._watches.get((request.interface, request.family))
        if watch is None:
            raise OSError(errno.ENODEV, request.interface)
        kind = _kind(request.family, request.method)
        if not self._sockets.is_open(watch.ifindex, kind):
            is_other = request.method is not watch.method
            self._sockets.open_interface(_interface(watch, request.method), beside=is_other)
        sequence = _PURPOSES.index(request.kind) << _SEQUENCE_BITS | request.sequence
        is_anonymous = request.kind is Purpose.WITNESS
        return Probe(watch.ifindex, kind, request.target, sequence, is_anonymous)

    def read(self) -> Sequence[ProbeAnswer]:
        return [
            ProbeAnswer(
                answer.ifindex,
                answer.family,
                _PURPOSES[answer.sequence >> _SEQUENCE_BITS],
                answer.sequence & (1 << _SEQUENCE_BITS) - 1,
                answer.source,
                answer.received_at,
                answer.sent_at,
            )
            for answer in self._sockets.read()
        ]

    def look(self, command: LookForNeighbours) -> None:
        self.neighbours.look(command.ifindexes)

    def close(self) -> None:
        self.neighbours.close()
        self._sockets.close()


def _interface(watch: WatchInterface, method: ProbeMethod) -> ProbedInterface:
    hardware_address = bytes.fromhex(watch.hardware_address.replace(":", ""))
    kind = _kind(watch.family, method)
    return ProbedInterface(watch.ifindex, watch.name, kind, watch.source, hardware_address)


def _kind(family: Family, method: ProbeMethod) -> ProbeKind:
    is_echo = method is ProbeMethod.ICMP
    if family is Family.IPV4:
        return ProbeKind.ICMP if is_echo else ProbeKind.ARP
    return ProbeKind.ICMP6 if is_echo else ProbeKind.ND
