"""Probing by ARP requests and neighbour solicitations: it needs no address of our own.

The answers carry nothing that was asked, so each question is remembered: one for each target of an
interface, for a limited time, and one answer is taken for it, that was sent to us alone, after the
question, by the one who answered before.  Traffic of others answers nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import struct
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from rcmd.kernel.probes.acquaintances import Acquaintances, Face, Standing
from rcmd.kernel.probes.datagrams import drain, find, open_socket, stamp_of
from rcmd.kernel.probes.filters import let_advertisements_in, let_arp_replies_in
from rcmd.kernel.probes.packets import (
    BROADCAST,
    ETHERTYPE_ARP,
    ETHERTYPE_IPV6,
    HARDWARE_LENGTH,
    Advertisement,
    ArpReply,
    arp_request,
    neighbor_solicitation,
    parse_advertisement,
    parse_arp_reply,
)
from rcmd.kernel.probes.times import ReadMoment
from rcmd.kernel.probes.values import ALL_NODES, Answer, Ignored, Probe, ProbedInterface
from rcmd.model.network import IPAddress

WINDOW_NS: Final = 3_000_000_000
"""How long a question may be answered; a repeated question replaces the one before."""

_PKTINFO6: Final = struct.Struct("=16si")
_SIOCGIFINDEX: Final = 0x8933
_IFREQ: Final = struct.Struct("=16si20x")
"""Name and ifindex (struct ifreq)."""
_NOBODY: Final = IPv4Address(0)
_NOBODY6: Final = IPv6Address(0)


@dataclass(frozen=True, slots=True)
class _Question:
    sequence: int
    sent_ns: int
    is_anonymous: bool


class Questions:
    """What was asked and is not answered, and who has answered before."""

    def __init__(self) -> None:
        self._open: dict[int, dict[IPAddress, _Question]] = {}
        self._known: dict[int, Acquaintances] = {}

    def ask(self, probe: Probe, sent_ns: int) -> Face | None:
        """Replaces what the same target was asked before, and drops what is too old.

        Returns whom to ask alone; None where everyone is to be asked.
        """
        asked = self._open.setdefault(probe.ifindex, {})
        for target in [t for t, q in asked.items() if sent_ns - q.sent_ns > WINDOW_NS]:
            del asked[target]
        asked[probe.target] = _Question(probe.sequence, sent_ns, probe.is_anonymous)
        return self._known.setdefault(probe.ifindex, Acquaintances()).asked(probe.target)

    def is_anonymous(self, ifindex: int, target: IPAddress) -> bool:
        """Was it asked in nobody's name?"""
        question = self._open.get(ifindex, {}).get(target)
        return question is not None and question.is_anonymous

    def answer(
        self,
        interface: ProbedInterface,
        target: IPAddress,
        face: Face,
        stamp_ns: int | None,
        moment: ReadMoment,
    ) -> Answer | Ignored | Standing:
        """What comes of an answer; ASK_AGAIN where it is to be confirmed by one more."""
        question = self._open.get(interface.ifindex, {}).get(target)
        if question is None or moment.is_before(stamp_ns, question.sent_ns, WINDOW_NS):
            return Ignored.UNREQUESTED
        received_ns = moment.received_ns(stamp_ns, question.sent_ns)
        if received_ns - question.sent_ns > WINDOW_NS:
            return Ignored.UNREQUESTED
        match self._known[interface.ifindex].answered(target, face):
            case Standing.IGNORED:
                return Ignored.ANOTHER_FACE
            case Standing.ASK_AGAIN:
                return Standing.ASK_AGAIN
        del self._open[interface.ifindex][target]
        return Answer(
            interface.ifindex,
            interface.kind.family,
            target,
            question.sequence,
            question.sent_ns / 1e9,
            received_ns / 1e9,
            is_discovery=False,
        )

    def forget(self, ifindex: int) -> None:
        self._open.pop(ifindex, None)
        self._known.pop(ifindex, None)


