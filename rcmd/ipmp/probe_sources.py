"""From where each member probes, and what is to be told of its test addresses (solaris.md 1.4)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rcmd.ipmp import messages
from rcmd.ipmp.address_flags import IFA_F_DADFAILED, IFA_F_TENTATIVE
from rcmd.ipmp.commands import Report
from rcmd.ipmp.link_local import missing_link_local
from rcmd.ipmp.member import Intent, Member
from rcmd.ipmp.probe_group import ProberKey
from rcmd.ipmp.probe_source import (
    AddressCandidate,
    ProbeSource,
    choose_address,
    duplicates,
    source_for,
)
from rcmd.ipmp.probing import Prober
from rcmd.ipmp.scene import Scene
from rcmd.ipmp.source_watch import SourceState, SourceWatch
from rcmd.model import AddressKind, Family, IPAddress, ProbeMethod


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
        probers: Mapping[ProberKey, Prober],
        families_with_routers: Collection[Family],
    ) -> dict[ProberKey, ProbeSource]:
        """The source of every member of one group and family.

        That of its prober, of which `probers` has what there is, is kept where it will do.

        A test address that two members have serves neither (behaviour 18).
        """
        sources: dict[ProberKey, ProbeSource] = {}
        self._states.update((member.name, SourceState.ABSENT) for member in members)
        candidates = {member.name: tuple(self._candidates(member)) for member in members}
        for family in Family:
            chosen = {
                name: choose_address(family, found, _source_of(probers.get((name, family))))
                for name, found in candidates.items()
            }
            doubled = duplicates({name: [it.ip] for name, it in chosen.items() if it is not None})
            for member in members:
                name = member.name
                if family not in member.config.families:
                    continue
                address = None if name in doubled else chosen[name]
                prober = probers.get((name, family))
                # Hosts that were found by echo can be asked by ARP as well.
                has_hosts = address is not None and prober is not None and len(prober.targets) > 0
                source = source_for(
                    setting,
                    address,
                    has_targets=family in families_with_routers or has_hosts,
                    blocked=prober.dispatch.blocked if prober is not None else (),
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
