"""Taking in answers: which count, and what they say about round trips (solaris.md 1.3, 1.6)."""

from __future__ import annotations

from collections.abc import Callable

from rcmd.ipmp.api.probes import (
    Answer,
    ClockAnomaly,
    DetectionTimeRaised,
    HostFound,
    ProbeFact,
    ProbeKind,
    TargetSlow,
)
from rcmd.ipmp.probing.discovery import Discovery
from rcmd.ipmp.probing.history import SIZE, ProbeHistory
from rcmd.ipmp.probing.measuring import Measuring
from rcmd.ipmp.probing.targets import Target, TargetList
from rcmd.ipmp.probing.timing import DetectionTime
from rcmd.model.network import Family, IPAddress
from rcmd.model.status import TargetState

Admission = Callable[[IPAddress, float], bool]
"""Whether a host may become a target now; makes room for it."""

MOST_MET = 64
BURST = 0.25
"""Of an interval; probes are half an interval apart at least."""


class Reception:
    """The receiving half of a `Prober`."""

    def __init__(
        self, interface: str, family: Family, targets: TargetList, detection: DetectionTime
    ) -> None:
        self.history = ProbeHistory()
        self.measuring = Measuring(detection)
        self.discovery = Discovery()
        self.facts: list[ProbeFact] = []
        self.is_measuring = True
        self.last_success_at: float | None = None
        self.met: dict[IPAddress, None] = {}
        """Who has ever answered here."""
        self.admits: Admission = lambda _address, _now: True
        self._interface = interface
        self._family = family
        self._targets = targets
        self._detection = detection

    def forget_all(self) -> None:
        """What was answered so far says nothing about what comes."""
        self.history.clear()
        self.measuring.history.clear()
        self.last_success_at = None

    def forget(self, target: Target) -> None:
        """The target is no longer probed."""
        self.history.forget(target)
        self.measuring.history.forget(target)

    def answered(
        self,
        sequence: int | None,
        source: IPAddress,
        received_at: float,
        kind: ProbeKind,
        sent_at: float | None = None,
    ) -> Answer:
        match kind:
            case ProbeKind.UNICAST:
                return self._probe_answered(sequence, source, received_at, sent_at)
            case ProbeKind.ROUND_TRIP:
                return self._measurement_answered(sequence, source, received_at, sent_at)
            case ProbeKind.SEARCH:
                return self._host_answered(sequence, source, received_at)
            case ProbeKind.TRIAL | ProbeKind.WITNESS:
                return Answer.UNWANTED

    def _probe_answered(
        self,
        sequence: int | None,
        source: IPAddress,
        received_at: float,
        sent_at: float | None,
    ) -> Answer:
        found = self.history.find(sequence, source)
        if isinstance(found, Answer):
            if sequence is None:
                # It does not say which kind of probe it answers.
                measured = self._measurement_answered(sequence, source, received_at, sent_at)
                return measured if measured is Answer.MEASURED else found
            return found
        answer = self.history.answered(found, received_at, sent_at)
        if self.last_success_at is None or received_at > self.last_success_at:
            self.last_success_at = received_at
        target = self.history.target_of(found)
        target.answered += 1
        target.missed = 0
        self._meet(target.address)
        target.refused = 0
        if self._targets.seeks_stand_ins and not target.is_stand_in:
            for host in self._targets.dismiss_stand_ins():
                self.forget(host)
        is_in_burst = self._is_in_burst(target, received_at)
        target.answered_at = received_at
        rtt = self._round_trip(target, received_at - self.history.sent_at(found))
        if rtt is not None and not is_in_burst:
            interval = self._detection.interval
            target.round_trip.sample(rtt, interval)
            if target.round_trip.crtt > interval:
                self._too_slow(target, received_at)
        return answer

    def _meet(self, address: IPAddress) -> None:
        self.met[address] = None
        if len(self.met) > MOST_MET:
            del self.met[next(iter(self.met))]

    def _is_in_burst(self, target: Target, received_at: float) -> bool:
        """What comes so close together has waited for the same thing, the answer to an ARP request
        say: it is one measurement, and no proof that the network is slow."""
        before = target.answered_at
        return before is not None and received_at - before < BURST * self._detection.interval

    def _measurement_answered(
        self,
        sequence: int | None,
        source: IPAddress,
        received_at: float,
        sent_at: float | None,
    ) -> Answer:
        history = self.measuring.history
        found = history.find(sequence, source)
        if isinstance(found, Answer):
            return found
        history.answered(found, received_at)
        target = history.target_of(found)
        sent = history.sent_at(found) if sent_at is None else sent_at
        rtt = self._round_trip(target, received_at - sent)
        if rtt is not None:
            target.round_trip.sample_if_better(rtt)
        return Answer.MEASURED

    def _host_answered(self, sequence: int | None, source: IPAddress, received_at: float) -> Answer:
        objection = self.discovery.objection(sequence)
        if objection is not None:
            return objection
        is_admitted = self.admits(source, received_at)
        if not is_admitted or not self._targets.add_host(source, received_at):
            return Answer.UNWANTED
        self.facts.append(HostFound(self._interface, self._family, source))
        return Answer.HOST_FOUND

    def _round_trip(self, target: Target, rtt: float) -> float | None:
        """The round trip, if it is worth something."""
        if rtt < 0:
            self.facts.append(ClockAnomaly(self._interface, self._family, target.address, rtt))
            return None
        if rtt > SIZE * self._detection.interval or not self.is_measuring:
            return None
        return rtt

    def _too_slow(self, target: Target, now: float) -> None:
        """Set an outlier aside, or give all of the group more time (behaviours 57, 58)."""
        detection = self._detection
        if self._targets.is_outlier(target, detection.interval):
            self._targets.retire(target, now, TargetState.SLOW)
            self.forget(target)
            self.facts.append(TargetSlow(self._interface, self._family, target.address))
            return
        detection.raise_for(target.round_trip.crtt, now)
        raised = (detection.requested_ms, detection.current_ms)
        self.facts.append(DetectionTimeRaised(self._interface, self._family, *raised))
