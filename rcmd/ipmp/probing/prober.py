"""One interface and one family: what to send when, and what the answers mean (solaris.md 1.3).

The caller empties its sockets, gives every answer to `answered`, and then calls `due`.  The order
matters: nobody may be called silent while his answer lies unread.  So `due` is told when the
sockets were last seen empty, and does nothing until that is after its deadline.  If it is called
more than an interval late all the same, our own process slept: what was under way then is not
held against anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random

from rcmd.ipmp.api.probes import (
    Answer,
    ProbeFact,
    ProbeKind,
    ProbeRequest,
    ProbesNotSent,
    ProbesSentAgain,
    Statistics,
    TargetDead,
    TargetUnreachable,
)
from rcmd.ipmp.probing.clock import SHORTEST, ProbeClock
from rcmd.ipmp.probing.discovery import ALL_HOSTS
from rcmd.ipmp.probing.dispatch import BLOCKED_AFTER, Dispatch
from rcmd.ipmp.probing.history import LOSSES_TO_FAIL
from rcmd.ipmp.probing.missed_probes import MissedProbes
from rcmd.ipmp.probing.quiet_period import QuietPeriod
from rcmd.ipmp.probing.replies import Reception
from rcmd.ipmp.probing.source import ProbeSource
from rcmd.ipmp.probing.targets import Target, TargetList
from rcmd.ipmp.probing.timing import DetectionTime
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family, IPAddress
from rcmd.model.status import TargetState


class Prober:
    """`interface` and `family` say who; `targets` whom; `detection` is shared by the group."""

    def __init__(
        self,
        interface: str,
        family: Family,
        targets: TargetList,
        detection: DetectionTime,
        random: Random,
    ) -> None:
        self.interface = interface
        self.family = family
        self.targets = targets
        self.source = ProbeSource()
        self.reception = Reception(interface, family, targets, detection)
        self.history = self.reception.history
        self.dispatch = Dispatch()
        self.beside: Callable[[float], Iterable[ProbeRequest]] = lambda _now: ()
        """What its group has it ask each time besides its targets."""
        self.missed = MissedProbes()
        """Its group puts its own in the place of this one."""
        self._detection = detection
        self._clock = ProbeClock(detection.requested_interval, random)
        self._is_started = False
        self._is_link_up = True
        self._quiet = QuietPeriod()

    # --- being set up ---

    def set_source(self, source: ProbeSource, own: frozenset[IPAddress], now: float) -> None:
        """How to probe; `own` are all addresses of our own, which are never targets.

        Another address or method makes everything known so far worthless (1.4).
        """
        is_same = (source.method, source.address) == (self.source.method, self.source.address)
        self.source = source
        if not is_same:
            self._begin_anew()
            self.reset_round_trips()
            self._restart(now)
        self._give_up(self.targets.confine(source.prefix, own, now, source.host_prefixes))

    def _begin_anew(self) -> None:
        self.reception.forget_all()
        for target in self.targets:
            target.refused = 0

    def start(self, now: float) -> None:
        """Begin to probe; the quiet period begins with the first start only."""
        self._is_started = True
        self._quiet.begin(now)
        self._restart(now)

    def stop(self) -> None:
        """Offline, or leaving: nothing is sent, nothing is judged."""
        self._is_started = False
        self._clock.stop()
        self.reception.forget_all()

    def link_changed(self, now: float, *, is_up: bool) -> None:
        """Old answers say nothing about a link that was down (behaviour 38)."""
        if is_up is self._is_link_up:
            return
        self._is_link_up = is_up
        self.reception.forget_all()
        self._restart(now)

    def detection_changed(self, now: float) -> None:
        """The detection time was requested anew."""
        if self._clock.interval != self._detection.requested_interval:
            self._clock.interval = self._detection.requested_interval
            self._restart(now)

    def judged(self, *, is_running: bool) -> None:
        """The interface functions, or it (or its group) failed.

        Only then round trips are taken, and a silent target is suspected.
        """
        if self.is_running and not is_running:
            self.reset_round_trips()
        self.reception.is_measuring = is_running

    @property
    def is_running(self) -> bool:
        return self.reception.is_measuring

    def _restart(self, now: float) -> None:
        if self._is_started and self._is_link_up and self.source.is_enabled:
            self._clock.start(now, self._detection.interval)
        else:
            self._clock.stop()

    # --- targets ---

    def set_routers(
        self, routers: Sequence[IPAddress], now: float, *, keeps_vanished: bool = False
    ) -> None:
        """Pinned targets and routers, in this order (behaviours 44, 47, 53)."""
        self._give_up(self.targets.set_routers(routers, now, keeps_vanished=keeps_vanished))

    def add_host(self, address: IPAddress, now: float) -> None:
        """A host that another member of the group found: it has answered that one only."""
        self.targets.add_host(address, now)

    def remove_host(self, address: IPAddress) -> None:
        self._give_up([self.targets.remove_host(address)])

    def flush_hosts(self) -> None:
        """The group failed (behaviour 52)."""
        self._give_up(self.targets.flush_hosts())

    def seek_stand_ins(self) -> None:
        """Nobody knows whether it is the routers or the way to them: look for hosts as well."""
        self.targets.seeks_stand_ins = True

    def reset_round_trips(self) -> None:
        """The interface or its group failed, or its test address is another."""
        for target in self.targets:
            target.round_trip.reset()

    def _give_up(self, targets: Sequence[Target]) -> None:
        for target in targets:
            self.reception.forget(target)
        if targets and not len(self.targets):
            # Losses to targets that no longer exist must not meet those to come.
            self.history.clear()

    # --- what is known ---

    @property
    def is_enabled(self) -> bool:
        """There is something to probe from, and what is sent does leave."""
        return self.source.is_enabled and not self.dispatch.is_blocked(self.source.method)

    @property
    def is_capable(self) -> bool:
        """It is being probed, and there is somebody to probe: only then it has a vote."""
        is_probed = self._clock.next_at is not None and self.is_enabled
        return is_probed and bool(self.targets.active)

    @property
    def is_quiet(self) -> bool:
        """Losses mean nothing yet."""
        return self._quiet.is_on

    @property
    def first_loss_at(self) -> float | None:
        """When the run of losses that makes a failure began (TFF); None while there is none."""
        if self._quiet.is_on:
            return None
        count, first_at = self.history.losses()
        return first_at if count >= LOSSES_TO_FAIL else None

    @property
    def is_repaired(self) -> bool:
        return self.history.is_repaired()

    @property
    def last_success_at(self) -> float | None:
        """When the last answer to a probe that counts was received."""
        return self.reception.last_success_at

    def statistics(self) -> Statistics:
        known, clock = self.history, self._clock
        return Statistics(
            sent=known.next,
            acked=known.acked,
            lost=known.lost,
            unacked=known.unacked,
            unknown=known.unknown,
            missed=clock.missed,
            occurrences=clock.occurrences,
        )

    def take_facts(self) -> list[ProbeFact]:
        """What has happened since the last call that is worth telling."""
        facts = self.reception.facts.copy()
        self.reception.facts.clear()
        return facts

    # --- the clock ---

    def deadline(self) -> float | None:
        """When `due` has something to do; None while nothing is probed."""
        return self._clock.next_at

    def due(self, now: float, drained_at: float) -> tuple[ProbeRequest, ...]:
        """Judge what was sent, and say what to send now.

        `drained_at`: when the caller began to read all that was in its sockets, until they were
        empty.  If that was before the deadline nothing happens: read, and call again.
        """
        deadline = self._clock.next_at
        if deadline is None or now < deadline or drained_at < deadline:
            return ()
        was_asleep = now - deadline > self._clock.interval
        missed = self._clock.fire(now)
        self.missed.now = now
        if missed:
            self.missed.note(self.interface, missed, now)
        self._see_what_left(now)
        if self.reception.measuring.has_turn(now):
            if was_asleep:
                self.history.excuse()
            requests = self._measure(now)
        else:
            requests = self._probe(now, drained_at, was_asleep=was_asleep)
        requests += self._trial(now)
        for request in requests:
            if request.kind is not ProbeKind.WITNESS:
                self.dispatch.asked(request.method, now)
        return requests

    def _see_what_left(self, now: float) -> None:
        """All that did not leave of what was asked for before has been told by now."""
        who = (self.interface, self.family)
        for change in self.dispatch.settle(now):
            if change.reason:
                self.reception.facts.append(ProbesNotSent(*who, change.method, change.reason))
            else:
                self.reception.facts.append(ProbesSentAgain(*who, change.method))
            if change.method is self.source.method:
                # Losses before and after have nothing to do with each other.
                self._begin_anew()
        if not self.dispatch.is_failing(self.source.method):
            for target in [it for it in self.targets.active if it.refused >= BLOCKED_AFTER]:
                self._leave_out(target, now)

    def _leave_out(self, target: Target, now: float) -> None:
        """Nothing can be sent to it, while probes to others leave: it would only cost turns."""
        if target.refused == BLOCKED_AFTER:
            reason = self.dispatch.reason(self.source.method)
            fact = TargetUnreachable(self.interface, self.family, target.address, reason)
            self.reception.facts.append(fact)
        self.targets.retire(target, now, TargetState.DEAD)
        self._give_up([target])

    def _probe(
        self, now: float, drained_at: float, *, was_asleep: bool
    ) -> tuple[ProbeRequest, ...]:
        if was_asleep:
            self.history.excuse()
        else:
            interval = self._clock.interval
            self.history.settle(drained_at, self._detection.interval, SHORTEST * interval)
        needs_hosts = self._look_back(now)
        target = self.targets.next(now)
        requests: tuple[ProbeRequest, ...] = ()
        if target is not None:
            sequence = self.history.record(target, now)
            requests = (self._request(ProbeKind.UNICAST, sequence, target.address),)
        if (needs_hosts or self.targets.wants_hosts) and self.source.method is ProbeMethod.ICMP:
            requests += (self.search(ALL_HOSTS[self.family]),)
        return (*requests, *self.beside(now))

    def search(self, address: IPAddress) -> ProbeRequest:
        """Ask somebody, or everybody, who might be a target."""
        return self._request(ProbeKind.SEARCH, self.reception.discovery.record(), address)

    def _look_back(self, now: float) -> bool:
        """One silent target among others is dead, and no failure of ours (behaviour 50).

        Returns whether hosts should be looked for at once, because one was given up.
        """
        newest = self.history.newest_decided()
        if newest is None:
            return False
        is_answered = self.history.is_answered(newest)
        self._quiet.look(now, is_answered=is_answered)
        if is_answered or self._quiet.is_on or not self.is_running:
            return False
        target = self.history.target_if_kept(newest)
        if target is None or not self.history.is_silent_alone(target):
            return False
        is_host = self.targets.retire(target, now, TargetState.DEAD)
        self._give_up([target])
        self.reception.facts.append(TargetDead(self.interface, self.family, target.address))
        return is_host

    def _measure(self, now: float) -> tuple[ProbeRequest, ...]:
        probe = self.reception.measuring.record(self.targets.active, now)
        if probe is None:
            return ()
        sequence, target = probe
        return (self._request(ProbeKind.ROUND_TRIP, sequence, target.address),)

    def _trial(self, now: float) -> tuple[ProbeRequest, ...]:
        """By a method that was given up: perhaps it works again."""
        source = self.source
        method = self.dispatch.due_for_trial(source.method, now)
        is_echo = method is ProbeMethod.ICMP
        if method is None or (is_echo and source.address is None):
            return ()
        if self.targets.active:
            target = self.targets.active[0].address
        elif is_echo:
            target = ALL_HOSTS[self.family]
        else:
            return ()
        who = (self.interface, self.family)
        return (ProbeRequest(*who, method, ProbeKind.TRIAL, 0, source.address, target),)

    def _request(self, kind: ProbeKind, sequence: int, target: IPAddress) -> ProbeRequest:
        source = self.source
        return ProbeRequest(
            self.interface, self.family, source.method, kind, sequence, source.address, target
        )

    def sent(self, request: ProbeRequest, at: float) -> None:
        """The request really left at `at`; better than the `now` of `due` if that is known."""
        match request.kind:
            case ProbeKind.UNICAST:
                self.history.correct_sent_at(request.sequence, at)
            case ProbeKind.ROUND_TRIP:
                self.reception.measuring.history.correct_sent_at(request.sequence, at)
            case ProbeKind.SEARCH | ProbeKind.TRIAL | ProbeKind.WITNESS:
                pass

    def unsent(self, request: ProbeRequest, reason: str) -> None:
        """The request never left: nothing can be concluded from the silence that follows."""
        if request.kind is not ProbeKind.WITNESS:
            self.dispatch.refused(request.method, reason)
        match request.kind:
            case ProbeKind.UNICAST:
                target = self.history.excuse_one(request.sequence)
                if target is not None:
                    target.refused += 1
            case ProbeKind.ROUND_TRIP:
                self.reception.measuring.history.excuse_one(request.sequence)
            case ProbeKind.SEARCH | ProbeKind.TRIAL | ProbeKind.WITNESS:
                pass

    # --- answers ---

    def answered(
        self,
        sequence: int | None,
        source: IPAddress,
        received_at: float,
        kind: ProbeKind = ProbeKind.UNICAST,
        sent_at: float | None = None,
    ) -> Answer:
        """Take in an answer that came in on this interface.

        `sequence` and `kind` are what the answer brought back; ARP and neighbour advertisements
        bring nothing back: None.  `received_at` is the kernel's time of reception, on the clock of
        `now`; `sent_at` when the probe was handed to the kernel, where that is known.
        """
        if self._clock.next_at is None:
            return Answer.LINK_DOWN
        return self.reception.answered(sequence, source, received_at, kind, sent_at)
