"""All probing of the machine: probers are made, fed and ended as the scene changes.

`follow` brings the probers in line with the members, after every change.  `due` says what to send
now.  `verdict` is what the probes say of an interface; what follows from it is for `judgement`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from random import Random

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Command, SendProbes, UnwatchInterface, WatchInterface
from rcmd.ipmp.api.events import NeighboursSeen, ProbeAnswer
from rcmd.ipmp.api.probes import ProbeRequest, UnsentProbe
from rcmd.ipmp.probing.decisions import Decisions
from rcmd.ipmp.probing.group import ProbeGroup, ProberKey
from rcmd.ipmp.probing.link_mismatch import Strangers
from rcmd.ipmp.probing.lookout import Lookout
from rcmd.ipmp.probing.prober import Prober
from rcmd.ipmp.probing.result import Outlook, ProbeVerdict, outlook_of
from rcmd.ipmp.probing.routers import routers_of
from rcmd.ipmp.probing.source import ProbeSource
from rcmd.ipmp.probing.sources import ProbeSources
from rcmd.ipmp.probing.targets import TargetList
from rcmd.ipmp.state.group_state import Circles, Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.model.kinds import ProbeMethod
from rcmd.model.network import Family, IPAddress

LONGEST_TICK_S = 0.25
SHORTEST_TICK_S = 0.002
TICKS_PER_INTERVAL = 5
"""Wake-ups cost, packets do not: what falls due within a tick is sent and read together."""
MOST_WITNESSES = 2
UNPROBED = ProbeVerdict(Outlook.DISABLED)

Summary = tuple[Outlook, bool, int, tuple[ProbeMethod, ...]]
"""What people see: the outlook, whether the interface is repaired, the detection time in ms, and by
which methods nothing can be sent."""


class Surveillance:
    def __init__(self, scene: Scene, random: Random) -> None:
        self._scene = scene
        self._random = random
        self._sources = ProbeSources(scene)
        self._groups: dict[str, ProbeGroup] = {}
        self._watched: dict[ProberKey, WatchInterface] = {}
        self._listeners: dict[tuple[int, Family], str] = {}
        """(ifindex, family) -> the interface that is probed there."""
        self._running: set[str] = set()
        self._search_ends: dict[str, float] = {}
        """Until when an interface may go without a target before that means something."""
        self._touched: set[str] = set()
        self._changed: set[str] = set()
        """Interfaces that have to be followed, whatever their summary says."""
        self._lookout = Lookout()
        self._pronounced: dict[str, Summary] = {}
        self._own: frozenset[IPAddress] = frozenset()
        """All addresses of this machine; the same object as long as they are the same."""
        self.strangers = Strangers()
        self.decisions = Decisions()
        self._ticked_at = 0.0

    # --- following the scene ---

    def follow(self, now: float, circles: Circles | None = None) -> list[Command]:
        """Everybody, or those of these circles."""
        commands: list[Command] = []
        own = self._scene.view.all_addresses()
        if own != self._own:
            # Nobody may probe what is our own now.
            self._own, circles = own, None
        groups = {
            name: members for name, members in self._scene.groups().items() if self._is_probed(name)
        }
        for name in self._groups.keys() - groups.keys():
            for key in list(self._groups[name].probers):
                commands += self._end(self._groups[name], key)
            del self._groups[name]
            self._lookout.forget(name)
        self._keep_only({member.name for members in groups.values() for member in members})
        for name, members in groups.items():
            if circles is None or members[0].circle in circles:
                commands += self._follow_group(name, members, now)
        self._sources.look_ahead()
        return commands

    def _is_probed(self, group: str) -> bool:
        if self._scene.settings.group(group).probe is ProbeMethod.NONE:
            return False
        return (
            not _is_anonymous(group) or not self._scene.settings.track_interfaces_only_with_groups
        )

    def _keep_only(self, names: set[str]) -> None:
        self._sources.keep_only(names)
        self._running &= names
        self._touched &= names
        self._changed &= names
        for name in self._search_ends.keys() - names:
            del self._search_ends[name]

    def _follow_group(self, name: str, members: list[Member], now: float) -> list[Command]:
        settings = self._scene.settings.group(name)
        group = self._groups.get(name)
        if group is None:
            group = ProbeGroup(settings.failure_detection_ms, is_anonymous=_is_anonymous(name))
            self._groups[name] = group
        if group.detection.requested_ms != settings.failure_detection_ms:
            group.request_detection(settings.failure_detection_ms, now)
        commands: list[Command] = []
        names = {member.name for member in members}
        for key in [key for key in group.probers if key[0] not in names]:
            commands += self._end(group, key)
        for member in members:
            self._look_at_link(group, member, now)
        routers = {family: routers_of(self._scene, members, settings, family) for family in Family}
        with_routers = [family for family in Family if routers[family].all]
        sources = self._sources.choose(members, settings.probe, group, with_routers)
        for member in members:
            commands += self._follow_member(group, member, sources, now)
        for family in Family:
            group.set_routers(family, routers[family].pinned, routers[family].learnt, now)
        self._introduce(group, members)
        self._lookout.follow(name, self._devices(group, members, with_routers), now)
        return [*commands, *self._sources.watch(members, now)]

    def _introduce(self, group: ProbeGroup, members: list[Member]) -> None:
        """Each prober to the other members, who may have to say that they hear it."""
        addresses = {
            (member.name, family): self._sources.witness(member, family)
            for member in members
            if member.name in self._running
            for family in Family
        }
        for interface, family in group.probers:
            others = (
                address
                for (name, of_family), address in addresses.items()
                if name != interface and of_family is family and address is not None
            )
            group.found[family].introduce(interface, tuple(islice(others, MOST_WITNESSES)))

    def _devices(
        self, group: ProbeGroup, members: list[Member], with_routers: list[Family]
    ) -> frozenset[int]:
        """By which hosts are looked for: those of all members, if they are needed."""
        families = frozenset().union(*(member.config.families for member in members))
        if families <= set(with_routers) and not group.seeks_stand_ins:
            return frozenset()
        return frozenset(member.ifindex for member in members if member.name in self._running)

    def _look_at_link(self, group: ProbeGroup, member: Member, now: float) -> None:
        link = self._scene.view.links.get(member.ifindex)
        if link is None or not link.is_running:
            self._running.discard(member.name)
        elif member.name not in self._running:
            self._running.add(member.name)
            self._search(group, member.name, now)
            self._sources.link_came_up(member.name, now)

    def _search(self, group: ProbeGroup, name: str, now: float) -> None:
        """It has as long to find a target as it would have to lose one."""
        self._search_ends[name] = now + group.detection.requested_ms / 1000

    def _follow_member(
        self,
        group: ProbeGroup,
        member: Member,
        sources: Mapping[ProberKey, ProbeSource],
        now: float,
    ) -> list[Command]:
        commands: list[Command] = []
        is_active = self._is_active(member)
        for family in Family:
            key = (member.name, family)
            source = sources.get(key)
            watched = self._watched.get(key)
            if watched and watched.ifindex != member.ifindex:
                # What another device of that name was answered says nothing about this one.
                commands += self._end(group, key)
            if is_active and source is not None and source.is_enabled:
                commands += self._set(group, member, family, source, now)
            elif key in group.probers:
                commands += self._end(group, key)
        return commands

    def _is_active(self, member: Member) -> bool:
        return (
            member.ifindex in self._scene.view.links
            and member.intent in (Intent.IN, Intent.LEAVING)
            and not member.is_offline
            and not member.barred
        )

    def _set(
        self,
        group: ProbeGroup,
        member: Member,
        family: Family,
        source: ProbeSource,
        now: float,
    ) -> list[Command]:
        key = (member.name, family)
        link = self._scene.view.links[member.ifindex]
        prober = group.probers.get(key)
        if prober is None:
            prober = Prober(member.name, family, TargetList(family), group.detection, self._random)
            prober.history.decisions = self.decisions
            prober.set_source(source, self._own, now)
            group.add(prober, now)
            prober.start(now)
            self._search(group, member.name, now)
        else:
            prober.set_source(source, self._own, now)
        prober.link_changed(now, is_up=link.is_running)
        watch = WatchInterface(
            link.ifindex,
            link.kernel_name,
            family,
            source.method,
            source.address,
            link.hardware_address,
        )
        if self._watched.get(key) == watch:
            return []
        self._watched[key] = watch
        self._listeners[link.ifindex, family] = member.name
        self._touched.add(member.name)
        return [watch]

    def _end(self, group: ProbeGroup, key: ProberKey) -> list[Command]:
        name, family = key
        group.remove(name, family)
        if not any(group.of_interface(name)):
            self._search_ends.pop(name, None)
            self._pronounced.pop(name, None)
            self.strangers.forget(name)
        watch = self._watched.pop(key, None)
        if watch is None:
            return []
        self._listeners.pop((watch.ifindex, family), None)
        return [UnwatchInterface(watch.ifindex, family)]

    # --- the clock ---

    def deadline(self) -> float | None:
        probers = [
            deadline
            for group in self._groups.values()
            for prober in group.probers.values()
            if (deadline := prober.deadline()) is not None
        ]
        deadlines = [*self._search_ends.values()]
        if self._lookout.deadline is not None:
            deadlines.append(self._lookout.deadline)
        if self._sources.deadline is not None:
            deadlines.append(self._sources.deadline)
        if probers:
            deadlines.append(max(min(probers), self._ticked_at + self._tick()))
        return min(deadlines, default=None)

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
                    if group.review(prober, now):
                        self._search(group, prober.interface, now)
        self.strangers.look(self._groups, now)
        probes = [SendProbes(tuple(requests))] if requests else []
        return [*self._lookout.due(now), *probes]

    def neighbours_seen(self, event: NeighboursSeen, now: float) -> None:
        """Of each group whose devices were looked by."""
        own = {link.hardware_address for link in self._scene.view.links.values()}
        strangers = [
            it
            for it in event.neighbours
            if it.hardware_address not in own and it.address not in self._own
        ]
        for name, members in self._scene.groups().items():
            group = self._groups.get(name)
            devices = {member.ifindex for member in members} & event.ifindexes
            if group is not None and devices:
                near = [it for it in strangers if it.ifindex in devices]
                if group.neighbours_seen(near, now):
                    self._changed |= {member.name for member in members}

    def answered(self, answer: ProbeAnswer) -> None:
        name = self._listeners.get((answer.ifindex, answer.family))
        group = self._group_of(name) if name else None
        if name and group:
            group.answered(
                name,
                answer.family,
                answer.sequence,
                answer.source,
                answer.received_at,
                answer.kind,
                answer.sent_at,
            )
            self._touched.add(name)

    def unsent(self, probe: UnsentProbe) -> None:
        """It never left: a silence that says nothing."""
        request = probe.request
        group = self._group_of(request.interface)
        prober = group.probers.get((request.interface, request.family)) if group else None
        if prober:
            prober.unsent(request, probe.reason)

    def tell(self) -> list[Command]:
        """What has happened that is worth telling."""
        facts = [
            messages.probe_fact(fact, _plain(name))
            for name, group in self._groups.items()
            for fact in group.take_facts()
        ]
        return [*facts, *self.strangers.take_news()]

    # --- what it comes to ---

    def take_news(self, now: float) -> frozenset[str] | None:
        """The interfaces on which the verdict has changed since it was last pronounced.

        None: there is something to say that is not of one interface.
        """
        changed = {name for name, end in self._search_ends.items() if end <= now}
        for name in changed:
            del self._search_ends[name]
        changed |= {
            name for name in self._touched if self._pronounced.get(name) != self._summary(name)
        }
        changed |= self._changed
        self._touched.clear()
        self._changed.clear()
        is_late = self._sources.deadline is not None and self._sources.deadline <= now
        if self.strangers.take_change() or is_late:
            return None
        return frozenset(changed)

    def verdict(self, name: str) -> ProbeVerdict:
        group = self._group_of(name)
        return group.verdict(name) if group else UNPROBED

    def is_searching(self, name: str, now: float) -> bool:
        """It may just not have found a target yet."""
        end = self._search_ends.get(name)
        return end is not None and now < end

    def awaits_source(self, member: Member, now: float) -> bool:
        """It is not probed yet, but will be as soon as its test address is there."""
        return self._sources.is_awaited(member, now)

    def judged(self, failed_groups: set[str], now: float, circles: Circles | None = None) -> None:
        """Tell the probers what was made of their verdicts."""
        judged = self._groups.keys() if circles is None else self._scene.groups(circles).keys()
        for name, group in self._groups.items():
            if name not in judged:
                continue
            interfaces = group.interfaces
            if name in failed_groups and not group.has_failed:
                group.failed()
                for interface in interfaces:
                    self._search(group, interface, now)
            elif name not in failed_groups and group.has_failed:
                group.repaired()
            for interface in interfaces:
                member = self._scene.members[interface]
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

    def _group_of(self, interface: str) -> ProbeGroup | None:
        member = self._scene.members.get(interface)
        return self._groups.get(member.group or f"/{interface}") if member else None

    def _summary(self, name: str) -> Summary:
        group = self._group_of(name)
        if group is None:
            return Outlook.DISABLED, False, 0, ()
        # A lossy link loses and regains its ten answers all the time; who runs needs no repair.
        is_repaired = not self._scene.members[name].is_running and group.verdict(name).is_repaired
        probers = tuple(group.of_interface(name))
        blocked = tuple(method for prober in probers for method in prober.dispatch.blocked)
        return outlook_of(probers), is_repaired, group.detection.current_ms, blocked


def _is_anonymous(group: str) -> bool:
    """`Scene.groups` gives an interface without a group one of its own."""
    return group.startswith("/")


def _plain(group: str) -> str:
    return "" if _is_anonymous(group) else group
