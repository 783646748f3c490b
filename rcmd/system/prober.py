"""Carries the engine's probes to the sockets, and the answers back."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from rcmd.ipmp.commands import SendProbes, UnwatchInterface, WatchInterface
from rcmd.ipmp.events import ProbeAnswer
from rcmd.ipmp.probe_events import ProbeKind as Purpose
from rcmd.ipmp.probe_events import ProbeRequest
from rcmd.model import Family, ProbeMethod
from rcmd.system.probe_sockets import ProbeSockets
from rcmd.system.probes import Probe, ProbedInterface, ProbeKind

log = logging.getLogger(__name__)

_PURPOSES = tuple(Purpose)
_SEQUENCE_BITS = 16
"""The engine counts in 16 bits; what the probe is for goes above them."""


class Prober:
    """Implements `outside.Probes`."""

    def __init__(self) -> None:
        self._sockets = ProbeSockets()
        self._indexes: dict[str, int] = {}

    def watch(self, watch: WatchInterface) -> None:
        """Failures are logged: probes that cannot be sent are lost, and that is noticed."""
        self._indexes[watch.name] = watch.ifindex
        interface = ProbedInterface(
            watch.ifindex,
            watch.name,
            _kind(watch.family, watch.method),
            watch.source,
            bytes.fromhex(watch.hardware_address.replace(":", "")),
        )
        try:
            self._sockets.open_interface(interface)
        except OSError as error:
            log.error("%s cannot be probed: %s", watch.name, error.strerror)

    def unwatch(self, unwatch: UnwatchInterface) -> None:
        self._sockets.close_interface(unwatch.ifindex, unwatch.family)

    def send(self, command: SendProbes) -> Sequence[ProbeRequest]:
        requests = {self._probe(request): request for request in command.probes}
        unsent = self._sockets.send(tuple(requests))
        for each in unsent:
            log.debug("probe to %s not sent: %s", each.probe.target, each.reason)
        return [requests[each.probe] for each in unsent]

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

    def _probe(self, request: ProbeRequest) -> Probe:
        """By an interface that was never watched nothing leaves: it has no index."""
        return Probe(
            self._indexes.get(request.interface, 0),
            request.family,
            request.target,
            _PURPOSES.index(request.kind) << _SEQUENCE_BITS | request.sequence,
        )

    def close(self) -> None:
        self._sockets.close()


def _kind(family: Family, method: ProbeMethod) -> ProbeKind:
    is_echo = method is ProbeMethod.ICMP
    if family is Family.IPV4:
        return ProbeKind.ICMP if is_echo else ProbeKind.ARP
    return ProbeKind.ICMP6 if is_echo else ProbeKind.ND
