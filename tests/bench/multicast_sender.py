"""Sends numbered datagrams to multicast groups at a steady rate, until its input is closed.

Arguments: device, port, rate (a second), groups.  Says `started` when it has begun, and in the end
how many it sent to each group.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
from time import monotonic_ns


def sender(device: str, group: str) -> socket.socket:
    ifindex = socket.if_nametoindex(device)
    if ":" in group:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, struct.pack("@i", ifindex))
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        through = struct.pack("@4s4si", bytes(4), bytes(4), ifindex)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, through)
    return sock


def main() -> None:
    device, port, rate, *groups = sys.argv[1:]
    targets = [(sender(device, group), (group, int(port))) for group in groups]
    interval_ns = 1_000_000_000 // int(rate)
    sys.stdout.write("started\n")
    sys.stdout.flush()
    due, sent = monotonic_ns(), 0
    while True:
        due += interval_ns
        wait_s = max(0, due - monotonic_ns()) / 1e9
        if select.select((sys.stdin,), (), (), wait_s)[0]:
            break
        for sock, target in targets:
            sock.sendto(struct.pack("=Q", sent), target)
        sent += 1
    sys.stdout.write(f"{sent}\n")


if __name__ == "__main__":
    main()
