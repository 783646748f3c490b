"""The daemon and the transactions as they really are, on a kernel that is a model."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from stories.kernel import Kernel

from rcmd.configuration import ConfigurationFiles, Loaded, load
from rcmd.configuration.files import hostname_interface
from rcmd.daemon.loop import Daemon
from rcmd.errors import RcmError, Veto
from rcmd.ipmp.api.commands import (
    LookForNeighbours,
    Move,
    Plumb,
    Release,
    SendProbes,
    Spread,
    UnwatchInterface,
    WatchInterface,
)
from rcmd.ipmp.api.deviation import Deviation
from rcmd.ipmp.api.events import (
    BootSettled,
    KernelSnapshot,
    LinkGone,
    LinkSeen,
    Moved,
    Plumbed,
    RouteSeen,
    SpreadDone,
)
from rcmd.ipmp.api.nexthops import Sibling
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.state.snapshot import Memory
from rcmd.model.kinds import LoadSpreading
from rcmd.model.network import Identity, IPAddress, Link
from rcmd.platform.store.store import Store
from rcmd.ports.coordinator import Caller
from rcmd.ports.network import OnAdded
from rcmd.ports.sockets import BoundSocket
from rcmd.ports.store import HistoryEvent
from rcmd.rcm.operations.attach import Attacher
from rcmd.rcm.operations.context import Stage
from rcmd.rcm.operations.coordination import Coordination
from rcmd.rcm.operations.queue import Operations

from .cards import ModelHardware

ROOT = Caller(":1.1", 0, 1)
HME0 = "192.168.85.19/24 group test up \\\naddif 192.168.85.21/24 deprecated -failover up\n"
HME1 = "192.168.85.20/24 group test up \\\naddif 192.168.85.22/24 deprecated -failover up\n"
PAIR = {"/etc/hostname.hme0": HME0, "/etc/hostname.hme1": HME1}
DUAL = {**PAIR, "/etc/hostname6.hme0": "addif 2001:db8::19/64 up\n", "/etc/hostname6.hme1": ""}


class ModelKernel:
    """Implements `ports.network.Kernel` on the model."""

    def __init__(self, model: Kernel) -> None:
        self.model = model
        self.moves: list[Move] = []
        self.prepared: list[Move] = []
        self.overruns = 0
        """So many snapshots will fail."""

    def snapshot(self) -> KernelSnapshot:
        if self.overruns:
            self.overruns -= 1
            raise RcmError("a dump was interrupted 5 times")
        return self.model.snapshot()

    def looking(self) -> Generator[None, None, KernelSnapshot]:
        yield
        return self.snapshot()

    def mind(self, _: Collection[str]) -> Sequence[RouteSeen]:
        """It tells of everybody's."""
        return ()

    def link(self, ifindex: int) -> LinkSeen | LinkGone:
        device = self.model.devices.get(ifindex)
        return LinkSeen(device.link) if device else LinkGone(ifindex)

    def execute(self, move: Move, on_added: OnAdded = lambda _: None) -> Moved:
        self.moves.append(move)
        moved = self.model.execute(move)
        on_added(moved.refusals)
        return moved

    def spread(self, spread: Spread) -> SpreadDone:
        return self.model.spread(spread)

    def ask_for_gateways(self, siblings: Iterable[Sibling]) -> None:
        pass

    def prepare(self, move: Move) -> Iterator[None]:
        self.prepared.append(move)
        yield


