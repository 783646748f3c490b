"""Those who object to nothing and would suffer: bound sockets, and the caller's own session.

| who                                                  | what the plan says |
|------------------------------------------------------|--------------------|
| a socket bound to a device that goes                 | a warning          |
| the session of the caller, to an address that moves  | a warning          |
| the session of the caller, to one that cannot        | a warning          |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address, ip_interface

from rcmd.model import IPAddress
from rcmd.rcm.plan import MovableKind, PlannedMove


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


def bystander_warnings(
    *,
    sockets: Iterable[BoundSocket],
    names: Mapping[int, str],
    session: Session | None,
    moves: Iterable[PlannedMove],
) -> tuple[str, ...]:
    """Sentences for the plan, each once.

    `names` are the devices that go, by ifindex; sockets of others do not count.
    """
    deaf = sorted(_deaf(each, names[each.ifindex]) for each in sockets if each.ifindex in names)
    own = _fate(session, moves) if session else ()
    return tuple(dict.fromkeys((*deaf, *own)))


def _deaf(socket: BoundSocket, name: str) -> str:
    return (
        f"{name}: {socket.protocol} {socket.local} (uid {socket.uid})"
        " is bound to the device and would go deaf"
    )


def _fate(session: Session, moves: Iterable[PlannedMove]) -> Iterator[str]:
    for move in moves:
        if move.kind is not MovableKind.ADDRESS or ip_interface(move.what).ip != session.local:
            continue
        if move.destination is None:
            yield (
                f"your own session {session} would be cut off: {session.local} has nowhere to go"
            )
        else:
            yield f"your own session {session} moves to {move.destination} with its address"
