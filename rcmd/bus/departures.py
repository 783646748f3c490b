"""Calls that end when their caller leaves the bus (solaris.md 4.1: the initiator dies)."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Callers:
    """Those whose calls end with them.

    A lost bus is no departure: the callers may be well, and what has begun goes on.
    """

    def __init__(self) -> None:
        self._calls: defaultdict[str, set[asyncio.Task[Any]]] = defaultdict(set)

    @contextmanager
    def tied(self, sender: str) -> Iterator[None]:
        """In here the current task is cancelled when the sender leaves, which is there now."""
        call = asyncio.current_task()
        assert call is not None
        calls = self._calls[sender]
        calls.add(call)
        try:
            yield
        finally:
            calls.discard(call)
            if not calls:
                self._calls.pop(sender, None)

    def left(self, sender: str) -> None:
        for call in self._calls.get(sender, ()):
            # What is being given up already must not be disturbed while it is undone.
            if not call.cancelling():
                call.cancel()
