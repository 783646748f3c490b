"""One inbox, one loop, one timer: carries events to the engine and its commands to the kernel.

Everything happens in `feed`.  It gives the engine one event after the other, carries out what the
engine asks for at once, and gives the kernel's answers back before anything else is heard.  What
can wait (log, history, bus, memory, preparation of the next failover) waits until after.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from enum import Enum, auto
from functools import partial
from typing import assert_never

from rcmd.configuration import Loaded
from rcmd.daemon.hash_policy import choose_hash
from rcmd.daemon.looking import Looking
from rcmd.daemon.prepared import Prepared, failing
from rcmd.errors import RcmError
from rcmd.ipmp.api.commands import (
    Announce,
    ChooseHash,
    Command,
    LookForNeighbours,
    Move,
    Plumb,
    Release,
    Report,
    SendProbes,
    Severity,
    Spread,
    UnwatchInterface,
    WatchInterface,
)
from rcmd.ipmp.api.events import (
    Event,
    KernelChange,
    KernelChanged,
    LinkGone,
    LinkSeen,
    Moved,
    Plumbed,
    Refusal,
    RouteSeen,
    SpreadDone,
    Tick,
    Together,
    is_of_operation,
    names_in,
)
from rcmd.ipmp.api.probes import UnsentProbe
from rcmd.ipmp.engine import Engine
from rcmd.model.network import Identity, IPAddress, IPInterface
from rcmd.model.status import Preparations, Problem, ProblemCode
from rcmd.ports.network import Announcer, Devices, Kernel, Probes
from rcmd.ports.store import HistoryEvent, Journal, SavedSysctls
from rcmd.rcm.problems import Problems, recalled_from

log = logging.getLogger(__name__)

RECONCILE_S = 20.0
"""Everything is compared with the kernel at least this often (IF_SCAN_INTERVAL of in.mpathd)."""
PREPARE_AFTER_S = 0.2
"""Quiet time before the next failovers are prepared."""
SHORTEST_PAUSE_S = 0.001
"""Between two steps of the preparation."""
REST = 4
"""It rests this many times as long as it worked: a fifth of a core at most."""
CHORES_WAIT_S = 0.1
"""Until what can wait is done, while there is more to do that cannot."""
ROUTES_PAUSE_S = 0.25
"""Between two times that the known routes are written down."""
ROUTES_AT_A_TIME = 250
"""So many are put into words in one turn of the loop."""
LOOK_S = 0.005
"""So long one turn of the loop is spent on a look at everything."""
RETRY_S = 1.0
"""Until the next look at a kernel that changes faster than it can be read."""
MOST_IDENTITIES = 1000
"""Of devices that are remembered here; those of members always are."""
MEMORY_KEY = "engine"
ROUTES_KEY = "routes"
PROBLEMS_KEY = "problems"

REFUSED = "refused"
"""The kind of the reports on what the kernel or a driver would not do to an interface."""

LOG_LEVELS = {
    Severity.ERROR: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTICE: logging.INFO,
    Severity.INFO: logging.INFO,
}


Listener = Callable[[HistoryEvent], None]


class Progress(Enum):
    """Of a look at everything."""

    TAKEN_IN = auto()
    FAILED = auto()
    """The kernel changes faster than it can be read."""
    UNDER_WAY = auto()


class Daemon:
    """Implements `rcm.runtime.Machine`."""

    def __init__(
        self,
        engine: Engine,
        kernel: Kernel,
        devices: Devices,
        announcer: Announcer,
        probes: Probes,
        journal: Journal,
        read_configuration: Callable[[], Awaitable[Loaded]],
        has_hostname_file: Callable[[str], bool],
    ) -> None:
        self._engine = engine
        self._kernel = kernel
        self._devices = devices
        self._announcer = announcer
        self._probes = probes
        self._journal = journal
        self._read_configuration = read_configuration
        self.has_hostname_file = has_hostname_file
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[Event] = deque()
        self._is_feeding = False
        self._timer: asyncio.TimerHandle | None = None
        self._chores: asyncio.Handle | None = None
        self._preparation: asyncio.TimerHandle | None = None
        self._next_look: asyncio.TimerHandle | None = None
        self._looking: Looking | None = None
        self._prepared = Prepared()
        self.preparations = Preparations()
        self._minded: frozenset[str] = frozenset()
        """The interfaces whose routes the kernel tells us of."""
        self._refusals: dict[str, dict[str, None]] = {}
        """Interface -> what was refused since it was plumbed, each sentence once."""
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._unsent: list[UnsentProbe] = []
        self.hash_choice: ChooseHash | None = None
        """What was chosen last."""
        self._memory = ""
        self._routes = ""
        self._routes_timer: asyncio.TimerHandle | None = None
        self.problems = Problems(
            time.time_ns() // 1000, recalled_from(journal.recall(PROBLEMS_KEY))
        )
        self._problems = ""
        self._revision = 0
        self._identities: dict[str, tuple[int, Identity]] = {}
        """Name -> ifindex and identity: a device keeps its identity."""
        self.on_report: list[Listener] = []
        self.on_change: list[Callable[[], None]] = []
        self.on_link: list[Callable[[LinkSeen | LinkGone], None]] = []
        self.on_taken_over: list[Callable[[int, Sequence[IPInterface]], None]] = []
        """With the ifindex that has these addresses now."""

    @property
    def engine(self) -> Engine:
        return self._engine

    def stop(self) -> None:
        """Nothing is done any more by itself; the kernel stays as it is."""
        handles = (self._timer, self._chores, self._preparation, self._next_look)
        for handle in (*handles, self._routes_timer):
            if handle is not None:
                handle.cancel()
        if self._routes_timer is not None:
            self._remember(at_once=True)

    # --- events in, commands out ---

    def feed(self, event: Event) -> None:
        self._inbox.append(event)
        if self._is_feeding:
            return
        self._is_feeding = True
        try:
            while self._inbox:
                self._turn(self._inbox.popleft())
        finally:
            self._is_feeding = False
        self._rearm()
        if self._engine.revision == self._revision:
            return
        self._revision = self._engine.revision
        self._wake_waiters()
        self._do_chores_soon()

    def _do_chores_soon(self) -> None:
        if self._chores is None:
            if self._engine.is_under_way:
                # There is something new in every turn.
                self._chores = self._loop.call_later(CHORES_WAIT_S, self._do_chores)
            else:
                self._chores = self._loop.call_soon(self._do_chores)

    def _turn(self, event: Event) -> None:
        if routes := self.mind(names_in(event)):
            self._inbox.appendleft(event)
            event = KernelChanged(tuple(routes))
        commands = self._engine.handle(event, self._loop.time())
        if is_of_operation(event):
            # A crash in the middle must find what has to be put back.
            self._remember(at_once=True)
        answers: list[Event] = []
        # To tell of a failure takes as long as to cure it: that comes after.
        for command in sorted(commands, key=lambda it: isinstance(it, Report)):
            self._carry_out(command, answers)
        if answers:
            self._inbox.appendleft(Together(tuple(answers)))

    def mind(self, names: frozenset[str]) -> Sequence[RouteSeen]:
        """From now on the routes of these devices, too; those that were not told of before.

        Before the first look that is to be said of everybody who will be in our care: until then
        all routes of the machine are.
        """
        if names <= self._minded:
            return ()
        self._minded |= names
        routes = self._kernel.mind(self._minded)
        self._note(routes)
        return routes

    def _note(self, past: Iterable[KernelChange | Moved | SpreadDone]) -> None:
        if self._looking is not None:
            self._looking.note(past)

    def _carry_out(self, command: Command, answers: list[Event]) -> None:
        match command:
            case Move():
                answers.append(self._prepared.answer(command) or self._move(command))
            case Spread():
                done = self._kernel.spread(command)
                self._note((done,))
                answers.append(done)
            case ChooseHash():
                self._choose_hash(command)
            case Plumb():
                answers.append(self._plumb(command))
            case Announce():
                self._tell_neighbours(command.ifindex, command.hardware_address, command.addresses)
            case Release():
                self._release(command)
            case WatchInterface():
                self._probes.watch(command)
            case UnwatchInterface():
                self._probes.unwatch(command)
            case SendProbes():
                self._unsent += self._probes.send(command)
            case LookForNeighbours():
                self._probes.look(command)
            case Report():
                self.report(command)
            case _:
                assert_never(command)

    def _move(self, move: Move) -> Moved:
        moved = self._kernel.execute(move, partial(self._announce, move))
        self._note((moved,))
        return moved

    def _announce(self, move: Move, refusals: Collection[Refusal]) -> None:
        """Tell the neighbours where addresses are now; what is only removed is told no more."""
        wanted: dict[int, list[IPInterface]] = {}
        refused = {refusal.item for refusal in refusals}
        for item in move.announce:
            if not refused or item not in refused:
                wanted.setdefault(item.ifindex, []).append(item.address)
        told = {address.ip for addresses in wanted.values() for address in addresses}
        for ifindex, addresses in wanted.items():
            link = self._engine.scene.view.links.get(ifindex)
            if link is not None:
                ips = [address.ip for address in addresses]
                self._tell_neighbours(ifindex, link.hardware_address, ips)
                for listener in self.on_taken_over:
                    listener(ifindex, addresses)
        for gone in move.remove:
            if gone.address.ip not in told:
                self._announcer.cancel(gone.address.ip)

    def _tell_neighbours(
        self, ifindex: int, hardware_address: str, addresses: Sequence[IPAddress]
    ) -> None:
        link = self._engine.scene.view.links[ifindex]
        has_ipv6 = any(it.version == 6 for it in addresses)
        is_router = has_ipv6 and self._devices.is_router(link.kernel_name)
        member = self._engine.scene.member_at(ifindex)
        self._announcer.announce(
            ifindex,
            hardware_address,
            addresses,
            is_router=is_router,
            link=member.circle if member else link.name,
        )

    def _plumb(self, plumb: Plumb) -> Plumbed:
        before = self._refusals.pop(plumb.name, {})
        self._save_sysctls(plumb)
        try:
            plumbed = self._devices.plumb(plumb)
        except RcmError as error:
            text = f"{plumb.name} could not be plumbed: {error}"
            if text in before:
                # It is tried again and again.
                self._refusals[plumb.name] = before
            else:
                self.report(Report(Severity.ERROR, REFUSED, plumb.name, text))
            return Plumbed(plumb, keeps_address=True, refused=str(error))
        for obstacle in plumbed.obstacles:
            self.report(Report(Severity.WARNING, "obstacle", plumb.name, obstacle))
        return plumbed

    def _save_sysctls(self, plumb: Plumb) -> None:
        """Without a record they cannot be put back one day; the NIC is needed now."""
        try:
            before = self._devices.sysctls_before(plumb)
            saved = SavedSysctls(plumb.kernel_name, plumb.ifindex, before)
            self._journal.save_sysctls(saved)
        except RcmError as error:
            log.error("the sysctls of %s cannot be recorded: %s", plumb.name, error)

    def _release(self, release: Release) -> None:
        self._announcer.forget(release.ifindex)
        try:
            saved = self._journal.saved_sysctls(release.kernel_name, release.ifindex)
            self._devices.release(release, saved.values if saved else {})
            # Only now: who dies in between must find what to put back.
            self._journal.take_sysctls(release.kernel_name, release.ifindex)
        except RcmError as error:
            text = f"{release.name} could not be given back: {error}"
            self.report(Report(Severity.ERROR, REFUSED, release.name, text))

    def _choose_hash(self, choice: ChooseHash) -> None:
        """Never silently: it is one setting for all of the machine's traffic."""
        is_new, self.hash_choice = choice != self.hash_choice, choice
        try:
            report = choose_hash(choice, self._devices, self._journal)
        except RcmError as error:
            text = f"the hash of outgoing traffic could not be set: {error}"
            report = Report(Severity.ERROR, "hash", "rcmd", text) if is_new else None
        if report is not None:
            self.report(report)

    # --- the kernel's news ---

    def kernel_changed(self, changes: Sequence[KernelChange]) -> None:
        changes = self._prepared.without_echoes(changes)
        if changes:
            self._note(changes)
            self.first_sign(changes)
            self.feed(KernelChanged(tuple(changes)))
            self._tell_of_unasked()
        links = self._engine.scene.view.links
        for change in changes:
            if isinstance(change, LinkSeen | LinkGone):
                # Called as its file calls it.
                link = links.get(change.link.ifindex) if isinstance(change, LinkSeen) else None
                for listener in self.on_link:
                    listener(LinkSeen(link) if link else change)

    def first_sign(self, changes: Collection[KernelChange]) -> None:
        """One that fails, as it seems, is emptied at once; `kernel_changed` has to follow."""
        ifindexes = [*failing(changes)]
        if len(ifindexes) != 1 or self._is_feeding or self._engine.is_under_way:
            # What is known for one of them may not be right where others fail, too.
            return
        self._do_prepared(ifindexes[0])

    def link_lost(self, ifindex: int, has_carrier: Callable[[int], bool]) -> bool:
        """The same, of a message that is not even decoded; whether anything was done.

        `has_carrier` tells how it is now: the next message may say otherwise.
        """
        if self._looking is not None or self._is_feeding or self._engine.is_under_way:
            return False
        revision = self._engine.revision
        takers = self._prepared.takers(ifindex, revision)
        if not takers or has_carrier(ifindex) or not all(map(has_carrier, takers)):
            return False
        self._do_prepared(ifindex)
        return True

    def _do_prepared(self, ifindex: int) -> None:
        moves = self._prepared.take(ifindex, self._engine.revision)
        for move in moves:
            self._prepared.note(self._move(move))
        if moves:
            self.preparations = replace(self.preparations, done=self.preparations.done + 1)

    def _tell_of_unasked(self) -> None:
        unasked = self._prepared.unasked()
        wrong = [moved.move.source for moved in unasked if moved.added]
        for source in wrong:
            text = (
                f"what was prepared for a failure of {source} was done, and is not"
                " what it asked for: it is mended"
            )
            self.report(Report(Severity.NOTICE, "prepared", str(source), text))
        if wrong:
            self.preparations = replace(self.preparations, mended=self.preparations.mended + 1)
        for moved in unasked:
            self.feed(moved)

    def look_at(self, ifindex: int) -> None:
        self.kernel_changed((self._kernel.link(ifindex),))

    def look(self) -> bool:
        """Take in everything there is, at once; False where it changes faster than it can be
        read."""
        self._looking = Looking(self._kernel.looking())
        return self._look_on(math.inf) is Progress.TAKEN_IN

    def look_around(self) -> None:
        """The same, a little at a time; whatever happens meanwhile is heard."""
        self._looking = Looking(self._kernel.looking())
        self._go_on_looking()

    def _go_on_looking(self) -> None:
        if self._next_look is not None:
            self._next_look.cancel()
        match self._look_on(self._loop.time() + LOOK_S):
            case Progress.TAKEN_IN:
                self._looked_around()
            case Progress.FAILED:
                self._next_look = self._loop.call_later(RETRY_S, self.look_around)
            case Progress.UNDER_WAY:
                self._next_look = self._loop.call_later(SHORTEST_PAUSE_S, self._go_on_looking)

    def _look_on(self, until: float) -> Progress:
        assert self._looking is not None
        try:
            while (snapshot := self._looking.go_on()) is None:
                if self._loop.time() >= until:
                    return Progress.UNDER_WAY
        except RcmError as error:
            log.warning("the kernel changes faster than it can be read: %s", error)
            self._looking = None
            return Progress.FAILED
        self._looking = None
        self.feed(snapshot)
        return Progress.TAKEN_IN

    def _looked_around(self) -> None:
        siblings = self._engine.scene.view.nexthops.siblings.values()
        if siblings:
            self._kernel.ask_for_gateways(siblings)
        if self._chores is None:
            # Nothing has changed; but what could not be recorded before perhaps can be now.
            self._remember()
            self._remember_problems()
        for link in list(self._engine.scene.view.links.values()):
            for listener in self.on_link:
                listener(LinkSeen(link))

    # --- waiting ---

    async def until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        if condition():
            return True
        future: asyncio.Future[None] = self._loop.create_future()
        entry = (condition, future)
        self._waiters.append(entry)
        try:
            async with asyncio.timeout(timeout_s):
                await future
        except TimeoutError:
            return condition()
        finally:
            self._waiters.remove(entry)
        return True

    def _wake_waiters(self) -> None:
        for condition, future in self._waiters:
            if not future.done() and condition():
                future.set_result(None)

    def _rearm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        deadline = self._engine.deadline()
        self._timer = None if deadline is None else self._loop.call_at(deadline, self._tick)

    def _tick(self) -> None:
        """Answers first: nobody is called silent while his answer lies unread."""
        drained_at = self._loop.time()
        answers = tuple(self._probes.read())
        unsent, self._unsent = tuple(self._unsent), []
        self.feed(Tick(answers, drained_at, unsent))

    # --- what is wrong, and the engine cannot know ---

    def set_problem(self, problem: Problem) -> None:
        if self.problems.set(problem):
            self._do_chores_soon()

    def clear_problem(self, code: ProblemCode, subject: str) -> None:
        if self.problems.clear(code, subject):
            self._do_chores_soon()

    # --- what can wait ---

    def refusals(self, name: str) -> tuple[str, ...]:
        return tuple(self._refusals.get(name, ()))

    def report(self, report: Report) -> None:
        if report.kind == REFUSED:
            self._refusals.setdefault(report.subject, {})[report.message] = None
        log.log(LOG_LEVELS[report.severity], "%s", report.message)
        event = HistoryEvent(
            time.time_ns() // 1000,
            int(report.severity),
            report.kind,
            report.subject,
            report.message,
            report.detail,
        )
        for listener in self.on_report:
            listener(event)

    def _do_chores(self) -> None:
        self._chores = None
        self._remember()
        for listener in self.on_change:
            listener()
        # Whoever shows them has noted since when each of them is there.
        self._remember_problems()
        if self._preparation is not None:
            self._preparation.cancel()
        self._preparation = self._loop.call_later(PREPARE_AFTER_S, self._prepare, None)

    def _remember(self, *, at_once: bool = False) -> None:
        text = self._engine.memory().to_text()
        self._remember_routes(at_once=at_once)
        if text != self._memory:
            self._journal.remember(MEMORY_KEY, text)
            self._memory = text

    def _remember_problems(self) -> None:
        problems = self.problems.to_text()
        if problems != self._problems:
            self._journal.remember(PROBLEMS_KEY, problems)
            self._problems = problems

    def _remember_routes(self, *, at_once: bool) -> None:
        """Somebody may be adding thousands, one after the other."""
        if self._routes_timer is not None and not at_once:
            return
        if not at_once and not self._engine.follow_routes(ROUTES_AT_A_TIME):
            self._routes_timer = self._loop.call_later(SHORTEST_PAUSE_S, self._pause_is_over)
            return
        text = self._engine.routes_text()
        if text is not self._routes:
            self._journal.remember(ROUTES_KEY, text)
            self._routes = text
            if self._routes_timer is not None:
                self._routes_timer.cancel()
            self._routes_timer = self._loop.call_later(ROUTES_PAUSE_S, self._pause_is_over)

    def _pause_is_over(self) -> None:
        self._routes_timer = None
        self._remember_routes(at_once=False)

    def _prepare(self, steps: Iterator[None] | None) -> None:
        """Encode the moves of the next failures, a little at a time, and never all of the time."""
        begin = self._loop.time()
        steps = self._preparations() if steps is None else steps
        for _ in steps:
            pause_s = max(SHORTEST_PAUSE_S, REST * (self._loop.time() - begin))
            self._preparation = self._loop.call_later(pause_s, self._prepare, steps)
            return
        self._preparation = None

    def _preparations(self) -> Iterator[None]:
        self._prepared.begin(self._engine.revision)
        scene = self._engine.scene
        for move in self._engine.forecast():
            source = scene.members.get(move.source or "")
            # Who is only just being probed may be judged otherwise when it comes to it.
            if source is not None and all(it.is_certain for it in (source, *scene.peers(source))):
                self._prepared.add(source.ifindex, move)
            # To find it out took its time, even where its bytes are there already.
            yield
            yield from self._kernel.prepare(move)

    async def read_configuration(self) -> Loaded:
        return await self._read_configuration()

    # --- devices ---

    def identify(self, name: str) -> Identity:
        """As it is now, or as it was when it was last here."""
        view = self._engine.scene.view
        ifindex, identity = self._identities.get(name, (0, None))
        link = view.links.get(ifindex)
        if link is None or link.name != name:
            # Who has hundreds of devices is asked for hundreds of identities at once.
            link = view.link_named(name)
        if link is not None and link.ifindex != ifindex:
            identity = replace(self._devices.identify(link.kernel_name), name=name)
            self._note_identity(name, link.ifindex, identity)
        elif identity is None:
            identity = self._recorded().get(name, Identity(name))
            self._note_identity(name, 0, identity)
        return identity

    def _note_identity(self, name: str, ifindex: int, identity: Identity) -> None:
        """Containers come and go under ever new names: those are not kept for ever."""
        if len(self._identities) >= MOST_IDENTITIES:
            members = self._engine.scene.members
            self._identities = {it: at for it, at in self._identities.items() if it in members}
        self._identities[name] = (ifindex, identity)

    def _recorded(self) -> dict[str, Identity]:
        return {identity.name: identity for identity in self._journal.known()}

    def set_up(self, ifindex: int) -> None:
        link = self._engine.scene.view.links.get(ifindex)
        if link is not None:
            self._plumb(Plumb(ifindex, link.name, device=link.device))

    def carrier_devices(self) -> dict[int, str]:
        """The devices whose carrier is worth polling."""
        return {
            member.ifindex: self._engine.scene.kernel_name(member.name)
            for member in self._engine.scene.members.values()
            if member.ifindex
        }
