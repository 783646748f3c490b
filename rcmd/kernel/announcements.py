"""Tells the neighbours where an address lives now: gratuitous ARP and unsolicited NA.

The kernel announces nothing when an address is added to an interface that is up (IPv4, and IPv6
without duplicate address detection), whatever arp_notify and ndisc_notify say.  Linux neighbours
ignore most announcements for a second after they last learned otherwise (`locktime`), and any one
may be lost, so each is repeated over five seconds.
"""

from __future__ import annotations

import errno
import logging
import socket
import struct
from collections import deque
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Protocol

from rcmd.kernel.announcement_pace import CallLater, Cancellable, Pace
from rcmd.model.network import IPAddress

_log = logging.getLogger(__name__)

SCHEDULE_S = (0.0, 0.1, 1.1, 2.2, 5.0)
"""When an announcement is due, in seconds after the move."""

_ETHERNET_MINIMUM = 60
"""The shortest Ethernet frame, without its checksum."""
_BROADCAST = b"\xff" * 6
_ALL_NODES = IPv6Address("ff02::1").packed
_ALL_NODES_MAC = bytes.fromhex("333300000001")
_ETHERTYPE_ARP = 0x0806
_ETHERTYPE_IPV6 = 0x86DD
_ICMPV6 = 58
_NEIGHBOR_ADVERTISEMENT = 136
_NA_LENGTH = 32
"""ICMPv6 header, target and one option of eight octets."""
_ROUTER_FLAG = 0x8000_0000
_OVERRIDE_FLAG = 0x2000_0000
_TARGET_LINK_LAYER_ADDRESS = 2

_SO_SNDBUFFORCE = 32
_SEND_BUFFER = 4 << 20
"""Holds the frames of a few thousand addresses until the NIC has sent them."""
_LOST = frozenset({errno.ENOBUFS, errno.EAGAIN, errno.EINTR})
"""This frame was not sent; the next one may be."""


def gratuitous_arp(mac: bytes, address: IPv4Address) -> bytes:
    """The Ethernet frame of an ARP announcement (RFC 5227 section 3).

    The request form: Linux neighbours believe it at once, whereas a reply that is not addressed to
    them waits for `locktime` (arp_process(), net/ipv4/arp.c).
    """
    packed = address.packed
    arp = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + mac + packed + bytes(6) + packed
    return (_ethernet(_BROADCAST, mac, _ETHERTYPE_ARP) + arp).ljust(_ETHERNET_MINIMUM, b"\0")


def unsolicited_na(mac: bytes, address: IPv6Address, *, is_router: bool) -> bytes:
    """The Ethernet frame of an unsolicited neighbor advertisement to all nodes (RFC 4861 7.2.6).

    `is_router` must be the forwarding state of the interface: neighbours drop a default router
    that says it is none.
    """
    source = address.packed
    flags = _OVERRIDE_FLAG | (_ROUTER_FLAG if is_router else 0)
    body = struct.pack("!I", flags) + source + bytes((_TARGET_LINK_LAYER_ADDRESS, 1)) + mac
    pseudo_header = source + _ALL_NODES + struct.pack("!II", _NA_LENGTH, _ICMPV6)
    head = _NEIGHBOR_ADVERTISEMENT << 8
    checksum = _checksum(pseudo_header + struct.pack("!HH", head, 0) + body)
    return (
        _ethernet(_ALL_NODES_MAC, mac, _ETHERTYPE_IPV6)
        + struct.pack("!IHBB", 6 << 28, _NA_LENGTH, _ICMPV6, 255)
        + source
        + _ALL_NODES
        + struct.pack("!HH", head, checksum)
        + body
    )


def _ethernet(destination: bytes, source: bytes, ethertype: int) -> bytes:
    return destination + source + ethertype.to_bytes(2, "big")


