"""From where each member probes, and what is to be told of its test addresses (solaris.md 1.4)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Report
from rcmd.ipmp.api.source_news import SourceState, SourceWatch
from rcmd.ipmp.placement.link_local import missing_link_local
from rcmd.ipmp.probing.group import ProbeGroup, ProberKey
from rcmd.ipmp.probing.prober import Prober
from rcmd.ipmp.probing.source import (
    LINK_LOCAL,
    AddressCandidate,
    ProbeSource,
    choose_address,
    duplicates,
    source_for,
)
from rcmd.ipmp.rules.address_flags import IFA_F_DADFAILED, IFA_F_TENTATIVE
from rcmd.ipmp.state.group_state import Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.model.kinds import AddressKind, ProbeMethod
from rcmd.model.network import Family, IPAddress, IPInterface, IPNetwork, family_of


@dataclass(slots=True)
class ProbeSources:
    scene: Scene
    deadline: float | None = None
    """When there may be something to tell although nothing changes."""
    _states: dict[str, SourceState] = field(default_factory=dict)
    _watches: dict[str, SourceWatch] = field(default_factory=dict)

    def choose(
        self,
        members: Sequence[Member],
        setting: ProbeMethod,
        group: ProbeGroup,
        families_with_routers: Collection[Family],
    ) -> dict[ProberKey, ProbeSource]:
        """The source of every member of one group and family.

        That of its prober is kept where it will do.

        A test address that two members have serves neither (behaviour 18).
        """
        sources: dict[ProberKey, ProbeSource] = {}
        self._states.update((member.name, SourceState.ABSENT) for member in members)
        candidates = {member.name: tuple(self._candidates(member)) for member in members}
        for family in Family:
            networks = self._networks(members, family)
            chosen = {
                name: choose_address(family, found, _source_of(group.probers.get((name, family))))
                for name, found in candidates.items()
            }
            doubled = duplicates({name: [it.ip] for name, it in chosen.items() if it is not None})
            for member in members:
                name = member.name
                if family not in member.config.families:
                    continue
                address = None if name in doubled else chosen[name]
                has_routers = family in families_with_routers
                source = source_for(
                    setting,
                    address,
                    has_targets=has_routers or _has_hosts(group, name, family, address),
                    blocked=_blocked(group, name, family, has_routers=has_routers),
                    networks=networks,
                )
                sources[name, family] = source
                if name in doubled and setting is not ProbeMethod.ARP:
                    self._states[name] = SourceState.DUPLICATE
                elif source.is_enabled and self._states[name] is not SourceState.DUPLICATE:
                    self._note_probed(name, source)
        return sources

    def _note_probed(self, name: str, source: ProbeSource) -> None:
        """Of two families one with a test address is enough."""
        if source.address is not None:
            self._states[name] = SourceState.USABLE
        elif self._states[name] is SourceState.ABSENT:
            self._states[name] = SourceState.NOT_NEEDED

    def _networks(self, members: Sequence[Member], family: Family) -> list[IPNetwork]:
        """Where the hosts of the link are, as far as the addresses of the group tell."""
        if family is Family.IPV6:
            return [LINK_LOCAL]
        addresses = {it.address for member in members for it in member.config.addresses}
        for member in members:
            addresses |= self.scene.view.addresses.get(member.ifindex, {}).keys()
        networks = {it.network for it in addresses if family_of(it) is family}
        return sorted(it for it in networks if 0 < it.prefixlen < it.max_prefixlen)

    def _candidates(self, member: Member) -> Iterator[AddressCandidate]:
        """The configured test addresses that the kernel has, and the link-local addresses."""
        held = self.scene.view.addresses.get(member.ifindex, {})
        present = {address.ip for address in held}
        for address in member.config.addresses:
            is_there = address.address.ip in present or self._is_returning(address.address.ip)
            if address.kind is AddressKind.TEST and is_there:
                yield AddressCandidate(
                    address.address,
                    is_test=True,
                    is_up=address.is_up,
                    is_deprecated=address.is_deprecated,
                )
        for found in held.values():
            is_usable = not found.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)
            if found.family is Family.IPV6 and found.address.ip.is_link_local and is_usable:
                is_deprecated = found.preferred_s == 0
                yield AddressCandidate(found.address, is_test=True, is_deprecated=is_deprecated)
        missing = missing_link_local(self.scene, member)
        if missing is not None and self._is_returning(missing.address.ip):
            yield AddressCandidate(missing.address, is_test=True)

    def _is_returning(self, key: IPAddress) -> bool:
        """That it is away says nothing: a failed interface must not be repaired by that."""
        return self.scene.losses.is_returning(key) and key not in self.scene.ledger.withdrawn

    def witness(self, member: Member, family: Family) -> IPAddress | None:
        """An address that the kernel answers for by this member: one that stays, if it can be."""
        addresses = [it.address.ip for it in self._candidates(member)]
        addresses += [it.ip for it in self.scene.view.addresses.get(member.ifindex, ())]
        fit = (it for it in addresses if family_of(it) is family and not it.is_unspecified)
        return next((it for it in fit if family is Family.IPV4 or it.is_link_local), None)

    # --- what is missing, or not unique ---

    def watch(self, members: Sequence[Member], now: float) -> list[Report]:
        """Tell what is missing or not unique, and when that has changed (behaviours 18, 19)."""
        reports: list[Report] = []
        for member in members:
            if not member.ifindex or member.intent is not Intent.IN:
                self._watches.pop(member.name, None)
                continue
            watch = self._watches.setdefault(member.name, SourceWatch(now))
            news = watch.seen(self._states[member.name], now)
            if news is not None:
                reports.append(messages.test_address(member.name, news))
        return reports

    def link_came_up(self, name: str, now: float) -> None:
        """A device that was set down has to get its IPv6 addresses anew."""
        if name in self._watches:
            self._watches[name].restart(now)

    def is_awaited(self, member: Member, now: float) -> bool:
        """It has no test address yet, and is about to get one: too early to go by the link."""
        deadline = self._deadline(member.name)
        is_coming = Family.IPV6 in member.config.families or any(self.scene.test_addresses(member))
        return is_coming and deadline is not None and now < deadline

    def _deadline(self, name: str) -> float | None:
        watch = self._watches.get(name)
        return watch.deadline(self._states[name]) if watch else None

    def look_ahead(self) -> None:
        """Set `deadline`, after everything was watched; it is asked for many times a second."""
        deadlines = (self._deadline(name) for name in self._watches)
        self.deadline = min((it for it in deadlines if it is not None), default=None)

    def keep_only(self, names: Collection[str]) -> None:
        """The others are no longer probed, or no longer configured."""
        for name in self._states.keys() - set(names):
            del self._states[name]
            self._watches.pop(name, None)


def _source_of(prober: Prober | None) -> IPAddress | None:
    return prober.source.address if prober is not None else None


def _has_hosts(group: ProbeGroup, name: str, family: Family, address: IPInterface | None) -> bool:
    """Hosts that were found by echo, or that this machine talks to, can be asked by ARP as well.

    Who is asked without a test address goes on to be: that all hosts have fallen silent must not
    look as if nobody had wanted to know.
    """
    prober = group.probers.get((name, family))
    if group.found[family].has_neighbours:
        return True
    if prober is None:
        return False
    return len(prober.targets) > 0 if address else prober.source.address is None


def _blocked(
    group: ProbeGroup, name: str, family: Family, *, has_routers: bool
) -> frozenset[ProbeMethod]:
    """By which methods nothing can be sent, or no host answers."""
    prober = group.probers.get((name, family))
    blocked = frozenset(prober.dispatch.blocked) if prober is not None else frozenset()
    is_deaf = group.found[family].asks_by_arp and not has_routers
    return blocked | {ProbeMethod.ICMP} if is_deaf else blocked
