"""The order in which calls are answered, and how many may wait."""

from __future__ import annotations

from rcmd.bus.strangers import MOST_OF_ONE as MOST_OF_STRANGER
from rcmd.bus.strangers import Strangers
from rcmd.bus.waiting import (
    MOST_OF_ALL,
    MOST_OF_ONE,
    MOST_TURNED_AWAY,
    Call,
    TurnedAway,
    WaitingCalls,
)
from rcmd.bus.wire import Flag, Kind, Message
from rcmd.ports.coordinator import Caller


def call(uid: int, serial: int = 1, *, body: bytes = b"", flags: Flag = Flag.NONE) -> Call:
    sender = f":1.{uid}"
    message = Message(Kind.CALL, sender=sender, serial=serial, body=body, flags=flags)
    return Call(Caller(sender, uid, 1), message)


def taken(waiting: WaitingCalls) -> list[Call | TurnedAway]:
    items = []
    while waiting:
        items.append(waiting.take())
    return items


def test_users_take_turns_and_each_keeps_its_order() -> None:
    waiting = WaitingCalls()
    flood = [call(65534, serial) for serial in range(1000)]
    for each in flood:
        waiting.put(each)
    root, other = [call(0, 1), call(0, 2)], [call(1000)]
    for each in (*root, *other):
        waiting.put(each)
    items = taken(waiting)
    # Whoever comes late waits for one call of each of the others.
    assert items[:5] == [flood[0], root[0], other[0], flood[1], root[1]]
    assert [it for it in items if it in flood] == flood


def test_a_user_beyond_its_room_is_turned_away_in_turn() -> None:
    waiting = WaitingCalls()
    large = MOST_OF_ONE // 4
    for serial in range(5):
        waiting.put(call(65534, serial, body=bytes(large)))
    waiting.put(call(0, 9, body=bytes(large)))
    items = taken(waiting)
    assert [type(it) for it in items].count(TurnedAway) == 2
    assert items[-1] == TurnedAway(":1.65534", 4)
    assert items[1] == call(0, 9, body=bytes(large))
    # There is room again.
    waiting.put(call(65534))
    assert taken(waiting) == [call(65534)]


def test_whoever_wants_no_answer_is_not_even_turned_away() -> None:
    waiting = WaitingCalls()
    waiting.put(call(65534, body=bytes(MOST_OF_ONE), flags=Flag.NO_REPLY))
    assert not waiting


def test_all_users_together_leave_room_for_root() -> None:
    waiting = WaitingCalls()
    body = bytes(MOST_OF_ONE // 2)
    users = range(1, 2 * MOST_OF_ALL // len(body))
    for uid in users:
        waiting.put(call(uid, body=body))
    waiting.put(call(0, body=body))
    kept = [it for it in taken(waiting) if isinstance(it, Call)]
    assert sum(len(it.message.body) for it in kept if it.caller.uid) <= MOST_OF_ALL
    assert call(0, body=body) in kept


def test_refusals_that_wait_are_bounded() -> None:
    waiting = WaitingCalls()
    body = bytes(MOST_OF_ONE)
    for serial in range(MOST_TURNED_AWAY + 10):
        waiting.put(call(65534, serial, body=body))
    assert len(taken(waiting)) == MOST_TURNED_AWAY


def test_strangers() -> None:
    strangers = Strangers()
    large = call(1, body=bytes(MOST_OF_STRANGER // 2)).message
    assert strangers.put(large)
    assert not strangers.put(large)
    assert strangers.put(call(2).message)
    assert ":1.1" in strangers
    assert strangers.take(":1.1") == [large]
    assert ":1.1" not in strangers
    assert strangers.put(large)
    count = 0
    while strangers.put(call(3 + count, body=bytes(MOST_OF_STRANGER // 2)).message):
        count += 1
    assert 100 < count < 300
