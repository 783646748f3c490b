"""All probing of the machine: probers are made, fed and ended as the scene changes.

`follow` brings the probers in line with the members, after every change.  `due` says what to send
now.  `verdict` is what the probes say of an interface; what follows from it is for `judgement`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from rcmd.ipmp import messages
from rcmd.ipmp.commands import Command, Report, SendProbes, UnwatchInterface, WatchInterface
from rcmd.ipmp.decisions import Decisions
from rcmd.ipmp.events import ProbeAnswer
from rcmd.ipmp.member import Intent, Member
from rcmd.ipmp.probe_events import ProbeRequest
from rcmd.ipmp.probe_group import ProbeGroup
from rcmd.ipmp.probe_source import (
    AddressCandidate,
    ProbeSource,
    choose_address,
    duplicates,
    source_for,
)
from rcmd.ipmp.probe_verdict import Outlook, ProbeVerdict
from rcmd.ipmp.probing import Prober
from rcmd.ipmp.scene import Scene
from rcmd.ipmp.source_watch import SourceState, SourceWatch
from rcmd.ipmp.targets import TargetList
from rcmd.model import (
    AddressKind,
    Family,
    GroupSettings,
    IPAddress,
    IPInterface,
    ProbeMethod,
    Route,
    family_of,
)

IFA_F_DADFAILED = 0x08
IFA_F_TENTATIVE = 0x40
RTPROT_BY_KERNEL = frozenset({1, 2, 9})
LONGEST_TICK_S = 0.1
SHORTEST_TICK_S = 0.002
TICKS_PER_INTERVAL = 5
"""Wake-ups cost, packets do not: what falls due within a tick is sent and read together."""
STRANGERS_EVERY_S = 1.0
"""How often to look for members that seem to be on another IP link."""
UNPROBED = ProbeVerdict(Outlook.DISABLED)

Key = tuple[str, Family]
Summary = tuple[Outlook, bool, int]
"""What people are told of an interface: the outlook, whether it is repaired, the detection time."""


@dataclass(slots=True)
class Surveillance:
    scene: Scene
    random: Random
    decisions: Decisions = field(default_factory=Decisions)
    _groups: dict[str, ProbeGroup] = field(default_factory=dict)
    _watched: dict[Key, WatchInterface] = field(default_factory=dict)
    _sources: dict[str, SourceWatch] = field(default_factory=dict)
    _states: dict[str, SourceState] = field(default_factory=dict)
    _search_ends: dict[str, float] = field(default_factory=dict)
    """Until when an interface may go without a target before that means something."""
    _touched: set[str] = field(default_factory=set)
    _pronounced: dict[str, Summary] = field(default_factory=dict)
    _strangers: dict[str, tuple[IPAddress, ...]] = field(default_factory=dict)
    """As told: interface -> targets that answer others of its group, and never this one."""
    _strangers_at: float = 0.0
    _news: list[Report] = field(default_factory=list)
    _has_new_strangers: bool = False
    _ticked_at: float = 0.0

    # --- following the scene ---

    def follow(self, now: float) -> list[Command]:
        commands: list[Command] = []
        own = frozenset(
            address.ip for held in self.scene.view.addresses.values() for address in held
        )
        groups = {
            name: members for name, members in self.scene.groups().items() if self._is_probed(name)
        }
        for name in [name for name in self._groups if name not in groups]:
            for key in list(self._groups[name].probers):
                commands += self._end(self._groups[name], key)
            del self._groups[name]
        for name, members in groups.items():
            settings = self.scene.settings.group(name)
            group = self._groups.setdefault(name, ProbeGroup(settings.failure_detection_ms))
            if group.detection.requested_ms != settings.failure_detection_ms:
                group.request_detection(settings.failure_detection_ms, now)
            for key in [
                key for key in group.probers if self.scene.members.get(key[0]) not in members
            ]:
                commands += self._end(group, key)
            for family in Family:
                commands += self._follow_family(group, members, settings, family, own, now)
            commands += self._watch_sources(members, now)
        return commands

    def _is_probed(self, group: str) -> bool:
        if self.scene.settings.group(group).probe is ProbeMethod.NONE:
            return False
        is_anonymous = group.startswith("/")
        return not is_anonymous or not self.scene.settings.track_interfaces_only_with_groups

    def _follow_family(
        self,
        group: ProbeGroup,
        members: list[Member],
        settings: GroupSettings,
        family: Family,
        own: frozenset[IPAddress],
        now: float,
    ) -> list[Command]:
        commands: list[Command] = []
        pinned, routers = self._routers(members, settings, family)
        chosen = {member.name: self._test_address(group, member, family) for member in members}
        doubled = duplicates({name: [it.ip] for name, it in chosen.items() if it is not None})
        for member in members:
            key = (member.name, family)
            address = None if member.name in doubled else chosen[member.name]
            self._note_source(
                member, family, chosen[member.name], is_doubled=member.name in doubled
            )
            source = source_for(settings.probe, address, has_routers=bool(pinned or routers))
            if source.is_enabled and self._is_active(member, family):
                commands += self._set(group, member, source, own, now, family)
            elif key in group.probers:
                commands += self._end(group, key)
        group.set_routers(family, pinned, routers, now)
        return commands

    def _is_active(self, member: Member, family: Family) -> bool:
        return (
            member.ifindex in self.scene.view.links
            and member.intent in (Intent.IN, Intent.LEAVING)
            and not member.barred
            and family in member.config.families
        )

    def _test_address(
        self, group: ProbeGroup, member: Member, family: Family
    ) -> IPInterface | None:
        prober = group.probers.get((member.name, family))
        current = prober.source.address if prober else None
        return choose_address(family, self._candidates(member), current)

    def _candidates(self, member: Member) -> Iterator[AddressCandidate]:
        """The configured test addresses that the kernel has, and the link-local addresses."""
        held = self.scene.view.addresses.get(member.ifindex, {})
        present = {address.ip for address in held}
        for address in member.config.addresses:
            if address.kind is AddressKind.TEST and address.address.ip in present:
                yield AddressCandidate(
                    address.address,
                    is_test=True,
                    is_up=address.is_up,
                    is_deprecated=address.is_deprecated,
                )
        for found in held.values():
            is_usable = not found.flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)
            if found.address.ip.is_link_local and found.family is Family.IPV6 and is_usable:
                yield AddressCandidate(found.address, is_test=True)

    def _routers(
        self, members: list[Member], settings: GroupSettings, family: Family
    ) -> tuple[list[IPAddress], list[IPAddress]]:
        """Pinned targets (settings, then host routes), and the routers of the routing table."""
        pinned = [target for target in settings.targets if family_of(target) is family]
        routers: list[IPAddress] = []
        for member in members:
            for route in self.scene.view.routes.get(member.ifindex, {}).values():
                if route.family is not family:
                    continue
                if route.gateway is not None:
                    routers.append(route.gateway)
                elif _is_host_route(route):
                    pinned.append(route.destination.network_address)
        return pinned, routers

    def _set(
        self,
        group: ProbeGroup,
        member: Member,
        source: ProbeSource,
        own: frozenset[IPAddress],
        now: float,
        family: Family,
    ) -> list[Command]:
        key = (member.name, family)
        link = self.scene.view.links[member.ifindex]
        prober = group.probers.get(key)
        if prober is None:
            prober = Prober(member.name, family, TargetList(family), group.detection, self.random)
            prober.history.decisions = self.decisions
            prober.set_source(source, own, now)
            group.add(prober, now)
            prober.start(now)
            self._search_ends[member.name] = now + group.detection.requested_ms / 1000
        else:
            prober.set_source(source, own, now)
        prober.link_changed(now, is_up=link.is_running)
        watch = WatchInterface(
            link.ifindex, link.name, family, source.method, source.address, link.hardware_address
        )
        if self._watched.get(key) == watch:
            return []
        self._watched[key] = watch
        self._touched.add(member.name)
        return [watch]

    def _end(self, group: ProbeGroup, key: Key) -> list[Command]:
        name, family = key
        del group.probers[key]
        if not any(other == name for other, _ in group.probers):
            self._search_ends.pop(name, None)
            self._pronounced.pop(name, None)
            self._strangers.pop(name, None)
        watch = self._watched.pop(key, None)
        return [UnwatchInterface(watch.ifindex, family)] if watch else []

    # --- test addresses that are missing or not unique ---

    def _note_source(
        self, member: Member, family: Family, address: IPInterface | None, *, is_doubled: bool
    ) -> None:
        if family is Family.IPV4:
            self._states[member.name] = SourceState.ABSENT
        if is_doubled:
            self._states[member.name] = SourceState.DUPLICATE
        elif address is not None and self._states[member.name] is SourceState.ABSENT:
            self._states[member.name] = SourceState.USABLE

    def _watch_sources(self, members: list[Member], now: float) -> list[Command]:
        reports: list[Command] = []
        for member in members:
            if not member.ifindex or member.intent is not Intent.IN:
                self._sources.pop(member.name, None)
                continue
            watch = self._sources.setdefault(member.name, SourceWatch(now))
            news = watch.seen(self._states[member.name], now)
            if news is not None:
                reports.append(messages.test_address(member.name, news))
        return reports

    # --- the clock ---

    def deadline(self) -> float | None:
        deadlines = [
            deadline
            for group in self._groups.values()
            for prober in group.probers.values()
            if (deadline := prober.deadline()) is not None
        ]
        due = max(min(deadlines), self._ticked_at + self._tick()) if deadlines else None
        others = [
            deadline
            for name, watch in self._sources.items()
            if (deadline := watch.deadline(self._states[name])) is not None
        ]
        others += self._search_ends.values()
        return min([*others, *([due] if due is not None else [])], default=None)

    def _tick(self) -> float:
        shortest = min(group.detection.requested_interval for group in self._groups.values())
        return min(max(shortest / TICKS_PER_INTERVAL, SHORTEST_TICK_S), LONGEST_TICK_S)

    def due(self, now: float, drained_at: float) -> list[Command]:
        """What to send now; `drained_at` is when the sockets were last known to be empty."""
        requests: list[ProbeRequest] = []
        for group in self._groups.values():
            for prober in group.probers.values():
                deadline = prober.deadline()
                if deadline is not None and deadline <= now:
                    self._ticked_at = now
                    self._touched.add(prober.interface)
                    requests += prober.due(now, drained_at)
        if now >= self._strangers_at:
            self._strangers_at = now + STRANGERS_EVERY_S
            self._look_for_strangers()
        return [SendProbes(tuple(requests))] if requests else []

    def answered(self, answer: ProbeAnswer) -> None:
        member = self.scene.by_ifindex().get(answer.ifindex)
        group = self._group_of(member.name) if member else None
        if member and group:
            group.answered(
                member.name,
                answer.family,
                answer.sequence,
                answer.source,
                answer.received_at,
                answer.kind,
            )
            self._touched.add(member.name)

    def tell(self) -> list[Command]:
        """What has happened that is worth telling."""
        news, self._news = self._news, []
        facts = [
            messages.probe_fact(fact, name)
            for name, group in self._groups.items()
            for fact in group.take_facts()
        ]
        return [*facts, *news]

    def _look_for_strangers(self) -> None:
        for name, group in self._groups.items():
            found = group.strangers()
            for interface in group.interfaces:
                told, is_now = self._strangers.get(interface, ()), found.get(interface, ())
                if told == is_now:
                    continue
                self._has_new_strangers = True
                if is_now:
                    self._strangers[interface] = is_now
                    self._news.append(messages.other_link(interface, name, is_now))
                else:
                    del self._strangers[interface]
                    self._news.append(messages.one_link(interface, name))

    # --- what it comes to ---

    def has_news(self, now: float) -> bool:
        """Has the verdict on any interface changed since it was last pronounced?"""
        ended = [name for name, end in self._search_ends.items() if end <= now]
        for name in ended:
            del self._search_ends[name]
        changed = any(self._pronounced.get(name) != self._summary(name) for name in self._touched)
        self._touched.clear()
        late = [name for name, watch in self._sources.items() if self._is_late(name, watch, now)]
        has_new_strangers, self._has_new_strangers = self._has_new_strangers, False
        return changed or bool(ended) or bool(late) or has_new_strangers

    def _is_late(self, name: str, watch: SourceWatch, now: float) -> bool:
        deadline = watch.deadline(self._states[name])
        return deadline is not None and deadline <= now

    def verdict(self, name: str) -> ProbeVerdict:
        group = self._group_of(name)
        return group.verdict(name) if group else UNPROBED

    def is_searching(self, name: str, now: float) -> bool:
        """It may just not have found a target yet."""
        end = self._search_ends.get(name)
        return end is not None and now < end

    def judged(self, failed_groups: set[str]) -> None:
        """Tell the probers what was made of their verdicts."""
        for name, group in self._groups.items():
            if name in failed_groups and not group.has_failed:
                group.failed()
            elif name not in failed_groups and group.has_failed:
                group.repaired()
            for interface in group.interfaces:
                member = self.scene.members[interface]
                group.judged(interface, is_running=member.is_running)
                self._pronounced[interface] = self._summary(interface)

    # --- what people want to see ---

    def group(self, name: str) -> ProbeGroup | None:
        return self._groups.get(name)

    def probers(self) -> Iterator[Prober]:
        for group in self._groups.values():
            yield from group.probers.values()

    def silent_targets(self, interface: str) -> tuple[IPAddress, ...]:
        """Who did not answer the probes that were lost on end, both families together."""
        group = self._group_of(interface)
        probers = group.of_interface(interface) if group else ()
        return tuple(target for prober in probers for target in prober.history.lost_targets())

    def strange_targets(self, interface: str) -> tuple[IPAddress, ...]:
        """Targets that answer others of the group and never this one, as it was told."""
        return self._strangers.get(interface, ())

    def _group_of(self, interface: str) -> ProbeGroup | None:
        member = self.scene.members.get(interface)
        return self._groups.get(member.group or f"/{interface}") if member else None

    def _summary(self, name: str) -> Summary:
        group = self._group_of(name)
        verdict = self.verdict(name)
        detection_ms = group.detection.current_ms if group else 0
        return verdict.outlook, verdict.is_repaired, detection_ms


def _is_host_route(route: Route) -> bool:
    """The documented way to pin a target is a static host route (solaris.md 1.5)."""
    is_host = route.destination.prefixlen == route.destination.max_prefixlen
    return is_host and route.protocol not in RTPROT_BY_KERNEL
