"""Calls of senders of whom the bus has not said yet whose they are: a few milliseconds' worth."""

from __future__ import annotations

from collections import defaultdict

from rcmd.bus.waiting import cost_of
from rcmd.bus.wire import Message

MOST_OF_ONE = 512 * 2**10
"""Bytes of calls of one stranger."""
MOST_OF_ALL = 256 * MOST_OF_ONE // 2
"""A user has 256 connections at most (`max_connections_per_user`), and cannot fill them all in so
short a time: there is room for somebody else."""


class Strangers:
    def __init__(self) -> None:
        self._calls: defaultdict[str, list[Message]] = defaultdict(list)
        self._bytes: defaultdict[str, int] = defaultdict(int)
        self._bytes_of_all = 0

    def __contains__(self, sender: str) -> bool:
        return sender in self._calls

    def put(self, message: Message) -> bool:
        """False where there is no room for it."""
        sender, cost = message.sender, cost_of(message)
        is_full = (
            self._bytes.get(sender, 0) + cost > MOST_OF_ONE
            or self._bytes_of_all + cost > MOST_OF_ALL
        )
        if is_full:
            return False
        self._calls[sender].append(message)
        self._bytes[sender] += cost
        self._bytes_of_all += cost
        return True

    def take(self, sender: str) -> list[Message]:
        """All that it has said; it is no stranger any more."""
        self._bytes_of_all -= self._bytes.pop(sender, 0)
        return self._calls.pop(sender, [])
