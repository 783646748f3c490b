"""Filters that keep what is no answer in the kernel: it costs no wake-up.

They only save work.  Whatever passes is judged again in full: it may have come before the filter.
"""

from __future__ import annotations

import socket
import struct
from typing import Final

from rcmd.kernel.packet_filter import (
    ACCEPT,
    DROP,
    JUMP_IF_EQUAL,
    LOAD_BYTE,
    LOAD_HALF,
    LOAD_WORD,
    LOAD_WORD_INDEXED,
    attach,
)
from rcmd.kernel.probes.packets import ARP_REPLY, ECHO_REPLY, ECHO_REPLY6, NEIGHBOR_ADVERTISEMENT

_SOL_RAW: Final = 255
_FILTER_OPTION: Final = 1
"""ICMP_FILTER at level SOL_RAW, ICMPV6_FILTER at level IPPROTO_ICMPV6."""

_INDEX_HEADER_LENGTH: Final = 0xB1
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
        (LOAD_WORD_INDEXED, 0, 0, 8),
        (JUMP_IF_EQUAL, 0, 1, int.from_bytes(tag, "big")),
        ACCEPT,
        DROP,
    )


def let_echo_replies6_in(icmp6: socket.socket, tag: bytes) -> None:
    """Of a raw ICMPv6 socket, whose packets begin at the ICMPv6 header: replies with this tag."""
    _let_type6_in(icmp6, ECHO_REPLY6)
    attach(
        icmp6,
        (LOAD_WORD, 0, 0, 8),
        (JUMP_IF_EQUAL, 0, 1, int.from_bytes(tag, "big")),
        ACCEPT,
        DROP,
    )


def let_advertisements_in(icmp6: socket.socket) -> None:
    """Of a raw ICMPv6 socket: neighbour advertisements that crossed no router (RFC 4861 7.1.2)."""
    _let_type6_in(icmp6, NEIGHBOR_ADVERTISEMENT)
    attach(
        icmp6,
        (LOAD_BYTE, 0, 0, _NETWORK_HEADER + _HOP_LIMIT),
        (JUMP_IF_EQUAL, 0, 1, 255),
        ACCEPT,
        DROP,
    )


def let_arp_replies_in(packet: socket.socket) -> None:
    """Of a packet socket whose packets begin at the Ethernet header: ARP replies sent to us."""
    attach(
        packet,
        (LOAD_HALF, 0, 0, 20),
        (JUMP_IF_EQUAL, 0, 3, ARP_REPLY),
        (LOAD_WORD, 0, 0, _PACKET_TYPE),
        (JUMP_IF_EQUAL, 0, 1, _PACKET_HOST),
        ACCEPT,
        DROP,
    )


def _let_type6_in(icmp6: socket.socket, kind: int) -> None:
    """Linux blocks a type whose bit is set (rawv6_rcv, net/ipv6/raw.c)."""
    blocked = [0xFFFF_FFFF] * 8
    blocked[kind >> 5] &= ~(1 << (kind & 31))
    icmp6.setsockopt(socket.IPPROTO_ICMPV6, _FILTER_OPTION, struct.pack("=8I", *blocked))
