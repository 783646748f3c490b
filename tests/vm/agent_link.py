"""The host's side of the agent in the guest: requests may overlap, answers find who asked."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, Queue
from typing import Any

from .errors import GuestError
from .qmp import connected, lines

SLACK_S = 30.0
"""On top of what a request may take: the guest is slow."""


class AgentLink:
    def __init__(self, path: Path) -> None:
        self._socket = connected(path)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Queue[Mapping[str, Any]]] = {}
        self._lock = threading.Lock()
        self._hello = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, verb: str, *, wait_s: float, **arguments: Any) -> Mapping[str, Any]:
        """Raises GuestError when there is no answer in time, or one that says what went wrong."""
        number = next(self._numbers)
        box: Queue[Mapping[str, Any]] = Queue()
        self._waiting[number] = box
        request = {"id": number, "verb": verb, "arguments": arguments}
        with self._lock:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
        try:
            answer = box.get(timeout=wait_s + SLACK_S)
        except Empty:
            raise GuestError(f"the guest does not answer: {verb} {arguments}") from None
        if "error" in answer:
            raise GuestError(f"guest: {verb}: {answer['error']}")
        return answer

    def forget_hello(self) -> None:
        """Before a boot: `wait_for_hello` is about the next one."""
        self._hello.clear()

    def wait_for_hello(self, limit_s: float) -> bool:
        """Until the agent has started; False when it has not by then."""
        return self._hello.wait(limit_s)

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        for line in lines(self._socket):
            try:
                message = json.loads(line)
            except ValueError:
                # The rest of a line that a reset has cut off.
                continue
            if "hello" in message:
                self._hello.set()
            elif (box := self._waiting.pop(message["id"], None)) is not None:
                box.put(message)
