"""The daemon's part in a story: a virtual clock, an engine, a kernel, and what must always hold.

It carries events in and commands out as the daemon does: the answer to a move first, then what the
kernel has to say; a snapshot every 20 s; a tick exactly when the engine asks for one.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from ipaddress import ip_address
from random import Random

from rcmd.configuration import ConfigurationFiles, load
from rcmd.ipmp.api.commands import (
    Announce,
    Cause,
    ChooseHash,
    Command,
    LookForNeighbours,
    Move,
    Plumb,
    Release,
    Report,
    SendProbes,
    Spread,
    UnwatchInterface,
    WatchInterface,
)
from rcmd.ipmp.api.events import (
    Attach,
    BootSettled,
    Configured,
    Event,
    KernelChanged,
    Leave,
    Offline,
    SpeedSeen,
    SpreadRouteGone,
    Stay,
    Tick,
    Together,
    UndoOffline,
    Unplumb,
)
from rcmd.ipmp.api.memberships import MembershipsSeen
from rcmd.ipmp.api.probes import UnsentProbe
from rcmd.ipmp.engine import Engine
from rcmd.ipmp.forecast.redundancy import objection
from rcmd.ipmp.multicast.tracking import is_news
from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.rules.placement import Fitness
from rcmd.ipmp.state.kernel_view import RouteKey
from rcmd.ipmp.state.member import Intent, Member
from rcmd.ipmp.state.memberships import GroupAtHome, is_autojoin
from rcmd.ipmp.state.snapshot import Memory
from rcmd.model.kinds import AddressKind, LoadSpreading, ProbeMethod
from rcmd.model.network import RCMD_PROTOCOL, Family, IPAddress, KernelAddress, Route, family_of
from rcmd.model.settings import Configuration, InterfaceConfig
from rcmd.model.status import InterfaceState, InterfaceStatus, Status

from .advertising import Advertising, in_service
from .kernel import Kernel
from .network import Network

RECONCILE_S = 20.0
MEMBERSHIPS_S = 1.0
PEER_ROUTE_S = 0.003
STEPS_TO_SETTLE = 40
"""More rounds than this without coming to rest is an endless loop."""


class World:
    def __init__(self) -> None:
        self.kernel = Kernel()
        self.kernel.witness = self._witness
        self.network = Network(self.kernel)
        self.advertising = Advertising(self.kernel)
        self.files: dict[str, str] = {}
        """Path -> text of the hostname files."""
        self.settings = ""
        self.probes_all: ProbeMethod | None = ProbeMethod.NONE
        """How everybody is probed where the settings say nothing about probes: a story that does
        not mention them is about links.  None: by default."""
        self.reconcile_s = RECONCILE_S
        self.now = 0.0
        self.engine: Engine | None = None
        self.commands: list[Command] = []
        """Everything the engine has asked for since `forget_past`."""
        self.transcript: list[str] = []
        self.detection_s = 0.0
        """How long duplicate detection takes."""
        self.announced: dict[IPAddress, str] = {}
        """What was told of addresses that stayed where they were, since `forget_past`."""
        self.hash = LoadSpreading.OFF
        self.carrier_after_s = 0.0
        self.is_deaf = False
        """Notifications are being lost."""
        self._memory_text = Memory().to_text()
        self._routes_text = Memory().to_text()
        self._leaving: set[str] = set()
        self._placed: set[IPAddress] = set()
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._appointments = 0
        self._next_reconcile = RECONCILE_S
        self._next_poll: float | None = None
        """Of the multicast memberships; None before anybody has joined a group."""
        self._drained_at = 0.0
        self._unsent: list[UnsentProbe] = []
        self._checked = -1
        """The revision of the engine that was last looked at."""

    # --- time ---

    def advance(self, to: float) -> None:
        """Let time pass; whatever is due happens when it is due."""
        while True:
            due = [self._next_reconcile] if self.engine else []
            if self.engine and self._next_poll is not None:
                due.append(self._next_poll)
            if self._agenda:
                due.append(self._agenda[0][0])
            deadline = self.engine.deadline() if self.engine else None
            if deadline is not None:
                due.append(max(deadline, self.now))
            if not due or min(due) > to:
                break
            self.now = max(self.now, min(due))
            self._happen(deadline)
        self.now = max(self.now, to)
        self.advertising.age(self.now)
        self.settle()

    def _happen(self, deadline: float | None) -> None:
        self.advertising.age(self.now)
        while self._agenda and self._agenda[0][0] <= self.now:
            heapq.heappop(self._agenda)[2]()
        if deadline is not None and deadline <= self.now:
            self._tell(self._tick())
            after = self._engine.deadline()
            is_met = after is None or after > self.now or self._engine.is_under_way
            assert is_met, f"the deadline {after} was not met"
        if self._next_reconcile <= self.now:
            self.reconcile()
        if self._next_poll is not None and self._next_poll <= self.now:
            self.look_at_memberships()
        self.settle()

    def start_listening(self, name: str, group: IPAddress, sender: IPAddress | None = None) -> None:
        """An application joins a group on a device, or for one sender only."""
        device = self.kernel.device(name)
        if sender is None:
            device.joined[group] = device.joined.get(group, 0) + 1
        else:
            device.chosen[group] = sender
        if self._next_poll is None:
            self._next_poll = self.now + MEMBERSHIPS_S

    def stop_listening(self, name: str, group: IPAddress) -> None:
        """The last socket that listens to it there is closed."""
        device = self.kernel.device(name)
        device.joined.pop(group, None)
        device.chosen.pop(group, None)

    def look_at_memberships(self) -> None:
        """What the kernel has said before is heard before."""
        if self._next_poll is None or self.engine is None:
            return
        self._next_poll = self.now + MEMBERSHIPS_S
        event = MembershipsSeen(self.kernel.memberships())
        if not self.is_deaf and not self.kernel.unread and is_news(self.engine.scene, event):
            self._tell(event)

    def _tick(self) -> Tick:
        """Answers first, as the daemon does it."""
        self._drained_at = self.now
        unsent, self._unsent = tuple(self._unsent), []
        return Tick(self.network.read(self.now), self.now, unsent)

    def sleep(self, seconds: float) -> None:
        """The process is stopped; the world is not."""
        self.now += seconds

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        self._appointments += 1
        heapq.heappush(self._agenda, (self.now + delay_s, self._appointments, act))

    def reconcile(self) -> None:
        """The snapshot of every 20 s, and of every overrun."""
        self._next_reconcile = self.now + self.reconcile_s
        self.is_deaf = False
        self.kernel.unread.clear()
        # Who hears nothing may ask for anything.
        self.kernel.impossible.clear()
        self._tell(self.kernel.snapshot())
        self.attach_new_devices()

    # --- events ---

    @property
    def _engine(self) -> Engine:
        assert self.engine is not None, "the daemon is not running"
        return self.engine

    def configuration(self) -> Configuration:
        read = _configuration(tuple(self.files.items()), self.settings, self._device_names())
        if self.probes_all is None:
            return read
        settings, method = read.settings, self.probes_all
        default = replace(settings.default_group, probe=method)
        groups = settings.groups
        if "probe" not in self.settings:
            groups = {name: replace(group, probe=method) for name, group in groups.items()}
        return replace(read, settings=replace(settings, default_group=default, groups=groups))

    def _device_names(self) -> frozenset[str]:
        return frozenset(it for device in self.kernel.devices.values() for it in device.link.names)

    def config(self, name: str) -> InterfaceConfig | None:
        return self.configuration().interfaces.get(name)

    def start(self) -> None:
        """A start and a restart are one."""
        memory, more = map(Memory.from_text, (self._memory_text, self._routes_text))
        recalls = (*memory.recalls, *more.recalls)
        memory = replace(memory, routes=more.routes, recalls=recalls)
        self.engine = Engine(memory, random=Random(1))
        self.network.forget()
        self.kernel.unread.clear()
        self._next_reconcile = self.now + self.reconcile_s
        self._checked = -1
        self._tell(self.kernel.snapshot())
        configuration = self.configuration()
        attached = [
            Attach(name, configuration.interfaces[name])
            for name in sorted(configuration.interfaces)
            if (device := self.kernel.named(name))
            and not self.engine.was_given_up(name, device.link.ifindex)
        ]
        self._tell(Together((Configured(configuration), *attached)))
        self._tell(BootSettled())
        self.look_at_memberships()
        self.settle()

    def kill(self) -> None:
        self._memory_text = self._engine.memory().to_text()
        self._routes_text = self._engine.routes_text()
        self.engine = None
        self.network.forget()
        self._unsent.clear()
        self._leaving.clear()

    def reload(self) -> None:
        configuration = self.configuration()
        self.tell(Configured(configuration))
        for name in sorted(configuration.interfaces):
            if self.kernel.named(name):
                self._attach_if_new(name)
        self.settle()

    def attach(self, name: str) -> None:
        self._take_into_use(name, self.config(name))
        self.settle()

    def offline(self, name: str) -> None:
        self.tell(Offline(name))

    def online(self, name: str) -> None:
        self.tell(UndoOffline(name))

    def leave(self, name: str) -> None:
        self._leaving.add(name)
        self.tell(Leave(name))

    def unplumb(self, name: str) -> None:
        self._leaving.add(name)
        self.tell(Unplumb(name))

    def stay(self, name: str) -> None:
        self._leaving.discard(name)
        self.tell(Stay(name))

    def put_in(
        self,
        name: str,
        *,
        mac: str = "",
        medium: int = 1,
        has_cable: bool = True,
        has_ipv6: bool = True,
    ) -> None:
        """`has_ipv6`: not switched off on new devices (`default.disable_ipv6`)."""
        self.kernel.put_in(name, mac=mac, medium=medium, has_cable=has_cable, has_ipv6=has_ipv6)
        self.settle()
        if self.engine and not self.is_deaf:
            self._attach_if_new(name)
            self.settle()

    def tear_out(self, name: str) -> None:
        """Three messages, which may be read one at a time."""
        self.kernel.tear_out(name)
        links_first = self.kernel.unread[:1]
        rest = self.kernel.unread[1:]
        for part in (links_first, rest):
            self.kernel.unread = [*part, *self.kernel.unread]
            self._listen()
        self.kernel.forget(name)
        self.settle()

    def rename(self, name: str, new: str) -> None:
        self.kernel.rename(name, new)
        self.settle()
        if self.engine and not self.is_deaf:
            self._attach_if_new(new)
            self.settle()

    def set_cables(self, cables: dict[str, bool]) -> None:
        """Pull and plug cables at the same moment.  One alone fails as was forecast."""
        name = next(iter(cables))
        forecast = self._forecast_of_failure(name) if cables == {name: False} else None
        before = len(self.commands)
        for changed, has_cable in cables.items():
            self.kernel.set_cable(changed, has_cable)
        self.settle()
        if forecast is not None:
            # What only evens out the load follows from a failure, but is not in a hurry.
            moved = [it for it in self.commands[before:] if isinstance(it, Move)]
            moved = [it for it in moved if not it.is_rest]
            real = [it for it in moved if it.source == name and it.items != it.refresh]
            assert forecast == [without_cause(move) for move in real], (forecast, real)

    def _forecast_of_failure(self, name: str) -> list[Move] | None:
        if self.engine is None or self.is_deaf or self.kernel.refusals:
            return None
        member = self.engine.scene.members.get(name)
        if member is None or not member.group or member.fitness is not Fitness.USABLE:
            return None
        found = [without_cause(move) for move in self.engine.forecast() if move.source == name]
        # What goes second finds the device as the first has left it: without its routes, perhaps.
        return found if len(found) < 2 else None

    def objection(self, name: str, *others: str) -> str | None:
        return objection(self._engine.scene, name, frozenset((name, *others)))

    def tell(self, event: Event) -> None:
        self._tell(event)
        self.settle()

    def attach_new_devices(self) -> None:
        if self.engine is None or self.is_deaf:
            return
        for name in self.configuration().interfaces:
            if self.kernel.named(name):
                self._attach_if_new(name)

    def _attach_if_new(self, name: str) -> None:
        """As the hotplug event does: a device that the engine does not have yet."""
        config = self.config(name)
        member = self._engine.scene.members.get(name)
        ifindex = self.kernel.device(name).link.ifindex
        if config and (member is None or member.ifindex != ifindex):
            self._take_into_use(name, config)

    def _take_into_use(self, name: str, config: InterfaceConfig | None) -> None:
        """A detach under way is not ended by it."""
        self._tell(Attach(name, config))
        member = self._engine.scene.members.get(name)
        if member and member.intent is Intent.IN:
            self._leaving.discard(name)

    def speed(self, name: str, mbit: int) -> None:
        self._tell(SpeedSeen(name, mbit))
        self.settle()

    def take_away_sibling(self, destination: str, name: str) -> None:
        ifindex = self.kernel.device(name).link.ifindex
        for sibling in self.kernel.nexthops.take_away_sibling(destination, ifindex):
            self.kernel.unread.append(SpreadRouteGone(sibling, is_by_request=True))
        self.settle()

    def take_away(self, destination: str) -> None:
        for route in self.kernel.nexthops.take_away(destination):
            self.kernel.unread.append(SpreadRouteGone(route, is_by_request=True))
        self.settle()

    # --- carrying commands out ---

    def settle(self) -> None:
        """Read what the kernel says until nobody has anything to say, then look around."""
        if self.engine is None:
            self.kernel.unread.clear()
            return
        for _ in range(STEPS_TO_SETTLE):
            while self.engine.is_under_way:
                self._tell(self._tick())
            if not self.kernel.unread:
                break
            self._listen()
        else:
            raise AssertionError("the engine does not come to rest")
        if not self.is_deaf and self.engine.revision != self._checked:
            self._check_settled()
            self._checked = self.engine.revision

    def _listen(self) -> None:
        changes = tuple(self.kernel.unread)
        self.kernel.unread.clear()
        if self.engine and changes and not self.is_deaf:
            self._tell(KernelChanged(changes))

    def _tell(self, event: Event) -> None:
        for _ in range(STEPS_TO_SETTLE):
            answers: list[Event] = []
            for command in self._engine.handle(event, self.now):
                self._carry_out(command, answers)
            if not answers:
                return
            event = Together(tuple(answers))
        raise AssertionError("the engine does not come to rest")

    def _carry_out(self, command: Command, answers: list[Event]) -> None:
        if not isinstance(
            command, SendProbes | WatchInterface | UnwatchInterface | LookForNeighbours
        ):
            self.commands.append(command)
        self.transcript += [f"{self.now:g}s {line}" for line in lines_of(command, self.name_of)]
        match command:
            case Move():
                self._check_move(command)
                self._placed = self._present(self._wanted())
                answers.append(self.kernel.execute(command))
                self._placed = set()
                for item in command.announce:
                    device = self.kernel.devices[item.ifindex]
                    self.network.announced(device, (item.address.ip,))
                if self.detection_s:
                    self.later(self.detection_s, self.kernel.end_detection)
                if any(device.awaited_peers for device in self.kernel.devices.values()):
                    self.later(PEER_ROUTE_S, self.kernel.make_peer_routes)
            case Plumb():
                answers.append(self.kernel.plumb(command, self.carrier_after_s))
                if self.carrier_after_s:
                    ifindex = command.ifindex
                    self.later(
                        self.carrier_after_s, lambda: self.kernel.finish_negotiation(ifindex)
                    )
            case Announce(ifindex, hardware_address, addresses):
                self.announced.update(dict.fromkeys(addresses, hardware_address))
                self.network.announced(self.kernel.devices[ifindex], addresses)
            case Release():
                self.kernel.release(command)
            case WatchInterface():
                self.network.watch(command)
            case UnwatchInterface():
                self.network.unwatch(command)
            case SendProbes(probes):
                self._unsent += self.network.send(probes, self.now)
            case LookForNeighbours():
                seen = self.network.seen(command)
                self.later(0.0, lambda: self._tell(seen) if self.engine else None)
            case Spread():
                answers.append(self.kernel.spread(command))
            case ChooseHash(mode):
                self.hash = mode
            case Report():
                pass

    # --- what must always hold ---

    def _wanted(self) -> set[IPAddress]:
        groups = {it.group for it in self._engine.scene.members.values()}
        return {
            status.address.ip
            for status in self._engine.status().addresses
            if status.kind is AddressKind.DATA
            and status.is_up
            and (status.home or status.group in groups)
            # Another machine has it: it serves nowhere.
            and not self._engine.scene.duplicates.is_suspect(status.address.ip)
            # It was taken away, or went with its interface, and is left away.
            and self._engine.scene.ledger.knows(status.address.ip)
        }

    def _present(self, keys: Iterable[IPAddress]) -> set[IPAddress]:
        return {key for key in keys if self.kernel.hosts(key)}

    def _witness(self, step: str) -> None:
        gone = {key for key in self._placed if not self.kernel.hosts(key)}
        assert not gone, f"{step}: {gone} is nowhere: broken before made"

    def _check_move(self, move: Move) -> None:
        items = (*move.items, *move.settle)
        assert items, f"an empty move: {move}"
        on = {item.ifindex for item in (*move.add, *move.add_routes, *move.settle)}
        assert len(on) <= 1, f"one move, one destination: {move}"
        for address in move.add:
            if self._engine.scene.duplicates.is_suspect(address.address.ip):
                continue
            if move.cause is not Cause.CONFIGURE and address.address.version == 6:
                assert address.flags & 0x02, f"a sibling answers for {address.address}: no DAD"

    def _check_settled(self) -> None:
        assert not self.kernel.impossible, self.kernel.impossible
        status = self._engine.status()
        for key in self._wanted():
            hosts = self._called(in_service(self.kernel, key))
            assert len(hosts) <= 1, f"{key} is on {hosts}"
            self._check_host(key, hosts, status)
        if self.kernel.refusals:
            return
        self._check_shares()
        self._check_labels()
        for key in self._engine.scene.memberships.keys(None):
            self._check_membership(key, status)
        self._check_receivers()
        # Nobody is called silent: the sockets have not been read since.
        self._check_silence(Tick((), self._drained_at))
        self._check_silence(self.kernel.snapshot())

    def _hosts(self, key: IPAddress) -> list[str]:
        return self._called(self.kernel.hosts(key))

    def _called(self, devices: Iterable[str]) -> list[str]:
        """As their files call them."""
        links = (self.kernel.device(name).link for name in devices)
        return [link.called_by(self._engine.scene.view.names).name for link in links]

    def _check_silence(self, event: Event) -> None:
        if self._engine.scene.refusals or self._engine.scene.unready:
            # They are asked for again at each look.
            return
        commands = self._engine.handle(event, self.now)
        # That a lifetime has fallen behind is seen at the next look at everything.
        commands = [it for it in commands if not (isinstance(it, Move) and it.items == it.refresh)]
        assert commands == [], f"settled, but {event} makes it say {commands}"

    def _check_host(self, key: IPAddress, hosts: list[str], status: Status) -> None:
        group = next(it.group for it in status.addresses if it.address.ip == key)
        members = [it for it in status.interfaces if group and it.group == group]
        if not members:
            return
        works = {it.name for it in members if self._works(it)}
        family = family_of(key)
        usable = {it for it in works if self._could_take(it, family) and self._is_proven(it)}
        usable -= self._refusing(key)
        if hosts:
            assert not usable or hosts[0] in works, f"{key} is on {hosts[0]}, {usable} could"
        else:
            assert not usable, f"{key} is nowhere, {usable} could have it"
            plumbed = self._plumbed(members) - self._refusing(key)
            assert not {name for name in plumbed if family_of(key) in self._families(name)}, (
                f"{key} is lost"
            )

    def _check_labels(self) -> None:
        """No logical number twice."""
        for device in self.kernel.devices.values():
            ours = (it for it in device.addresses.values() if it.protocol == RCMD_PROTOCOL)
            labels = Counter(it.label for it in ours if ":" in it.label)
            assert not labels or max(labels.values()) == 1, labels

    def _check_shares(self) -> None:
        """What a group shares is spread as evenly as can be, and on no standby without need."""
        scene = self._engine.scene
        for name, settings in scene.settings.groups.items():
            members = [it for it in scene.members.values() if it.group == name]
            is_moving = any(it.intent is Intent.LEAVING for it in members)
            if not settings.failback or is_moving:
                continue
            active = [it for it in members if it.fitness is Fitness.USABLE]
            active = [it for it in active if not (it.config.is_standby or it.is_on_trust)]
            load = Counter(it for key in self._wanted() for it in self._hosts(key))
            for key in self._wanted() & {it.address.ip for it in settings.addresses}:
                self._check_share(key, active, load)

    def _check_share(self, key: IPAddress, active: list[Member], load: Counter[str]) -> None:
        able = [it.name for it in active if family_of(key) in self._families(it.name)]
        for host in self._hosts(key):
            member = self._engine.scene.members.get(host)
            if member is None:
                # Its device was called otherwise when it came to live there.
                continue
            if key in member.recalls or member.fitness < Fitness.UNKNOWN:
                continue
            assert not (able and member.config.is_standby), f"{key} is on {host}: a standby"
            least = min((load[name] for name in able), default=0)
            assert not able or load[host] - least < 2, f"{key} is on {host}: {load}"

    def _check_membership(self, key: GroupAtHome, status: Status) -> None:
        """Who cannot be reached through his own interface is through another, if one could."""
        home = self._engine.scene.members[key.home]
        device = self.kernel.devices.get(home.ifindex)
        is_recorded = self._engine.scene.memberships.is_joined(key, home.ifindex)
        if is_recorded and device and key.group not in device.joined:
            # He has just left, and that has not been seen yet.
            return
        members = [it for it in status.interfaces if home.group and it.group == home.group]
        works = {it.name for it in members if self._works(it)}
        family = family_of(key.group)
        usable = {it for it in works if self._could_take(it, family) and self._is_proven(it)}
        receivers = set(self.kernel.receives(key.group))
        assert not usable or receivers & works, f"{key} by {receivers}, {usable} could"

    def _check_receivers(self) -> None:
        """We receive nothing that nobody wants, or that he receives by himself where he is."""
        scene = self._engine.scene
        for device in self.kernel.devices.values():
            host = scene.members.get(device.link.name)
            for address in filter(is_autojoin, device.addresses.values()):
                assert host is not None, f"{address} on {device.link.name}"
                group = address.address.ip
                away = [
                    key
                    for key in scene.memberships.keys(None)
                    if key.group == group
                    and scene.members[key.home].circle == host.circle
                    and not (
                        scene.memberships.is_joined(key, scene.members[key.home].ifindex)
                        and key.home == host.name
                    )
                    and not self._is_received_at_home(key)
                ]
                assert away, f"{group} on {host.name} is wanted by nobody"

    def _is_received_at_home(self, key: GroupAtHome) -> bool:
        member = self._engine.scene.members[key.home]
        return (
            self._engine.scene.memberships.is_joined(key, member.ifindex)
            and key.family in self.kernel.devices[member.ifindex].link.families
            and member.fitness is Fitness.USABLE
        )

    def _works(self, status: InterfaceStatus) -> bool:
        device = self.kernel.named(status.name)
        return (
            self._holds(status)
            and device is not None
            and (device.link.is_running or "waiting for the link" in status.problem)
            and status.name not in self._leaving
        )

    def _holds(self, status: InterfaceStatus) -> bool:
        """One that has failed and is answered again keeps what it has."""
        member = self._engine.scene.members[status.name]
        functioning = (InterfaceState.RUNNING, InterfaceState.NO_TARGETS)
        return status.state in functioning or (
            status.state is InterfaceState.FAILED and member.is_recovering
        )

    def _is_proven(self, name: str) -> bool:
        """One that was plugged in, or has failed, attracts nothing before it was answered."""
        member = self._engine.scene.members[name]
        is_untried = member.needs_proof and member.health is Health.UNPROVEN
        return not is_untried and member.health is not Health.FAILED

    def _could_take(self, name: str, family: Family) -> bool:
        """It could take any crowd: it runs, and is plumbed for every family (behaviour 65); of
        those that it can hold now it gets its part."""
        link = self.kernel.device(name).link
        every = {it for other in self._engine.scene.members for it in self._plumbed_for(other)}
        plumbed = self._plumbed_for(name)
        return link.is_running and plumbed == every and family in plumbed & link.families

    def _refusing(self, key: IPAddress) -> set[str]:
        """Those that would not have it, when they were last asked."""
        refused = self._engine.scene.refusals.items()
        return {
            self.name_of(it.ifindex)
            for it, _ in refused
            if not isinstance(it.thing, RouteKey) and it.thing.ip == key
        }

    def _plumbed_for(self, name: str) -> frozenset[Family]:
        return self._engine.scene.members[name].config.families

    def _families(self, name: str) -> frozenset[Family]:
        """Those that it is plumbed for, and can hold now."""
        device = self.kernel.named(name)
        able: frozenset[Family] = device.link.families if device else frozenset()
        return self._plumbed_for(name) & able

    def _plumbed(self, members: Iterable[InterfaceStatus]) -> set[str]:
        """Those that may be given something: there, set up, and not asked to be empty."""
        closed = (InterfaceState.DETACHED, InterfaceState.MISSING, InterfaceState.OFFLINE)
        return {
            it.name
            for it in members
            if it.state not in closed
            and it.name not in self._leaving
            and self.kernel.device(it.name).link.is_up
        }

    # --- looking ---

    def forget_past(self) -> None:
        self.announced.clear()
        self.commands.clear()

    def name_of(self, ifindex: int) -> str:
        device = self.kernel.devices.get(ifindex)
        return device.link.name if device else f"device {ifindex}"

    def held(self, address: str) -> KernelAddress | None:
        key = ip_address(address)
        for device in self.kernel.devices.values():
            for held in device.addresses.values():
                if held.address.ip == key:
                    return held
        return None


@cache
def _configuration(
    files: tuple[tuple[str, str], ...], settings: str, devices: frozenset[str]
) -> Configuration:
    loaded = load(ConfigurationFiles(hostname=dict(files), settings=settings, devices=devices))
    faults = [fault for fault in loaded.faults if not fault.is_warning]
    assert not faults, faults
    return loaded.configuration


def without_cause(move: Move) -> Move:
    """Nor lifetimes: those of a lease are counted from when it moves."""
    add, announce = (
        tuple(replace(it, valid_s=None, preferred_s=it.preferred_s and None) for it in items)
        for items in (move.add, move.announce)
    )
    return replace(move, cause=Cause.CONFIGURE, add=add, announce=announce)


def lines_of(command: Command, name_of: Callable[[int], str]) -> list[str]:
    """A command as the transcript shows it."""
    match command:
        case Report():
            return [f"report {command.kind} {command.message}"]
        case Plumb():
            return [f"plumb {command.name}"]
        case Announce():
            told = ", ".join(map(str, command.addresses))
            return [f"announce {told} as {command.hardware_address}"]
        case Release():
            return [f"release {command.name}" + (" down" if command.take_down else "")]
        case WatchInterface():
            source = f" from {command.source}" if command.source else ""
            return [f"watch {command.name} {command.family} by {command.method}{source}"]
        case UnwatchInterface():
            return [f"unwatch {name_of(command.ifindex)} {command.family}"]
        case SendProbes() | LookForNeighbours():
            return []
        case Spread():
            return [
                *(f"share {it}" for it in command.add),
                *(f"unshare {it}" for it in command.remove),
            ]
        case ChooseHash():
            return [f"hash {command.mode}"]
        case Move():
            title = f"move because {command.cause.value}"
            steps = [
                *(f"add {_text(it)} on {name_of(it.ifindex)}" for it in command.add),
                *(f"add {_text(it)} on {name_of(it.ifindex)}" for it in command.add_routes),
                *(f"remove {_text(it)} on {name_of(it.ifindex)}" for it in command.remove_routes),
                *(f"remove {_text(it)} on {name_of(it.ifindex)}" for it in command.remove),
                *(f"refresh {_text(it)} on {name_of(it.ifindex)}" for it in command.refresh),
            ]
            return [f"{title}: {step}" for step in steps]


def _text(item: KernelAddress | Route) -> str:
    if isinstance(item, KernelAddress):
        return f"{item.address} {item.label}".rstrip()
    return f"route {item.destination} proto {item.protocol}"
