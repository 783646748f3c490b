"""Sockets that are bound to a device, and the session that a caller sits in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address

from rcmd.model.network import IPAddress


class SocketProtocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"
    RAW = "raw"


@dataclass(frozen=True, slots=True)
class BoundSocket:
    """A socket that uses one device only (SO_BINDTODEVICE): it does not follow its address."""

    ifindex: int
    protocol: SocketProtocol
    local: str
    """Address and port as `ss` shows them: `0.0.0.0:5353`, `[::]:5353`."""
    uid: int
    inode: int


@dataclass(frozen=True, slots=True)
class Session:
    """The remote session that a caller sits in."""

    local: IPAddress
    """The address of this machine that it came to."""
    remote: IPAddress

    def __str__(self) -> str:
        return f"from {self.remote} to {self.local}"

    def to_text(self) -> str:
        return f"{self.remote} {self.local}"

    @classmethod
    def from_text(cls, text: str) -> Session:
        """What `to_text` gave.  Raises ValueError."""
        remote, local = text.split()
        return cls(local=ip_address(local), remote=ip_address(remote))


def ssh_session(connection: str) -> Session | None:
    """The session that SSH_CONNECTION describes (ssh(1)); None for what is no such text.

    It holds client address, client port, server address and server port.
    """
    words = connection.split()
    if len(words) != 4:
        return None
    try:
        return Session(local=_address(words[2]), remote=_address(words[0]))
    except ValueError:
        return None


def _address(text: str) -> IPAddress:
    """Without its zone, which could be any text, and as IPv4 where it is that in disguise."""
    address = ip_address(text.partition("%")[0])
    return (address.ipv4_mapped if address.version == 6 else None) or address
