"""Keeps devices as they were made ready: what another program sets otherwise is set again.

`sysctl --system`, a tuning daemon or a person may change at run time what the groups rely on (the
sysctls of their members), or what a file asks for (MTU, hardware address).  Every device in use is
compared at each look at everything, and a moment after the kernel has told of it or of its
settings.  Nobody is fought (`Patience`): what is changed again and again is left alone for a
minute, and while it is not as it should be it is a problem.  What the kernel or a driver refuses is
no fight: it is tried again as soon as that may have ended (`Refusals`), and the problem says why.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from math import inf

from rcmd.daemon.loop import Daemon
from rcmd.errors import RcmError
from rcmd.ipmp.api.commands import Plumb, Report, Severity
from rcmd.ipmp.api.deviation import Deviation
from rcmd.ipmp.api.events import LinkGone, LinkSeen
from rcmd.ipmp.placement.arp_source import bare_members
from rcmd.ipmp.reconcile.plumbing import in_use
from rcmd.ipmp.rules.refusals import PAUSES_S, Refusals
from rcmd.ipmp.state.backoff import Patience, Turn
from rcmd.ipmp.state.bystanders import bystanders
from rcmd.ipmp.state.restore_policy import QUIET_S
from rcmd.model.kinds import LoadSpreading
from rcmd.model.status import Problem, ProblemCode, ProblemSeverity
from rcmd.ports.network import Devices
from rcmd.ports.store import Journal, SavedSysctls

log = logging.getLogger(__name__)

GRACE_S = 0.2
"""From the news to the look: who writes one setting goes on to the next."""
MOST_AT_ONCE = 16
"""Devices that are looked at in one turn of the loop; each costs a dozen small files."""

ALL = -1
"""In the place of an ifindex (NETCONFA_IFINDEX_ALL)."""

CODE = ProblemCode.PRECONDITION
EVERY_DEVICE = "every device"
"""The subject of what is set for all of them."""
REFUSED = "Find out why it is refused, or ask for something else in the file."
ADVICE = "Find out what sets it (files in sysctl.d, a tuning daemon), and leave it to rcmd."

BYSTANDERS = "devices beside the groups"
ADVICE_BESIDE = (
    "Set it to 1, with a file in sysctl.d: else probes of the group may be answered to the wrong"
    " interface."
)

STORY_S = 2 * QUIET_S
"""What is undone again within it is no news."""

_Thing = tuple[str, str]
"""Of a device, by its name, and which."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    is_right: bool
    refusal: str = ""
    tell: Severity | None = None


CallLater = Callable[[float, Callable[[], None]], object]
"""`loop.call_later` of asyncio."""


