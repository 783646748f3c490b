"""Probing by ICMP and ICMPv6 echo.

One raw socket serves all interfaces of a family: IP_PKTINFO says for each packet by which interface
and from which address it leaves, which binds it as SO_BINDTODEVICE would, and by which it came in.
With a socket for each interface the kernel would offer every reply to all of them, and a process
may not have a thousand descriptors by default.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from rcmd.kernel.probes.datagrams import drain, find, open_socket, stamp_of
from rcmd.kernel.probes.filters import let_echo_replies6_in, let_echo_replies_in
from rcmd.kernel.probes.packets import EchoContent, EchoSeal
from rcmd.kernel.probes.times import ReadMoment
from rcmd.kernel.probes.values import ALL_HOSTS, ALL_NODES, Answer, Ignored, Probe, ProbedInterface

_IP_PKTINFO: Final = 8
_IP_RECVERR: Final = 11
_PKTINFO: Final = struct.Struct("=i4s4s")
"""Interface, source to use, destination found (struct in_pktinfo)."""
_PKTINFO6: Final = struct.Struct("=16si")
"""Source to use or destination found, interface (struct in6_pktinfo)."""
_SO_DONTROUTE: Final = 5
_NOWHERE: Final = bytes(_PKTINFO.size)
_NOWHERE6: Final = bytes(_PKTINFO6.size)
_UNSPECIFIED: Final = bytes(4)
_TARGET_LENGTH: Final = 16
_EVERYONE: Final = frozenset({ALL_HOSTS.packed, ALL_NODES.packed})
_ONE_HOP: Final = 1
"""A probe never leaves the link."""


class EchoSocket:
    """ICMP echo over IPv4."""

    def __init__(self, seal: EchoSeal) -> None:
        self._seal = seal
        self._socket = open_socket(socket.AF_INET, socket.IPPROTO_ICMP)
        let_echo_replies_in(self._socket, seal.tag)
        self._socket.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, _ONE_HOP)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, _ONE_HOP)
        self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        # Targets are neighbours: a default route must not draw the probe to a gateway.
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_DONTROUTE, 1)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, interface: ProbedInterface, probe: Probe) -> None:
        request = self._seal.request(_content(probe))
        information = _PKTINFO.pack(probe.ifindex, _source(interface), _UNSPECIFIED)
        target = socket.inet_ntop(socket.AF_INET, probe.target.packed)
        control = [(socket.IPPROTO_IP, _IP_PKTINFO, information)]
        # Else it is not told that a packet was dropped at the way out (raw_sendmsg,
        # net/ipv4/raw.c).  What the network says of earlier packets meanwhile is nobody's error.
        self._socket.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        try:
            self._socket.sendmsg([request], control, 0, (target, 0))
        finally:
            self._socket.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 0)
            self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def read(
        self, interfaces: Mapping[int, ProbedInterface], moment: ReadMoment
    ) -> Iterator[Answer | Ignored]:
        for packet, control, _ in drain(self._socket):
            header_length = 4 * (packet[0] & 0xF) if packet else 0
            content = self._seal.open(packet[header_length:])
            if isinstance(content, Ignored):
                yield content
                continue
            information = find(control, socket.IPPROTO_IP, _IP_PKTINFO) or _NOWHERE
            ifindex, _, destination = _PKTINFO.unpack(information)
            received_ns = moment.received_ns(stamp_of(control), content.sent_ns)
            interface = interfaces.get(ifindex)
            yield _judge(content, interface, packet[12:16], destination, received_ns)

    def forget(self, ifindex: int) -> None:
        """Nothing is remembered."""

    def close(self) -> None:
        self._socket.close()


class EchoSocket6:
    """ICMPv6 echo, between link-local addresses."""

    def __init__(self, seal: EchoSeal) -> None:
        self._seal = seal
        self._socket = open_socket(socket.AF_INET6, socket.IPPROTO_ICMPV6)
        let_echo_replies6_in(self._socket, seal.tag)
        for option, value in (
            (socket.IPV6_RECVPKTINFO, 1),
            (socket.IPV6_RECVRTHDR, 1),
            (socket.IPV6_UNICAST_HOPS, _ONE_HOP),
            (socket.IPV6_MULTICAST_HOPS, _ONE_HOP),
            (socket.IPV6_MULTICAST_LOOP, 0),
        ):
            self._socket.setsockopt(socket.IPPROTO_IPV6, option, value)

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, interface: ProbedInterface, probe: Probe) -> None:
        request = self._seal.request6(_content(probe))
        information = _PKTINFO6.pack(_source(interface), probe.ifindex)
        target = socket.inet_ntop(socket.AF_INET6, probe.target.packed)
        control = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, information)]
        self._socket.sendmsg([request], control, 0, (target, 0, 0, probe.ifindex))

    def read(
        self, interfaces: Mapping[int, ProbedInterface], moment: ReadMoment
    ) -> Iterator[Answer | Ignored]:
        for message, control, sender in drain(self._socket):
            source = socket.inet_pton(socket.AF_INET6, sender[0])
            content = self._seal.open(message)
            if isinstance(content, Ignored):
                yield content
            elif find(control, socket.IPPROTO_IPV6, socket.IPV6_RTHDR) is not None:
                yield Ignored.ROUTING_HEADER
            elif source[0] != 0xFE or source[1] & 0xC0 != 0x80:
                yield Ignored.NOT_LINK_LOCAL
            else:
                information = find(control, socket.IPPROTO_IPV6, socket.IPV6_PKTINFO) or _NOWHERE6
                destination, ifindex = _PKTINFO6.unpack(information)
                received_ns = moment.received_ns(stamp_of(control), content.sent_ns)
                yield _judge(content, interfaces.get(ifindex), source, destination, received_ns)

    def forget(self, ifindex: int) -> None:
        """Nothing is remembered."""

    def close(self) -> None:
        self._socket.close()


def _content(probe: Probe) -> EchoContent:
    target = probe.target.packed.ljust(_TARGET_LENGTH, b"\0")
    return EchoContent(probe.ifindex, probe.sequence, time.monotonic_ns(), target)


def _source(interface: ProbedInterface) -> bytes:
    assert interface.source is not None, "echo is only opened with a source"
    return interface.source.packed


def _judge(
    content: EchoContent,
    interface: ProbedInterface | None,
    source: bytes,
    destination: bytes,
    received_ns: int,
) -> Answer | Ignored:
    """Whether a reply to a probe of ours, received on `interface`, is evidence for it."""
    if interface is None or interface.ifindex != content.ifindex:
        return Ignored.WRONG_INTERFACE
    target = content.target[: len(source)]
    is_discovery = target in _EVERYONE
    if destination != _source(interface) or not (is_discovery or source == target):
        return Ignored.FOREIGN
    return Answer(
        interface.ifindex,
        interface.kind.family,
        IPv4Address(source) if len(source) == 4 else IPv6Address(source),
        content.sequence,
        content.sent_ns / 1e9,
        received_ns / 1e9,
        is_discovery,
    )
