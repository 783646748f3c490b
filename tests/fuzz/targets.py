"""What reads something from outside, one after the other, each with sound inputs to be damaged.

A target takes a `Chance` and does one thing.  It raises what it must not raise.
"""

from __future__ import annotations

import json
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

from ipmp.test_memory import FULL
from stories.kernel import Kernel

from rcmd.bus import wire
from rcmd.bus.faults import Malformed
from rcmd.configuration import ConfigurationFiles, load
from rcmd.configuration.conflicts import Neighbours, SourceText, find_claims
from rcmd.ipmp.api.commands import Move
from rcmd.ipmp.api.events import Configured, KernelChange, KernelChanged, Tick
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.state.snapshot import read_memory
from rcmd.kernel import memberships, rtnetlink
from rcmd.kernel.netlink import encoding
from rcmd.kernel.netlink.encoding import Operation, encode
from rcmd.kernel.netlink.message import HEADER, MalformedMessage, MessageType
from rcmd.kernel.probes.arp_ndp import ArpSocket, NdSocket, Questions
from rcmd.kernel.probes.echo import EchoSocket, EchoSocket6
from rcmd.kernel.probes.packets import EchoContent, EchoSeal, arp_request, neighbor_solicitation
from rcmd.kernel.probes.times import ReadMoment
from rcmd.kernel.probes.values import Probe, ProbedInterface, ProbeKind
from rcmd.kernel.rtnetlink import Rtnetlink
from rcmd.model.network import Family, KernelAddress, Route
from rcmd.platform import kernel_log, udhcpc_words
from rcmd.platform.files import read_tree
from rcmd.platform.scripts.state import AskedFile
from rcmd.platform.store.hand_over import HandOver
from rcmd.platform.store.store import Store
from rcmd.platform.store.tables import Tables
from rcmd.platform.udev import event_of
from rcmd.ports.script_protocol import Command, Dialogue, ScriptFailed
from rcmd.ports.store import HistoryEvent, SavedSysctls
from rcmd.rcm.operations.slot_notice import notice_of
from rcmd.rcm.problems import recalled_from

from .mutation import LARGE, NUMBERS, TEXTS, Chance

Target = Callable[[Chance], None]

# --- netlink --------------------------------------------------------------------------------------


def _attribute(kind: int, content: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(content), kind) + content + bytes(-len(content) % 4)


def _link(ifindex: int, name: bytes) -> bytes:
    info = _attribute(1, b"vlan\0") + _attribute(2, _attribute(1, struct.pack("=H", 7)))
    return struct.pack("=BxHiII", 0, 1, ifindex, 0x11043, 0) + b"".join(
        (
            _attribute(3, name + b"\0"),
            _attribute(1, bytes.fromhex("020000000001")),
            _attribute(2, b"\xff" * 6),
            _attribute(4, struct.pack("=I", 1500)),
            _attribute(5, struct.pack("=I", 2)),
            _attribute(10, struct.pack("=I", 0)),
            _attribute(16, b"\x06"),
            _attribute(18, info),
            _attribute(52, _attribute(53, b"a-long-alternative-name\0")),
        )
    )


_ADDRESSES = (
    KernelAddress(
        3, ip_interface("10.0.0.1/24"), label="hme0", broadcast=IPv4Address("10.0.0.255")
    ),
    KernelAddress(4, ip_interface("10.0.0.2/24"), label="hme1:1", protocol=0x99, metric=7),
    KernelAddress(3, ip_interface("2001:db8::1/64"), peer=ip_address("2001:db8::2"), valid_s=9),
)
_ROUTES = (
    Route(3, ip_network("0.0.0.0/0"), ip_address("10.0.0.254"), metrics=((2, 1400), (8, 20))),
    Route(4, ip_network("10.1.0.0/16"), source=ip_address("10.0.0.2"), table=1000, is_onlink=True),
    Route(3, ip_network("2001:db8:1::/48"), ip_address("2001:db8::9"), congestion="reno"),
)
_MESSAGES: tuple[tuple[int, bytes], ...] = (
    (MessageType.NEWLINK, _link(3, b"hme0")),
    (MessageType.NEWLINK, _link(4, b"hme1")),
    (MessageType.DELLINK, _link(4, b"hme1")),
    *((MessageType.NEWADDR, encode(Operation.ADD, it)[HEADER.size :]) for it in _ADDRESSES),
    *((MessageType.DELADDR, encode(Operation.ADD, it)[HEADER.size :]) for it in _ADDRESSES),
    *((MessageType.NEWROUTE, encode(Operation.ADD, it)[HEADER.size :]) for it in _ROUTES),
    *((MessageType.DELROUTE, encode(Operation.ADD, it)[HEADER.size :]) for it in _ROUTES),
    (MessageType.NEWNEXTHOP, struct.pack("=BBBxI", 2, 0, 0x99, 0) + _attribute(1, b"\1\0\0\0")),
    (
        MessageType.NEWRULE,
        struct.pack("=8BI", 2, 0, 24, 0, 254, 0, 0, 1, 0) + _attribute(1, b"abcd"),
    ),
    (MessageType.NEWNEIGH, struct.pack("=BxxxiHBB", 2, 3, 2, 0, 1) + _attribute(1, b"\n\0\0\1")),
    (MessageType.NEWNETCONF, b"\2\0\0\0" + _attribute(1, struct.pack("=i", 3))),
)