def _checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071) of an even number of octets."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Wire(Protocol):
    """Sends finished Ethernet frames out of one interface."""

    def send(self, ifindex: int, frames: Iterable[bytes]) -> None: ...

    def forget(self, ifindex: int) -> None: ...

    def close(self) -> None: ...


class PacketSockets:
    """One AF_PACKET socket per interface.  What cannot be sent is logged once, and let go."""

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}
        self._complained: set[int] = set()

    def send(self, ifindex: int, frames: Iterable[bytes]) -> None:
        """Send without waiting.

        A frame that finds no buffer is left out: the next round repeats it.  A device that is down
        or gone ends the round.
        """
        failure: OSError | None = None
        try:
            send = self._socket(ifindex).send
            for frame in frames:
                try:
                    send(frame)
                except OSError as error:
                    if error.errno not in _LOST:
                        raise
                    failure = error
        except OSError as error:
            failure = error
        if failure is None:
            self._complained.discard(ifindex)
        elif ifindex not in self._complained:
            self._complained.add(ifindex)
            _log.warning("announcements on interface %d: %s", ifindex, failure)

    def forget(self, ifindex: int) -> None:
        self._complained.discard(ifindex)
        if ifindex in self._sockets:
            self._sockets.pop(ifindex).close()

    def close(self) -> None:
        for ifindex in list(self._sockets):
            self.forget(ifindex)

    def _socket(self, ifindex: int) -> socket.socket:
        """Raises OSError where there is no such interface, or no permission."""
        if ifindex in self._sockets:
            return self._sockets[ifindex]
        # Protocol 0: it only sends, and receives nothing.
        packet = socket.socket(
            socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0
        )
        try:
            packet.bind((socket.if_indextoname(ifindex), 0))
            _enlarge_send_buffer(packet)
        except OSError:
            packet.close()
            raise
        self._sockets[ifindex] = packet
        return packet


def _enlarge_send_buffer(packet: socket.socket) -> None:
    try:
        packet.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _SEND_BUFFER)
    except PermissionError:  # needs CAP_NET_ADMIN; up to net.core.wmem_max nobody asks
        packet.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)


class _Batch:
    """Addresses that are announced together, and the round that is under way."""

    def __init__(self, ifindex: int, frames: dict[IPAddress, bytes], wire: Wire) -> None:
        self.ifindex = ifindex
        self.frames = frames
        self.rounds = 1
        """Those that were due so far."""
        self.timer: Cancellable | None = None
        self.is_under_way = False
        self.is_due_again = False
        self._wire = wire
        self._left: list[IPAddress] = []

    def begin(self, random: Random) -> None:
        """In another order each time: who drops what comes too fast drops something else."""
        self.is_under_way, self.is_due_again = True, False
        self._left = [*self.frames]
        random.shuffle(self._left)

    def send_next(self) -> bool:
        """False if the round is over."""
        while self._left:
            frame = self.frames.get(self._left.pop())
            if frame is not None:
                self._wire.send(self.ifindex, (frame,))
                return True
        self.is_under_way = False
        return False


