"""The floor: blocks on rtnetlink, and sends what was prepared when the link of one NIC goes.

Arguments: ifindex and interface it leaves, ifindex and interface it goes to, the hardware address
there, then the addresses.  It says "ready" on standard output, and ends when it has moved them.
"""

from __future__ import annotations

import socket
import struct
import sys

RTMGRP_LINK, RTM_NEWADDR, RTM_DELADDR, IFF_LOWER_UP = 1, 20, 21, 1 << 16
CREATE, REQUEST = 0x400, 1


def message(kind: int, flags: int, ifindex: int, address: bytes) -> bytes:
    body = struct.pack("=BBBBi", socket.AF_INET, 16, 0, 0, ifindex)
    body += struct.pack("=HH4s", 8, 2, address) + struct.pack("=HH4s", 8, 1, address)
    return struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body


source, source_name, target, target_name, mac, *texts = sys.argv[1:]
addresses, own = [socket.inet_aton(text) for text in texts], bytes.fromhex(mac.replace(":", ""))
moves = b"".join(message(RTM_NEWADDR, CREATE | REQUEST, int(target), it) for it in addresses)
moves += b"".join(message(RTM_DELADDR, REQUEST, int(source), it) for it in reversed(addresses))
head = b"\xff" * 6 + own + bytes.fromhex("08060001080006040001") + own
frames = [(head + it + bytes(6) + it).ljust(60, b"\0") for it in addresses]
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
wire.bind((target_name, 0))
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
netlink.bind((0, RTMGRP_LINK))
print("ready", flush=True)
while True:
    news = netlink.recv(65536)
    ifindex, flags = struct.unpack_from("=iI", news, 20)
    if ifindex == int(source) and not flags & IFF_LOWER_UP:
        break
netlink.send(moves)
for frame in frames:
    wire.send(frame)
