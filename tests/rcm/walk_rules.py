"""What must hold whenever everything has come to rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rcmd.ipmp.rules.health import Health
from rcmd.ipmp.state.member import Intent
from rcmd.model.kinds import AddressKind
from rcmd.model.network import IPAddress, family_of
from rcmd.model.status import AddressStatus, InterfaceState, InterfaceStatus, Status

from .lifetime import Lifetime

FUNCTIONING = (InterfaceState.RUNNING, InterfaceState.NO_TARGETS)


@dataclass(slots=True)
class Expected:
    """The data addresses that are up, as the walk itself has counted them."""

    here: set[IPAddress] = field(default_factory=set)
    gone: set[IPAddress] = field(default_factory=set)
    """Taken away by hand."""
    open: set[IPAddress] = field(default_factory=set)
    """What has happened leaves it open whether it is here or not."""
    unasked: set[IPAddress] = field(default_factory=set)
    """Those of files that change: nobody knows when they are read."""

    def add(self, key: IPAddress) -> None:
        self.here.add(key)
        self.gone.discard(key)
        self.open.discard(key)

    def remove(self, key: IPAddress) -> None:
        self.here.discard(key)
        self.gone.add(key)
        self.open.discard(key)

    def doubt(self, keys: Iterable[IPAddress]) -> None:
        self.open |= set(keys)
        self.here -= self.open
        self.gone -= self.open

    def file_is_read_again(self) -> None:
        """Whatever was taken away may be back."""
        self.doubt(self.gone)

    def compare(self, listed: set[IPAddress], taken_along: set[IPAddress]) -> None:
        forgotten = self.here - listed - taken_along
        assert not forgotten, f"forgotten: {sorted(map(str, forgotten))}"
        invented = listed - self.here - self.open - self.unasked
        assert not invented, f"invented: {sorted(map(str, invented))}"
        self.doubt(taken_along)
        for key in self.open & listed:
            self.add(key)


@dataclass(frozen=True, slots=True)
class Rules:
    life: Lifetime

    def check(self, expected: Expected) -> None:
        life = self.life
        assert life.operations.statuses() == (), "an operation is held"
        assert life.store.unfinished() == (), "an operation is recorded as unfinished"
        for owner in (life.host.owner, life.peer):
            assert not owner.waits_for, f"{owner.name} was not told about {[*owner.waits_for]}"
        if life.host.kernel.refusals:
            return
        self._check_bare()
        status = life.engine.status()
        data = self._data(status)
        expected.compare({it.address.ip for it in data}, self.taken_along())
        for address in data:
            self._check_place(address, status)

    def taken_along(self) -> set[IPAddress]:
        """What went with a detached interface that nobody could stand in for."""
        members = self.life.engine.scene.members.values()
        return {key for it in members if it.intent is Intent.DETACHED for key in it.lost}

    def check_taken_along(self, names: Iterable[str]) -> None:
        """An address goes with its interface only where nobody could stand in for it."""
        for name in names:
            member = self.life.engine.scene.members[name]
            interfaces = self.life.engine.status().interfaces
            peers = [it for it in interfaces if member.group and it.group == member.group]
            usable = {it.name for it in peers if self._works(it) and self._attracts(it.name)}
            lost = sorted(map(str, member.lost))
            assert not (lost and usable), f"{name} took {lost} along, {usable} could have them"

    def is_calm(self) -> bool:
        """Nothing changes by itself."""
        life, engine = self.life, self.life.engine
        is_silent = not life.host.news and not life.operations.statuses() and not life.tasks
        if any(life.attacher.is_wanted(it) for it in engine.scene.view.links.values()):
            # udev has not named it yet.
            return False
        return is_silent and engine.deadline() is None and engine.is_at_rest()

    def _data(self, status: Status) -> list[AddressStatus]:
        # What was taken away, or along, is listed too.
        knows = self.life.engine.scene.ledger.knows
        return [
            it
            for it in status.addresses
            if it.kind is AddressKind.DATA and it.is_up and knows(it.address.ip)
        ]

    def _check_bare(self) -> None:
        """Nothing is left on what is detached, and it is down."""
        for name, member in self.life.engine.scene.members.items():
            device = self.life.host.kernel.named(name)
            if member.intent is Intent.DETACHED and device is not None:
                left = [str(it) for it in device.addresses if not it.is_link_local]
                assert not left, f"{name} is detached, and has {left}"
                assert not device.link.is_up, f"{name} is detached, and up"

    # --- one address ---

    def _check_place(self, address: AddressStatus, status: Status) -> None:
        key = address.address.ip
        hosts = self.life.host.kernel.hosts(key)
        assert len(hosts) <= 1, f"{key} is on {hosts}"
        if not address.group:
            self._check_alone(address, hosts)
            return
        members = [it for it in status.interfaces if it.group == address.group]
        works = {it.name for it in members if self._works(it)}
        usable = {name for name in works if self._attracts(name)}
        if hosts:
            assert not usable or hosts[0] in works, f"{key} is on {hosts[0]}, {usable} could"
        else:
            carriers = usable | self._plumbed(members, key)
            assert not carriers, f"{key} is nowhere, {carriers} could have it"

    def _check_alone(self, address: AddressStatus, hosts: list[str]) -> None:
        member = self.life.engine.scene.members.get(address.home)
        device = self.life.host.kernel.named(address.home)
        if member is None or device is None or member.intent is Intent.DETACHED:
            return
        assert hosts == [address.home], f"{address.address} is on {hosts}, and in no group"

    def _works(self, status: InterfaceStatus) -> bool:
        device = self.life.host.kernel.named(status.name)
        is_running = device is not None and device.link.is_running
        return status.state in FUNCTIONING and is_running

    def _attracts(self, name: str) -> bool:
        """It is proven, and could take any crowd (behaviour 65)."""
        members = self.life.engine.scene.members
        every = {family for it in members.values() for family in it.config.families}
        member = members[name]
        return member.health is Health.RUNNING and member.config.families >= every

    def _plumbed(self, members: Iterable[InterfaceStatus], key: IPAddress) -> set[str]:
        """Those that may be given something that is nowhere."""
        closed = (InterfaceState.DETACHED, InterfaceState.MISSING, InterfaceState.OFFLINE)
        kernel, scene = self.life.host.kernel, self.life.engine.scene
        return {
            it.name
            for it in members
            if it.state not in closed
            and kernel.device(it.name).link.is_up
            and family_of(key) in scene.members[it.name].config.families
        }