class Announcer:
    """Announces addresses on the schedule, until they move again.

    The first round is sent at once, the others at the pace of the link.  With many addresses a
    round takes long; what falls due meanwhile is one more round, however often it does.
    """

    def __init__(
        self, call_later: CallLater, wire: Wire | None = None, random: Random | None = None
    ) -> None:
        self._call_later = call_later
        self._wire: Wire = PacketSockets() if wire is None else wire
        self._random = random or Random()
        self._batch_of: dict[IPAddress, _Batch] = {}
        self._paces: dict[str, Pace] = {}
        self._questions: dict[int, deque[bytes]] = {}
        """By ifindex, the frames of others that take turns with the announcements."""

    def announce(
        self,
        ifindex: int,
        hardware_address: str,
        addresses: Iterable[IPAddress],
        *,
        is_router: bool = False,
        link: str = "",
    ) -> None:
        """Announce now, and again on the schedule.  Replaces earlier announcements of these.

        `hardware_address` as `02:00:00:00:00:01`; without an Ethernet address (a tunnel,
        InfiniBand) nothing is sent, and the earlier announcements stop all the same.  `link` is
        any name for the IP link: the interfaces on it share its pace.
        """
        addresses = tuple(addresses)
        mac = _mac(hardware_address)
        frames = (
            {address: _frame(mac, address, is_router=is_router) for address in addresses}
            if mac is not None
            else {}
        )
        if frames:
            # First of all: everybody waits for it.
            self._wire.send(ifindex, frames.values())
        for address in addresses:
            self.cancel(address)
        if frames:
            batch = _Batch(ifindex, frames, self._wire)
            self._batch_of.update(dict.fromkeys(frames, batch))
            self._wait(batch, self._pace(link))
        elif mac is None:
            _log.info("interface %d has no Ethernet address: nothing announced", ifindex)

    def send_at_once(self, ifindex: int, frames: Sequence[bytes]) -> None:
        """Frames of others."""
        if frames:
            self._wire.send(ifindex, frames)

    def send_paced(self, ifindex: int, frames: Sequence[bytes], link: str) -> None:
        """Frames of others; they take turns with what is announced on the same IP link."""
        waiting = self._questions.setdefault(ifindex, deque())
        is_under_way = bool(waiting)
        waiting.extend(frames)
        if is_under_way or not waiting:
            return

        def send_next() -> bool:
            if not waiting:
                return False
            self._wire.send(ifindex, (waiting.popleft(),))
            return True

        self._pace(link).add(send_next, lambda: None)

    def _pace(self, link: str) -> Pace:
        if link not in self._paces:
            self._paces[link] = Pace(self._call_later)
        return self._paces[link]

    def _wait(self, batch: _Batch, pace: Pace) -> None:
        delay_s = SCHEDULE_S[batch.rounds] - SCHEDULE_S[batch.rounds - 1]
        batch.timer = self._call_later(delay_s, lambda: self._fall_due(batch, pace))

    def _fall_due(self, batch: _Batch, pace: Pace) -> None:
        batch.rounds += 1
        if batch.rounds < len(SCHEDULE_S):
            self._wait(batch, pace)
        else:
            batch.timer = None
        if batch.is_under_way:
            batch.is_due_again = True
        else:
            self._begin(batch, pace)

    def _begin(self, batch: _Batch, pace: Pace) -> None:
        batch.begin(self._random)
        pace.add(batch.send_next, lambda: self._end(batch, pace))

    def _end(self, batch: _Batch, pace: Pace) -> None:
        if batch.is_due_again and batch.frames:
            self._begin(batch, pace)
        elif batch.rounds == len(SCHEDULE_S):
            for address in batch.frames:
                del self._batch_of[address]

    def cancel(self, address: IPAddress) -> None:
        """Stop announcing this address, wherever it was."""
        batch = self._batch_of.pop(address, None)
        if batch is None:
            return
        del batch.frames[address]
        if not batch.frames and batch.timer is not None:
            batch.timer.cancel()

    def forget(self, ifindex: int) -> None:
        """Stop whatever is announced on this interface: it is gone, or given back."""
        for address in [a for a, batch in self._batch_of.items() if batch.ifindex == ifindex]:
            self.cancel(address)
        self._questions.pop(ifindex, deque()).clear()
        self._wire.forget(ifindex)

    def close(self) -> None:
        for address in list(self._batch_of):
            self.cancel(address)
        for pace in self._paces.values():
            pace.close()
        self._wire.close()


def _mac(hardware_address: str) -> bytes | None:
    try:
        mac = bytes.fromhex(hardware_address.replace(":", ""))
    except ValueError:
        return None
    return mac if len(mac) == 6 else None


def _frame(mac: bytes, address: IPAddress, *, is_router: bool) -> bytes:
    if isinstance(address, IPv4Address):
        return gratuitous_arp(mac, address)
    return unsolicited_na(mac, address, is_router=is_router)
