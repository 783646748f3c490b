"""The sockets that are bound to a device, as the kernel lists them.

NETLINK_SOCK_DIAG, include/uapi/linux/inet_diag.h; the kernel picks out the device, so that a
machine with many sockets costs no more than their walk.  Only read.
"""

from __future__ import annotations

import errno
import logging
import socket
import struct
from collections.abc import Collection, Iterator
from contextlib import closing
from ipaddress import ip_address
from pathlib import Path

from rcmd.model import Family
from rcmd.rcm.bystanders import BoundSocket, SocketProtocol
from rcmd.system.netlink_message import HEADER, NLM_F_DUMP, NLM_F_REQUEST, MalformedMessage
from rcmd.system.netlink_socket import CommandSocket, KernelRefused

_log = logging.getLogger(__name__)

NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_INET_DIAG_REQ_BYTECODE = 1
_INET_DIAG_BC_DEV_COND = 9

_REQUEST = struct.Struct("=BBBxI48x")
"""struct inet_diag_req_v2: family, protocol, extensions, states; the id is not used in a dump."""
_FILTER = struct.Struct("=HHBBHI")
"""One attribute: its length and type, then struct inet_diag_bc_op (code, yes, no) and ifindex."""
_ANSWER = struct.Struct("=Bxxx2s2x16s16xI8x12xII")
"""struct inet_diag_msg: family, local port, local address, ifindex, uid, inode."""

_STATES = 0xFFF & ~(1 << 3 | 1 << 6)
"""All but SYN_RECV and TIME_WAIT (include/net/tcp_states.h), which nobody holds open."""
_NUMBERS = {
    SocketProtocol.TCP: socket.IPPROTO_TCP,
    SocketProtocol.UDP: socket.IPPROTO_UDP,
    SocketProtocol.RAW: socket.IPPROTO_RAW,
}


def bound_sockets(ifindexes: Collection[int]) -> tuple[BoundSocket, ...]:
    """The sockets bound to one of these devices, those of this process excepted.

    Empty, with a warning, where the kernel cannot tell.
    """
    try:
        with closing(CommandSocket(NETLINK_SOCK_DIAG)) as diag:
            found = [each for ifindex in ifindexes for each in _bound_to(diag, ifindex)]
    except (OSError, MalformedMessage) as error:
        _log.warning("sockets that are bound to a device cannot be listed: %s", error)
        return ()
    ours = _own_inodes()
    return tuple(each for each in found if each.inode not in ours)


def _bound_to(diag: CommandSocket, ifindex: int) -> Iterator[BoundSocket]:
    for protocol in SocketProtocol:
        for family in Family:
            try:
                answers = diag.dump(encode_dump(family, protocol, ifindex))
            except KernelRefused as error:
                if error.errno != errno.ENOENT:
                    raise
                # This kernel lists no sockets of the protocol: raw ones often.
                continue
            yield from (decode(protocol, answer) for answer in answers)


def encode_dump(family: Family, protocol: SocketProtocol, ifindex: int) -> bytes:
    """SOCK_DIAG_BY_FAMILY for what is bound to the device.

    The filter is one instruction of 8 bytes: `yes` goes on to its end, which accepts, and `no`
    beyond that, which refuses (net/ipv4/inet_diag.c, inet_diag_bc_run).
    """
    condition = _FILTER.pack(
        _FILTER.size, _INET_DIAG_REQ_BYTECODE, _INET_DIAG_BC_DEV_COND, 8, 12, ifindex
    )
    body = _REQUEST.pack(family, _NUMBERS[protocol], 0, _STATES) + condition
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
    """Of the sockets that this process has open: probes go with their device anyway."""
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
