"""Filters that keep what is no answer in the kernel: it costs no wake-up.

They only save work.  Whatever passes is judged again in full: it may have come before the filter.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import Final

from rcmd.system.probe_packets import (
    ARP_REPLY,
    ECHO_REPLY,
    ECHO_REPLY6,
    NEIGHBOR_ADVERTISEMENT,
)

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false, operand (struct sock_filter, linux/filter.h)."""

_SO_ATTACH_FILTER: Final = 26
_SOL_RAW: Final = 255
_FILTER_OPTION: Final = 1
"""ICMP_FILTER at level SOL_RAW, ICMPV6_FILTER at level IPPROTO_ICMPV6."""

_LOAD_WORD: Final = 0x20
_LOAD_HALF: Final = 0x28
_LOAD_BYTE: Final = 0x30
_LOAD_WORD_INDEXED: Final = 0x40
_INDEX_HEADER_LENGTH: Final = 0xB1
_JUMP_IF_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_ACCEPT: Final = (_RETURN, 0, 0, 0xFFFF_FFFF)
_DROP: Final = (_RETURN, 0, 0, 0)
_NETWORK_HEADER: Final = 0xFFF0_0000
"""SKF_NET_OFF: offsets count from the IP header, wherever the packet begins."""
_PACKET_TYPE: Final = 0xFFFF_F000 + 4
"""SKF_AD_OFF + SKF_AD_PKTTYPE."""
_PACKET_HOST: Final = 0
_HOP_LIMIT: Final = 7


def let_echo_replies_in(icmp: socket.socket, tag: bytes) -> None:
    """Of a raw ICMP socket, whose packets begin at the IPv4 header: replies with this tag."""
    icmp.setsockopt(_SOL_RAW, _FILTER_OPTION, struct.pack("=I", ~(1 << ECHO_REPLY) & 0xFFFF_FFFF))
    attach(
        icmp,
        (_INDEX_HEADER_LENGTH, 0, 0, 0),
        (_LOAD_WORD_INDEXED, 0, 0, 8),
        (_JUMP_IF_EQUAL, 0, 1, int.from_bytes(tag, "big")),
        _ACCEPT,
        _DROP,
    )


def let_echo_replies6_in(icmp6: socket.socket, tag: bytes) -> None:
    """Of a raw ICMPv6 socket, whose packets begin at the ICMPv6 header: replies with this tag."""
    _let_type6_in(icmp6, ECHO_REPLY6)
    attach(
        icmp6,
        (_LOAD_WORD, 0, 0, 8),
        (_JUMP_IF_EQUAL, 0, 1, int.from_bytes(tag, "big")),
        _ACCEPT,
        _DROP,
    )


def let_advertisements_in(icmp6: socket.socket) -> None:
    """Of a raw ICMPv6 socket: neighbour advertisements that crossed no router (RFC 4861 7.1.2)."""
    _let_type6_in(icmp6, NEIGHBOR_ADVERTISEMENT)
    attach(
        icmp6,
        (_LOAD_BYTE, 0, 0, _NETWORK_HEADER + _HOP_LIMIT),
        (_JUMP_IF_EQUAL, 0, 1, 255),
        _ACCEPT,
        _DROP,
    )


def let_arp_replies_in(packet: socket.socket) -> None:
    """Of a packet socket whose packets begin at the Ethernet header: ARP replies sent to us."""
    attach(
        packet,
        (_LOAD_HALF, 0, 0, 20),
        (_JUMP_IF_EQUAL, 0, 3, ARP_REPLY),
        (_LOAD_WORD, 0, 0, _PACKET_TYPE),
        (_JUMP_IF_EQUAL, 0, 1, _PACKET_HOST),
        _ACCEPT,
        _DROP,
    )


def _let_type6_in(icmp6: socket.socket, kind: int) -> None:
    """Linux blocks a type whose bit is set (rawv6_rcv, net/ipv6/raw.c)."""
    blocked = [0xFFFF_FFFF] * 8
    blocked[kind >> 5] &= ~(1 << (kind & 31))
    icmp6.setsockopt(socket.IPPROTO_ICMPV6, _FILTER_OPTION, struct.pack("=8I", *blocked))


def attach(receiver: socket.socket, *program: Instruction) -> None:
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    receiver.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_FILTER,
        struct.pack("@HP", len(program), ctypes.addressof(code)),
    )
