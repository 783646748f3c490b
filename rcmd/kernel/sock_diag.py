"""The sockets that are bound to a device, as the kernel lists them.

NETLINK_SOCK_DIAG, include/uapi/linux/inet_diag.h; the kernel picks out the devices, so that a
machine with many sockets costs no more than their walk: one for each protocol and family.  A walk
over a million of them takes its time all the same, and is done in a thread.  Only read.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import struct
from collections.abc import Collection, Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

from rcmd.kernel.netlink.message import HEADER, NLM_F_DUMP, NLM_F_REQUEST, MalformedMessage
from rcmd.kernel.netlink.sockets import CommandSocket, KernelRefused
from rcmd.model.network import Family
from rcmd.ports.sockets import BoundSocket, SocketProtocol

_log = logging.getLogger(__name__)

NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_INET_DIAG_REQ_BYTECODE = 1
_INET_DIAG_BC_JMP = 1
_INET_DIAG_BC_DEV_COND = 9

TIMEOUT_S = 5.0
_MOST_DEVICES = 1000
"""A card with more than that is beyond what one filter can hold, and beyond reading."""

_REQUEST = struct.Struct("=BBBxI48x")
"""struct inet_diag_req_v2: family, protocol, extensions, states; the id is not used in a dump."""
_ATTRIBUTE = struct.Struct("=HH")
_INSTRUCTION = struct.Struct("=BBH")
"""struct inet_diag_bc_op: code, yes, no."""
_CONDITION = struct.Struct("=BBHI")
"""An instruction with an ifindex."""
_ANSWER = struct.Struct("=Bxxx2s2x16s16xI8x12xII")
"""struct inet_diag_msg: family, local port, local address, ifindex, uid, inode."""

_STATES = 0xFFF & ~(1 << 3 | 1 << 6)
"""All but SYN_RECV and TIME_WAIT (include/net/tcp_states.h), which nobody holds open."""
_NUMBERS = {
    SocketProtocol.TCP: socket.IPPROTO_TCP,
    SocketProtocol.UDP: socket.IPPROTO_UDP,
    SocketProtocol.RAW: socket.IPPROTO_RAW,
}


async def list_bound_sockets(ifindexes: Collection[int]) -> tuple[BoundSocket, ...]:
    """As `bound_sockets`, in a thread; empty, with a warning, where it takes too long."""
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await asyncio.to_thread(bound_sockets, ifindexes)
    except TimeoutError:
        _warn(f"no answer within {TIMEOUT_S:g} s")
        return ()


def bound_sockets(ifindexes: Collection[int]) -> tuple[BoundSocket, ...]:
    """The sockets bound to one of these devices, those of this process excepted.

    Empty, with a warning, where the kernel cannot tell.
    """
    wanted = tuple(sorted(set(ifindexes)))[:_MOST_DEVICES]
    if not wanted:
        return ()
    try:
        with closing(CommandSocket(NETLINK_SOCK_DIAG)) as diag:
            found = list(_bound_to(diag, wanted))
        ours = _own_inodes() if found else set()
    except (OSError, MalformedMessage) as error:
        _warn(str(error))
        return ()
    others = (each for each in found if each.inode not in ours)
    return tuple(sorted(others, key=lambda each: each.ifindex))


def _warn(reason: str) -> None:
    _log.warning("sockets that are bound to a device cannot be listed: %s", reason)


def _bound_to(diag: CommandSocket, ifindexes: tuple[int, ...]) -> Iterator[BoundSocket]:
    for protocol in SocketProtocol:
        for family in Family:
            try:
                answers = diag.dump(encode_dump(family, protocol, ifindexes))
            except KernelRefused as error:
                if error.errno != errno.ENOENT:
                    raise
                # This kernel lists no sockets of the protocol: raw ones often.
                continue
            yield from (decode(protocol, answer) for answer in answers)


def encode_dump(family: Family, protocol: SocketProtocol, ifindexes: tuple[int, ...]) -> bytes:
    """SOCK_DIAG_BY_FAMILY for what is bound to one of the devices, of which there is one at least.

    The filter is a program: its end accepts, and what lies 4 bytes beyond that refuses.  Of each
    instruction `yes` and `no` say how many bytes it is to the next one.  `yes` of a device goes on
    to a jump to the end; `no` goes beyond that, to the next device (net/ipv4/inet_diag.c,
    inet_diag_bc_run and inet_diag_bc_audit).
    """
    *others, last = ifindexes
    program = _CONDITION.pack(_INET_DIAG_BC_DEV_COND, 8, 12, last)
    for ifindex in others:
        jump = _INSTRUCTION.pack(_INET_DIAG_BC_JMP, 4, _INSTRUCTION.size + len(program))
        program = _CONDITION.pack(_INET_DIAG_BC_DEV_COND, 8, 12, ifindex) + jump + program
    head = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(program), _INET_DIAG_REQ_BYTECODE)
    body = _REQUEST.pack(family, _NUMBERS[protocol], 0, _STATES) + head + program
    flags = NLM_F_REQUEST | NLM_F_DUMP
    return HEADER.pack(HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, flags, 0, 0) + body


def decode(protocol: SocketProtocol, payload: bytes) -> BoundSocket:
    """Raises MalformedMessage."""
    if len(payload) < _ANSWER.size or payload[0] not in list(Family):
        raise MalformedMessage("not a message about an internet socket")
    family, port, address, ifindex, uid, inode = _ANSWER.unpack_from(payload)
    number = int.from_bytes(port, "big")
    if family == Family.IPV4:
        local = f"{ip_address(address[:4])}:{number}"
    else:
        local = f"[{ip_address(address)}]:{number}"
    return BoundSocket(ifindex, protocol, local, uid, inode)


def _own_inodes() -> set[int]:
    """Of the sockets that this process has open: probes go with their device anyway.

    Raises OSError where there is no descriptor left to look with.
    """
    found: set[int] = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:
            # The descriptor of the listing itself.
            continue
        if target.startswith("socket:["):
            found.add(int(target.removeprefix("socket:[").removesuffix("]")))
    return found