class ModelDevices:
    """Implements `ports.network.Devices` on the model; can refuse."""

    def __init__(self, model: Kernel) -> None:
        self.model = model
        self.refusal = ""
        self.bus_paths: dict[str, str] = {}
        self.restored: list[Mapping[str, str]] = []
        self.sysctls: dict[str, str] = {}
        self.set_by_others: dict[str, list[Deviation]] = {}
        self.told_obstacles: tuple[str, ...] = ()
        self.arp_announce: dict[str, str] = {}
        self.discreet: set[str] = set()

    def sysctls_before(self, plumb: Plumb) -> Mapping[str, str]:
        return {f"net/ipv4/conf/{plumb.name}/arp_ignore": "0"}

    def plumb(self, plumb: Plumb) -> Plumbed:
        self._refuse()
        return self.model.plumb(plumb, 0.0)

    def deviations(self, plumb: Plumb, link: Link) -> tuple[Deviation, ...]:
        """What another program has set, and the MTU of a file as it really is."""
        found = list(self.set_by_others.get(plumb.name, ()))
        if plumb.mtu is not None and plumb.mtu != link.mtu:
            found.append(Deviation("mtu", str(link.mtu), str(plumb.mtu)))
        now, wanted = self.arp_announce.get(plumb.name, "2"), "0" if plumb.is_bare else "2"
        if now != wanted:
            found.append(Deviation(f"net/ipv4/conf/{plumb.name}/arp_announce", now, wanted))
        return tuple(found)

    def put_right(self, plumb: Plumb, deviation: Deviation) -> None:
        self._refuse()
        if deviation.what == "mtu":
            self.model.set_mtu(plumb.name, int(deviation.wanted))
        elif deviation.what.endswith("/arp_announce"):
            self.arp_announce[plumb.name] = deviation.wanted
        else:
            self.set_by_others[plumb.name].remove(deviation)

    def obstacles(self, plumbs: Iterable[Plumb]) -> tuple[str, ...]:
        return self.told_obstacles if list(plumbs) else ()

    def answers_for_all(self, name: str) -> bool:
        return name not in self.discreet

    def release(self, release: Release, saved: Mapping[str, str]) -> None:
        self._refuse()
        self.restored.append(saved)
        self.model.release(release)

    def _refuse(self) -> None:
        if self.refusal:
            raise RcmError(self.refusal)

    def hash_sysctls(self, mode: LoadSpreading) -> Mapping[str, str]:
        is_off = mode is LoadSpreading.OFF
        return {} if is_off else {"net/ipv4/fib_multipath_hash_policy": "3"}

    def differing_sysctls(self, values: Mapping[str, str]) -> Mapping[str, str]:
        present = {path: self.sysctls.get(path, "0") for path in values}
        return {path: value for path, value in present.items() if value != values[path]}

    def put_sysctls(self, values: Mapping[str, str]) -> None:
        self._refuse()
        self.sysctls.update(values)

    def identify(self, name: str) -> Identity:
        path = self.bus_paths.get(name, "")
        return Identity(name, self.model.device(name).link.hardware_address, path, "veth")

    def is_router(self, name: str) -> bool:
        return name == "router0"


@dataclass(slots=True)
class Announcements:
    """Implements `ports.network.Announcer`; remembers what is being told."""

    told: dict[IPAddress, tuple[int, str, bool]] = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    """Of all that was ever told."""

    def announce(
        self,
        ifindex: int,
        hardware_address: str,
        addresses: Iterable[IPAddress],
        *,
        is_router: bool,
        link: str,
    ) -> None:
        self.told.update(dict.fromkeys(addresses, (ifindex, hardware_address, is_router)))
        self.links.add(link)

    def cancel(self, address: IPAddress) -> None:
        self.told.pop(address, None)

    def forget(self, ifindex: int) -> None:
        self.told = {it: where for it, where in self.told.items() if where[0] != ifindex}


@dataclass(slots=True)
class NoProbes:
    """Implements `ports.network.Probes`: nobody is there to answer."""

    watched: set[int] = field(default_factory=set)

    def watch(self, watch: WatchInterface) -> None:
        self.watched.add(watch.ifindex)

    def unwatch(self, unwatch: UnwatchInterface) -> None:
        self.watched.discard(unwatch.ifindex)

    def send(self, command: SendProbes) -> None:
        raise AssertionError(f"probing is off: {command}")

    def look(self, command: LookForNeighbours) -> None:
        raise AssertionError(f"probing is off: {command}")

    def read(self) -> tuple[()]:
        return ()


