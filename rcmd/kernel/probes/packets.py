"""The octets of probes and of their answers.

The payload of an echo says all that is needed to judge the reply: which interface, sequence number,
time and target it was sent with, sealed with a keyed hash.  So nothing has to be remembered about a
probe under way, and nobody who has not seen the probe can answer it.

    tag 4 | ifindex 4 | sequence 4 | sent at, monotonic nanoseconds 8 | target 16 | seal 16
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import blake2s
from hmac import compare_digest
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from rcmd.kernel.probes.values import Ignored

_CONTENT: Final = struct.Struct("!4sIIQ16s")
_ECHO_HEAD: Final = struct.Struct("!BBHHH")
_SEAL_LENGTH: Final = 16
TAG_LENGTH: Final = 4
ECHO_LENGTH: Final = _ECHO_HEAD.size + _CONTENT.size + _SEAL_LENGTH
"""Of the ICMP message: header and payload."""

ECHO_REPLY: Final = 0
_ECHO_REQUEST: Final = 8
ECHO_REPLY6: Final = 129
_ECHO_REQUEST6: Final = 128
_NEIGHBOR_SOLICITATION: Final = 135
NEIGHBOR_ADVERTISEMENT: Final = 136

ETHERTYPE_ARP: Final = 0x0806
ETHERTYPE_IPV6: Final = 0x86DD
HARDWARE_LENGTH: Final = 6
BROADCAST: Final = b"\xff" * HARDWARE_LENGTH
_ETHERNET_HEADER: Final = 14
_ETHERNET_MINIMUM: Final = 60
"""The shortest Ethernet frame, without its checksum."""
ARP_REPLY: Final = 2
_ARP_REQUEST: Final = 1
_ARP_HEAD: Final = bytes.fromhex("0001080006040001")
"""Ethernet, IPv4, their lengths, request."""
_ARP: Final = struct.Struct("!HHBBH6s4s6s4s")
_ICMPV6: Final = 58
_NEIGHBOR_HOPS: Final = 255
"""Proves that the sender is on the link (RFC 4861 section 7.1)."""
_SOURCE_LINK_LAYER_ADDRESS: Final = b"\x01\x01"
_TARGET_LINK_LAYER_ADDRESS: Final = 2
_UNIT: Final = 8
"""Octets in which the length of an option of neighbour discovery is counted."""
_SOLICITED_NODE: Final = IPv6Address("ff02::1:ff00:0").packed[:13]
_SOLICITED_FLAG: Final = 0x40
_ADVERTISEMENT: Final = struct.Struct("!BBHB3x16s")


@dataclass(frozen=True, slots=True)
class EchoContent:
    """What a reply brings back of its probe."""

    ifindex: int
    sequence: int
    sent_ns: int
    target: bytes
    """The packed address, padded to 16 octets."""


class EchoSeal:
    """Writes echo requests, and reads the replies to these and no others."""

    def __init__(self, *, tag: bytes, key: bytes, process_id: int) -> None:
        """`tag` and `key` are secrets of this process; `tag` lets the kernel drop what is foreign.

        Of the process id, as of the ifindex, the lower eight bits make the ICMP identifier, as in
        `in.mpathd`.
        """
        self.tag = tag
        self._keyed = blake2s(key=key, digest_size=_SEAL_LENGTH)
        self._identifier = (process_id & 0xFF) << 8

    def request(self, content: EchoContent) -> bytes:
        """An ICMP echo request, with its checksum."""
        message = self._message(_ECHO_REQUEST, 0, content)
        return self._message(_ECHO_REQUEST, internet_checksum(message), content, message[8:])

    def request6(self, content: EchoContent) -> bytes:
        """An ICMPv6 echo request; the kernel adds the checksum."""
        return self._message(_ECHO_REQUEST6, 0, content)

    def open(self, message: bytes) -> EchoContent | Ignored:
        """Of an ICMP or ICMPv6 message, from its type on; more octets may follow."""
        if len(message) < ECHO_LENGTH:
            return Ignored.SHORT
        if message[1] != 0:
            return Ignored.BAD_CODE
        sealed = message[_ECHO_HEAD.size : ECHO_LENGTH - _SEAL_LENGTH]
        seal = message[ECHO_LENGTH - _SEAL_LENGTH : ECHO_LENGTH]
        if not compare_digest(self._seal(sealed), seal):
            return Ignored.WRONG_NONCE
        _, ifindex, sequence, sent_ns, target = _CONTENT.unpack(sealed)
        return EchoContent(ifindex, sequence, sent_ns, target)

    def _message(
        self, kind: int, checksum: int, content: EchoContent, payload: bytes | None = None
    ) -> bytes:
        head = _ECHO_HEAD.pack(
            kind,
            0,
            checksum,
            self._identifier | content.ifindex & 0xFF,
            content.sequence & 0xFFFF,
        )
        if payload is None:
            sealed = _CONTENT.pack(
                self.tag, content.ifindex, content.sequence, content.sent_ns, content.target
            )
            payload = sealed + self._seal(sealed)
        return head + payload

    def _seal(self, content: bytes) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(content)
        return keyed.digest()


@dataclass(frozen=True, slots=True)
class ArpReply:
    frame_source: bytes
    """Whom the frame is from; mostly, but not always the next but one."""
    sender: IPv4Address
    sender_hardware: bytes
    target: IPv4Address
    """Whom it answers; the unspecified address where the request named no sender."""
    target_hardware: bytes


def arp_request(hardware: bytes, source: IPv4Address, target: IPv4Address, to: bytes) -> bytes:
    """The Ethernet frame that asks `target` for its hardware address.

    With source 0.0.0.0 nobody learns anything from it (RFC 5227 section 1.1).  `to` is `BROADCAST`,
    or the hardware address that is to be confirmed (RFC 1122 section 2.3.2.1).
    """
    arp = _ARP_HEAD + hardware + source.packed + bytes(6) + target.packed
    return (_ethernet(to, hardware, ETHERTYPE_ARP) + arp).ljust(_ETHERNET_MINIMUM, b"\0")


def parse_arp_reply(frame: bytes) -> ArpReply | Ignored:
    """A bad code is anything but a reply about IPv4 on Ethernet."""
    if len(frame) < _ETHERNET_HEADER + _ARP.size:
        return Ignored.SHORT
    *kind, hardware, sender, target_hardware, target = _ARP.unpack_from(frame, _ETHERNET_HEADER)
    if kind != [1, 0x0800, 6, 4, ARP_REPLY]:
        return Ignored.BAD_CODE
    frame_source = frame[HARDWARE_LENGTH : 2 * HARDWARE_LENGTH]
    return ArpReply(
        frame_source, IPv4Address(sender), hardware, IPv4Address(target), target_hardware
    )


@dataclass(frozen=True, slots=True)
class Advertisement:
    target: IPv6Address
    is_solicited: bool
    hardware: bytes = b""
    """The target link-layer address; empty where it was left out."""


def neighbor_solicitation(hardware: bytes, source: IPv6Address, target: IPv6Address) -> bytes:
    """The Ethernet frame that asks `target` for its hardware address (RFC 4861 section 4.3).

    From :: it carries no link-layer address and the answer goes to all nodes.
    """
    group = _SOLICITED_NODE + target.packed[13:]
    body = bytes(4) + target.packed
    if not source.is_unspecified:
        body += _SOURCE_LINK_LAYER_ADDRESS + hardware
    length = 4 + len(body)
    pseudo_header = source.packed + group + struct.pack("!II", length, _ICMPV6)
    head = struct.pack("!BBH", _NEIGHBOR_SOLICITATION, 0, 0)
    checksum = internet_checksum(pseudo_header + head + body)
    return (
        _ethernet(b"\x33\x33" + group[12:], hardware, ETHERTYPE_IPV6)
        + struct.pack("!IHBB", 6 << 28, length, _ICMPV6, _NEIGHBOR_HOPS)
        + source.packed
        + group
        + struct.pack("!BBH", _NEIGHBOR_SOLICITATION, 0, checksum)
        + body
    )


def parse_advertisement(message: bytes) -> Advertisement | Ignored:
    """Of an ICMPv6 neighbour advertisement, from its type on."""
    if len(message) < _ADVERTISEMENT.size:
        return Ignored.SHORT
    kind, code, _, flags, target = _ADVERTISEMENT.unpack_from(message)
    if kind != NEIGHBOR_ADVERTISEMENT or code != 0:
        return Ignored.BAD_CODE
    hardware = _link_layer_address(message[_ADVERTISEMENT.size :])
    return Advertisement(IPv6Address(target), bool(flags & _SOLICITED_FLAG), hardware)


def _link_layer_address(options: bytes) -> bytes:
    """Of the target, among the options (RFC 4861 section 4.6.1)."""
    while len(options) >= _UNIT and options[1]:
        option, options = options[: options[1] * _UNIT], options[options[1] * _UNIT :]
        if option[0] == _TARGET_LINK_LAYER_ADDRESS:
            return option[2:_UNIT]
    return b""


def internet_checksum(data: bytes) -> int:
    """RFC 1071, of an even number of octets."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _ethernet(destination: bytes, source: bytes, ethertype: int) -> bytes:
    return destination + source + ethertype.to_bytes(2, "big")
