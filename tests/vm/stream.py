"""A stream of 1000 echo requests a second to an address of the guest, and what became of them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .wire import BRIDGE, Wire

RATE = 1000
BEFORE_S = 1.0
"""So long a stream is looked at before anything happens."""
END_S = 20.0


@dataclass(frozen=True, slots=True)
class Request:
    """Times are of the monotonic clock, s; those never answered are lost."""

    sent: float
    answered: float | None


@dataclass(frozen=True, slots=True)
class Announcement:
    """The address was announced at this port of the switch."""

    at: float
    port: str


@dataclass(slots=True)
class Stream:
    """What it holds is there when the stream has ended."""

    requests: list[Request] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)

    def lost(self, since: float = 0.0, until: float = float("inf")) -> int:
        """Requests sent in that time that were never answered; each stands for a millisecond."""
        return sum(
            request.answered is None for request in self.requests if since <= request.sent < until
        )

    def first_answer(self, since: float) -> float:
        """When the first of the requests sent after that was answered; infinity if none was."""
        times = (request.answered for request in self.requests if request.sent >= since)
        return next((time for time in times if time is not None), float("inf"))

    def announced(self, port: str, since: float) -> float:
        """When the address was first announced at the port after that; infinity if never."""
        times = (it.at for it in self.announcements if it.port == port and it.at >= since)
        return next(times, float("inf"))


@contextmanager
def stream_to(wire: Wire, address: str) -> Iterator[Stream]:
    """It runs while the body does, and a second before."""
    program = Path(__file__).with_name("pinger.py")
    command = wire.inside(sys.executable, "-S", str(program), address, str(RATE), BRIDGE)
    stream = Stream()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        time.sleep(BEFORE_S)
        yield stream
        out, _ = process.communicate("", timeout=END_S)
    result = json.loads(out)
    for sent, answered in zip(result["sent"], result["answered"], strict=True):
        stream.requests.append(Request(sent, answered))
    stream.announcements += (Announcement(*it) for it in result["announced"])
