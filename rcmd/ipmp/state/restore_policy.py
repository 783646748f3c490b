"""What another program takes away is put back where it is to be kept, and nobody is fought.

An item is an address or a known route.  It is put back at once, three times within a minute; what
is taken away once more is left alone for a minute.  Then it is put back once: if that is taken away
within a minute, too, another minute passes, and so on.  A minute in which it is left alone ends the
matter, and so do reading the configuration again and a start.

| taken away                                    | then                    | told          |
|-----------------------------------------------|-------------------------|---------------|
| for the first time                            | put back                | a notice      |
| again, up to three times within a minute      | put back                |               |
| a fourth time                                 | given up for a minute   | a warning     |
| within a minute of being put back after that  | given up for a minute   |               |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from rcmd.ipmp.state.address_book import Ledger, MovableKey, RouteAtHome
from rcmd.model.network import KernelAddress, Route

QUIET_S = 60.0
"""So long it has to be left alone, or is left alone by us."""
MOST_RESTORED = 3
"""Times within `QUIET_S`."""


class Reaction(Enum):
    PUT_BACK = auto()
    """For the first time."""
    PUT_BACK_AGAIN = auto()
    GIVEN_UP = auto()
    GIVEN_UP_AGAIN = auto()


@dataclass(frozen=True, slots=True)
class GivenUp:
    """What is needed to want it again."""

    at: float
    """When, on the clock of the engine."""
    home: str = ""
    address: KernelAddress | None = None
    """As it was found, if it was added by hand."""
    route: Route | None = None


@dataclass(slots=True)
class _Struggle:
    """About one item."""

    restored_at: tuple[float, ...] = ()
    was_given_up: bool = False


@dataclass(slots=True)
class Drift:
    """Who is taken from, and how often.  Time comes in as `now`, in seconds."""

    given_up: dict[MovableKey, GivenUp] = field(default_factory=dict)
    _struggles: dict[MovableKey, _Struggle] = field(default_factory=dict)

    def removed(self, key: MovableKey, ledger: Ledger, now: float) -> Reaction:
        """Somebody took it away; where it is given up it is not wanted any more."""
        struggle = self._struggles.get(key)
        if struggle is None or now - struggle.restored_at[-1] > QUIET_S:
            self._struggles[key] = _Struggle((now,))
            return Reaction.PUT_BACK
        recent = tuple(at for at in struggle.restored_at if now - at <= QUIET_S)
        if not struggle.was_given_up and len(recent) < MOST_RESTORED:
            struggle.restored_at = (*recent, now)
            return Reaction.PUT_BACK_AGAIN
        reaction = Reaction.GIVEN_UP_AGAIN if struggle.was_given_up else Reaction.GIVEN_UP
        struggle.was_given_up = True
        self._give_up(key, ledger, now)
        return reaction

    def _give_up(self, key: MovableKey, ledger: Ledger, now: float) -> None:
        if isinstance(key, RouteAtHome):
            self.given_up[key] = GivenUp(now, key.home, route=ledger.routes.get(key))
            ledger.forget_route(key)
        else:
            home = ledger.adopted_home.get(key, "")
            self.given_up[key] = GivenUp(now, home, ledger.adopted.get(key))
            ledger.withdraw(key)

    def deadline(self) -> float | None:
        """When the next one is to be put back."""
        return min((it.at + QUIET_S for it in self.given_up.values()), default=None)

    def try_again(self, ledger: Ledger, now: float) -> bool:
        """Want again what was left alone for long enough.  Was there any?"""
        due = [key for key, it in self.given_up.items() if it.at + QUIET_S <= now]
        for key in due:
            self._want(key, ledger, now)
            self._struggles[key] = _Struggle((now,), was_given_up=True)
        return bool(due)

    def forget(self, ledger: Ledger, now: float) -> None:
        """The configuration was read again: everything is wanted as at first."""
        for key in list(self.given_up):
            self._want(key, ledger, now)
        self._struggles.clear()

    def end(self, key: MovableKey) -> None:
        """Nobody wants it any more: what it belonged to is over."""
        self.given_up.pop(key, None)

    def _want(self, key: MovableKey, ledger: Ledger, now: float) -> None:
        given_up = self.given_up.pop(key)
        if isinstance(key, RouteAtHome):
            route = given_up.route
            has_ended = (
                route is not None and route.expires_at is not None and route.expires_at <= now
            )
            if route is not None and not has_ended and key not in ledger.routes:
                ledger.record_route(key.home, route)
        elif given_up.address is None:
            ledger.withdrawn.discard(key)
        elif not ledger.knows(key):
            ledger.adopt(given_up.home, given_up.address)
