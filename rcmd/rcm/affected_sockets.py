"""Those who object to nothing and would suffer: bound sockets, and the caller's own session.

| who                                                  | what the plan says |
|------------------------------------------------------|--------------------|
| a socket bound to a device that goes                 | a warning          |
| the session of the caller, to an address that moves  | a warning          |
| the session of the caller, to one that cannot        | a warning          |
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_interface

from rcmd.ports.plan import MovableKind, PlannedMove
from rcmd.ports.sockets import BoundSocket, Session


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