class _Events:
    """In the place of `EventSocket`."""

    def __init__(self) -> None:
        self.waiting: list[bytes] = []

    def receive(self) -> bytes | None:
        return self.waiting.pop(0) if self.waiting else None


class NetlinkTarget:
    """The kernel's notifications, damaged, into the engine; and what it wants then is encoded."""

    def __init__(self) -> None:
        self._events = _Events()
        self._netlink = Rtnetlink.__new__(Rtnetlink)
        Rtnetlink.__init__(self._netlink, _NoCommands(), self._events, 0)  # type: ignore[arg-type]
        self._now = 0.0
        self._engine = self._fresh()

    def _fresh(self) -> Engine:
        return _engine(Engine(), self._now)

    def __call__(self, chance: Chance) -> None:
        if chance.once_in(200):
            self._engine = self._fresh()
        datagram = b""
        for _ in range(chance.randrange(1, 4)):
            kind, payload = chance.choice(_MESSAGES)
            payload = chance.damaged(payload)
            length = HEADER.size + len(payload)
            if chance.once_in(30):
                length = chance.choice(NUMBERS)
            if chance.once_in(30):
                kind = chance.randrange(200)
            flags, sequence = chance.choice((0, 0x100, 2)), chance.choice((0, 1, 2**32 - 1))
            datagram += HEADER.pack(length, kind, flags, sequence, chance.choice((0, 7)))
            datagram += payload + bytes(-len(payload) % 4)
        self._events.waiting.append(chance.damaged(datagram) if chance.once_in(5) else datagram)
        changes = self._netlink.read()
        self._now += chance.random()
        _handle(self._engine, changes, self._now)


class _NoCommands:
    """In the place of `CommandSocket`."""

    port = 1

    def ask(self, _: bytes) -> None:
        """The kernel has done what it was doing."""


def _engine(engine: Engine, now: float) -> Engine:
    """With a group of two interfaces."""
    files = {
        "/etc/hostname.hme0": "10.0.0.1/24 group test up\naddif 10.0.0.11/24 -failover up\n",
        "/etc/hostname6.hme0": "addif 2001:db8::1/64 up\n",
        "/etc/hostname.hme1": "10.0.0.2/24 group test up\n",
        "/etc/hostname6.hme1": "",
    }
    kernel = Kernel()
    for name in ("lo0", "x", "hme0", "hme1"):
        kernel.put_in(name)
    loaded = load(ConfigurationFiles(hostname=files, settings="groups: {test: {probe: none}}\n"))
    _check(engine.handle(kernel.snapshot(), now))
    _check(engine.handle(Configured(loaded.configuration), now))
    return engine


def _handle(engine: Engine, changes: tuple[KernelChange, ...], now: float) -> None:
    _check(engine.handle(KernelChanged(changes), now))
    _check(engine.handle(Tick(), now))
    engine.deadline()
    engine.memory().to_text()
    engine.status()


def _check(commands: Any) -> None:
    """Whatever the engine wants can be said in netlink."""
    for command in commands:
        if isinstance(command, Move):
            for item in (*command.add, *command.remove):
                if isinstance(item, KernelAddress | Route):
                    encoding.encode(Operation.ADD, item)


def decoders(chance: Chance) -> None:
    """Every decoder by itself: what it cannot read is malformed, and nothing else."""
    _, payload = chance.choice(_MESSAGES)
    payload = chance.damaged(payload)
    for decode in (
        rtnetlink._links,
        rtnetlink._addresses,
        rtnetlink._all_routes,
        rtnetlink._nexthop_seen,
    ):
        with suppress(MalformedMessage):
            list(decode(payload))