class ArpSocket:
    """ARP over Ethernet, on one packet socket for all interfaces.

    One for each would be slow to close: each waits for the grace period of synchronize_net()
    (packet_release, net/packet/af_packet.c).
    """

    def __init__(self) -> None:
        self._socket = open_socket(socket.AF_PACKET, socket.htons(ETHERTYPE_ARP))
        let_arp_replies_in(self._socket)
        self._questions = Questions()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, interface: ProbedInterface, probe: Probe) -> None:
        # Before it is sent: a probe that finds no buffer counts as lost, not as unsent.
        face = self._questions.ask(probe, time.monotonic_ns())
        to = BROADCAST if face is None else face[-HARDWARE_LENGTH:]
        self._ask(interface, probe.target, to, self._name_of(interface, probe.target))

    def _name_of(self, interface: ProbedInterface, target: IPAddress) -> IPAddress:
        """In whose name the target is asked."""
        is_anonymous = self._questions.is_anonymous(interface.ifindex, target)
        return _NOBODY if is_anonymous or interface.source is None else interface.source

    def _ask(
        self, interface: ProbedInterface, target: IPAddress, to: bytes, source: IPAddress
    ) -> None:
        assert isinstance(source, IPv4Address)
        assert isinstance(target, IPv4Address)
        frame = arp_request(interface.hardware_address, source, target, to)
        self._socket.sendto(frame, (interface.name, ETHERTYPE_ARP))

    def read(
        self, interfaces: Mapping[int, ProbedInterface], moment: ReadMoment
    ) -> Iterator[Answer | Ignored]:
        for frame, control, sender in drain(self._socket):
            reply = parse_arp_reply(frame)
            interface = interfaces.get(_ifindex(self._socket, sender[0]))
            if isinstance(reply, Ignored):
                yield reply
            elif interface is None:
                yield Ignored.WRONG_INTERFACE
            elif not self._is_for(interface, reply):
                yield Ignored.FOREIGN
            else:
                yield self._judge(interface, reply, stamp_of(control), moment)

    def _judge(
        self, interface: ProbedInterface, reply: ArpReply, stamp_ns: int | None, moment: ReadMoment
    ) -> Answer | Ignored:
        face = reply.frame_source + reply.sender_hardware
        answer = self._questions.answer(interface, reply.sender, face, stamp_ns, moment)
        if isinstance(answer, Standing):
            with contextlib.suppress(OSError):
                self._ask(interface, reply.sender, reply.sender_hardware, reply.target)
            return Ignored.ANOTHER_FACE
        return answer

    def _is_for(self, interface: ProbedInterface, reply: ArpReply) -> bool:
        """The kernel's own requests name another sender: their replies are not taken for ours."""
        name = self._name_of(interface, reply.sender)
        return reply.target_hardware == interface.hardware_address and reply.target == name

    def forget(self, ifindex: int) -> None:
        self._questions.forget(ifindex)

    def close(self) -> None:
        self._socket.close()


class NdSocket:
    """Neighbour discovery over Ethernet.

    Solicitations leave by a packet socket, for only so can they come from ::; advertisements are
    received by a raw ICMPv6 socket, which is not offered all other IPv6 traffic.  Everyone in the
    group of the target is asked: only then it has to say its hardware address (RFC 4861 7.2.4).
    """

    def __init__(self) -> None:
        self._sender = open_socket(socket.AF_PACKET, 0)
        try:
            self._receiver = open_socket(socket.AF_INET6, socket.IPPROTO_ICMPV6)
        except OSError:
            self._sender.close()
            raise
        let_advertisements_in(self._receiver)
        self._receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        self._questions = Questions()

    def fileno(self) -> int:
        return self._receiver.fileno()

    def send(self, interface: ProbedInterface, probe: Probe) -> None:
        self._questions.ask(probe, time.monotonic_ns())
        self._ask(interface, probe.target)

    def _name_of(self, interface: ProbedInterface, target: IPAddress) -> IPAddress:
        is_anonymous = self._questions.is_anonymous(interface.ifindex, target)
        return _NOBODY6 if is_anonymous or interface.source is None else interface.source

    def _ask(self, interface: ProbedInterface, target: IPAddress) -> None:
        source = self._name_of(interface, target)
        assert isinstance(source, IPv6Address)
        assert isinstance(target, IPv6Address)
        frame = neighbor_solicitation(interface.hardware_address, source, target)
        self._sender.sendto(frame, (interface.name, ETHERTYPE_IPV6))

    def read(
        self, interfaces: Mapping[int, ProbedInterface], moment: ReadMoment
    ) -> Iterator[Answer | Ignored]:
        for message, control, _ in drain(self._receiver):
            advertisement = parse_advertisement(message)
            information = find(control, socket.IPPROTO_IPV6, socket.IPV6_PKTINFO)
            if isinstance(advertisement, Ignored):
                yield advertisement
                continue
            destination, ifindex = _PKTINFO6.unpack(information) if information else (b"", 0)
            interface = interfaces.get(ifindex)
            if interface is None:
                yield Ignored.WRONG_INTERFACE
            elif not _is_due_to(
                self._name_of(interface, advertisement.target), advertisement, destination
            ):
                yield Ignored.FOREIGN
            else:
                yield self._judge(interface, advertisement, stamp_of(control), moment)

    def _judge(
        self,
        interface: ProbedInterface,
        found: Advertisement,
        stamp_ns: int | None,
        moment: ReadMoment,
    ) -> Answer | Ignored:
        answer = self._questions.answer(interface, found.target, found.hardware, stamp_ns, moment)
        if isinstance(answer, Standing):
            with contextlib.suppress(OSError):
                self._ask(interface, found.target)
            return Ignored.ANOTHER_FACE
        return answer

    def forget(self, ifindex: int) -> None:
        self._questions.forget(ifindex)

    def close(self) -> None:
        self._sender.close()
        self._receiver.close()


def _ifindex(asked: socket.socket, name: str) -> int:
    """0 where the interface has gone since.

    As socket.if_nametoindex, which would open a socket for each packet.
    """
    try:
        found = fcntl.ioctl(asked, _SIOCGIFINDEX, _IFREQ.pack(os.fsencode(name), 0))
    except OSError:
        return 0
    _, ifindex = _IFREQ.unpack(found)
    return int(ifindex)


def _is_due_to(name: IPAddress, advertisement: Advertisement, destination: bytes) -> bool:
    """Where the solicitation had a source the answer goes there, solicited (RFC 4861 7.2.4)."""
    if name == _NOBODY6:
        return destination == ALL_NODES.packed
    return advertisement.is_solicited and destination == name.packed
