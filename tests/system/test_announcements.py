import asyncio
import heapq
import json
import socket
import struct
import subprocess
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random

import pytest

from rcmd.kernel.announcements import Announcer, PacketSockets, gratuitous_arp, unsolicited_na
from rcmd.model.network import IPAddress

MAC = "02:00:00:00:00:07"
MAC_BYTES = bytes.fromhex("020000000007")
ADDRESS = ip_address("192.168.85.19")
OTHER = ip_address("192.168.85.20")
ADDRESS6 = ip_address("2001:db8::19")


class Timer:
    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class Clock:
    """Virtual time: `call_later` of an event loop."""

    def __init__(self) -> None:
        self.now_ms = 0
        self._due: list[tuple[int, int, Timer, Callable[[], None]]] = []
        self._number = 0

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> Timer:
        timer = Timer()
        self._number += 1
        due_ms = self.now_ms + round(delay_s * 1000)
        heapq.heappush(self._due, (due_ms, self._number, timer, callback))
        return timer

    @property
    def pending(self) -> int:
        return sum(not timer.is_cancelled for _, _, timer, _ in self._due)

    def advance(self, until_ms: int) -> None:
        while self._due and self._due[0][0] <= until_ms:
            self.now_ms, _, timer, callback = heapq.heappop(self._due)
            if not timer.is_cancelled:
                callback()
        self.now_ms = until_ms


