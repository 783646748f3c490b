"""Applications that listen to multicast and know nothing of rcmd, and who sends to them."""

from __future__ import annotations

import socket
import struct
from contextlib import AbstractContextManager
from types import TracebackType

from rcmd.lab.lab import Lab

PORT = 5007
GROUP = "239.85.1.1"
GROUP6 = "ff05::85:1"
IP_ADD_SOURCE_MEMBERSHIP = 39


class Listener(AbstractContextManager["Listener"]):
    """A socket that joined a group on one NIC, with all defaults."""

    def __init__(self, lab: Lab, nic: str, group: str, *, where: str = "host") -> None:
        self.socket = lab.place(where).call(lambda: _listen(nic, group))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def drain(self) -> list[bytes]:
        """Whatever has come until now."""
        found = []
        while True:
            try:
                found.append(self.socket.recv(64))
            except BlockingIOError:
                return found


def _listen(nic: str, group: str) -> socket.socket:
    ifindex = socket.if_nametoindex(nic)
    if ":" in group:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(("::", PORT))
        joining = socket.inet_pton(socket.AF_INET6, group) + struct.pack("@i", ifindex)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joining)
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("", PORT))
        joining = struct.pack("@4s4si", socket.inet_aton(group), bytes(4), ifindex)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joining)
    sock.setblocking(False)
    return sock


class Sender(AbstractContextManager["Sender"]):
    """Sends to a group through one device of a place."""

    def __init__(
        self, lab: Lab, group: str, *, where: str = "router", device: str = "lan0"
    ) -> None:
        self._to = (group, PORT)
        self.socket = lab.place(where).call(lambda: _sender(group, device))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def send(self, text: bytes) -> None:
        self.socket.sendto(text, self._to)


def _sender(group: str, device: str) -> socket.socket:
    ifindex = socket.if_nametoindex(device)
    if ":" in group:
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, struct.pack("@i", ifindex))
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
    else:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        through = struct.pack("@4s4si", bytes(4), bytes(4), ifindex)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, through)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    return sock


def choose_sender(lab: Lab, nic_address: str, group: str, sender: str) -> socket.socket:
    """A socket that joined a group for one sender only (RFC 4607)."""

    def work() -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        words = [socket.inet_aton(it) for it in (group, nic_address, sender)]
        sock.setsockopt(socket.IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, b"".join(words))
        return sock

    return lab.place("host").call(work)
