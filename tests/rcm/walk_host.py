"""The host that is walked over: what is there whether or not a daemon runs."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from ipaddress import ip_address, ip_interface, ip_network

from stories.kernel import Device, Kernel

from rcmd.configuration import ConfigurationFiles, Loaded, load
from rcmd.configuration.files import hostname_interface
from rcmd.ipmp.api.events import KernelChange
from rcmd.model.kinds import AddressKind
from rcmd.model.network import IPAddress, KernelAddress, Route
from rcmd.platform.store.database import volatile_database
from rcmd.ports.hardware import PowerOff

from .cards import ModelHardware
from .mortal import Owner

PORTS = {"1": ("hme0", "hme1"), "2": ("hme2", "qfe0")}
"""Slot -> the ports of the card in it; hme3 is on the board."""
DEVICES = {"1": "0000:05:00", "2": "0000:06:00"}
SLOT_OF = {port: slot for slot, ports in PORTS.items() for port in ports}
READ_S = 0.02
"""How long it takes to read the files."""
NAMES = ("hme0", "hme1", "hme2", "hme3", "qfe0")
BASE = {
    "/etc/hostname.hme0": "10.0.0.1/24 group test up\naddif 10.0.0.11/24 -failover deprecated up\n",
    "/etc/hostname6.hme0": "addif 2001:db8::1/64 up\n",
    "/etc/hostname.hme1": "10.0.0.2/24 group test up\naddif 10.0.0.3/24 up\naddif 10.0.0.4/24\n",
    "/etc/hostname6.hme1": "",
    "/etc/hostname.hme2": "10.0.0.12/24 group test -failover deprecated standby up\n",
    "/etc/hostname6.hme2": "",
    "/etc/hostname.hme3": "10.0.0.6/24 group test up\n",
    "/etc/hostname6.hme3": "addif 2001:db8::6/64 up\n",
    "/etc/hostname.qfe0": "10.0.1.1/24 up\n",
}
MORE = {name: f"addif 10.0.0.{20 + number}/24 up\n" for number, name in enumerate(NAMES[:4])}
"""What is added to the file of an interface, and taken away again."""
BY_HAND = tuple(ip_address(f"10.0.0.{100 + number}") for number in range(4))
"""What nothing else asks for: deleted, it is gone for good."""
SETTINGS = "groups: {test: {probe: none}}\n"
SHARING = """\
groups:
  test:
    probe: none
    addresses: [10.0.0.40/24, 10.0.0.41/24, 10.0.0.42/24, "2001:db8::40/64", "2001:db8::41/64"]
