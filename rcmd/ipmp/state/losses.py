"""What others take away: told once, however much it is, and remembered for a moment.

Who flushes a table takes a thousand things away one by one: that is one event.  So a loss is told
when nothing more of its kind has followed for a quarter of a second.

What goes together comes back together: a program that takes a wanted address off a device sweeps
its routes along, before or after.  A route that went within two seconds of such an address has not
gone by somebody's decision about that route.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from enum import Enum, auto

from rcmd.ipmp.api.events import AddressGone
from rcmd.ipmp.state.route_words import describe_route
from rcmd.model.network import Family, IPAddress, Link, Route

QUIET_S = 0.25
MOST_PATIENT_S = 2.0
"""What goes on longer than that is told in parts."""
SWEEP_S = 2.0
RETURN_S = 1.0
"""So long what is being put back counts as if it were there."""


class Fate(Enum):
    """What becomes of something that was taken away."""

    GONE = auto()
    """An address that was added by hand, and is not wanted any more."""
    ROUTE_GONE = auto()
    """The same of a route."""
    LEFT_AWAY = auto()
    """It is wanted, but the settings accept that it was taken away."""
    PUT_BACK = auto()
    GIVEN_UP = auto()
    """It is taken away again and again."""
    DROPPED = auto()
    """The kernel took it away by itself; it is wanted as before."""
    TAKEN_OFF = auto()
    """By ourselves: it is in the way, or nothing asks for it any more."""


class Thing(Enum):
    ADDRESS = "address"
    ROUTE = "route"


@dataclass(frozen=True, slots=True)
class Topic:
    """What is told together."""

    fate: Fate
    interface: str
    requester: str = ""
    """The program whose request it was, where that is known."""
    cause: str = ""
    """Why the kernel did it, where that is known."""


@dataclass(slots=True)
class Tale:
    """In the order in which it happened; each thing in words."""

    since: float
    last: float
    things: dict[str, Thing] = field(default_factory=dict)

    @property
    def due_at(self) -> float:
        return min(self.last + QUIET_S, self.since + MOST_PATIENT_S)


@dataclass(frozen=True, slots=True)
class _Sweep:
    at: float
    ifindex: int
    family: Family


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A route that is not wanted any more, but for a moment may turn out to be."""

    at: float
    ifindex: int
    home: str
    route: Route
    topic: Topic


@dataclass(slots=True)
class Losses:
    """Time comes in as `now`, in seconds."""

    _tales: dict[Topic, Tale] = field(default_factory=dict)
    _sweeps: deque[_Sweep] = field(default_factory=deque)
    _forgotten: deque[Forgotten] = field(default_factory=deque)
    _returning: dict[IPAddress, float] = field(default_factory=dict)

    # --- telling ---

    def note(self, topic: Topic, thing: Thing, words: str, now: float) -> None:
        tale = self._tales.setdefault(self._common(topic), Tale(now, now))
        tale.last = now
        tale.things[words] = thing

    def _common(self, topic: Topic) -> Topic:
        """Who asked for it may be gone before it can be asked who it is: that is no other."""
        anonymous = replace(topic, requester="")
        if topic.requester:
            if anonymous in self._tales:
                self._tales[topic] = self._tales.pop(anonymous)
            return topic
        return next((it for it in self._tales if replace(it, requester="") == topic), topic)

    def deadline(self) -> float | None:
        """When the next one is to be told."""
        return min((tale.due_at for tale in self._tales.values()), default=None)

    def due(self, now: float) -> list[tuple[Topic, Tale]]:
        for key in [it for it, since in self._returning.items() if since < now - RETURN_S]:
            del self._returning[key]
        due = [(topic, tale) for topic, tale in self._tales.items() if tale.due_at <= now]
        for topic, _ in due:
            del self._tales[topic]
        return due

    # --- what comes back at once ---

    def expect_back(self, key: IPAddress, now: float) -> None:
        """Nobody is to judge by it that is away for the moment until it is put back."""
        self._returning[key] = now

    def despair_of(self, key: IPAddress) -> None:
        """The kernel would not have it."""
        self._returning.pop(key, None)

    def is_returning(self, key: IPAddress) -> bool:
        return key in self._returning

    # --- what went together ---

    def swept(self, ifindex: int, family: Family, now: float) -> list[Forgotten]:
        """A wanted address was taken off the device.  The routes that went with it before."""
        self._prune(now)
        self._sweeps.append(_Sweep(now, ifindex, family))
        place = (ifindex, family)
        found = [it for it in self._forgotten if (it.ifindex, it.route.family) == place]
        if found:
            rest = (it for it in self._forgotten if (it.ifindex, it.route.family) != place)
            self._forgotten = deque(rest)
        for it in found:
            self._untell(it)
        return found

    def is_swept(self, ifindex: int, family: Family, now: float) -> bool:
        """Whether a wanted address was taken off the device a moment ago."""
        self._prune(now)
        return any((it.ifindex, it.family) == (ifindex, family) for it in self._sweeps)

    def forget(self, forgotten: Forgotten) -> None:
        self._prune(forgotten.at)
        self._forgotten.append(forgotten)
        words = describe_route(forgotten.route)
        self.note(forgotten.topic, Thing.ROUTE, words, forgotten.at)

    def _untell(self, forgotten: Forgotten) -> None:
        """It will be told as what it is: swept along."""
        topic = self._common(forgotten.topic)
        tale = self._tales.get(topic)
        if tale is not None:
            tale.things.pop(describe_route(forgotten.route), None)
            if not tale.things:
                del self._tales[topic]

    def _prune(self, now: float) -> None:
        for kept in (self._sweeps, self._forgotten):
            while kept and kept[0].at < now - SWEEP_S:
                kept.popleft()


def is_by_kernel(gone: AddressGone, link: Link) -> bool:
    """It was nobody's will: asked for by nobody, or the device has lost all of the family."""
    has_lost_all = not link.is_up or gone.address.family not in link.families
    is_doubtful = gone.address.family is Family.IPV6
    return not gone.is_by_request or (is_doubtful and has_lost_all)
