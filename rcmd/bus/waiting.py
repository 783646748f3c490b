"""Calls that have arrived and wait for their turn: whoever asks for much waits behind himself.

Every user has a queue, and the users take turns.  What a queue holds is bounded, those of all
users but root together as well, so that there is always room for root.  A call beyond that is
turned away, but in its turn: an answer at once would let the caller ask again at once, and whoever
is answered keeps the bus busy for everybody.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from rcmd.bus.wire import Message
from rcmd.ports.coordinator import Caller

ROOT_UID = 0
_COST = 1024
"""Bytes that a call takes here besides its arguments."""
MOST_OF_ONE = 4 * 2**20
"""Bytes of calls of one user that wait."""
MOST_OF_ALL = 16 * 2**20
"""The same for all users but root together."""
MOST_TURNED_AWAY = 2**15
"""Calls whose refusal waits.  Beyond that a caller hears nothing, and can ask no more: the bus
lets a connection have few calls without an answer (`max_replies_per_connection`)."""


@dataclass(frozen=True, slots=True)
class Call:
    caller: Caller
    message: Message


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """As much of a call as its refusal needs."""

    sender: str
    serial: int


class WaitingCalls:
    def __init__(self) -> None:
        self._queues: dict[int, deque[Call | TurnedAway]] = {}
        """By user, whose turn it is first; no queue is empty."""
        self._bytes: Counter[int] = Counter()
        """By user."""
        self._bytes_of_others = 0
        """Of all users but root."""
        self._turned_away = 0

    def __bool__(self) -> bool:
        return bool(self._queues)

    def put(self, call: Call) -> None:
        uid, message = call.caller.uid, call.message
        cost = cost_of(message)
        if self._has_room(uid, cost):
            self._queue(uid).append(call)
            self._count(uid, cost)
        elif message.wants_reply and self._turned_away < MOST_TURNED_AWAY:
            self._queue(uid).append(TurnedAway(message.sender, message.serial))
            self._turned_away += 1

    def take(self) -> Call | TurnedAway:
        """The first of the user whose turn it is, who is last now.  There has to be one."""
        uid, queue = next(iter(self._queues.items()))
        item = queue.popleft()
        del self._queues[uid]
        if queue:
            self._queues[uid] = queue
        match item:
            case Call():
                self._count(uid, -cost_of(item.message))
            case TurnedAway():
                self._turned_away -= 1
        return item

    def _queue(self, uid: int) -> deque[Call | TurnedAway]:
        return self._queues.setdefault(uid, deque())

    def _has_room(self, uid: int, cost: int) -> bool:
        if self._bytes.get(uid, 0) + cost > MOST_OF_ONE:
            return False
        return uid == ROOT_UID or self._bytes_of_others + cost <= MOST_OF_ALL

    def _count(self, uid: int, cost: int) -> None:
        self._bytes[uid] += cost
        if not self._bytes[uid]:
            del self._bytes[uid]
        if uid != ROOT_UID:
            self._bytes_of_others += cost


def cost_of(message: Message) -> int:
    """Bytes."""
    return _COST + len(message.body)