@dataclass
class SomeClients:
    """Implements `coordinator.Clients`: refuses where told to, waits where told to."""

    vetoes: dict[str, Veto] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    may_answer: asyncio.Event = field(default_factory=asyncio.Event)
    is_asked: asyncio.Event = field(default_factory=asyncio.Event)
    was_forced: bool = False
    used: frozenset[str] = frozenset()
    """Resources that it uses for something."""
    let_go: tuple[str, ...] = ()
    """What a daemon before this one had asked for."""
    stops_at: str = ""
    """The question that is not answered before the one who asks gives up."""
    is_stopped: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.may_answer.set()

    async def query_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        return await self._ask("query_remove", resource, force)

    async def pre_remove(self, resource: str, *, force: bool) -> tuple[Veto, ...]:
        return await self._ask("pre_remove", resource, force)

    async def post_remove(self, resource: str) -> None:
        self.calls.append(("post_remove", resource))

    async def undo_remove(self, resource: str) -> None:
        self.calls.append(("undo_remove", resource))

    async def usages(self, resource: str) -> tuple[str, ...]:
        return (f"{resource}: some client: a test",) if resource in self.used else ()

    def awaited(self) -> tuple[str, ...]:
        return () if self.may_answer.is_set() else ("a client",)

    def pending(self) -> tuple[str, ...]:
        return self.let_go

    async def _ask(self, question: str, resource: str, force: bool) -> tuple[Veto, ...]:
        self.calls.append((question, resource))
        self.was_forced = force
        self.is_asked.set()
        if question == self.stops_at or not self.may_answer.is_set():
            self.is_stopped.set()
        if question == self.stops_at:
            await asyncio.Event().wait()
        await self.may_answer.wait()
        veto = self.vetoes.get(question)
        return (veto,) if veto and veto.resource == resource else ()


@dataclass(slots=True)
class Files:
    """What is in /etc, to be changed."""

    hostname: dict[str, str]
    settings: str = "groups: {test: {probe: none}}"
    reads: int = 0

    def load(self) -> Loaded:
        self.reads += 1
        return load(ConfigurationFiles(hostname=self.hostname, settings=self.settings))

    async def read(self) -> Loaded:
        return self.load()

    def about(self, name: str) -> Loaded | None:
        """What there is to read for a device of that name."""
        return self.load() if self.has_hostname_file(name) else None

    def has_hostname_file(self, name: str) -> bool:
        return any(hostname_interface(path) == name for path in self.hostname)


class House:
    """Up and settled when made; needs a running loop."""

    def __init__(
        self,
        files: dict[str, str] | None = None,
        nics: Iterable[str] = ("hme0", "hme1"),
        store: Store | None = None,
        model: Kernel | None = None,
        memory: Memory | None = None,
        bus_paths: Mapping[str, str] | None = None,
    ) -> None:
        self.model = model or Kernel()
        self.files = Files(dict(PAIR if files is None else files))
        self.store = store or Store.volatile("boot")
        self.kernel = ModelKernel(self.model)
        self.devices = ModelDevices(self.model)
        self.devices.bus_paths.update(bus_paths or {})
        self.announcements = Announcements()
        self.clients = SomeClients()
        self.hardware = ModelHardware(self.model, self.listen)
        self.sockets: tuple[BoundSocket, ...] = ()
        self.events: list[HistoryEvent] = []
        if model is None:
            for nic in nics:
                self.model.put_in(nic)
        self.daemon = Daemon(
            Engine(memory),
            self.kernel,
            self.devices,
            self.announcements,
            NoProbes(),
            self.store,
            self.files.read,
            self.files.has_hostname_file,
        )
        self.daemon.on_report.append(self.events.append)
        self.attacher = Attacher(self.daemon, self.store)
        loaded = self.files.load()
        operations = Operations(self.store)
        self.stage = Stage(self.daemon, self.clients, self.hardware, self.bound_sockets, operations)
        self.coordination = Coordination(self.stage, self.store, self.attacher, self.take)
        self.model.unread.clear()
        self.daemon.feed(self.kernel.snapshot())
        self.attacher.start(
            [device.link for device in self.model.devices.values()], loaded.configuration
        )
        self.listen()
        self.daemon.feed(BootSettled())
        self.listen()

    def take(self, link: Link) -> None:
        self.attacher.take(link, self.files.about(link.name))

    def listen(self) -> None:
        """Hear what the kernel has to say, until it has no more to say."""
        while self.model.unread:
            changes = tuple(self.model.unread)
            self.model.unread.clear()
            self.daemon.kernel_changed(changes)
            for change in changes:
                if isinstance(change, LinkGone):
                    self.attacher.forget(change.ifindex)

    def has_carrier(self, ifindex: int) -> bool:
        device = self.model.devices.get(ifindex)
        return device is not None and device.link.is_running

    async def listening(self) -> None:
        """As the loop does, for as long as something else goes on."""
        while True:
            self.listen()
            await asyncio.sleep(0)

    async def bound_sockets(self, ifindexes: Collection[int]) -> tuple[BoundSocket, ...]:
        return tuple(it for it in self.sockets if it.ifindex in ifindexes)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]
