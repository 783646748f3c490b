"""The probers of one group, and what they share: targets and the detection time.

Routers go to every member, hosts that one member finds go to all (solaris.md 1.5); the detection
time is raised and lowered for all together (1.6).  An interface without a group has a `ProbeGroup`
of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rcmd.ipmp.api.events import Neighbour
from rcmd.ipmp.api.probes import Answer, DetectionTimeLowered, ProbeFact, ProbeKind
from rcmd.ipmp.probing.found_hosts import FoundHosts
from rcmd.ipmp.probing.history import ANSWERS_TO_REPAIR, LOSSES_TO_FAIL
from rcmd.ipmp.probing.missed_probes import MissedProbes
from rcmd.ipmp.probing.prober import Prober
from rcmd.ipmp.probing.result import ProbeVerdict, verdict_of
from rcmd.ipmp.probing.timing import DetectionTime
from rcmd.model.network import Family, IPAddress, family_of

ProberKey = tuple[str, Family]


class ProbeGroup:
    def __init__(self, requested_ms: int, *, is_anonymous: bool = False) -> None:
        self.is_anonymous = is_anonymous
        self.detection = DetectionTime(requested_ms)
        self.probers: dict[ProberKey, Prober] = {}
        self.found = {family: FoundHosts(family, self.probers) for family in Family}
        self.has_failed = False
        self.pinned: frozenset[IPAddress] = frozenset()
        """The targets that somebody named."""
        self._missed = MissedProbes()
        self._facts: list[ProbeFact] = []

    # --- members ---

    def add(self, prober: Prober, now: float) -> None:
        """A member joins; without targets it takes over the hosts that others have found.

        Call it after the source of the prober was set: hosts have to be in its prefix.
        """
        for known in self._of_family(prober.family):
            if known.targets.seeks_stand_ins:
                prober.seek_stand_ins()
            elif prober.targets.active:
                break
            for host in known.targets.hosts:
                prober.add_host(host, now)
        self.probers[prober.interface, prober.family] = prober
        self.found[prober.family].enlist(prober)
        prober.missed = self._missed

    def remove(self, interface: str, family: Family) -> None:
        del self.probers[interface, family]
        if not self.probers:
            self.detection.request(self.detection.requested_ms)

    @property
    def interfaces(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(interface for interface, _ in self.probers))

    def of_interface(self, interface: str) -> Iterator[Prober]:
        for family in Family:
            prober = self.probers.get((interface, family))
            if prober is not None:
                yield prober

    def _of_family(self, family: Family) -> Iterator[Prober]:
        return (prober for prober in self.probers.values() if prober.family is family)

    def request_detection(self, requested_ms: int, now: float) -> None:
        """The configuration asks for another detection time."""
        self.detection.request(requested_ms)
        for prober in self.probers.values():
            prober.detection_changed(now)

    # --- targets ---

    def set_routers(
        self, family: Family, pinned: Sequence[IPAddress], routers: Sequence[IPAddress], now: float
    ) -> None:
        """Pinned targets come before routers (behaviour 47); both before hosts."""
        others = {address for address in self.pinned if family_of(address) is not family}
        self.pinned = frozenset((*others, *pinned))
        for prober in self._of_family(family):
            prober.set_routers([*pinned, *routers], now, keeps_vanished=self.has_failed)

    @property
    def seeks_stand_ins(self) -> bool:
        """For routers that all members have found silent."""
        return any(prober.targets.seeks_stand_ins for prober in self.probers.values())

    def neighbours_seen(self, neighbours: Sequence[Neighbour], now: float) -> bool:
        """Whom this machine talks to by the devices of this group; has that changed anything?"""
        changes = [
            found.seen([it for it in neighbours if family_of(it.address) is family], now)
            for family, found in self.found.items()
        ]
        return any(changes)

    # --- answers ---

    def answered(
        self,
        interface: str,
        family: Family,
        sequence: int | None,
        source: IPAddress,
        received_at: float,
        kind: ProbeKind = ProbeKind.UNICAST,
        sent_at: float | None = None,
    ) -> Answer:
        """As `Prober.answered`; a host found by one member is a target for all."""
        prober = self.probers.get((interface, family))
        if prober is None:
            return Answer.LINK_DOWN
        if kind is ProbeKind.WITNESS:
            return self.found[family].witnessed(interface, source, received_at)
        answer = prober.answered(sequence, source, received_at, kind, sent_at)
        if answer is Answer.HOST_FOUND:
            self.found[family].share(prober, source, received_at)
        elif self.detection.is_raised and self.detection.may_lower(received_at):
            self._lower(prober, received_at)
        return answer

    def _lower(self, prober: Prober, now: float) -> None:
        crtts = (
            target.round_trip.crtt
            for each in self.probers.values()
            if each.is_running and each.is_capable
            for target in each.targets.active
        )
        if self.detection.lower(crtts, now):
            current_ms = self.detection.current_ms
            self._facts.append(DetectionTimeLowered(prober.interface, prober.family, current_ms))

    # --- judgement ---

    def review(self, prober: Prober, now: float) -> bool:
        """After each turn: hosts may be silent in a way that proves nothing; is none left?

        One that has no group has nobody to compare with, and nothing of it moves.
        """
        return not self.is_anonymous and self.found[prober.family].review(prober, now)

    def verdict(self, interface: str) -> ProbeVerdict:
        return verdict_of(self.of_interface(interface))

    def judged(self, interface: str, *, is_running: bool) -> None:
        """The interface was found to function, or not to: round trips then count, or are reset."""
        for prober in self.of_interface(interface):
            prober.judged(is_running=is_running)

    def failed(self) -> None:
        """All failed at once: perhaps it was the hosts; look for others (behaviour 52)."""
        self.has_failed = True
        pinned = {family_of(address) for address in self.pinned}
        for prober in self.probers.values():
            prober.judged(is_running=False)
            prober.flush_hosts()
            if prober.family not in pinned:
                # Targets that somebody named have no substitutes.
                prober.seek_stand_ins()

    def repaired(self) -> None:
        """One member at least functions again; `judged` says which."""
        self.has_failed = False

    def strangers(self) -> Mapping[str, tuple[IPAddress, ...]]:
        """Interface -> targets that answer other members and never answered this one.

        With its link up and ten probes lost: probably on another IP link, a configuration fault.
        """
        silent = [
            (prober.interface, target.address)
            for prober in self.probers.values()
            if prober.is_capable and not prober.is_quiet
            for target in prober.targets
            if not target.answered and target.lost >= ANSWERS_TO_REPAIR
        ]
        found: dict[str, tuple[IPAddress, ...]] = {}
        answering = self._answering() if silent else frozenset()
        for interface, address in silent:
            if address in answering:
                found[interface] = (*found.get(interface, ()), address)
        return found

    def _answering(self) -> frozenset[IPAddress]:
        """The targets that answer somebody, and have not fallen silent there as well."""
        return frozenset(
            target.address
            for prober in self.probers.values()
            if prober.is_capable
            for target in prober.targets
            if target.answered and prober.history.losses(target)[0] < LOSSES_TO_FAIL
        )

    def take_facts(self) -> list[ProbeFact]:
        """What has happened since the last call that is worth telling."""
        facts, self._facts = self._facts, []
        if missed := self._missed.take():
            facts.append(missed)
        for prober in self.probers.values():
            facts += prober.take_facts()
        return facts
