"""The moment at which an address appears on a device of the host, told by its kernel."""

from __future__ import annotations

import select
import socket
from ipaddress import IPv4Address
from types import TracebackType

from rcmd.lab.errors import LabError
from rcmd.lab.lab import Lab

RTMGRP_IPV4_IFADDR = 0x10
RTM_NEWADDR = (20).to_bytes(2, "little")
WITHIN_S = 10.0


class Moment:
    """Listens from its beginning, so that nothing is missed between asking and waiting."""

    def __init__(self, lab: Lab, address: str) -> None:
        self._address = IPv4Address(address).packed
        self._socket = lab.place("host").call(_listen)

    def __enter__(self) -> Moment:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def wait(self) -> None:
        """Errors: LabError when it does not come within ten seconds."""
        while select.select((self._socket,), (), (), WITHIN_S)[0]:
            datagram = self._socket.recv(65536)
            if datagram[4:6] == RTM_NEWADDR and self._address in datagram:
                return
        raise LabError(f"{IPv4Address(self._address)} did not appear within {WITHIN_S:.0f} s")


def _listen() -> socket.socket:
    sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    sock.bind((0, RTMGRP_IPV4_IFADDR))
    return sock
