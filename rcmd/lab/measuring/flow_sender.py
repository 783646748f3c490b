"""The process behind many flows: numbered datagrams, in turn for each, at a steady total rate.

Argument: an `Order` as JSON.  Each flow is a connected UDP socket of its own.  Says `started` once
each flow has sent one datagram with the number 0, which neighbours may cost; ends when its standard
input is closed, and tells how many each flow has sent since then, as JSON.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import struct
import sys
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from time import monotonic

from rcmd.lab.measuring.wiretap import PORT

HEADER = struct.Struct("!III")
"""The numbers of the run, of the flow, and of the datagram in it; a datagram begins with them."""
WARM_UP_RATE = 5000
"""Datagrams a second: neighbours are asked for while only few datagrams wait for them."""
CATCH_UP_S = 0.02
"""What a busy machine kept us from sending for longer than this is not sent any more."""
NAP_S = 0.001
SPARE_DESCRIPTORS = 64
SEND_BUFFER = 32768
"""Bytes, of each socket: small, so that thousands of them cannot fill the memory."""
UDP_SEGMENT = 103


@dataclass(frozen=True, slots=True)
class Order:
    """`rate` is of all flows together, in datagrams a second; `size` in bytes.

    `run` tells it from earlier ones, of which datagrams may still wait for a neighbour.

    A flow sends `batch` datagrams at once, which the kernel takes apart (UDP_SEGMENT): fewer
    system calls, the same datagrams.
    """

    run: int
    count: int
    prefix: str
    rate: int
    size: int
    batch: int
    bound_to: str | None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def destinations(self) -> list[str]:
        """One for each flow, all over the prefix."""
        network = ip_network(self.prefix)
        stride = (min(network.num_addresses, 1 << 24) - 2) // self.count
        return [str(network[1 + number * stride]) for number in range(self.count)]


class FlowSender:
    """The sockets are open, and connected, when made."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._network: IPv4Network | IPv6Network = ip_network(order.prefix)
        self._sockets = [self._connected(address) for address in order.destinations()]
        self._sent = [0] * order.count
        self._next = 0
        self._buffer = bytearray(order.size * order.batch)

    def warm_up(self) -> None:
        """Number 0 of each flow."""
        began = monotonic()
        for number, sock in enumerate(self._sockets):
            while number > (monotonic() - began) * WARM_UP_RATE:
                select.select((), (), (), NAP_S)
            _send(sock, HEADER.pack(self._order.run, number, 0).ljust(self._order.size, b"\0"))
        if self._order.batch > 1:
            for sock in self._sockets:
                sock.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, self._order.size)

    def run(self) -> list[int]:
        """Until standard input is closed; how many datagrams each flow has sent."""
        interval = self._order.batch / self._order.rate
        due = monotonic()
        while not select.select((sys.stdin,), (), (), NAP_S)[0]:
            now = monotonic()
            due = max(due, now - CATCH_UP_S)
            while due <= now:
                self._send_next()
                due += interval
        return self._sent

    def _connected(self, address: str) -> socket.socket:
        family = socket.AF_INET if self._network.version == 4 else socket.AF_INET6
        sock = socket.socket(family, socket.SOCK_DGRAM)
        sock.settimeout(0)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        if self._order.bound_to is not None:
            sock.bind((self._order.bound_to, 0))
        sock.connect((address, PORT))
        return sock

    def _send_next(self) -> None:
        flow, size = self._next, self._order.size
        sequence = self._sent[flow]
        for position in range(0, len(self._buffer), size):
            sequence += 1
            HEADER.pack_into(self._buffer, position, self._order.run, flow, sequence)
        _send(self._sockets[flow], self._buffer)
        self._sent[flow] = sequence
        self._next = (flow + 1) % self._order.count


def _send(sock: socket.socket, data: bytes | bytearray) -> None:
    # No route, or no room in a queue: not sent, therefore lost.  An error may also be what an
    # earlier datagram met; the one at hand was not sent then, and goes now.
    for _ in range(2):
        try:
            sock.send(data)
        except OSError:
            continue
        return


def main() -> int:
    order = Order(**json.loads(sys.argv[1]))
    descriptors = order.count + SPARE_DESCRIPTORS
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, max(descriptors, most)))
    sender = FlowSender(order)
    sender.warm_up()
    sys.stdout.write("started\n")
    sys.stdout.flush()
    sys.stdout.write(json.dumps(sender.run()) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