# --- udev, the kernel log, /proc ------------------------------------------------------------------


class _Properties(dict[str, str]):
    """As pyudev has them: bytes, taken for UTF-8."""

    def __init__(self, raw: Mapping[str, bytes]) -> None:
        super().__init__()
        self._raw = raw

    def get(self, key: str, default: Any = None) -> Any:
        return self._raw[key].decode() if key in self._raw else default


@dataclass
class _Device:
    raw: Mapping[str, bytes]
    properties: _Properties = field(init=False)

    def __post_init__(self) -> None:
        self.properties = _Properties(self.raw)

    @property
    def action(self) -> str | None:
        return self.raw["ACTION"].decode()

    @property
    def sys_name(self) -> str:
        return self.raw["INTERFACE"].decode()

    @property
    def is_initialized(self) -> bool:
        return True


def udev(chance: Chance) -> None:
    properties = {
        "ACTION": b"move",
        "INTERFACE": b"hme0",
        "IFINDEX": b"3",
        "DEVPATH_OLD": b"/devices/virtual/net/eth7",
        "INTERFACE_OLD": b"eth7",
        "ID_RENAMING": b"0",
    }
    for name in list(properties):
        if chance.once_in(3):
            properties[name] = chance.damaged(properties[name])
    if chance.once_in(9):
        properties[chance.choice(("IFINDEX", "INTERFACE"))] = chance.choice(TEXTS).encode()
    event = event_of(_Device(properties))
    if event is not None:
        event.name.encode()
        event.old_name.encode()


def log_of_the_kernel(chance: Chance) -> None:
    records = (
        b"6,1234,5678901,-;pcieport 0000:00:02.0: Slot(1): Attention button pressed",
        b"4,99,5,-;pcieport 0000:00:02.0: Slot(1-2): Powering off due to button press",
        b" SUBSYSTEM=pci",
    )
    line = kernel_log.parse(chance.damaged(chance.choice(records)))
    if line is not None:
        notice_of(line)


_IGMP = b"""Idx	Device    : Count Querier	Group    Users Timer	Reporter
3	hme0      :     2      V3
				0301EFEF     1 0:00000000		0
				010000E0     1 0:00000000		0
"""
_IGMP6 = b"3    hme0            ff050000000000000000000000010003     1 00000004 0\n"
_FILTER = b"Idx Device MCA SRC INC EXC\n  3   hme0 0xe8010101 0x0a000001      1      0\n"


def membership_tables(chance: Chance) -> None:
    tables = (chance.damaged(it) for it in (_IGMP, _IGMP6, _FILTER, _FILTER))
    memberships.memberships(*tables)


# --- probes ---------------------------------------------------------------------------------------

_MAC, _THEIRS = bytes.fromhex("020000000001"), bytes.fromhex("020000000009")
_SOURCE, _TARGET = IPv4Address("10.0.0.11"), IPv4Address("10.0.0.254")
_SOURCE6, _TARGET6 = IPv6Address("fe80::1"), IPv6Address("fe80::9")


class _Received:
    """In the place of a socket: gives packets, and an ifindex for a name."""

    def __init__(self) -> None:
        self.waiting: list[tuple[bytes, list[tuple[int, int, bytes]], int, Any]] = []
        self._real = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def fileno(self) -> int:
        return self._real.fileno()

    def recvmsg(self, *_: int) -> tuple[bytes, list[tuple[int, int, bytes]], int, Any]:
        if not self.waiting:
            raise BlockingIOError
        return self.waiting.pop(0)

    def sendto(self, *_: object) -> None:
        """Nobody hears it."""

    def close(self) -> None:
        self._real.close()