class Wire:
    """Remembers what was sent, when, and where."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.sent: list[tuple[int, int, bytes]] = []
        self.forgotten: list[int] = []
        self.is_closed = False

    def send(self, ifindex: int, frames: Iterable[bytes]) -> None:
        self.sent += [(self._clock.now_ms, ifindex, frame) for frame in frames]

    def forget(self, ifindex: int) -> None:
        self.forgotten.append(ifindex)

    def close(self) -> None:
        self.is_closed = True

    def times(self, ifindex: int, address: IPAddress) -> list[int]:
        """When the address was announced on the interface, in milliseconds."""
        return [
            when for when, where, frame in self.sent if where == ifindex and address.packed in frame
        ]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def wire(clock: Clock) -> Wire:
    return Wire(clock)


@pytest.fixture
def announcer(clock: Clock, wire: Wire) -> Announcer:
    return Announcer(clock.call_later, wire, Random(1))


def test_gratuitous_arp_is_a_padded_broadcast_request() -> None:
    assert gratuitous_arp(MAC_BYTES, IPv4Address("192.168.85.19")).hex(" ", -2) == " ".join(
        # to all, from us, ARP
        ["ffff", "ffff", "ffff", "0200", "0000", "0007", "0806"]
        # Ethernet, IPv4, lengths 6 and 4, request
        + ["0001", "0800", "0604", "0001"]
        # sender, then target: the same address, its hardware address unknown
        + ["0200", "0000", "0007", "c0a8", "5513", "0000", "0000", "0000", "c0a8", "5513"]
        # up to 60 octets
        + ["0000"] * 9
    )


@pytest.mark.parametrize("address", ["2001:db8::19", "fe80::ff:fe00:7", "ffff:" * 7 + "ffff"])
@pytest.mark.parametrize(("is_router", "flags"), [(False, 0x20), (True, 0xA0)])
def test_unsolicited_na_is_to_all_nodes_and_overrides(
    address: str, is_router: bool, flags: int
) -> None:
    announced = IPv6Address(address)
    frame = unsolicited_na(MAC_BYTES, announced, is_router=is_router)
    ethernet, ip, icmp = frame[:14], frame[14:54], frame[54:]
    assert ethernet == bytes.fromhex("333300000001") + MAC_BYTES + b"\x86\xdd"
    version, length, next_header, hop_limit = struct.unpack("!IHBB", ip[:8])
    assert (version >> 28, length, next_header, hop_limit) == (6, len(icmp), 58, 255)
    assert ip[8:24] == announced.packed
    assert ip[24:40] == IPv6Address("ff02::1").packed
    assert icmp[:2] == bytes((136, 0))
    assert icmp[4:8] == bytes((flags, 0, 0, 0))
    assert icmp[8:24] == announced.packed
    assert icmp[24:] == bytes((2, 1)) + MAC_BYTES


def ones_complement_sum(data: bytes) -> int:
    """RFC 1071, octet pair by octet pair, the carry added at once."""
    total = 0
    for high, low in zip(data[::2], data[1::2], strict=True):
        total += (high << 8) + low
        if total > 0xFFFF:
            total -= 0xFFFF
    return total


@pytest.mark.parametrize("number", [0, 1, 0xFFFF, 0x1234_5678_9ABC, 2**128 - 1, 2**127])
def test_checksum_of_the_na_covers_the_pseudo_header(number: int) -> None:
    frame = unsolicited_na(MAC_BYTES, IPv6Address(number), is_router=False)
    icmp = frame[54:]
    pseudo = frame[22:54] + len(icmp).to_bytes(4, "big") + bytes((0, 0, 0, 58))
    assert ones_complement_sum(pseudo + icmp) == 0xFFFF


def test_each_address_is_announced_five_times(
    announcer: Announcer, wire: Wire, clock: Clock
) -> None:
    announcer.announce(4, MAC, [ADDRESS, ADDRESS6])
    assert wire.times(4, ADDRESS) == [0], "the first round is sent at once"
    clock.advance(60_000)
    assert wire.times(4, ADDRESS) == [0, 100, 1100, 2200, 5000]
    assert wire.times(4, ADDRESS6) == [0, 100, 1100, 2200, 5000]
    assert clock.pending == 0


def test_the_frames_are_those_of_the_family(announcer: Announcer, wire: Wire) -> None:
    announcer.announce(4, MAC, [ADDRESS, ADDRESS6], is_router=True)
    assert [frame for _, _, frame in wire.sent] == [
        gratuitous_arp(MAC_BYTES, IPv4Address(str(ADDRESS))),
        unsolicited_na(MAC_BYTES, IPv6Address(str(ADDRESS6)), is_router=True),
    ]


def test_a_batch_has_one_timer_for_all_its_addresses(announcer: Announcer, clock: Clock) -> None:
    announcer.announce(4, MAC, [IPv4Address(number) for number in range(1, 1001)])
    assert clock.pending == 1


def test_stops_here_when_the_address_moves_again(
    announcer: Announcer, wire: Wire, clock: Clock
) -> None:
    announcer.announce(4, MAC, [ADDRESS, OTHER])
    clock.advance(1_500)
    announcer.announce(5, MAC, [ADDRESS])
    clock.advance(60_000)
    assert wire.times(4, ADDRESS) == [0, 100, 1100]
    assert wire.times(5, ADDRESS) == [1500, 1600, 2600, 3700, 6500]
    assert wire.times(4, OTHER) == [0, 100, 1100, 2200, 5000], "its neighbour stays announced"


def test_a_batch_whose_addresses_all_moved_has_no_timer(announcer: Announcer, clock: Clock) -> None:
    announcer.announce(4, MAC, [ADDRESS, OTHER])
    announcer.announce(5, MAC, [OTHER, ADDRESS])
    assert clock.pending == 1


def test_a_cancelled_address_is_announced_no_more(
    announcer: Announcer, wire: Wire, clock: Clock
) -> None:
    announcer.announce(4, MAC, [ADDRESS, OTHER])
    announcer.cancel(ADDRESS)
    announcer.cancel(ADDRESS)
    clock.advance(60_000)
    announcer.cancel(OTHER)
    assert wire.times(4, ADDRESS) == [0]
    assert wire.times(4, OTHER) == [0, 100, 1100, 2200, 5000]


def test_a_forgotten_interface_is_silent(announcer: Announcer, wire: Wire, clock: Clock) -> None:
    announcer.announce(4, MAC, [ADDRESS])
    announcer.announce(5, MAC, [OTHER])
    announcer.forget(4)
    clock.advance(60_000)
    assert wire.times(4, ADDRESS) == [0]
    assert len(wire.times(5, OTHER)) == 5
    assert wire.forgotten == [4]


def test_closed_means_silent(announcer: Announcer, wire: Wire, clock: Clock) -> None:
    announcer.announce(4, MAC, [ADDRESS])
    announcer.close()
    assert clock.pending == 0
    assert wire.is_closed


@pytest.mark.parametrize("address", ["", "00:00:00:00", "no address", "80:" + "00:" * 18 + "01"])
def test_without_an_ethernet_address_nothing_is_sent_any_more(
    announcer: Announcer, wire: Wire, clock: Clock, address: str
) -> None:
    announcer.announce(4, MAC, [ADDRESS])
    announcer.announce(5, address, [ADDRESS])
    clock.advance(60_000)
    assert len(wire.sent) == 1


class Police:
    """Lets so many frames a second pass, and a burst of some: as hosts and switches do with ARP."""

    def __init__(self, rate: float = 100.0, burst: int = 20) -> None:
        self.rate, self.burst = rate, burst
        self._tokens = float(burst)
        self._then_ms = 0

    def passes(self, now_ms: int) -> bool:
        earned = (now_ms - self._then_ms) * self.rate / 1000
        self._tokens = min(self.burst, self._tokens + earned)
        self._then_ms = now_ms
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def learned_at(wire: Wire, addresses: Sequence[IPAddress]) -> dict[IPAddress, int]:
    """When a policed neighbour has learned each of them, in milliseconds."""
    police = Police()
    by_frame = {gratuitous_arp(MAC_BYTES, IPv4Address(str(it))): it for it in addresses}
    learned: dict[IPAddress, int] = {}
    for when, _, frame in wire.sent:
        if police.passes(when):
            learned.setdefault(by_frame[frame], when)
    return learned


def many(count: int) -> list[IPAddress]:
    return [IPv4Address("10.0.0.1") + number for number in range(count)]


def test_two_hundred_are_learned_by_who_polices_arp(
    announcer: Announcer, wire: Wire, clock: Clock
) -> None:
    addresses = many(200)
    announcer.announce(4, MAC, addresses)
    assert len(wire.sent) == 200, "the first round is sent at once"
    clock.advance(60_000)
    learned = learned_at(wire, addresses)
    assert learned.keys() == set(addresses)
    assert max(learned.values()) < 5_000


@pytest.mark.parametrize(("count", "rounds"), [(9, 5), (90, 5), (200, 4), (1000, 3), (2000, 3)])
def test_repeats_are_paced_and_come_to_an_end(
    announcer: Announcer, wire: Wire, clock: Clock, count: int, rounds: int
) -> None:
    addresses = many(count)
    announcer.announce(4, MAC, addresses)
    clock.advance(3_600_000)
    assert clock.pending == 0
    assert {len(wire.times(4, address)) for address in addresses[:3]} == {rounds}
    assert len(wire.sent) == rounds * count
    repeats = [when for when, _, _ in wire.sent[count:]]
    for first in repeats[::9]:
        assert sum(first <= when < first + 1_000 for when in repeats) <= 99
    assert repeats[-1] <= max(5_100, 1_000 * (rounds - 1) * count / 90 + 5_200)
    assert learned_at(wire, addresses).keys() == set(addresses)


def test_every_round_has_an_order_of_its_own(
    announcer: Announcer, wire: Wire, clock: Clock
) -> None:
    addresses = many(50)
    announcer.announce(4, MAC, addresses)
    clock.advance(60_000)
    frames = [frame for _, _, frame in wire.sent]
    rounds = {tuple(frames[start : start + 50]) for start in range(0, 250, 50)}
    assert len(rounds) == 5
    assert len({frozenset(it) for it in rounds}) == 1


def test_interfaces_of_one_link_share_its_pace_and_take_turns(
    announcer: Announcer, wire: Wire, clock: Clock
) -> None:
    announcer.announce(4, MAC, many(90), link="test")
    announcer.announce(5, MAC, [ADDRESS], link="test")
    announcer.announce(6, MAC, [OTHER], link="elsewhere")
    clock.advance(1_000)
    repeats = [(when, ifindex) for when, ifindex, _ in wire.sent if when]
    assert sum(ifindex != 6 for _, ifindex in repeats) <= 90
    assert (100, 6) in repeats
    assert (200, 5) in repeats, "one is not kept waiting by many"


def test_questions_of_others_take_turns_with_announcements(
    announcer: Announcer, wire: Wire, clock: Clock
) -> None:
    questions = [b"question %d" % number for number in range(30)]
    announcer.announce(7, MAC, [ADDRESS], link="front")
    announcer.send_paced(7, questions, "front")
    assert [frame for _, _, frame in wire.sent[1:]] == questions[:9]
    clock.advance(1000)
    assert [frame for _, _, frame in wire.sent if frame in questions] == questions
    for tick in range(0, 1000, 100):
        assert sum(tick <= when < tick + 100 for when, _, _ in wire.sent[1:]) <= 9


def test_nothing_is_asked_any_more_of_a_forgotten_interface(
    announcer: Announcer, wire: Wire, clock: Clock
) -> None:
    announcer.send_paced(7, [b"question"] * 30, "front")
    announcer.forget(7)
    announcer.send_paced(8, [b"another"] * 3, "front")
    clock.advance(1000)
    assert [where for _, where, _ in wire.sent] == [7] * 9 + [8] * 3


def test_what_moves_on_in_the_middle_of_a_round_is_not_repeated_there(
    announcer: Announcer, wire: Wire, clock: Clock
) -> None:
    addresses = many(200)
    announcer.announce(4, MAC, addresses)
    clock.advance(1_000)
    announcer.announce(5, MAC, addresses)
    clock.advance(3_600_000)
    assert not any(when > 1_000 for when, ifindex, _ in wire.sent if ifindex == 4)
    assert clock.pending == 0


def ip(arguments: str) -> str:
    command = ["ip", *arguments.split()]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def cable() -> int:
    """`near` here, `far` in the namespace `peer`, which knows the subnets of the addresses."""
    ip("netns add peer")
    ip("link add near index 70 type veth peer name far index 71 netns peer")
    ip("-n peer address add 192.168.85.1/24 dev far")
    ip("-n peer address add 2001:db8::1/64 dev far nodad")
    ip("link set near up")
    ip("-n peer link set far up")
    # Before it is operational it takes no IPv6.
    assert any(
        "state UP" in ip("link show near") and "state UP" in ip("-n peer link show far")
        for _ in range(1000)
    )
    return socket.if_nametoindex("near")


def neighbour(address: IPAddress) -> str:
    entries = json.loads(ip(f"-n peer -json neigh show {address}"))
    return entries[0]["lladdr"]


@pytest.mark.lab
@pytest.mark.parametrize("address", [ADDRESS, ADDRESS6])
def test_a_linux_neighbour_believes_the_first_one(
    in_namespaces: Callable[[Callable[[], None]], None], address: IPAddress
) -> None:
    def scenario() -> None:
        ifindex = cable()
        announcer = Announcer(Clock().call_later)  # time stands still: there is no second round
        # Just learned, so that `locktime` counts.
        old = "02:00:00:00:00:01"
        ip(f"-n peer neigh replace {address} lladdr {old} dev far nud reachable")
        announcer.announce(ifindex, MAC, [address])
        assert any(neighbour(address) == MAC for _ in range(100))
        announcer.close()

    in_namespaces(scenario)


POLICY = """
add table arp police
add chain arp police input { type filter hook input priority 0; }
add rule arp police input limit rate over 100/second burst 20 packets drop
"""
PATIENCE_S = 30.0
"""Far more than the 2.4 s that it takes: a busy machine is a slow one, not a wrong one."""


@pytest.mark.lab
def test_a_linux_neighbour_that_polices_arp_learns_all_of_them(
    in_namespaces: Callable[[Callable[[], None]], None],
) -> None:
    def scenario() -> None:
        ifindex = cable()
        addresses = [IPv4Address("192.168.85.2") + number for number in range(200)]
        command = ["ip", "netns", "exec", "peer", "nft", "-f", "-"]
        subprocess.run(command, input=POLICY, text=True, check=True)
        entries = "".join(
            f"neigh replace {it} lladdr 02:00:00:00:00:01 dev far nud reachable\n"
            for it in addresses
        )
        subprocess.run(["ip", "-n", "peer", "-batch", "-"], input=entries, text=True, check=True)

        def learned() -> int:
            entries = json.loads(ip("-n peer -json neigh show dev far"))
            return sum(it.get("lladdr") == MAC for it in entries)

        async def story() -> None:
            announcer = Announcer(asyncio.get_running_loop().call_later)
            announcer.announce(ifindex, MAC, addresses)
            assert learned() < 200, "nobody polices"
            async with asyncio.timeout(PATIENCE_S):
                while learned() < 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            announcer.close()

        asyncio.run(story())

    in_namespaces(scenario)


@pytest.mark.lab
def test_what_cannot_be_sent_is_logged_once(
    in_namespaces: Callable[[Callable[[], None]], None], caplog: pytest.LogCaptureFixture
) -> None:
    def scenario() -> None:
        ifindex = cable()
        frame = gratuitous_arp(MAC_BYTES, IPv4Address("192.168.85.19"))
        wire = PacketSockets()
        wire.send(ifindex, [frame])
        assert caplog.messages == []
        ip("link set near down")
        wire.send(ifindex, [frame, frame])
        wire.send(ifindex, [frame])
        assert caplog.messages == [
            f"announcements on interface {ifindex}: [Errno 100] Network is down"
        ]
        ip("link set near up")
        wire.send(ifindex, [frame])
        caplog.clear()
        ip("link delete near")
        wire.send(ifindex, [frame])
        wire.send(ifindex, [frame])
        assert len(caplog.messages) == 1
        wire.forget(ifindex)
        wire.send(ifindex, [frame])  # a new socket now: there is no such interface
        assert len(caplog.messages) == 2
        wire.close()

    in_namespaces(scenario)
