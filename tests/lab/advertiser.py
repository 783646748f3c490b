"""A router that advertises prefixes (RFC 4861 4.2, 4.6.2) until it is ended.

Arguments: device, lifetime in seconds, and prefixes.  One advertisement at once, then one a second.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
import time
from collections.abc import Iterable
from ipaddress import IPv6Network

ROUTER_ADVERTISEMENT = 134
ALL_NODES = "ff02::1"
HOP_LIMIT = 255
"""Anything less may have come from far away, and is ignored."""
ON_LINK, AUTONOMOUS = 0x80, 0x40
PREFIX_INFORMATION = 3
ROUTER_LIFETIME_S = 1800
INTERVAL_S = 1.0


def prefix_information(prefix: IPv6Network, valid_s: int) -> bytes:
    """Preferred for half of its life."""
    flags = ON_LINK | AUTONOMOUS
    head = struct.pack("!BBBB", PREFIX_INFORMATION, 4, prefix.prefixlen, flags)
    return head + struct.pack("!III", valid_s, valid_s // 2, 0) + prefix.network_address.packed


def advertisement(prefixes: Iterable[IPv6Network], valid_s: int) -> bytes:
    """The kernel fills in the checksum."""
    head = struct.pack("!BBHBBH", ROUTER_ADVERTISEMENT, 0, 0, 64, 0, ROUTER_LIFETIME_S)
    return head + bytes(8) + b"".join(prefix_information(it, valid_s) for it in prefixes)


def main(device: str, valid_s: str, *prefixes: str) -> None:
    message = advertisement(map(IPv6Network, prefixes), int(valid_s))
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, HOP_LIMIT)
        destination = (ALL_NODES, 0, 0, socket.if_nametoindex(device))
        while True:
            try:
                sock.sendto(message, destination)
            except OSError as error:
                # Its link-local address is still under duplicate detection.
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
            time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main(*sys.argv[1:])