class ProbeTarget:
    """Replies to probes, of all four kinds."""

    def __init__(self) -> None:
        self._seal = EchoSeal(tag=b"abcd", key=b"k" * 32, process_id=7)
        self._received = _Received()
        self._sockets: dict[ProbeKind, Any] = {}
        for kind, made in (
            (ProbeKind.ICMP, EchoSocket),
            (ProbeKind.ICMP6, EchoSocket6),
            (ProbeKind.ARP, ArpSocket),
            (ProbeKind.ND, NdSocket),
        ):
            it: Any = made.__new__(made)
            it._seal, it._questions = self._seal, Questions()
            it._socket = it._receiver = it._sender = self._received
            self._sockets[kind] = it

    def close(self) -> None:
        self._received.close()

    def __call__(self, chance: Chance) -> None:
        kind = chance.choice(list(self._sockets))
        is_old = kind.family is Family.IPV4
        source, target = (_SOURCE, _TARGET) if is_old else (_SOURCE6, _TARGET6)
        interface = ProbedInterface(3, "hme0", kind, source, _MAC)
        moment = ReadMoment.sample()
        if kind in (ProbeKind.ARP, ProbeKind.ND):
            probe = Probe(3, kind, target, chance.randrange(100))
            self._sockets[kind]._questions.ask(probe, moment.monotonic_ns)
        for _ in range(chance.randrange(1, 4)):
            packet = chance.damaged(self._reply(kind, moment.monotonic_ns))
            self._received.waiting.append((packet, self._control(chance), 0, self._sender(kind)))
        list(self._sockets[kind].read({3: interface}, moment))

    def read(self, kind: ProbeKind, packet: bytes) -> Iterator[object]:
        self._received.waiting.append((packet, [], 0, self._sender(kind)))
        return self._sockets[kind].read({}, ReadMoment.sample())  # type: ignore[no-any-return]

    def _reply(self, kind: ProbeKind, sent_ns: int) -> bytes:
        content = EchoContent(3, 7, sent_ns, _TARGET.packed.ljust(16, b"\0"))
        match kind:
            case ProbeKind.ICMP:
                header = b"\x45" + bytes(11) + _TARGET.packed + _SOURCE.packed
                return header + b"\0" + self._seal.request(content)[1:]
            case ProbeKind.ICMP6:
                return b"\x81" + self._seal.request6(content)[1:]
            case ProbeKind.ARP:
                frame = bytearray(arp_request(_THEIRS, _TARGET, _SOURCE, _MAC))
                frame[20:22] = b"\0\2"
                return bytes(frame)
            case _:
                frame = bytearray(neighbor_solicitation(_THEIRS, _TARGET6, _SOURCE6)[54:])
                frame[0] = 136
                return bytes(frame)

    def _sender(self, kind: ProbeKind) -> Any:
        return ("hme0", 0x806, 0, 1, _THEIRS) if kind is ProbeKind.ARP else ("fe80::9", 0, 0, 3)

    def _control(self, chance: Chance) -> list[tuple[int, int, bytes]]:
        control = []
        if not chance.once_in(5):
            information = struct.pack("=i4s4s", 3, _SOURCE.packed, _SOURCE.packed)
            control.append((socket.IPPROTO_IP, 8, information))
            control.append(
                (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _SOURCE6.packed + b"\3\0\0\0")
            )
        if not chance.once_in(5):
            stamp = struct.pack("=qq", chance.choice((0, 2**40, -1)), chance.choice(NUMBERS[:6]))
            control.append((socket.SOL_SOCKET, 64, stamp))
        return control


# --- files ----------------------------------------------------------------------------------------

_HOSTNAME = (
    "192.168.85.19 netmask + broadcast + group test up \\\naddif 192.168.85.21 -failover",
    "addif 2001:db8::1/64 up\nether 02:00:00:00:00:07 mtu 1400",
    "dhcp group test\nprimary wait 10",
    "group test -failover deprecated standby up # a comment",
    "usesrc hme1\ndestination 10.0.0.1 metric 3\nset 10.0.0.1/24",
)
_SETTINGS = """\
failure_detection_time: 10s
failback: true
groups:
  test: {probe: auto, targets: [192.168.85.1], load_spreading: flow, weights: speed,
         addresses: [10.0.0.1/24], when_removed: restore}
hooks: {timeout: 60s}
missing_at_boot: {wait: 10s}
"""
_MPATHD = "FAILURE_DETECTION_TIME=10000\nFAILBACK=yes\nTRACK_INTERFACES_ONLY_WITH_GROUPS=yes\n"
_HOSTS = "127.0.0.1 localhost\n192.168.85.19 alpha alpha.example # the first\n"
_NETMASKS = "192.168.85.0 255.255.255.0\n10.0.0.0 255.0.0.0\n"