"""


def _route(destination: str, gateway: str = "", source: str = "", **more: int) -> Route:
    via = ip_address(gateway) if gateway else None
    preferred = ip_address(source) if source else None
    return Route(0, ip_network(destination), via, source=preferred, **more)  # type: ignore[arg-type]


def _passing(address: str) -> KernelAddress:
    return KernelAddress(0, ip_interface(address), valid_s=3600, preferred_s=3600)


def _near(address: str) -> KernelAddress:
    return KernelAddress(0, ip_interface(address), scope=SCOPE_LINK)


SCOPE_LINK = 253
ODD: tuple[tuple[KernelAddress | Route, ...], ...] = (
    (_route("0.0.0.0/0", "10.0.0.254"),),
    (_route("10.9.0.0/16", "10.0.0.254"), _route("10.9.0.0/16", "10.0.0.254", priority=7)),
    (_passing("10.66.0.5/24"), _route("10.77.0.0/16", "10.66.0.1")),
    (_route("10.64.0.1/32", scope=SCOPE_LINK), _route("10.78.0.0/16", "10.64.0.1")),
    (_route("10.79.0.0/16", scope=SCOPE_LINK), _near("169.254.3.4/16")),
    (_near("10.67.0.5/24"), _route("10.80.0.0/16", "10.67.0.1")),
    (_route("10.81.0.0/16", "10.1.1.1", is_onlink=True),),
    (_route("::/0", "2001:db8::fe", priority=1024), _passing("10.0.0.77/24")),
    (_route("2001:db8:9::/48", "fe80::fe", priority=1024),),
    (_passing("2001:db8:66::5/64"), _route("2001:db8:8::/48", "2001:db8:66::fe", priority=1024)),
    (_passing("10.0.0.78/24"), _route("10.82.0.0/16", "10.0.0.254", source="10.0.0.78")),
    (_route("10.83.0.0/16", "10.0.0.254", protocol=186),),
)


class News(list[KernelChange]):
    """What the kernel says; somebody is woken by it."""

    def __init__(self) -> None:
        super().__init__()
        self.ring: Callable[[], None] = lambda: None

    def append(self, change: KernelChange) -> None:
        super().append(change)
        self.ring()


class CabledKernel(Kernel):
    """A cable is in or out whether or not its device is there."""

    def __init__(self) -> None:
        super().__init__()
        self._uncabled: set[str] = set()

    def put_in(
        self, name: str, *, mac: str = "", medium: int = 1, has_cable: bool = True
    ) -> Device:
        is_in = has_cable and name not in self._uncabled
        return super().put_in(name, mac=mac, medium=medium, has_cable=is_in)

    def set_cable(self, name: str, has_cable: bool) -> None:
        self._uncabled.discard(name) if has_cable else self._uncabled.add(name)
        super().set_cable(name, has_cable)


class Host:
    def __init__(self, settings: str = "", *, is_switched: bool = True) -> None:
        """`is_switched`: slot 1 has a power switch; slot 2 never has."""
        self.kernel = CabledKernel()
        self.news = News()
        self.kernel.unread = self.news
        self.hardware = ModelHardware(self.kernel, lambda: None)
        self.files = dict(BASE)
        self.settings = settings if "groups" in settings else SETTINGS + settings
        self.database: sqlite3.Connection = volatile_database()
        self.owner = Owner("owner")
        self.hardware_takes_s = 0.05
        self.pulled: set[str] = set()
        """The slots whose card was taken out."""
        self.stirs = 0
        """How often anything happened that may change the layout."""
        for name in NAMES:
            self.kernel.put_in(name)
        for slot, ports in PORTS.items():
            is_powered = True if slot == "1" and is_switched else None
            self.hardware.insert(slot, DEVICES[slot], *ports, is_powered=is_powered)

    def load(self) -> Loaded:
        return _loaded(tuple(self.files.items()), self.settings)

    async def read(self) -> Loaded:
        """Beside the loop: other things happen meanwhile."""
        loaded = self.load()
        await asyncio.sleep(READ_S)
        return loaded

    def has_hostname_file(self, name: str) -> bool:
        return any(hostname_interface(path) == name for path in self.files)

    def layout(self) -> list[str]:
        """Without what depends on the number of a device."""
        return [line for line in self.kernel.layout() if "fe80::" not in line]

    def configured(self, name: str) -> set[IPAddress]:
        """The data addresses of an interface that its files want to be up."""
        config = self.load().configuration.interfaces.get(name)
        addresses = config.addresses if config else ()
        return {it.address.ip for it in addresses if it.kind is AddressKind.DATA and it.is_up}

    def shared(self) -> set[IPAddress]:
        """The data addresses that no interface is the home of."""
        groups = self.load().configuration.settings.groups.values()
        return {it.address.ip for group in groups for it in group.addresses}

    # --- what happens to it ---

    def set_cable(self, name: str, *, has_cable: bool) -> bool:
        device = self.kernel.named(name)
        if device is None or device.has_cable is has_cable:
            return False
        self.kernel.set_cable(name, has_cable)
        return True

    async def cut_power(self, slot: str) -> bool:
        """Where the slot has a switch, and something is on."""
        if not self.hardware.slots[slot].is_powered or not self._present(slot):
            return False
        refusals = dict(self.hardware.refusals)
        # It is not we who ask.
        self.hardware.refusals.clear()
        await self.hardware.perform(PowerOff(slot))
        self.hardware.refusals.update(refusals)
        return True

    def pull(self, slot: str) -> bool:
        """The card is torn out."""
        if slot in self.pulled:
            return False
        self.pulled.add(slot)
        present = self._present(slot)
        for address in self._in_slot(slot):
            function = self.hardware.functions.pop(address)
            self.hardware.removed.discard(address)
            if address in present:
                for port in function.interfaces:
                    self.kernel.tear_out(port)
                    self.kernel.forget(port)
        return True

    def push(self, slot: str, *, has_cable: bool) -> bool:
        """A card is put in; its slot is switched on by that."""
        if slot not in self.pulled:
            return False
        self.pulled.discard(slot)
        has_switch = self.hardware.slots[slot].is_powered is not None
        self.hardware.insert(
            slot, DEVICES[slot], *PORTS[slot], is_powered=True if has_switch else None
        )
        for port in PORTS[slot]:
            self.kernel.put_in(port, has_cable=has_cable)
        return True

    def _in_slot(self, slot: str) -> list[str]:
        place = self.hardware.slots[slot]
        return [it for it, that in self.hardware.functions.items() if place.holds(that)]

    def _present(self, slot: str) -> list[str]:
        return [it for it in self._in_slot(slot) if it not in self.hardware.removed]

    # --- by hand ---

    def add_odd(self, name: str, number: int) -> None:
        """What is not ours to move, and routes that others can or cannot have; some have twins."""
        device = self.kernel.named(name)
        for thing in ODD[number % len(ODD)] if device else ():
            if isinstance(thing, Route) or not self.kernel.hosts(thing.address.ip):
                self.kernel.try_by_hand(replace(thing, ifindex=device.link.ifindex))

    def add_by_hand(self, name: str, number: int) -> IPAddress | None:
        device = self.kernel.named(name)
        new = ip_interface(f"{BY_HAND[number]}/24")
        if device is None or not device.link.is_up or self.kernel.hosts(new.ip):
            return None
        self.kernel.add_by_hand(KernelAddress(device.link.ifindex, new, name))
        return new.ip

    def delete_by_hand(self, name: str, victims: set[IPAddress], number: int) -> IPAddress | None:
        device = self.kernel.named(name)
        if device is None or not device.link.is_up:
            return None
        here = [it for it in device.addresses.values() if it.address.ip in victims]
        if not here:
            return None
        victim = here[number % len(here)]
        self.kernel.remove_by_hand(victim)
        return victim.address.ip


@cache
def _loaded(files: tuple[tuple[str, str], ...], settings: str) -> Loaded:
    return load(ConfigurationFiles(hostname=dict(files), settings=settings))
