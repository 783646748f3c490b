"""The engine: events and `now` in, commands out.  No clock, no socket, no await.

Every event does the same three things.  It is taken in (`_absorb`): facts change.  The members are
judged (`judgement`): who is healthy.  What should be is compared with what is (`arrangement`,
`difference`): the moves.  An event only wakes us; a lost one is made good by the next.

The caller carries the commands out at once, in order, and gives the answers to every `Move` back
as `Moved` before anything else.  There is at most one `Move` at a time on an interface; the next is
decided when it is answered.  So the view is never behind our own requests, and nothing is ever "in
flight".

Only those are looked at whom an event concerns (`touched`), and now and then, at every
`KernelSnapshot`, everybody: then it costs little to be one of many.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from random import Random
from typing import assert_never

from rcmd.ipmp import attachment, messages
from rcmd.ipmp.api.commands import Command, Move, Spread
from rcmd.ipmp.api.events import (
    Attach,
    BootSettled,
    Configured,
    Event,
    KernelChanged,
    KernelSnapshot,
    Leased,
    LeaseLost,
    Leave,
    Moved,
    NeighboursSeen,
    Offline,
    Plumbed,
    SpeedSeen,
    SpreadDone,
    Stay,
    Tick,
    Together,
    UndoOffline,
    Unplumb,
)
from rcmd.ipmp.api.memberships import MembershipsSeen
from rcmd.ipmp.dhcp import leasing
from rcmd.ipmp.forecast.convergence import converge
from rcmd.ipmp.forecast.outcome import Outcomes, stuck_on
from rcmd.ipmp.forecast.rehearsal import Staging, prepare, routes_refused
from rcmd.ipmp.health.evaluation import Judgement
from rcmd.ipmp.multicast.tracking import absorb_memberships
from rcmd.ipmp.placement.desired import addresses_held_by, arrange, is_empty
from rcmd.ipmp.placement.hardware_addresses import announcements
from rcmd.ipmp.placement.missing import missing_messages
from rcmd.ipmp.probing.manager import Surveillance
from rcmd.ipmp.probing.status import probe_statuses, target_statuses
from rcmd.ipmp.reconcile.adoption import absorb_change, adopt_all, forget_expired
from rcmd.ipmp.reconcile.affected_groups import EVERYBODY, Touched, both, circles_of, touched_by
from rcmd.ipmp.reconcile.dad import forget_unwanted, look_at_all
from rcmd.ipmp.reconcile.difference import Difference
from rcmd.ipmp.reconcile.multipath import Spreading
from rcmd.ipmp.reconcile.plumbing import hear, plumb_new, plumbed, release_detached
from rcmd.ipmp.reconcile.renaming import lose_name, recognise
from rcmd.ipmp.reconcile.routes import Portion
from rcmd.ipmp.reconcile.unfinished import Unfinished
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.arranged import Targets
from rcmd.ipmp.state.group_state import Circles, Scene
from rcmd.ipmp.state.kernel_view import KernelView
from rcmd.ipmp.state.member import Member
from rcmd.ipmp.state.restoring import memorise, recollect
from rcmd.ipmp.state.route_record import RouteRecord
from rcmd.ipmp.state.snapshot import Memory
from rcmd.ipmp.status import status_of
from rcmd.model.network import RouteKey
from rcmd.model.settings import Configuration
from rcmd.model.status import ProbeStatus, Status, TargetStatus

MOST_FORECAST = 64
"""Members of a group whose failures are forecast; to do that costs the square of their number."""


class Engine:
    def __init__(
        self,
        memory: Memory | None = None,
        *,
        was_interrupted: bool = False,
        random: Random | None = None,
    ) -> None:
        """`was_interrupted`: the process that left this memory did not end by itself."""
        self.scene = Scene(was_interrupted=was_interrupted)
        self._memory = memory or Memory()
        self.surveillance = Surveillance(self.scene, random or Random())
        self._judgement = Judgement(self.scene, self.surveillance)
        self._spreading = Spreading(self.scene)
        self._outcomes = Outcomes(self.scene)
        self.revision = 0
        """Grows whenever everything was looked at and something may be different."""
        self._is_ready = False
        """Whether both the configuration and the kernel are known."""
        self._unfinished = Unfinished()
        self._route_record = RouteRecord(self.scene)
        self._handled_at = 0.0
        """When the last event was."""
        recollect(self.scene, self._memory)

    # --- the three verbs ---

    def handle(self, event: Event, now: float) -> list[Command]:
        commands: list[Command] = []
        before = self._picture() if isinstance(event, KernelSnapshot) else None
        self.surveillance.decisions.now = now
        self.scene.ledger.leases.now = now
        self._account_for_time(event, now)
        touched = touched_by(self.scene, event)
        self._absorb(event, now, commands)
        self.scene.ledger.forget_expired(now)
        commands += [messages.loss(*told) for told in self.scene.losses.due(now)]
        circles = both(touched, touched_by(self.scene, event))
        if not self._is_ready:
            return commands
        ended = leasing.review(self.scene)
        commands += ended
        if isinstance(event, Tick | NeighboursSeen):
            if isinstance(event, Tick):
                drained_at = now if event.drained_at is None else event.drained_at
                commands += self.surveillance.due(now, drained_at)
            commands += self.surveillance.tell()
            news = self._with_news(now)
            is_due = self._spreading.refusals.due(now)
            circles = EVERYBODY if self.scene.duplicates.retry(now) or is_due else news
            if circles is not None and not circles and not ended:
                # Probes are sent many times a second, and seldom change anything.
                return [*commands, *self._go_on()]
        if ended:
            circles = EVERYBODY
        if self._unfinished and _answers_moves(event):
            self._unfinished.put_off(circles)
            self.revision += 1
            return commands
        commands += self._look(circles, now)
        if commands or before is None or before != self._picture():
            self.revision += 1
        self.scene.was_interrupted = False
        return commands

    def _look(self, circles: Touched, now: float) -> list[Command]:
        """Judge, compare, and act."""
        forget_unwanted(self.scene)
        commands = plumb_new(self.scene)
        commands += self.surveillance.follow(now, circles)
        commands += self._judgement.pronounce(now, circles)
        commands += announcements(self.scene, circles)
        commands += self.surveillance.tell()
        targets = arrange(self.scene, circles=circles)
        commands += self._outcomes.tell(targets)
        # What leaves by a member that has failed is cured first.
        commands += self._spreading.commands(targets, circles, now)
        is_busy = any(isinstance(command, Spread) for command in commands)
        moves = self._converge(targets, circles, routes=Portion.FEW)
        is_busy = is_busy or bool(moves) or bool(self._unfinished)
        return [*commands, *(moves if is_busy else release_detached(self.scene, circles))]

    def _go_on(self) -> list[Command]:
        """With what has only begun; who is healthy is as it was."""
        if not self._unfinished:
            return []
        self.revision += 1
        circles = self._unfinished.circles
        targets = arrange(self.scene, circles=circles)
        reports = self._outcomes.tell(targets)
        return [*reports, *self._converge(targets, circles, routes=Portion.PART)]

    def _converge(self, targets: Targets, circles: Touched, *, routes: Portion) -> list[Move]:
        step = converge(self.scene, targets, circles, routes=routes)
        self._outcomes.expect(targets)
        return self._unfinished.follow(circles, step.moves, has_more=step.has_more)

    def _account_for_time(self, event: Event, now: float) -> None:
        """While moves are being made nobody listens to the kernel: that time is our own."""
        if _answers_moves(event):
            for member in self.scene.members.values():
                member.watch.be_patient(now - self._handled_at)
        self._handled_at = now

    def _picture(self) -> object:
        """Two that are equal look the same to everybody: the regular look found nothing new."""
        health = [(member.name, member.health) for member in self.scene.members.values()]
        view = self.scene.view
        # The next view takes over the table.
        return view, view.table.revision, health, dict(self._judgement.problems)

    def _with_news(self, now: float) -> Touched:
        deadline = self._judgement.deadline
        news = self.surveillance.take_news(now)
        is_late = deadline is not None and deadline <= now
        is_late = self.scene.drift.try_again(self.scene.ledger, now) or is_late
        due = [key.ifindex for key in self.scene.refusals.due(now)]
        due += self.scene.unready.due(now)
        due += self.scene.courtesy.due(now)
        if news is None or is_late:
            return EVERYBODY
        members = (self.scene.member_at(ifindex) for ifindex in due)
        again = (member.name for member in members if member is not None)
        return circles_of(self.scene, (*news, *again))

    def deadline(self) -> float | None:
        """When to wake the engine with `Tick`, if nothing happens before."""
        if not self._is_ready:
            # It could do nothing about it.
            return None
        if self._unfinished:
            return self._handled_at
        scene = self.scene
        deadlines = (
            self._judgement.deadline,
            self.surveillance.deadline(),
            scene.drift.deadline(),
            scene.losses.deadline(),
            scene.ledger.leases.deadline(scene.ledger.withdrawn),
            scene.duplicates.deadline(),
            self._spreading.refusals.deadline(),
            scene.refusals.deadline(),
            scene.unready.deadline(),
            scene.courtesy.deadline(),
        )
        return min((it for it in deadlines if it is not None), default=None)

    @property
    def is_under_way(self) -> bool:
        """There is more to do at once; but others are to be heard before."""
        return bool(self._unfinished)

    def status(self) -> Status:
        return status_of(self.scene, self._judgement.problems, self.surveillance)

    def targets(self) -> tuple[TargetStatus, ...]:
        """Whom every interface probes; one entry at least for each."""
        return tuple(target_statuses(self.scene, self.surveillance))

    def probes(self, since: int, *, limit: int) -> tuple[ProbeStatus, ...]:
        """The newest `limit` probes decided about after decision number `since`, oldest first."""
        return probe_statuses(self.surveillance, since, limit=limit)

    def memory(self) -> Memory:
        """All but the known routes."""
        return memorise(self.scene)

    def follow_routes(self, most: int) -> bool:
        """Get so many of the routes that have changed ready for `routes_text`, which takes a while
        where they are many; whether that was all."""
        return self._route_record.follow(most)

    def routes_text(self) -> str:
        """The known routes; the same object as long as nothing has changed."""
        return self._route_record.text()

    # --- questions ---

    def was_given_up(self, name: str, ifindex: int) -> bool:
        """Before the configuration is known: whether the device was detached under this name."""
        return self._memory.detached.get(name) == ifindex

    def forecast(self) -> Iterator[Move]:
        """The moves of every failure that may come next, one interface at a time.

        Each is found out when it is asked for: all at once would hold up a real failure.
        """
        for member in self._to_forecast():
            joined = self.scene.memberships.joined.get(member.name)
            is_used = joined or not is_empty(self.scene, member.name)
            if member.fitness >= Fitness.UNKNOWN and is_used:
                broken = {member.name: Fitness.BROKEN}
                for move in self._difference_if(broken, (member.circle,)).moves():
                    if move.source == member.name:
                        yield move

    def _to_forecast(self) -> list[Member]:
        """What becomes of one is worked out on all of its group: that has to be worth it."""
        groups = self.scene.groups()
        return [
            member
            for member in self.scene.members.values()
            if member.group and len(groups[member.group]) <= MOST_FORECAST
        ]

    def is_empty(self, name: str) -> bool:
        """No data address and no route of ours is left on the interface."""
        return is_empty(self.scene, name)

    def amount_on(self, name: str) -> int:
        """How many data addresses and routes of ours are on the interface."""
        ifindex = self.scene.members[name].ifindex
        places = self.scene.places().items()
        routes = sum(len(keys) for place, keys in places if ifindex in place.carriers)
        return len([*addresses_held_by(self.scene, name)]) + routes

    def refusals(self, name: str) -> tuple[str, ...]:
        """Why things are stuck on an interface: what the kernel refused, in sentences."""
        return stuck_on(self.scene, name)

    def is_unplumbed(self, name: str) -> bool:
        """Nothing but link-local addresses is left, and the device is down or gone."""
        ifindex = self.scene.members[name].ifindex
        link = self.scene.view.links.get(ifindex)
        held = self.scene.view.addresses.get(ifindex, {})
        is_down = link is None or not link.is_up
        return is_down and all(address.ip.is_link_local for address in held)

    def is_restored(self, name: str) -> bool:
        """What was called back is back, and nothing else is left to do."""
        return not self.scene.members[name].recalls and self.is_settled()

    def rehearsal(
        self,
        names: Collection[str],
        going: Collection[str] = (),
        bereft: Collection[str] = (),
    ) -> Staging:
        """The detach of these interfaces, and of `bereft` that they are emptied; the detach of
        `going` began before.  It is still to be played."""
        return prepare(self.scene, names, going, bereft)

    def reasons(self) -> dict[RouteKey, str]:
        """Why routes are not where they should be: what the kernel refused, in sentences."""
        return routes_refused(self.scene.refusals.items())

    def is_settled(self) -> bool:
        """Nothing is left to do."""
        if not self._is_ready:
            return True
        difference = self._difference_if({})
        return not difference.moves() and not difference.has_more

    def is_at_rest(self) -> bool:
        """Nothing is left to do but what the kernel has refused."""
        targets = arrange(self.scene)
        refusals = self.scene.refusals
        return not Difference(self.scene, targets, refusals, routes=Portion.PART).moves()

    # --- taking in ---

    def _absorb(self, event: Event, now: float, commands: list[Command]) -> None:
        match event:
            case Together(events):
                for part in events:
                    self._absorb(part, now, commands)
            case KernelChanged(changes):
                for change in changes:
                    commands += self._spreading.taken_away(change, now)
                    commands += absorb_change(self.scene, change, now)
                self._outcomes.hear(changes, now)
                hear(self.scene, changes, now)
                self._spreading.refusals.hint(lambda _: True, now)
            case KernelSnapshot():
                commands += self._on_snapshot(event, now)
            case Configured(configuration):
                commands += self._on_configured(configuration, now)
            case BootSettled():
                commands += self._on_boot_settled()
            case Attach(name, config):
                self._ask_those_around(name)
                commands += attachment.attach(self.scene, name, config, now)
                commands += look_at_all(self.scene, now)
            case Offline(name):
                self._ask_anew()
                attachment.offline(self.scene, name)
            case UndoOffline(name):
                self._ask_anew()
                attachment.undo_offline(self.scene, name)
            case Leave(name):
                self._ask_anew()
                attachment.leave(self.scene, name)
            case Stay(name):
                self._ask_anew()
                attachment.stay(self.scene, name, now)
            case Unplumb(name):
                attachment.unplumb(self.scene, name)
            case Leased(lease, options):
                commands += leasing.granted(self.scene, lease, options)
            case LeaseLost(home, reason):
                commands += leasing.lost(self.scene, home, reason)
            case Plumbed():
                plumbed(self.scene, event, now)
            case Moved():
                commands += self._outcomes.absorb(event, now)
            case SpreadDone():
                commands += self._spreading.done(event, now)
            case SpeedSeen(name, mbit):
                self.scene.speeds[name] = mbit
            case MembershipsSeen():
                commands += absorb_memberships(self.scene, event)
            case Tick(answers, unsent=unsent):
                for answer in answers:
                    self.surveillance.answered(answer)
                for probe in unsent:
                    self.surveillance.unsent(probe)
            case NeighboursSeen():
                self.surveillance.neighbours_seen(event, now)
            case _:
                assert_never(event)

    def _on_snapshot(self, snapshot: KernelSnapshot, now: float) -> list[Command]:
        """Start, resync and overrun are one: look at everything anew."""
        reports: list[Command] = []
        before = self.scene.view
        self.scene.view = KernelView.of(snapshot, before)
        self.scene.view.call_by(before.names)
        self._ask_anew()
        for member in self.scene.members.values():
            link = self.scene.view.links.get(member.ifindex)
            if member.ifindex and link is None:
                member.lose()
                reports.append(messages.gone(member.name, member.group))
            elif link is not None and link.name != member.name:
                reports += lose_name(self.scene, member, link)
            elif link is not None:
                old = before.links.get(link.ifindex)
                if link.is_running and not (old and old.is_running):
                    member.watch.came_up(now)
        adopt_all(self.scene)
        forget_expired(self.scene, before)
        reports += look_at_all(self.scene, now)
        self._is_ready = bool(self.scene.members) or self._is_ready
        return reports

    def _on_configured(self, configuration: Configuration, now: float) -> list[Command]:
        scene = self.scene
        absent_before = {name for name, member in scene.members.items() if not member.ifindex}
        if self._is_ready:
            scene.drift.forget(scene.ledger, now)
        commands = attachment.configure(scene, configuration, self._memory, now)
        commands += recognise(scene, self._memory.plumbed)
        scene.refusals.forget()
        scene.unready.look()
        self._spreading.reconfigure()
        is_first = not self._is_ready
        self._is_ready = True
        # What was remembered is known now, or void.
        self._memory = Memory()
        adopt_all(scene)
        commands += look_at_all(scene, now)
        if scene.has_settled and not is_first:
            new = {name for name, member in scene.members.items() if not member.ifindex}
            commands += missing_messages(scene, new - absent_before)
        return commands

    def _ask_anew(self) -> None:
        """Whoever asks for something again may know that it is possible now."""
        self.scene.refusals.look()
        self.scene.unready.look()
        self._spreading.refusals.look()

    def _ask_those_around(self, name: str) -> None:
        """As `_ask_anew`, of those that it concerns."""
        member = self.scene.members.get(name)
        circle = self.scene.members_of((member.circle,)) if member else ()
        devices = {it.ifindex for it in circle}
        self.scene.refusals.look(lambda key: key.ifindex in devices)
        self.scene.unready.look(lambda ifindex: ifindex in devices)

    def _on_boot_settled(self) -> list[Command]:
        if self.scene.has_settled:
            return []
        self.scene.has_settled = True
        absent = {name for name, member in self.scene.members.items() if not member.ifindex}
        return list(missing_messages(self.scene, absent))

    # --- acting ---

    def _difference_if(
        self, assumed: dict[str, Fitness], circles: Circles | None = None
    ) -> Difference:
        dead = [name for name, fitness in assumed.items() if fitness is Fitness.BROKEN]
        return Difference(
            self.scene,
            arrange(self.scene, assumed, circles),
            (),
            circles,
            routes=Portion.FEW,
            assumed_dead=dead,
        )


def _answers_moves(event: Event) -> bool:
    parts = event.events if isinstance(event, Together) else (event,)
    return all(isinstance(part, Moved | SpreadDone | Plumbed) for part in parts)
