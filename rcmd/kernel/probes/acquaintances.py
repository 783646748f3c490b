"""By which hardware address each target answers ARP and neighbour solicitations.

Their answers bring nothing back of the question, so whoever hears it, or guesses it, can give one.
What can be checked is that the answer comes from where the first one came from.  A target may move
to another hardware address all the same, as a gateway does that is taken over: once it has been
silent, and somebody else has answered several questions on end, that one is believed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from rcmd.model.network import IPAddress

CONFIRMATIONS = 3
"""So often in a row somebody else has to answer before that is the target now."""
MOST_KNOWN = 64
"""Targets of an interface; those that have not been asked for longest are forgotten."""

Face = bytes
"""The hardware addresses that an answer shows: equal ones come from the same place."""


class Standing(Enum):
    ACCEPTED = auto()
    ASK_AGAIN = auto()
    """From somewhere else than before, which may be right: let it prove that it hears us."""
    IGNORED = auto()


@dataclass(slots=True)
class _Known:
    face: Face
    is_awaited: bool = True
    """It was asked, and has not answered."""
    is_silent: bool = False
    """It has been asked once more."""
    claimant: Face = b""
    claims: int = 0


@dataclass(slots=True)
class Acquaintances:
    """The targets of one interface."""

    _known: dict[IPAddress, _Known] = field(default_factory=dict)

    def asked(self, target: IPAddress) -> Face | None:
        """A question is about to be sent; whom to ask alone, None where everyone is to be asked.

        Who answered last time is asked alone: others need not be woken, and do not hear it.
        """
        known = self._known.pop(target, None)
        if known is None:
            return None
        self._known[target] = known
        known.is_silent = known.is_awaited
        known.is_awaited = True
        known.claims = 0
        return None if known.is_silent else known.face

    def answered(self, target: IPAddress, face: Face) -> Standing:
        known = self._known.get(target)
        if known is None or known.face == face:
            self._meet(target, face)
            return Standing.ACCEPTED
        if not known.is_silent:
            return Standing.IGNORED
        if known.claimant != face:
            if known.claims:
                # Two who both say that they are it: neither is believed for now.
                return Standing.IGNORED
            known.claimant = face
        known.claims += 1
        if known.claims < CONFIRMATIONS:
            return Standing.ASK_AGAIN
        self._meet(target, face)
        return Standing.ACCEPTED

    def _meet(self, target: IPAddress, face: Face) -> None:
        self._known.pop(target, None)
        self._known[target] = _Known(face, is_awaited=False)
        while len(self._known) > MOST_KNOWN:
            del self._known[next(iter(self._known))]