def configuration(chance: Chance) -> None:
    def text(sound: str) -> str:
        return chance.damaged_text(sound) if chance.once_in(2) else sound

    def name(sound: str) -> str:
        return f"{sound}{chance.odd_text(most=40)}" if chance.once_in(9) else sound

    load(
        ConfigurationFiles(
            hostname={
                name(path): text(chance.choice(_HOSTNAME))
                for path in ("/etc/hostname.hme0", "/etc/hostname6.hme0", "/etc/hostname.hme1:2")
            },
            settings=text(_SETTINGS),
            mpathd=text(_MPATHD),
            hosts={"/etc/hosts": text(_HOSTS)},
            netmasks={"/etc/netmasks": text(_NETMASKS)},
        )
    )


_PROFILE = "[connection]\nid=eth\ninterface-name=hme0\ntype=ethernet\n[ipv4]\nmethod=auto\n"
_CONF = (
    "[main]\nplugins=keyfile\n[keyfile]\nunmanaged-devices=interface-name:hme*;except:mac:02:*\n"
)
_INTERFACES = "auto hme0\nallow-hotplug hme1\niface hme0 inet static\n  address 10.0.0.1/24\n"
_DHCPCD = "allowinterfaces hme* eth0\ndenyinterfaces hme1\ninterface hme0\nstatic ip_address=1\n"


def claims(chance: Chance) -> None:
    def texts(path: str, sound: str) -> tuple[SourceText, ...]:
        return (SourceText(path, chance.damaged_text(sound)),)

    neighbours = Neighbours(
        settings=texts("/etc/NetworkManager/NetworkManager.conf", _CONF),
        profiles=texts("/etc/NetworkManager/system-connections/eth", _PROFILE),
        interfaces=texts("/etc/network/interfaces", _INTERFACES),
        dhcpcd=texts("/etc/dhcpcd.conf", _DHCPCD)[0],
        networkd=texts("/etc/systemd/networkd.conf", "[Network]\nManageForeignRoutes=no\n"),
    )
    find_claims(("hme0", "hme1"), neighbours)


