"""A namespace with two cables to a peer, for the tests of the probe sockets."""

import contextlib
import ctypes
import dataclasses
import os
import select
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from rcmd.kernel.probes.packets import internet_checksum
from rcmd.kernel.probes.sockets import ProbeSockets
from rcmd.kernel.probes.values import Answer, Ignored, Probe, ProbedInterface, ProbeKind
from rcmd.model.network import IPAddress

CLONE_NEWNET = 0x4000_0000
ETH_P_ALL = 0x0003
PATIENCE_S = 10.0

HERE = IPv4Address("192.168.85.19")
PEER = IPv4Address("192.168.85.1")
HERE6 = IPv6Address("fe80::19")
PEER6 = IPv6Address("fe80::1")
MACS = {
    "near": bytes.fromhex("020000000010"),
    "far": bytes.fromhex("020000000011"),
    "other": bytes.fromhex("020000000020"),
    "far-other": bytes.fromhex("020000000021"),
}
KINDS: list[tuple[ProbeKind, IPAddress, IPAddress]] = [
    (ProbeKind.ICMP, HERE, PEER),
    (ProbeKind.ARP, HERE, PEER),
    (ProbeKind.ICMP6, HERE6, PEER6),
    (ProbeKind.ND, HERE6, PEER6),
]
ECHOES = [KINDS[0], KINDS[2]]
NEAR, OTHER = 70, 72
"""Interface indexes here; the cables end in other ones, for equal ones count as one device."""


def ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


def sysctl(name: str, value: int) -> None:
    Path("/proc/sys/net", name).write_text(str(value))


def peer_sysctl(name: str, value: int) -> None:
    with in_peer():
        sysctl(name, value)


