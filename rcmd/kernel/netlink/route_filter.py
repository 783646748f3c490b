"""Keeps notifications about the routes of others in the kernel: they cost no wake-up and no buffer.

A cable that is pulled while ten thousand routes come and go elsewhere is heard at once.  And what
we do to routes ourselves is not told to us once more: that took as long as to do it.  It only saves
work: whatever passes is judged again (`minded`).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable
from typing import Final

from rcmd.kernel.netlink.message import HEADER, NLM_F_REPLACE, RTN_UNICAST, MessageType
from rcmd.kernel.packet_filter import (
    ACCEPT,
    DROP,
    JUMP_IF_EQUAL,
    LOAD_BYTE,
    LOAD_HALF,
    LOAD_WORD,
    LOAD_WORD_INDEXED,
    Instruction,
    attach,
)

MOST = 1000
"""Devices; with more nothing is filtered.  The kernel takes 4096 instructions."""

_SO_DETACH_FILTER: Final = 27
_LOAD_NUMBER: Final = 0x00
_INDEX_NUMBER: Final = 0x01
_INDEX_FROM_LOADED: Final = 0x07
_JUMP_IF_ANY_BIT: Final = 0x45
_TYPE_AT: Final = 4
_FLAGS_AT: Final = 6
_PORT_AT: Final = 12
_ROUTE_TYPE_AT: Final = HEADER.size + 7
_ATTRIBUTES_AT: Final = HEADER.size + 12
_FIND_ATTRIBUTE: Final = 0xFFFF_F000 + 12
"""SKF_AD_OFF + SKF_AD_NLATTR: where, from the loaded offset on, the indexed type is; or 0."""
_RTA_OIF: Final = 4


def let_routes_in(events: socket.socket, ifindexes: Iterable[int], own_port: int) -> None:
    """Of unicast routes only those of these devices, and those that take the place of another.

    Also those with several devices.  What is no route passes.  Nothing passes of what was asked
    for from our own port.
    """
    indexes = sorted(ifindexes)
    if len(indexes) > MOST:
        let_all_in(events)
        return
    attach(events, *_program(indexes, own_port))


def let_all_in(events: socket.socket) -> None:
    try:
        events.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
    except FileNotFoundError:
        # There was none.
        return


def _program(indexes: list[int], own_port: int) -> list[Instruction]:
    lines: list[Instruction] = [
        (LOAD_HALF, 0, 0, _TYPE_AT),
        (JUMP_IF_EQUAL, 2, 0, _half(MessageType.NEWROUTE)),
        (JUMP_IF_EQUAL, 1, 0, _half(MessageType.DELROUTE)),
        ACCEPT,
        (LOAD_WORD, 0, 0, _PORT_AT),
        (JUMP_IF_EQUAL, 0, 1, _word(own_port)),
        DROP,
        (LOAD_HALF, 0, 0, _FLAGS_AT),
        (_JUMP_IF_ANY_BIT, 0, 1, _half(NLM_F_REPLACE)),
        ACCEPT,
        (LOAD_BYTE, 0, 0, _ROUTE_TYPE_AT),
        (JUMP_IF_EQUAL, 1, 0, RTN_UNICAST),
        ACCEPT,
        (_LOAD_NUMBER, 0, 0, _ATTRIBUTES_AT),
        (_INDEX_NUMBER, 0, 0, _RTA_OIF),
        (LOAD_WORD, 0, 0, _FIND_ATTRIBUTE),
        (JUMP_IF_EQUAL, 0, 1, 0),
        ACCEPT,
        (_INDEX_FROM_LOADED, 0, 0, 0),
        (LOAD_WORD_INDEXED, 0, 0, 4),
    ]
    for ifindex in indexes:
        lines += ((JUMP_IF_EQUAL, 0, 1, _word(ifindex)), ACCEPT)
    return [*lines, DROP]


def _half(number: int) -> int:
    """As a program loads it: it takes what it loads for the order of the network."""
    return int.from_bytes(struct.pack("=H", number), "big")


def _word(number: int) -> int:
    return int.from_bytes(struct.pack("=I", number), "big")