class TreeTarget:
    """Files of any bytes, and of any names, on a disk."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="rcmd-fuzz-")
        self._root = Path(self._directory.name)
        (self._root / "etc/rcmd").mkdir(parents=True)

    def close(self) -> None:
        self._directory.cleanup()

    def __call__(self, chance: Chance) -> None:
        place = bytes(self._root / "etc")
        for name, sound in (
            (b"hostname.hme0", _HOSTNAME[0]),
            (b"hostname6.hme0", _HOSTNAME[1]),
            (b"rcmd/rcmd.yaml", _SETTINGS),
            (b"hosts", _HOSTS),
            (b"netmasks", _NETMASKS),
        ):
            Path(f"{place.decode()}/{name.decode()}").write_bytes(chance.damaged(sound.encode()))
        odd = b"hostname." + chance.damaged(b"hme1").replace(b"/", b"").replace(b"\0", b"")[:60]
        path = place + b"/" + odd
        with open(path, "wb") as file:
            file.write(_HOSTNAME[0].encode())
        loaded = load(read_tree(self._root))
        for fault in loaded.faults:
            str(fault)
        with suppress(FileNotFoundError):
            Path(path.decode("utf-8", "surrogateescape")).unlink()


# --- programs -------------------------------------------------------------------------------------

_SAID = (
    b"rcm_failure_reason=a backup is running",
    b"rcm_resource_name=/dev/dsk",
    b"rcm_resource_usage_info=used by tape",
    b"rcm_script_version=1",
    b"rcm_script_func_info=guards the tape",
    b"rcm_cmd_timeout=10",
    b"rcm_log_err=help",
)


def script_answers(chance: Chance) -> None:
    dialogue = Dialogue("guard", chance.choice(list(Command)))
    try:
        for _ in range(chance.randrange(6)):
            dialogue.take(chance.damaged(chance.choice(_SAID)))
        dialogue.finish(chance.choice((0, 0, 1, 2, 3, 7, -9, 255)))
    except ScriptFailed as error:
        str(error)


_LEASE = (
    b"RCMD_EVENT=bound\0ip=10.0.0.7\0subnet=255.255.255.0\0router=10.0.0.1 10.0.0.2\0lease=600\0"
    b"serverid=10.0.0.1\0broadcast=10.0.0.255\0dns=10.0.0.3\0staticroutes=10.1.0.0/16 10.0.0.4\0"
)


def leases(chance: Chance) -> None:
    words = udhcpc_words.variables(chance.damaged(_LEASE))
    for name in ("lease", "subnet", "ip"):
        if chance.once_in(9):
            words[name] = chance.choice((*TEXTS, *map(str, LARGE)))
    with suppress(ValueError):
        udhcpc_words.granted(words)


# --- what was remembered --------------------------------------------------------------------------

_MEMORY = json.loads(FULL.to_text())
_EVENT = HistoryEvent(1, 4, "failover", "hme0", "moved", {"to": "hme1"})


def remembered_state(chance: Chance) -> None:
    if chance.once_in(3):
        text = chance.damaged(FULL.to_text().encode()).decode("utf-8", "replace")
    else:
        data = _MEMORY
        for _ in range(chance.randrange(1, 4)):
            data = chance.damaged_data(data)
        text = json.dumps(data)
    memory, lost = read_memory(text)
    "; ".join(lost).encode()
    assert read_memory(memory.to_text()) == (memory, ())
    engine = _engine(Engine(memory), 1000.0)
    _handle(engine, (), 1001.0)
    assert not read_memory(engine.memory().to_text())[1]


class RecordsTarget:
    """Rows of the history, of sysctls and of what scripts were asked, and the hand-over."""

    def __init__(self) -> None:
        self._store = Store(Tables.volatile(), "boot")
        self._store.append([_EVENT, _EVENT])
        self._store.save_sysctls(SavedSysctls("hme0", 4, {"net/ipv4/conf/hme0/arp_ignore": "0"}))
        self._directory = tempfile.TemporaryDirectory(prefix="rcmd-fuzz-")
        self._run = Path(self._directory.name)

    def close(self) -> None:
        self._store.close()
        self._directory.cleanup()

    def __call__(self, chance: Chance) -> None:
        database = self._store._tables._database
        detail = chance.damaged_text(json.dumps(chance.damaged_data({"to": "hme1", "n": ["1"]})))
        database.execute(
            "UPDATE history SET detail = ?, severity = ?", (detail, chance.choice(NUMBERS))
        )
        database.execute('UPDATE sysctls SET "values" = ?', (detail,))
        since, limit, skip = (chance.choice((*LARGE, -1)) for _ in range(3))
        for event in self._store._tables.since(since, limit=limit, skip=skip):
            json.dumps(dict(event.detail))
        Store(self._store._tables, "boot").saved_sysctls("hme0", 4)
        recalled_from(chance.damaged_text('[["no-spare", "test", 1700000000000000]]'))
        (self._run / "scripts-asked").write_bytes(chance.damaged(b'["guard", "hme0", true]\n'))
        AskedFile(self._run).recall()
        self._hand_over(chance)

    def _hand_over(self, chance: Chance) -> None:
        place = self._run / "unwritten"
        place.unlink(missing_ok=True)
        lines = (
            b'{"events": [[1, {"time_us": 1}]], "nics": [{"name": "a"}]}\n{"text": ["a", 3]}\nabc\n'
        )
        place.write_bytes(chance.damaged(lines))
        HandOver(self._run).read()


# --- the bus, as bytes ----------------------------------------------------------------------------

_CALL = wire.encode(
    wire.Message(
        wire.Kind.CALL,
        path="/org/rcmd1",
        interface="org.rcmd1.Manager",
        member="Offline",
        destination="org.rcmd1",
        signature="s",
        body=wire.marshal("s", ["hme0"]),
    ),
    7,
)


def messages(chance: Chance) -> None:
    """A bus sends no damaged ones; whoever takes its place may."""
    data = chance.damaged(_CALL)
    if len(data) < wire.FIXED_HEADER:
        return
    with suppress(Malformed):
        extent = wire.message_extent(data[: wire.FIXED_HEADER])
        if extent.header <= len(data):
            wire.decode(data[: extent.length])


def often(target: Target) -> Target:
    """Several inputs in a turn, where each takes next to nothing."""

    def several(chance: Chance) -> None:
        for _ in range(10):
            target(chance)

    return several


def all_targets() -> dict[str, Target]:
    return {
        "netlink": often(NetlinkTarget()),
        "decoders": often(decoders),
        "udev": often(udev),
        "kernel log": often(log_of_the_kernel),
        "memberships": often(membership_tables),
        "probes": ProbeTarget(),
        "configuration": configuration,
        "claims": claims,
        "tree": TreeTarget(),
        "scripts": often(script_answers),
        "leases": often(leases),
        "memory": remembered_state,
        "records": RecordsTarget(),
        "messages": often(messages),
    }
