"""Hosts that were found, not named: which of them are targets, and what their silence proves.

Anybody on the link may answer, and stop answering when it likes, or one member only.  So hosts are
believed less than routers: when they are silent the members ask each other.  Two of our own NICs
that reach each other are a better witness than any stranger: while one is heard by another it has
not failed.  Where nobody can be such a witness, hosts count only if they answered before and still
answer another member.  Those that prove nothing are given up, and others looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial

from rcmd.ipmp.api.events import Neighbour
from rcmd.ipmp.api.probes import Answer, HostsSilent, ProbeKind, ProbeRequest
from rcmd.ipmp.probing.acquaintance import Acquaintance
from rcmd.ipmp.probing.prober import Prober
from rcmd.ipmp.probing.targets import TargetKind
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family, IPAddress

LOSSES_TO_DOUBT = 2
"""Losses on end before the other members are asked whether they hear this one."""
MISSES_TO_GIVE_UP = 2


class FoundHosts:
    """Of one group and family; `probers` are those of the group, as it changes."""

    def __init__(self, family: Family, probers: Mapping[tuple[str, Family], Prober]) -> None:
        self._family = family
        self._all = probers
        self._known = Acquaintance()
        self._witnesses: dict[str, tuple[IPAddress, ...]] = {}
        """Interface -> addresses of the other members."""
        self._witnessed_at: dict[str, float] = {}
        """When one of them last said that it hears it."""
        self.asks_by_arp = False
        """Nobody answers an echo request, as behind the packet filter of many a host."""

    @property
    def has_neighbours(self) -> bool:
        """There is somebody to ask whether it would be a target."""
        return self._known.has_neighbours

    @property
    def _probers(self) -> list[Prober]:
        return [prober for prober in self._all.values() if prober.family is self._family]

    def enlist(self, prober: Prober) -> None:
        prober.beside = partial(self._beside, prober)
        prober.reception.admits = partial(self._admits, prober)

    def _beside(self, prober: Prober, now: float) -> Iterator[ProbeRequest]:
        if prober.is_enabled:
            yield from map(prober.search, self._candidates(prober, now))
        yield from self._calls(prober)

    # --- finding them ---

    def seen(self, neighbours: Iterable[Neighbour], now: float) -> bool:
        """Whom this machine talks to; has anything changed for the probers?"""
        targets = {host for prober in self._probers for host in prober.targets.hosts}
        self._known.seen(neighbours, targets, now)
        parted = [self._part_kin(prober) for prober in self._probers]
        return self._choose_method() or any(parted)

    def _part_kin(self, prober: Prober) -> bool:
        """Of targets that turn out to be one host the best stays."""
        before = self._known.in_order(prober.targets.hosts)
        kept: list[IPAddress] = []
        for host in before:
            if any(self._known.are_one(host, other) for other in kept):
                prober.remove_host(host)
            else:
                kept.append(host)
        return len(kept) < len(before)

    def _choose_method(self) -> bool:
        """By ARP, once everybody has been asked by echo in vain; has that changed?"""
        before = self.asks_by_arp
        probers = [prober for prober in self._probers if prober.targets.kind is TargetKind.HOSTS]
        has_targets = any(len(prober.targets) for prober in self._probers)
        if not before and probers and not has_targets:
            self.asks_by_arp = all(
                self._known.are_deaf(prober.targets.could_take) for prober in probers
            )
        elif before:
            self.asks_by_arp = bool(probers) and (has_targets or self.has_neighbours)
        if self.asks_by_arp is not before:
            self._known.ask_anew()
        return self.asks_by_arp is not before

    def _candidates(self, prober: Prober, now: float) -> Iterable[IPAddress]:
        """Neighbours to be asked now; what any of the members hears from them is for all."""
        targets = prober.targets
        if targets.kind is TargetKind.ROUTERS and not targets.seeks_stand_ins:
            return ()
        hosts = targets.hosts

        def is_wanted(address: IPAddress) -> bool:
            return (
                targets.could_take(address)
                and not self._known.is_shunned(prober.interface, address, now)
                and not any(self._known.are_one(address, host) for host in hosts)
                and (targets.has_room or self._outranks(address, hosts))
            )

        return self._known.to_ask(now, is_wanted)

    def _outranks(self, address: IPAddress, hosts: tuple[IPAddress, ...]) -> bool:
        return bool(hosts) and self._known.is_before(address, self._known.in_order(hosts)[-1])

    def _admits(self, prober: Prober, address: IPAddress, now: float) -> bool:
        """Whether a host that answers may become a target; a worse one makes room for it."""
        targets, known = prober.targets, self._known
        known.answered(address, now)
        if not targets.could_take(address) or known.is_shunned(prober.interface, address, now):
            return False
        kin = [host for host in targets.hosts if known.are_one(host, address)]
        if any(not known.is_before(address, host) for host in kin):
            return False
        if not kin and not targets.has_room:
            if not self._outranks(address, targets.hosts):
                return False
            kin = known.in_order(targets.hosts)[-1:]
        for host in kin:
            prober.remove_host(host)
        return True

    def share(self, finder: Prober, address: IPAddress, now: float) -> None:
        """What one member has found is a target of all (behaviour 45)."""
        for prober in self._probers:
            if prober is not finder and self._admits(prober, address, now):
                prober.add_host(address, now)

    # --- what they prove ---

    def introduce(self, interface: str, witnesses: tuple[IPAddress, ...]) -> None:
        self._witnesses[interface] = witnesses

    def witnessed(self, interface: str, witness: IPAddress, at: float) -> Answer:
        """Another member has heard it."""
        if witness not in self._witnesses.get(interface, ()):
            return Answer.FAKE
        self._witnessed_at[interface] = at
        return Answer.WITNESSED

    def _calls(self, prober: Prober) -> Iterator[ProbeRequest]:
        """Before hosts are believed the other members are asked."""
        if self._is_judged(prober) and prober.history.losses()[0] >= LOSSES_TO_DOUBT:
            who = (prober.interface, self._family, ProbeMethod.ARP, ProbeKind.WITNESS, 0, None)
            for address in self._witnesses.get(prober.interface, ()):
                yield ProbeRequest(*who, address)

    def _is_judged(self, prober: Prober) -> bool:
        """By hosts alone; one that has failed is only waited for."""
        return prober.targets.kind is TargetKind.HOSTS and prober.is_running

    def review(self, prober: Prober, now: float) -> bool:
        """Five losses on end, all of hosts, that prove nothing: forget them; is nobody left?"""
        since = prober.first_loss_at
        if since is None or not self._is_judged(prober) or self._is_cut_off(prober, since):
            return False
        self._give_up_silent(prober, now, is_heard=self._is_heard(prober, since))
        prober.history.clear()
        return not len(prober.targets)

    def _give_up_silent(self, prober: Prober, now: float, *, is_heard: bool) -> None:
        """Not those that have missed just one: an answer may be late."""
        silent = tuple(it.address for it in prober.targets if it.missed >= MISSES_TO_GIVE_UP)
        for host in silent:
            prober.remove_host(host)
            if is_heard:
                # It is its own doing; and it might be found again at once.
                self._known.shun(prober.interface, host, now)
        if silent:
            fact = HostsSilent(prober.interface, self._family, silent, is_heard)
            prober.reception.facts.append(fact)

    def _is_heard(self, prober: Prober, since: float) -> bool:
        return _is_after(self._witnessed_at.get(prober.interface), since)

    def _is_cut_off(self, prober: Prober, since: float) -> bool:
        """No other member hears it, though some could; else somebody who has answered it before
        still answers another."""
        if self._witnesses.get(prober.interface):
            return not self._is_heard(prober, since)
        met = prober.reception.met
        return any(host in met for host in self._answering_others(prober, since))

    def _answering_others(self, prober: Prober, since: float) -> Iterator[IPAddress]:
        """Its targets that have answered another member meanwhile."""
        for other in self._probers:
            for target in other.targets:
                is_common = other is not prober and target.address in prober.targets.hosts
                if is_common and _is_after(target.answered_at, since):
                    yield target.address


def _is_after(at: float | None, since: float) -> bool:
    return at is not None and at > since
