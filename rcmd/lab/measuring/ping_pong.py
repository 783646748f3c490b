"""The process behind a TCP session: a small message to and fro for ever, each way timed.

Arguments: address, port.  Says `started` once connected; answers each line on standard input
with its state as JSON.  The state is told after one more exchange, or as not alive.
"""

from __future__ import annotations

import json
import select
import socket
import sys
from time import monotonic

INTERVAL = 0.001
"""Seconds between an answer and the next message."""
MESSAGE = b"rcmd-lab"
ALIVE_WITHIN = 10.0
"""Seconds for one more exchange."""
CONNECT_WITHIN = 10.0


class PingPong:
    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sent_at: float | None = None
        self._next_at = monotonic()
        self._buffered = b""
        self._exchanges = 0
        self._worst_stall = 0.0
        self._is_broken = False

    def run(self) -> None:
        """Until standard input is closed."""
        while True:
            readable = self._wait()
            if self._sock in readable:
                self._receive()
            if self._sent_at is None and not self._is_broken and monotonic() >= self._next_at:
                self._send()
            if sys.stdin in readable:
                if not sys.stdin.readline():
                    return
                self._report()

    def _wait(self) -> list[object]:
        if self._is_broken:
            return select.select((sys.stdin,), (), ())[0]
        timeout = max(0.0, self._next_at - monotonic()) if self._sent_at is None else None
        return select.select((self._sock, sys.stdin), (), (), timeout)[0]

    def _send(self) -> None:
        self._sent_at = monotonic()
        try:
            self._sock.sendall(MESSAGE)
        except OSError:
            self._is_broken = True

    def _receive(self) -> None:
        try:
            data = self._sock.recv(64)
        except OSError:
            data = b""
        if not data:
            self._is_broken = True
            return
        self._buffered += data
        if self._buffered == MESSAGE and self._sent_at is not None:
            now = monotonic()
            self._worst_stall = max(self._worst_stall, now - self._sent_at)
            self._exchanges += 1
            self._buffered, self._sent_at, self._next_at = b"", None, now + INTERVAL

    def _report(self) -> None:
        before, deadline = self._exchanges, monotonic() + ALIVE_WITHIN
        while not self._is_broken and self._exchanges == before and monotonic() < deadline:
            if self._sent_at is None:
                self._send()
            if select.select((self._sock,), (), (), deadline - monotonic())[0]:
                self._receive()
        stall = self._worst_stall
        if self._sent_at is not None:
            stall = max(stall, monotonic() - self._sent_at)
        state = {
            "is_alive": self._exchanges > before,
            "worst_stall_ms": stall * 1e3,
            "exchanges": self._exchanges,
        }
        sys.stdout.write(json.dumps(state) + "\n")
        sys.stdout.flush()


def main() -> int:
    address, port = sys.argv[1], int(sys.argv[2])
    with socket.create_connection((address, port), timeout=CONNECT_WITHIN) as sock:
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sys.stdout.write("started\n")
        sys.stdout.flush()
        PingPong(sock).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
