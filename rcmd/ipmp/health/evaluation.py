"""Pronounces on every member and group: applies the health table, and says what changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from rcmd.ipmp import messages
from rcmd.ipmp.api.commands import Command
from rcmd.ipmp.placement.capability import incapacity
from rcmd.ipmp.placement.hardware_addresses import link_to_be
from rcmd.ipmp.probing.manager import Surveillance
from rcmd.ipmp.probing.result import Outlook, Peer, Scope, classify
from rcmd.ipmp.rules.health import Condition, Health, judge
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.group_state import Circles, Scene
from rcmd.ipmp.state.member import Intent, Member
from rcmd.ipmp.state.membership_checks import Verdict, captivity, examine
from rcmd.model.network import Family, Link

FINE = Verdict()
PROBED = (Condition.PROBES_LOST, Condition.ANSWERED)


@dataclass(slots=True)
class Judgement:
    scene: Scene
    surveillance: Surveillance
    failed_groups: set[str] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)
    """Interface -> what is wrong with it, in a few words."""
    deadline: float | None = None
    """When something may change by itself; asked for many times a second."""
    _inconsistent: set[tuple[str, Family]] = field(default_factory=set)
    _told_flapping: set[str] = field(default_factory=set)
    _groups: Mapping[str, list[Member]] = field(default_factory=dict)
    """As they are while it is being pronounced."""
    _have_left_home: frozenset[str] | None = None
    """The homes of addresses that are elsewhere; None while nobody has asked."""

    def pronounce(self, now: float, circles: Circles | None = None) -> list[Command]:
        """On everybody, or on these circles."""
        members = self.scene.members_of(circles)
        reports = self._guard(members)
        self._groups = self.scene.groups()
        self._have_left_home = None
        failed: list[Member] = []
        repaired: list[Member] = []
        before = {member.name: member.health for member in members}
        for member in members:
            reports += self._judge(member, now)
        for member in members:
            old = before[member.name]
            if old is not member.health and self._is_tracked(member):
                if member.health is Health.FAILED:
                    failed.append(member)
                elif old is Health.FAILED:
                    repaired.append(member)
        for member in failed:
            if not member.group or self._is_group_alive(member.group):
                reports.append(self._failure(member))
        reports += [messages.repair(member.name, member.group) for member in repaired]
        reports += self._pronounce_on_groups(circles) + self._families(circles)
        self.surveillance.judged(self.failed_groups, now, circles)
        self.deadline = self._next_look()
        return reports

    def _failure(self, member: Member) -> Command:
        cause = self.problems.get(member.name, "")
        silent = self.surveillance.silent_targets(member.name) if member.failed_by_probes else ()
        return messages.failure(member.name, member.group, cause, silent)

    def _next_look(self) -> float | None:
        deadlines = [
            deadline
            for member in self.scene.members.values()
            if member.intent is not Intent.DETACHED
            and (link := self.scene.view.links.get(member.ifindex)) is not None
            and (deadline := member.watch.deadline(is_running=link.is_running)) is not None
            and (member.health is not Health.FAILED or member.watch.is_flapping)
        ]
        return min(deadlines, default=None)

    def _is_tracked(self, member: Member) -> bool:
        return bool(member.group) or not self.scene.settings.track_interfaces_only_with_groups

    def _is_group_alive(self, group: str) -> bool:
        return any(_functions(member) for member in self._groups[group])

    def _peers(self, member: Member) -> Iterator[Member]:
        """The others of its group."""
        return (it for it in self._groups.get(member.group, ()) if it is not member)

    def _judge(self, member: Member, now: float) -> list[Command]:
        link = self.scene.view.links.get(member.ifindex)
        if member.intent is Intent.DETACHED:
            # Asked for: with or without its device nothing is wrong.
            self._set_problem(member, "")
            return []
        if link is None:
            self._set_problem(member, "there is no such device")
            return []
        condition = self._condition(member, link, now)
        if condition is Condition.NO_TARGETS:
            member.looked_in_vain = True
        elif condition in (Condition.PROVEN, Condition.PROBES_LOST):
            member.looked_in_vain = False
        if member.health is Health.UNPROVEN and self._has_failed_by_probes(member):
            # Joining a failed group is failing at once (behaviour 8).
            member.health, member.failed_by_probes = Health.FAILED, True
        if condition is Condition.PROBES_LOST and self._is_group_failure(member):
            self._fail_group(member)
        member.is_set_down = not link.is_up and condition is Condition.LINK_DOWN
        old, member.health = member.health, judge(member.health, condition)
        member.is_recovering = member.health is Health.FAILED and self._is_answered(member, link)
        member.is_on_trust = (
            member.health is Health.RUNNING
            and self.surveillance.verdict(member.name).outlook is Outlook.UNKNOWN
        )
        self._set_problem(member, self._problem(member, condition))
        if member.health is Health.FAILED and old is not Health.FAILED:
            member.failed_by_probes = condition is Condition.PROBES_LOST
        if member.health is Health.RUNNING and old is not Health.RUNNING:
            member.needs_proof = False
            member.is_spare = self._becomes_spare(member, old)
        if condition is not Condition.FLAPPING:
            self._told_flapping.discard(member.name)
        elif member.name not in self._told_flapping:
            self._told_flapping.add(member.name)
            return [messages.flapping(member.name)]
        return []

    def _condition(self, member: Member, link: Link, now: float) -> Condition:
        """What the link says, and, while it is up, what the probes say."""
        by_link = member.condition(link, now)
        if by_link is Condition.LINK_AWAITED and self.scene.unready.reason(link.ifindex):
            return Condition.LINK_DOWN
        if by_link in (Condition.LINK_DOWN, Condition.LINK_AWAITED):
            return by_link
        verdict = self.surveillance.verdict(member.name)
        match verdict.outlook:
            case Outlook.DISABLED if self._is_unprobed_for_now(member, now):
                return Condition.ANSWERED
            case Outlook.DISABLED:
                return by_link
            case Outlook.DEAD:
                return Condition.PROBES_LOST
            case Outlook.ALIVE if verdict.is_repaired:
                return Condition.PROVEN
            case Outlook.ALIVE:
                return self._undecided(member)
            case Outlook.UNKNOWN if member.health is Health.FAILED and member.failed_by_probes:
                return Condition.ANSWERED
            case Outlook.UNKNOWN if self._may_find_a_target(member, now):
                return self._undecided(member)
            case Outlook.UNKNOWN if by_link is Condition.FLAPPING:
                # No ten answers will tell whether it is stable (solaris.md 1.10).
                return by_link
            case Outlook.UNKNOWN:
                return Condition.NO_TARGETS
            case _:
                assert_never(verdict.outlook)

    def _may_find_a_target(self, member: Member, now: float) -> bool:
        """It has not looked for long, nor has anybody else of the group looked in vain.

        Else a link that returns would repair nothing until the search is over once more, though
        all that can be known of it is known (solaris.md 1.9: no targets, so its link decides).
        """
        return self.surveillance.is_searching(member.name, now) and not any(
            peer.looked_in_vain or self._looks_in_vain(peer, now)
            for peer in (member, *self._peers(member))
        )

    def _looks_in_vain(self, member: Member, now: float) -> bool:
        return (
            not self.surveillance.is_searching(member.name, now)
            and self._has_link(member)
            and self.surveillance.verdict(member.name).outlook is Outlook.UNKNOWN
        )

    def _is_answered(self, member: Member, link: Link) -> bool:
        """After a group failure all of them are soon repaired: nothing has to move before."""
        is_alive = self.surveillance.verdict(member.name).outlook is Outlook.ALIVE
        return link.is_running and is_alive

    def _is_unprobed_for_now(self, member: Member, now: float) -> bool:
        """Offline, or its test address is only just coming: its link alone repairs nothing."""
        if member.is_offline:
            return member.health is Health.FAILED and member.failed_by_probes
        is_open = member.needs_proof or member.health is Health.FAILED
        return is_open and self.surveillance.awaits_source(member, now)

    def _undecided(self, member: Member) -> Condition:
        """At boot an interface is taken for good; one plugged in later has to prove itself."""
        is_trusted = member.health is Health.UNPROVEN and not member.needs_proof
        return Condition.LINK_UP if is_trusted else Condition.ANSWERED

    def _is_group_failure(self, member: Member) -> bool:
        """Has nobody else been answered since its losses began (behaviour 75)?"""
        if member.health is Health.FAILED or not member.group:
            return False
        peers = (
            Peer(
                is_running=peer.is_running,
                has_link=self._has_link(peer),
                verdict=self.surveillance.verdict(peer.name),
            )
            for peer in self._peers(member)
            if peer.is_running
        )
        first_loss_at = self.surveillance.verdict(member.name).first_loss_at
        return classify(first_loss_at, peers) is Scope.GROUP

    def _has_link(self, member: Member) -> bool:
        link = self.scene.view.links.get(member.ifindex)
        return link is not None and link.is_running

    def _fail_group(self, first: Member) -> None:
        """Everybody fails together, and nothing moves (overview, "Group Failures")."""
        for member in (first, *self._peers(first)):
            is_away = member.is_offline or member.intent is Intent.DETACHED
            if member.ifindex and not is_away:
                member.health, member.failed_by_probes = Health.FAILED, True
                self._set_problem(member, member.barred or self._silence(member))

    def _has_failed_by_probes(self, member: Member) -> bool:
        """Its group has failed, and not for want of links."""
        return member.group in self.failed_groups and any(
            peer.health is Health.FAILED and peer.failed_by_probes for peer in self._peers(member)
        )

    def _becomes_spare(self, member: Member, old: Health) -> bool:
        """With failback off, who comes back empty-handed serves as a spare (behaviour 70)."""
        if self.scene.settings.group(member.group).failback or member.recalls:
            return False
        if old is Health.FAILED or member.is_spare:
            return True
        if self._have_left_home is None:
            self._have_left_home = frozenset(self._homes_left())
        return member.name in self._have_left_home

    def _homes_left(self) -> Iterator[str]:
        for data in self.scene.ledger.addresses():
            copies = self.scene.copies_of(data.key)
            if copies and data.home not in copies:
                yield data.home

    def _problem(self, member: Member, condition: Condition) -> str:
        if member.barred or member.rejected:
            return member.barred or member.rejected
        problem = _problem(condition, member)
        if condition is Condition.LINK_DOWN:
            refused = self.scene.unready.reason(member.ifindex)
            problem = f"it could not be plumbed: {refused}" if refused else problem
        link = self.scene.view.links.get(member.ifindex)
        captive = captivity(link, self.scene.view) if link is not None else ""
        if member.health is Health.FAILED and condition in PROBED:
            problem = self._silence(member) or problem
        strange = messages.strangeness(self.surveillance.strangers.targets(member.name))
        duplicate = self.scene.duplicates.problem(member.name)
        lacks = (
            incapacity(self.scene, member, family) for family in sorted(member.config.families)
        )
        return "; ".join(it for it in (problem, captive, *lacks, strange, duplicate) if it)

    def _silence(self, member: Member) -> str:
        """Who does not answer; empty if the last probe was answered."""
        silent = self.surveillance.silent_targets(member.name)
        if silent:
            return f"probes to {messages.listed(silent)} are not answered"
        is_alone = self.surveillance.verdict(member.name).outlook is Outlook.UNKNOWN
        return "nobody answers, and no other target has been found" if is_alone else ""

    def _set_problem(self, member: Member, problem: str) -> None:
        if problem:
            self.problems[member.name] = problem
        else:
            self.problems.pop(member.name, None)

    def _guard(self, looked_at: Iterable[Member]) -> list[Command]:
        reports: list[Command] = []
        groups: dict[str, list[Member]] = {}
        for member in looked_at:
            is_here = member.ifindex in self.scene.view.links
            if member.config.group and is_here and member.intent is not Intent.DETACHED:
                groups.setdefault(member.config.group, []).append(member)
        for group, members in groups.items():
            links = [link_to_be(it, self.scene.view.links[it.ifindex]) for it in members]
            verdicts = examine(links, self.scene.view)
            for member in members:
                verdict = verdicts.get(member.name, FINE)
                if verdict.barred and not member.barred:
                    reports.append(messages.barred(member.name, verdict.barred))
                if member.barred and not verdict.barred:
                    unbarred = messages.freed if member.is_misplaced else messages.unbarred
                    reports.append(unbarred(member.name, group))
                if verdict.rejected and not member.rejected:
                    reports.append(messages.rejected(member.name, group, verdict.rejected))
                member.barred, member.rejected = verdict.barred, verdict.rejected
                member.is_misplaced = verdict.is_misplaced
        return reports

    def _pronounce_on_groups(self, circles: Circles | None) -> list[Command]:
        """A group fails when its last functioning member does; the first to be repaired ends it."""
        reports: list[Command] = []
        groups = {name: members for name, members in self._groups.items() if members[0].group}
        self.failed_groups &= groups.keys()
        for group in sorted(groups):
            if circles is not None and groups[group][0].circle not in circles:
                continue
            members = [it for it in groups[group] if it.intent is not Intent.DETACHED]
            fit = [member for member in members if _functions(member)]
            usable = [member for member in fit if member.fitness >= Fitness.UNKNOWN]
            has_failed = bool(members) and not fit and not any(map(self._is_coming, members))
            if has_failed and group not in self.failed_groups and self._is_boot_over():
                self.failed_groups.add(group)
                causes = {it.name: self.problems.get(it.name, "") for it in members}
                reports.append(messages.group_failed(group, causes))
            elif group in self.failed_groups and usable:
                self.failed_groups.discard(group)
                reports.append(messages.group_repaired(group, usable[0].name))
        return reports

    def _is_coming(self, member: Member) -> bool:
        """Its device is there, and only just about to be taken into use: it has got its name."""
        view = self.scene.view
        return not member.ifindex and view.link_answering_to(member.name) is not None

    def _is_boot_over(self) -> bool:
        return self.scene.has_settled or all(
            member.ifindex for member in self.scene.members.values()
        )

    def _families(self, circles: Circles | None) -> list[Command]:
        """All members of a group should have, and can hold, the same families (solaris.md 1.13)."""
        reports: list[Command] = []
        for members in self.scene.groups(circles).values():
            present = frozenset().union(*(member.config.families for member in members))
            for member in members:
                for family in Family:
                    key = (member.name, family)
                    why = incapacity(self.scene, member, family)
                    lacks = family in present and (family not in member.config.families or why)
                    if lacks and key not in self._inconsistent:
                        self._inconsistent.add(key)
                        reports.append(
                            messages.lacking_family(member.name, member.group, family, why)
                        )
                    elif key in self._inconsistent and not lacks:
                        self._inconsistent.discard(key)
                        reports.append(messages.consistent(member.name, member.group))
        return reports


def _functions(member: Member) -> bool:
    """Also one that works and is leaving: until it has gone it carries what nobody else can."""
    is_leaving = member.intent is Intent.LEAVING and not (member.is_offline or member.barred)
    is_in_use = is_leaving or member.fitness >= Fitness.UNPROVEN
    return is_in_use and member.health is not Health.FAILED


def _problem(condition: Condition, member: Member) -> str:
    match condition:
        case Condition.LINK_DOWN:
            return "the link is down"
        case Condition.LINK_AWAITED:
            return "waiting for the link"
        case Condition.FLAPPING:
            return "the link flaps" if member.health is Health.FAILED else ""
        case Condition.PROBES_LOST:
            return "probes are not answered"
        case Condition.ANSWERED if member.health is Health.FAILED:
            return "not yet repaired: ten probes in a row have to be answered"
        case Condition.LINK_UP | Condition.ANSWERED | Condition.PROVEN | Condition.NO_TARGETS:
            return ""
