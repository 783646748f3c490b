"""Traffic into the host, measured: a datagram stream and a TCP session."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from rcmd.lab.errors import LabError
from rcmd.lab.network.places import Place


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a stream.

    A datagram is lost when no echo came until a second after the last one was sent; `late` is
    how many of the answered took more than 100 ms.  The gap is between two answers.
    """

    sent: int
    answered: int
    lost: int
    late: int
    longest_gap_ms: float


@dataclass(frozen=True, slots=True)
class SessionState:
    is_alive: bool
    worst_stall_ms: float
    exchanges: int


class Peer:
    """A measuring process in another place."""

    def __init__(self, place: Place, env: Mapping[str, str], module: str, *args: str) -> None:
        self._what = f"{module.rpartition('.')[2]} to {args[0]} from the {place.name}"
        self._process = place.popen(
            [sys.executable, "-m", module, *args],
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def await_start(self) -> None:
        """Errors: LabError when it cannot start, with its reason."""
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "started\n":
            _, errors = self._process.communicate()
            raise LabError(f"no {self._what}: nobody answers {errors}")

    def ask(self) -> str:
        """One line for one line.  Errors: LabError when it has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise LabError(f"the {self._what} has ended") from error
        return self._process.stdout.readline()

    def end(self) -> str:
        """The last it says; it ends when its input is closed."""
        output, errors = self._process.communicate()
        if self._process.returncode != 0:
            raise LabError(f"the {self._what} failed: {errors}")
        return output

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()


class Stream:
    """UDP datagrams at a steady rate to an echo server, matched by number."""

    def __init__(
        self,
        place: Place,
        env: Mapping[str, str],
        address: str,
        port: int,
        rate: int,
        bound_to: str | None = None,
    ) -> None:
        options = () if bound_to is None else (bound_to,)
        self._start = (place, env, (address, str(port), str(rate), *options))
        self._peer: Peer | None = None

    def start(self) -> Stream:
        """Returns once the first echo was answered.  Errors: LabError when none is."""
        place, env, arguments = self._start
        self._peer = Peer(place, env, "rcmd.lab.measuring.sender", *arguments)
        self._peer.await_start()
        return self

    def interim(self) -> Result:
        """What became of what was sent until now, and since the last interim result.

        Waits up to a second for echoes under way; the stream goes on.
        """
        if self._peer is None:
            raise LabError("the stream was not started")
        return Result(**json.loads(self._peer.ask()))

    def stop(self) -> Result:
        """Stops sending, waits up to a second for echoes under way, and counts as `interim`."""
        if self._peer is None:
            raise LabError("the stream was not started")
        return Result(**json.loads(self._peer.end()))

    def run_for(self, seconds: float) -> Result:
        """Start, stop after so long, and count."""
        self.start()
        time.sleep(seconds)
        return self.stop()

    def kill(self) -> None:
        if self._peer is not None:
            self._peer.kill()


class TcpSession:
    """A connection to an echo server that exchanges a message every millisecond."""

    def __init__(self, place: Place, env: Mapping[str, str], address: str, port: int) -> None:
        self._peer = Peer(place, env, "rcmd.lab.measuring.ping_pong", address, str(port))
        self._peer.await_start()

    def state(self) -> SessionState:
        """Waits for one more exchange, up to ten seconds."""
        return SessionState(**json.loads(self._peer.ask()))

    def alive(self) -> bool:
        """Whether one more exchange succeeds."""
        return self.state().is_alive

    @property
    def worst_stall_ms(self) -> float:
        """The longest that an answer took; includes one that is still awaited."""
        return self.state().worst_stall_ms

    def close(self) -> None:
        self._peer.end()

    def kill(self) -> None:
        self._peer.kill()