@contextlib.contextmanager
def in_peer() -> Iterator[None]:
    """Lead the calling thread into the namespace of the peer, and back."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home, open("/run/netns/peer") as peer:
        assert libc.setns(peer.fileno(), CLONE_NEWNET) == 0
        try:
            yield
        finally:
            assert libc.setns(home.fileno(), CLONE_NEWNET) == 0


def make_cables() -> None:
    """`near` to `far` and `other` to `far-other`, up, with no addresses at all."""
    ip("netns add peer")
    sysctl("ipv4/conf/all/rp_filter", 0)
    sysctl("ipv4/conf/default/rp_filter", 0)
    for index, near, far in ((NEAR, "near", "far"), (OTHER, "other", "far-other")):
        ip(f"link add {near} index {index} type veth peer name {far} index {index + 1} netns peer")
        for prefix, end in (("", near), ("-n peer ", far)):
            ip(f"{prefix}link set {end} addrgenmode none address {MACS[end].hex(':')}")
            ip(f"{prefix}link set {end} up")
    # Before they are operational they take no IPv6.
    assert any(ends_that_are_up("") == 2 for _ in range(1000))
    assert any(ends_that_are_up("-n peer") == 2 for _ in range(1000))


def listing(command: str) -> str:
    return subprocess.run(
        ["ip", *command.split()], check=True, capture_output=True, text=True
    ).stdout


def ends_that_are_up(prefix: str) -> int:
    return listing(f"{prefix} -oneline link show").count("state UP")


def add_address6(address: IPv6Address, device: str, prefix: str = "") -> None:
    """Returns when it is usable: the kernel joins its multicast group a moment later."""
    ip(f"{prefix} address add {address}/64 dev {device} nodad")
    # RFC 4291 2.7.1, the solicited-node group: without it nobody hears a solicitation.
    group = str(IPv6Address(int(IPv6Address("ff02::1:ff00:0")) | int(address) & 0xFFFFFF))
    joined = f"{prefix} -6 maddress show dev {device}"
    assert any(group in listing(joined).split() for _ in range(1000))


def make_neighbours() -> None:
    """The cables, with addresses of both families at both ends of the first one."""
    make_cables()
    ip(f"address add {HERE}/24 dev near")
    add_address6(HERE6, "near")
    give_peer_addresses()


def give_peer_addresses() -> None:
    ip(f"-n peer address add {PEER}/24 dev far")
    add_address6(PEER6, "far", "-n peer")


def silence_peer() -> None:
    """Its kernel answers no echo: whatever comes is forged."""
    peer_sysctl("ipv4/icmp_echo_ignore_all", 1)
    peer_sysctl("ipv6/icmp/echo_ignore_all", 1)


def interface(
    kind: ProbeKind, source: IPAddress | None, name: str = "near", ifindex: int = NEAR
) -> ProbedInterface:
    return ProbedInterface(ifindex, name, kind, source, MACS[name])


def probe(
    target: IPAddress, sequence: int = 1, ifindex: int = NEAR, kind: ProbeKind | None = None
) -> Probe:
    """By echo, unless another kind is named."""
    echo = ProbeKind.ICMP if target.version == 4 else ProbeKind.ICMP6
    return Probe(ifindex, kind or echo, target, sequence)


def ask_neighbour(
    target: IPAddress, sequence: int = 1, ifindex: int = NEAR, *, is_anonymous: bool = False
) -> Probe:
    """By ARP or neighbour solicitation."""
    kind = ProbeKind.ARP if target.version == 4 else ProbeKind.ND
    return Probe(ifindex, kind, target, sequence, is_anonymous)


class Bench:
    """The sockets under test, and waiting for what they see."""

    def __init__(self, *interfaces: ProbedInterface) -> None:
        self.sockets = ProbeSockets()
        for opened in interfaces:
            self.sockets.open_interface(opened)
        self._poll = select.poll()
        self._poll.register(self.sockets, select.POLLIN)

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self.sockets.close()

    def wait(self, patience_s: float = PATIENCE_S) -> bool:
        """Whether something waits to be read."""
        return bool(self._poll.poll(patience_s * 1000))

    def answers(self, count: int) -> list[Answer]:
        """So many, and not one more."""
        found: list[Answer] = []
        deadline = time.monotonic() + PATIENCE_S
        while len(found) < count and time.monotonic() < deadline:
            self.wait()
            found.extend(self.sockets.read())
        assert len(found) == count, (found, self.sockets.ignored)
        return found

    def ask(self, *probes: Probe) -> list[Answer]:
        """Send these, and have an answer for each."""
        assert self.sockets.send(probes) == ()
        return self.answers(len(probes))

    def ignores(self, reason: Ignored, times: int = 1) -> bool:
        """Whether a packet is read that is ignored for this reason alone."""
        deadline = time.monotonic() + PATIENCE_S
        while sum(self.sockets.ignored.values()) < times and time.monotonic() < deadline:
            self.wait()
            assert self.sockets.read() == ()
        return self.sockets.ignored == {reason: times}


class Observer:
    """Sees and forges Ethernet frames at the peer's end of a cable."""

    def __init__(self, name: str = "far") -> None:
        with in_peer():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            self._socket.bind((name, ETH_P_ALL))
        self._socket.settimeout(PATIENCE_S)

    def __enter__(self) -> "Observer":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def next(self, matches: bytes, position: int) -> bytes:
        """The next frame from the near end with these octets there."""
        while True:
            frame, sender = self._socket.recvfrom(2048)
            is_from_here = sender[2] != socket.PACKET_OUTGOING
            if is_from_here and frame[position:].startswith(matches):
                return frame

    def echo_request(self) -> bytes:
        return self._echo(b"\x08\x00", 23, 1, 8)

    def echo_request6(self) -> bytes:
        return self._echo(b"\x86\xdd", 20, 58, 128)

    def request(self, kind: ProbeKind) -> bytes:
        """An echo request of either family."""
        return self.echo_request() if kind is ProbeKind.ICMP else self.echo_request6()

    def arp_request(self) -> bytes:
        return self.next(bytes.fromhex("0806000108000604 0001"), 12)

    def solicitation(self) -> bytes:
        return self.next(b"\x87\0", 54)

    def _echo(self, ethertype: bytes, position: int, protocol: int, kind: int) -> bytes:
        while True:
            frame = self.next(ethertype, 12)
            body = 34 if ethertype == b"\x08\x00" else 54
            if frame[position] == protocol and frame[body] == kind:
                return frame

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)


