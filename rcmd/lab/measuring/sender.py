"""The process behind a stream: numbered datagrams at a steady rate, and their echoes.

Arguments: address, port, rate (a second), and the address to bind to, if any.  The socket is never
connected: unless it is bound, the kernel chooses the source of each datagram anew, and no ICMP
error makes the next one fail.  Says `started` once an echo was answered; ends when its standard
input is closed, a grace period later, with the result as JSON.  A line of input asks for the result
so far; the next result is then of what was sent after it.
"""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import sys
from time import monotonic_ns

GRACE_NS = 1_000_000_000
LATE_NS = 100_000_000
WARM_UP_NS = 10_000_000_000
WARM_UP_INTERVAL = 0.02
RECEIVE_BUFFER = 8 * 1024 * 1024
SO_RCVBUFFORCE = 33
WARM_UP_NUMBER = 2**64 - 1

_DATAGRAM = struct.Struct("=QQ")
"""Sequence number, and when it was sent (monotonic clock, ns)."""


class Sender:
    """Counts what it sends; only what is answered after the warm-up counts."""

    def __init__(self, sock: socket.socket, peer: tuple[str, int], interval_ns: int) -> None:
        self._sock = sock
        self._peer = peer
        self._interval_ns = interval_ns
        self._sent = 0
        self._unanswered: set[int] = set()
        self._late = 0
        self._refused = 0
        self._last_answer_ns = 0
        self._longest_gap_ns = 0
        self._part_from = 0
        """The first number of the part that the next result is about."""
        self._asked: tuple[int, int] | None = None
        """The number up to which a result was asked for, and when."""

    def warm_up(self) -> bool:
        """Until neighbours know each other; False when nobody answers in time."""
        deadline = monotonic_ns() + WARM_UP_NS
        while monotonic_ns() < deadline:
            with contextlib.suppress(OSError):
                self._sock.sendto(_DATAGRAM.pack(WARM_UP_NUMBER, 0), self._peer)
            if select.select((self._sock,), (), (), WARM_UP_INTERVAL)[0]:
                self._sock.recv(64)
                return True
        return False

    def run(self) -> None:
        due = self._last_answer_ns = monotonic_ns()
        while self._is_to_go_on():
            due += self._interval_ns
            self._listen_until(due)
            self._send()
            self._answer()
        end = monotonic_ns() + GRACE_NS
        while self._unanswered and monotonic_ns() < end:
            self._listen_until(min(end, monotonic_ns() + self._interval_ns))
        if self._unanswered:
            self._note_gap(end - GRACE_NS)

    def tell(self, until: int | None = None) -> None:
        """Say what became of the datagrams up to this number, and count anew from there."""
        end = self._sent if until is None else until
        lost = {number for number in self._unanswered if number < end}
        sent = end - self._part_from
        result = {
            "sent": sent,
            "answered": sent - len(lost),
            "lost": len(lost),
            "late": self._late,
            "longest_gap_ms": self._longest_gap_ns / 1e6,
        }
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
        self._unanswered -= lost
        self._part_from = end
        self._late = self._longest_gap_ns = 0

    def _is_to_go_on(self) -> bool:
        if select.select((sys.stdin,), (), (), 0)[0]:
            if not sys.stdin.readline():
                return False
            self._asked = (self._sent, monotonic_ns())
        return True

    def _answer(self) -> None:
        """Once it is known what became of everything that was asked about."""
        if self._asked is None:
            return
        until, asked_at = self._asked
        is_known = all(number >= until for number in self._unanswered)
        if is_known or monotonic_ns() - asked_at > GRACE_NS:
            self._asked = None
            self.tell(until)

    def _send(self) -> None:
        self._unanswered.add(self._sent)
        # No route or an unreachable neighbour: not sent, therefore lost.
        with contextlib.suppress(OSError):
            self._sock.sendto(_DATAGRAM.pack(self._sent, monotonic_ns()), self._peer)
        self._sent += 1

    def _listen_until(self, deadline_ns: int) -> None:
        while (remaining := deadline_ns - monotonic_ns()) > 0:
            if not select.select((self._sock,), (), (), remaining / 1e9)[0]:
                return
            self._receive()

    def _receive(self) -> None:
        number, sent_ns = _DATAGRAM.unpack(self._sock.recv(64))
        if number not in self._unanswered:
            return
        self._unanswered.remove(number)
        now = monotonic_ns()
        self._late += now - sent_ns > LATE_NS
        self._note_gap(now)
        self._last_answer_ns = now

    def _note_gap(self, now: int) -> None:
        self._longest_gap_ns = max(self._longest_gap_ns, now - self._last_answer_ns)


def main() -> int:
    address, port, rate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
        for bound_to in sys.argv[4:]:
            sock.bind((bound_to, 0))
        sender = Sender(sock, (address, port), 1_000_000_000 // rate)
        if not sender.warm_up():
            return 1
        sys.stdout.write("started\n")
        sys.stdout.flush()
        sender.run()
        sender.tell()
    return 0


if __name__ == "__main__":
    sys.exit(main())