class Upkeep:
    def __init__(
        self,
        daemon: Daemon,
        devices: Devices,
        journal: Journal,
        call_later: CallLater,
        now: Callable[[], float],
    ) -> None:
        self._daemon = daemon
        self._devices = devices
        self._journal = journal
        self._call_later = call_later
        self._now = now
        self._patience = Patience()
        self._refused: Refusals[_Thing] = Refusals()
        self._waiting: dict[int, None] = {}
        """Devices to be looked at, first come, first served."""
        self._undone_at: dict[_Thing, float] = {}
        self._warned: set[_Thing] = set()
        self._bare: dict[tuple[int, str], bool] = {}
        self._is_due = False

    # --- what wakes it ---

    def follow_sources(self) -> None:
        """Who has just lost its last address to ask by ARP from, or has one again: that is nobody
        else's doing, and what it asks meanwhile would mislead its neighbours."""
        bare = bare_members(self._daemon.engine.scene)
        # Who was just plumbed asks from the best of its addresses.
        changed = [
            key for key, is_bare in bare.items() if self._bare.get(key, False) is not is_bare
        ]
        self._bare = bare
        if changed:
            used = in_use(self._daemon.engine.scene)
            for ifindex, _ in changed:
                self._choose_source(used[ifindex])

    def _choose_source(self, plumb: Plumb) -> None:
        """Without it the device works, and misleads its neighbours at times."""
        link = self._daemon.engine.scene.view.links[plumb.ifindex]
        try:
            for deviation in self._devices.deviations(plumb, link):
                if deviation.what.endswith("/arp_announce"):
                    self._devices.put_right(plumb, deviation)
        except RcmError as error:
            log.warning("%s", error)

    def link_changed(self, change: LinkSeen | LinkGone) -> None:
        """Also told of every link at each look at everything."""
        if isinstance(change, LinkSeen):
            self.settings_changed(change.link.ifindex)
            for ifindex in self._refused_above(change.link.ifindex):
                self.settings_changed(ifindex)

    def _refused_above(self, lower: int) -> Iterator[int]:
        """Devices on it of which something was refused: their MTU depends on it, for one."""
        scene = self._daemon.engine.scene
        for name in {name for (name, _), _ in self._refused.items()}:
            member = scene.members.get(name)
            link = scene.view.links.get(member.ifindex) if member else None
            if link is not None and link.lower == lower:
                yield link.ifindex

    def look_around(self) -> None:
        self.settings_changed(ALL)

    def settings_changed(self, ifindex: int) -> None:
        """Of one device, or of all: what is not in our care is sorted out when it is looked at."""
        self._waiting[ifindex] = None
        if not self._is_due:
            self._is_due = True
            self._call_later(GRACE_S, self.look)

    # --- looking ---

    def look(self) -> None:
        """At those that wait, some at a time."""
        self._is_due = False
        used = in_use(self._daemon.engine.scene)
        if ALL in self._waiting:
            self._look_at_every_device(used.values())
            self._look_at_bystanders()
            self._waiting = dict.fromkeys(used)
        waiting = [it for it in self._waiting if it in used]
        for ifindex in waiting[:MOST_AT_ONCE]:
            self._look_at(used[ifindex])
        self._waiting = dict.fromkeys(waiting[MOST_AT_ONCE:])
        if self._waiting:
            self._is_due = True
            self._call_later(0.0, self.look)

    def _look_at(self, plumb: Plumb) -> None:
        link = self._daemon.engine.scene.view.links[plumb.ifindex]
        try:
            found = self._devices.deviations(plumb, link)
        except RcmError as error:
            # It may just have gone; else the next look says so again.
            log.debug("%s: %s", plumb.name, error)
            return

        def put_right(deviation: Deviation) -> None:
            if deviation.is_sysctl:
                values = {deviation.what: deviation.found}
                self._journal.save_sysctls(SavedSysctls(plumb.kernel_name, plumb.ifindex, values))
            self._devices.put_right(plumb, deviation)

        left = self._set_again(plumb.name, plumb.ifindex, found, put_right)
        self._note_problem(plumb.name, left)

    def _look_at_every_device(self, used: Iterable[Plumb]) -> None:
        """At what is set for all of them, and for the whole machine."""
        try:
            obstacles = self._devices.obstacles(used)
            found = self._deviations_of_hash()
        except RcmError as error:
            log.debug("%s", error)
            return
        left = self._set_again(
            EVERY_DEVICE, ALL, found, lambda it: self._devices.put_sysctls({it.what: it.wanted})
        )
        self._note_problem(EVERY_DEVICE, (*obstacles, *left))

    def _look_at_bystanders(self) -> None:
        """They are not ours to change."""
        found = bystanders(self._daemon.engine.scene)
        answering = [it for it in sorted(found) if self._devices.answers_for_all(it)]
        text = "; ".join(
            f"{name} is on the link of group {found[name]}, and answers ARP for the addresses of"
            f" others (net.ipv4.conf.{name}.arp_ignore is 0)"
            for name in answering
        )
        if text:
            notice = ProblemSeverity.NOTICE
            self._daemon.set_problem(Problem(CODE, notice, BYSTANDERS, text, ADVICE_BESIDE))
        else:
            self._daemon.clear_problem(CODE, BYSTANDERS)

    def _deviations_of_hash(self) -> list[Deviation]:
        """What was there before it was chosen is recorded since then."""
        choice = self._daemon.hash_choice
        if choice is None or choice.mode is LoadSpreading.OFF:
            return []
        wanted = self._devices.hash_sysctls(choice.mode)
        found = self._devices.differing_sysctls(wanted)
        return [Deviation(path, value, wanted[path]) for path, value in found.items()]

    # --- setting it again ---

    def _set_again(
        self,
        subject: str,
        ifindex: int,
        found: Collection[Deviation],
        put_right: Callable[[Deviation], None],
    ) -> list[str]:
        """What is left as it is, a sentence each."""
        things = {(subject, it.what) for it in found}
        self._refused.forget(lambda thing: thing[0] == subject and thing not in things)
        outcomes = {it: self._try(subject, ifindex, it, put_right) for it in found}
        for severity, told in (
            (Severity.NOTICE, "it was set again"),
            (Severity.WARNING, "it is set so again and again, and left alone for a minute"),
        ):
            which = [str(it) for it, outcome in outcomes.items() if outcome.tell is severity]
            if which:
                text = f"{subject}: {'; '.join(which)}: {told}"
                self._daemon.report(Report(severity, CODE, subject, text))
        left = {it: outcome.refusal for it, outcome in outcomes.items() if not outcome.is_right}
        return [f"{it} ({refusal})" if refusal else str(it) for it, refusal in left.items()]

    def _try(
        self,
        subject: str,
        ifindex: int,
        deviation: Deviation,
        put_right: Callable[[Deviation], None],
    ) -> _Outcome:
        now, thing = self._now(), (subject, deviation.what)
        was_refused = bool(self._refused.reason(thing))
        is_news = was_refused or now - self._undone_at.get(thing, -inf) > STORY_S
        fought_over = None if was_refused else self._fought_over(thing, now, is_news=is_news)
        if fought_over is not None:
            return fought_over
        try:
            put_right(deviation)
        except RcmError as error:
            log.info("%s: %s", subject, error)
            times = self._refused.refuse(thing, str(error), now)
            if times <= len(PAUSES_S):
                self._call_later(PAUSES_S[times - 1], partial(self.settings_changed, ifindex))
            return _Outcome(is_right=False, refusal=str(error))
        self._refused.accept(thing)
        return _Outcome(is_right=True, tell=Severity.NOTICE if is_news else None)

    def _fought_over(self, thing: _Thing, now: float, *, is_news: bool) -> _Outcome | None:
        """What comes of it if somebody sets it again and again; None if nobody does."""
        if self._patience.is_over(thing, now):
            return _Outcome(is_right=False)
        self._undone_at[thing] = now
        if is_news:
            self._warned.discard(thing)
        if self._patience.taken(thing, now) is not Turn.LAST:
            return None
        is_warning = thing not in self._warned
        self._warned.add(thing)
        return _Outcome(is_right=False, tell=Severity.WARNING if is_warning else None)

    def _note_problem(self, subject: str, sentences: Iterable[str]) -> None:
        text = "; ".join(sentences)
        is_refused = any(name == subject for (name, _), _ in self._refused.items())
        advice = REFUSED if is_refused else ADVICE
        if text:
            self._daemon.set_problem(Problem(CODE, ProblemSeverity.WARNING, subject, text, advice))
        else:
            self._daemon.clear_problem(CODE, subject)