@dataclasses.dataclass(frozen=True)
class Reply:
    """The reply to a captured echo request, to be forged in one respect or another."""

    request: bytes
    code: int = 0
    source: IPAddress | None = None
    destination: IPAddress | None = None
    to: bytes | None = None
    flip: int | None = None
    """Position in the payload of an octet to falsify."""
    length: int | None = None
    """Octets of the ICMP message that are left."""
    extension: bytes = b""
    """An IPv6 routing header."""

    def frame(self) -> bytes:
        ethernet = (self.to or self.request[6:12]) + self.request[:6] + self.request[12:14]
        return ethernet + (self._body4() if self.request[14] >> 4 == 4 else self._body6())

    def _message(self, start: int, kind: int) -> bytearray:
        message = bytearray(self.request[start:])
        message[:4] = bytes((kind, self.code, 0, 0))
        if self.flip is not None:
            message[8 + self.flip] ^= 0x01
        return message[: self.length]

    def _body4(self) -> bytes:
        message = self._message(34, 0)
        message[2:4] = internet_checksum(bytes(message)).to_bytes(2, "big")
        source = self.source.packed if self.source else self.request[30:34]
        destination = self.destination.packed if self.destination else self.request[26:30]
        header = bytearray(self.request[14:26]) + source + destination
        header[2:4] = (20 + len(message)).to_bytes(2, "big")
        header[8] = 64
        header[10:12] = bytes(2)
        header[10:12] = internet_checksum(bytes(header)).to_bytes(2, "big")
        return bytes(header + message)

    def _body6(self) -> bytes:
        message = self._message(54, 129)
        source = self.source.packed if self.source else self.request[38:54]
        destination = self.destination.packed if self.destination else self.request[22:38]
        pseudo_header = source + destination + struct.pack("!II", len(message), 58)
        checksum = internet_checksum(pseudo_header + bytes(message))
        message[2:4] = checksum.to_bytes(2, "big")
        payload = self.extension + bytes(message)
        first = 43 if self.extension else 58
        header = struct.pack("!IHBB", 6 << 28, len(payload), first, 64)
        return header + source + destination + payload


def icmp6_frame(
    to: bytes, source: IPv6Address, destination: IPv6Address, hops: int, message: bytes
) -> bytes:
    """A frame from `far`, of an ICMPv6 message whose checksum is still 0."""
    pseudo_header = source.packed + destination.packed + struct.pack("!II", len(message), 58)
    checksum = internet_checksum(pseudo_header + message).to_bytes(2, "big")
    return (
        to
        + MACS["far"]
        + b"\x86\xdd"
        + struct.pack("!IHBB", 6 << 28, len(message), 58, hops)
        + source.packed
        + destination.packed
        + message[:2]
        + checksum
        + message[4:]
    )


def file_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def arp_reply(
    *,
    to: bytes = MACS["near"],
    sender: IPv4Address = PEER,
    target_hardware: bytes = MACS["near"],
    target: bytes = bytes(4),
    hardware: bytes = MACS["far"],
    frame_source: bytes = MACS["far"],
) -> bytes:
    arp = bytes.fromhex("0001080006040002") + hardware + sender.packed + target_hardware + target
    return to + frame_source + b"\x08\x06" + arp + bytes(18)


def advertisement(
    *,
    target: IPv6Address = PEER6,
    to: IPv6Address = HERE6,
    is_solicited: bool = True,
    hops: int = 255,
    face: bytes = b"",
) -> bytes:
    flags = 0x60 if is_solicited else 0x20
    message = bytes((136, 0, 0, 0, flags, 0, 0, 0)) + target.packed
    message += b"\x02\x01" + face if face else b""
    hardware = bytes.fromhex("333300000001") if to.is_multicast else MACS["near"]
    return icmp6_frame(hardware, PEER6, to, hops, message)
