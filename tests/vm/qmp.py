"""QEMU's control channel (docs/interop/qmp-spec.rst): commands, and events that can be awaited."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from .errors import GuestError

REPLY_S = 30.0
LISTENS_WITHIN_S = 5.0
LISTENS_AGAIN_S = 0.02

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, and when it was read (monotonic clock, s)."""

    name: str
    data: Data
    at: float


class Qmp:
    def __init__(self, path: Path) -> None:
        """Raises GuestError where QEMU ends at once."""
        self._socket = connected(path)
        self._replies: Queue[Data] = Queue()
        self._events: list[Happened] = []
        self._news = threading.Condition()
        self._lock = threading.Lock()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            self._reply()
            self("qmp_capabilities")
        except GuestError:
            self.close()
            raise

    def __call__(self, command: str, **arguments: Any) -> Any:
        """What QEMU returns.  Raises GuestError where it refuses."""
        request = {"execute": command, "arguments": arguments}
        with self._lock:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            reply = self._reply()
        if "error" in reply:
            raise GuestError(f"QEMU: {command}: {reply['error']['desc']}")
        return reply.get("return")

    def mark(self) -> int:
        """How many events there were; `wait` can look at those after."""
        return len(self._events)

    def wait(
        self, name: str, since: int, limit_s: float, is_it: Callable[[Data], bool]
    ) -> Happened:
        """The first such event after the mark.  Raises GuestError when there is none in time."""
        end = time.monotonic() + limit_s
        with self._news:
            while True:
                for event in self._events[since:]:
                    if event.name == name and is_it(event.data):
                        return event
                if not self._news.wait(end - time.monotonic()):
                    raise GuestError(f"QEMU: no {name} within {limit_s:g} s")

    def close(self) -> None:
        self._socket.close()

    def _reply(self) -> Data:
        try:
            return self._replies.get(timeout=REPLY_S)
        except Empty:
            raise GuestError(f"QEMU says nothing for {REPLY_S:g} s") from None

    def _read(self) -> None:
        for line in lines(self._socket):
            message = json.loads(line)
            if "event" not in message:
                self._replies.put(message)
                continue
            happened = Happened(message["event"], message.get("data", {}), time.monotonic())
            with self._news:
                self._events.append(happened)
                self._news.notify_all()
        self._replies.put({"error": {"desc": "it has ended"}})


def connected(path: Path) -> socket.socket:
    """The file is there a moment before somebody listens.  Raises GuestError."""
    end = time.monotonic() + LISTENS_WITHIN_S
    while True:
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.connect(str(path))
        except OSError as error:
            connection.close()
            if not isinstance(error, ConnectionRefusedError) or time.monotonic() > end:
                raise GuestError(f"QEMU: {path.name}: {error.strerror}") from error
            time.sleep(LISTENS_AGAIN_S)
        else:
            return connection


def lines(connection: socket.socket) -> Iterator[bytes]:
    """Until the other side, or ours, closes it."""
    try:
        yield from connection.makefile("rb")
    except (OSError, ValueError):
        return
